/** Who the two customers are, and the tokens that the demo minted for them. */

export interface Customer {
  id: string;
  name: string;
  token: string;
}

export interface Config {
  users: Customer[];
  admin?: { token: string };
}

const BASE = import.meta.env.BASE_URL;
const FRAGMENT = "#config=";
const KEPT = "bellhop-demo";

/** From the address if it brings them, else from the gateway. What the address brought is kept for a reload. */
export async function config(): Promise<Config> {
  if (location.hash.startsWith(FRAGMENT)) {
    const text = location.hash.slice(FRAGMENT.length).replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    sessionStorage.setItem(KEPT, new TextDecoder().decode(bytes));
    // A token has no business in the history of the browser.
    history.replaceState(null, "", location.pathname);
  }
  const kept = sessionStorage.getItem(KEPT);
  if (kept) return JSON.parse(kept);
  const answer = await fetch(`${BASE}config.json`, { cache: "no-store" });
  if (!answer.ok) throw new Error(`The demo's configuration is not there (${answer.status}).`);
  return answer.json();
}

/** A fresh token of the customer; the gateway mints new ones with each answer. */
export async function tokenOf(id: string): Promise<string> {
  const customer = (await config()).users.find((user) => user.id === id);
  if (!customer) throw new Error(`The demo knows no customer ${id}.`);
  return customer.token;
}

export type Action = "order" | "ship" | "complain" | "offer";

/** Asks the shop's backend, which the gateway plays in the demo. Throws an error with a text to show. */
export async function act(action: Action, id: string): Promise<void> {
  const answer = await fetch(`${BASE}actions/${action}`, {
    method: "POST",
    headers: { authorization: `Bearer ${await tokenOf(id)}`, "content-type": "application/json" },
    body: "{}",
  });
  if (answer.ok) return;
  const problem = (await answer.json().catch(() => ({}))) as { detail?: string; title?: string };
  throw new Error(problem.detail ?? problem.title ?? `The shop did not answer (${answer.status}).`);
}
