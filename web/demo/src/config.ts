/** Who the customers are, and the tokens that the demo minted for them. */

export interface Customer {
  id: string;
  name: string;
  token: string;
}

export interface Config {
  users: Customer[];
  admin?: { token: string };
}

interface Claims {
  sub: string;
  name?: string;
  exp: number;
}

const BASE = import.meta.env.BASE_URL;
const KEPT = "bellhop-demo";
/** A token that ends sooner is as good as ended. */
const ENDING_MS = 90_000;

/** What the token says; it is the gateway that looks whether it is true. */
function claims(token: string): Claims {
  const text = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

function fromAddress(): Config | undefined {
  const given = new URLSearchParams(location.hash.slice(1));
  const tokens = given.getAll("token");
  if (!tokens.length) return;
  const users = tokens.map((token) => {
    const { sub, name } = claims(token);
    return { id: sub, name: name ?? sub, token };
  });
  const admin = given.get("admin");
  // A token has no business in the history of the browser.
  history.replaceState(null, "", location.pathname);
  return { users, ...(admin ? { admin: { token: admin } } : {}) };
}

async function fromGateway(): Promise<Config> {
  const answer = await ask("config.json", { cache: "no-store" });
  if (!answer.ok) throw new Error("Open this page by one of the links that `bellhop demo` prints.");
  return answer.json();
}

/** From the address if it brings tokens, else what it brought before in this tab, else from the gateway. */
export async function config(): Promise<Config> {
  const given = fromAddress();
  if (given) sessionStorage.setItem(KEPT, JSON.stringify(given));
  const kept = sessionStorage.getItem(KEPT);
  return kept ? JSON.parse(kept) : fromGateway();
}

/** The customer's token; a new one from the gateway when the old one is about to end. */
export async function tokenOf(customer: Customer): Promise<string> {
  if (claims(customer.token).exp * 1_000 < Date.now() + ENDING_MS) {
    const fresh = (await fromGateway()).users.find(({ id }) => id === customer.id);
    if (fresh) customer.token = fresh.token;
  }
  return customer.token;
}

export type Action = "order" | "ship" | "complain" | "offer";

/** As `fetch`, but a gateway that is away is told in words, which differ between browsers. */
async function ask(path: string, options: RequestInit): Promise<Response> {
  try {
    return await fetch(BASE + path, options);
  } catch {
    throw new Error("The shop cannot be reached just now. Try again in a moment.");
  }
}

/** Asks the shop's backend, which the gateway plays in the demo. Throws an error with a text to show. */
export async function act(action: Action, customer: Customer): Promise<void> {
  const answer = await ask(`actions/${action}`, {
    method: "POST",
    headers: { authorization: `Bearer ${await tokenOf(customer)}`, "content-type": "application/json" },
    body: "{}",
  });
  if (answer.ok) return;
  const problem = (await answer.json().catch(() => ({}))) as { detail?: string; title?: string };
  throw new Error(problem.detail ?? problem.title ?? `The shop did not answer (${answer.status}).`);
}
