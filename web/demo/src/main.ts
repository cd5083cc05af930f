import "@bellhop/client/inbox";
import "@bellhop/client/preferences";
import { act, type Customer, config, forget } from "./config.ts";
import { shop } from "./shop.ts";

const find = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;

const problem = find("problem");
const complain = (text: string, ...remedy: Node[]): void => {
  problem.replaceChildren(text, ...remedy);
  problem.hidden = !text;
};
/** Leads back from what an address has brought to the demo's own customers. */
const anew = (): HTMLButtonElement => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button quiet";
  button.textContent = "Show the demo’s own customers";
  button.addEventListener("click", () => {
    forget();
    location.reload();
  });
  return button;
};

const theme = find<HTMLButtonElement>("theme");
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const paint = (now: boolean): void => {
  document.documentElement.dataset.theme = now ? "dark" : "light";
  theme.setAttribute("aria-pressed", String(now));
  for (const inbox of document.querySelectorAll("bellhop-inbox"))
    inbox.setAttribute("theme", now ? "dark" : "light");
};
theme.addEventListener("click", () => paint(theme.getAttribute("aria-pressed") !== "true"));

try {
  const { users, admin, strangers, note } = await config();
  const refused = ({ name }: Customer): void =>
    strangers
      ? complain(`The gateway does not take ${name}’s token from the address. `, anew())
      : complain(`The gateway does not take ${name}’s token.`);
  find("shops").append(...users.map((user) => shop(user, complain, refused)));
  if (note) complain(`${note} `, ...(strangers ? [anew()] : []));
  paint(dark);
  const offer = find<HTMLButtonElement>("offer");
  offer.addEventListener("click", async () => {
    offer.disabled = true;
    try {
      await act("offer", users[0] as Customer);
      complain("");
    } catch (error) {
      complain((error as Error).message);
    }
    offer.disabled = false;
    offer.focus();
  });
  if (admin) {
    const link = find<HTMLAnchorElement>("dashboard");
    link.href = `../dashboard/#token=${admin.token}`;
    link.hidden = false;
  }
} catch (error) {
  complain((error as Error).message);
}
