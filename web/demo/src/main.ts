import "@bellhop/client/inbox";
import "@bellhop/client/preferences";
import { act, type Customer, config, forget, fromDemo } from "./config.ts";
import { type Desk, desk } from "./desk.ts";
import { shop } from "./shop.ts";

const find = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;

// Before the first inbox takes it off the address.
const landed = /[?&#]bellhop-click=/.test(location.href);

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

let whole: Desk | undefined;
const theme = find<HTMLButtonElement>("theme");
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const paint = (now: boolean): void => {
  const name = now ? "dark" : "light";
  document.documentElement.dataset.theme = name;
  theme.setAttribute("aria-pressed", String(now));
  for (const inbox of document.querySelectorAll("bellhop-inbox")) inbox.setAttribute("theme", name);
  whole?.wear(name);
};
theme.addEventListener("click", () => paint(theme.getAttribute("aria-pressed") !== "true"));

try {
  const found = await config();
  const { users, admin, strangers, note } = found;
  const refused = ({ name }: Customer): void =>
    strangers
      ? complain(`The gateway does not take ${name}’s token from the address. `, anew())
      : complain(`The gateway does not take ${name}’s token.`);
  const told = { complain, refused };
  if (admin) {
    // The command is the demo's own, whoever the customers are.
    const curl = found.curl ?? (await fromDemo().catch(() => undefined))?.curl ?? null;
    whole = desk({ ...found, admin, curl }, landed, told);
    find("shops").replaceWith(whole.element);
    document.body.classList.add("wide");
    const link = find<HTMLAnchorElement>("dashboard");
    link.href = `../dashboard/#token=${admin.token}`;
    link.hidden = false;
  } else find("shops").append(...users.map((user) => shop(user, told).element));
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
} catch (error) {
  complain((error as Error).message);
}
