/** Who the customers are, the tokens that the demo minted for them, and what the shop's backend is asked. */

import type { Notification } from "@bellhop/client";

export interface Customer {
  id: string;
  name: string;
  token: string;
}

export interface Config {
  users: Customer[];
  admin?: { token: string };
  /** The command that sends Ann something; null where the page does not know it. */
  curl?: string | null;
  /** Whether they are those that an address brought, and not the demo's own. */
  strangers?: boolean;
  /** What is the matter with the address. */
  note?: string;
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
const UNREADABLE = "A token in the address is none: it may have been cut off while it was copied.";
const ORDERS = "../api/notifications?type=ORDER_UPDATE&limit=100";

/** What the token says, if it is one; it is the gateway that looks whether it is true. */
function claims(token: string): Claims | undefined {
  try {
    const text = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const said = JSON.parse(new TextDecoder().decode(bytes));
    return typeof said?.sub === "string" ? said : undefined;
  } catch {
    return;
  }
}

function fromAddress(): Config | undefined {
  const given = new URLSearchParams(location.hash.slice(1));
  const tokens = given.getAll("token");
  if (!tokens.length) return;
  const users = tokens.flatMap((token) => {
    const said = claims(token);
    return said ? [{ id: said.sub, name: said.name ?? said.sub, token }] : [];
  });
  const admin = given.get("admin");
  // A token has no business in the history of the browser.
  history.replaceState(null, "", location.pathname);
  return {
    users,
    strangers: true,
    ...(users.length < tokens.length ? { note: UNREADABLE } : {}),
    ...(admin ? { admin: { token: admin } } : {}),
  };
}

async function fromGateway(): Promise<Config> {
  const answer = await ask("config.json", { cache: "no-store" });
  if (!answer.ok) throw new Error("Open this page by one of the links that `bellhop demo` prints.");
  return answer.json();
}

/** From the address if it brings tokens, else what it brought before in this tab, else from the gateway. */
export async function config(): Promise<Config> {
  const given = fromAddress();
  // Nobody in it can be shown: the demo's own customers are, and why.
  if (given && !given.users.length) {
    forget();
    return { ...(await fromGateway()), ...(given.note ? { note: given.note } : {}) };
  }
  if (given) sessionStorage.setItem(KEPT, JSON.stringify(given));
  const kept = sessionStorage.getItem(KEPT);
  return kept ? JSON.parse(kept) : fromGateway();
}

/** From the next load on, the demo's own customers are shown. */
export const forget = (): void => sessionStorage.removeItem(KEPT);

/** The customer's token; a new one from the gateway when the old one is about to end. */
export async function tokenOf(customer: Customer): Promise<string> {
  if ((claims(customer.token)?.exp ?? 0) * 1_000 < Date.now() + ENDING_MS) {
    const fresh = (await fromGateway()).users.find(({ id }) => id === customer.id);
    if (fresh) customer.token = fresh.token;
  }
  return customer.token;
}

export type Action = "order" | "ship" | "complain" | "offer" | "burst";

/** What the gateway says of the demo now: fresh tokens, and the command. */
export const fromDemo = fromGateway;

/** A mail of a customer's, and with its words. */
export interface MailHead {
  name: string;
  /** That of the notification it tells, where it is one's own mail. */
  id: string;
  from: string;
  subject: string;
  at: string;
}
export interface Mail extends MailHead {
  html: string;
}

/** As `fetch`, but a gateway that is away is told in words, which differ between browsers. */
async function ask(path: string, options: RequestInit): Promise<Response> {
  try {
    return await fetch(BASE + path, options);
  } catch {
    throw new Error("The shop cannot be reached just now. Try again in a moment.");
  }
}

export interface Address {
  id: string;
  seq: number | null;
}

/** Asks the shop's backend, which the gateway plays in the demo, and answers what was emitted. Throws an error with a text to show. */
export async function act(action: Action, customer: Customer): Promise<readonly Address[]> {
  const answer = await ask(`actions/${action}`, {
    method: "POST",
    headers: { authorization: `Bearer ${await tokenOf(customer)}`, "content-type": "application/json" },
    body: "{}",
  });
  if (answer.ok) return (await answer.json()).notifications;
  const problem = (await answer.json().catch(() => ({}))) as { detail?: string; title?: string };
  throw new Error(problem.detail ?? problem.title ?? `The shop did not answer (${answer.status}).`);
}

/** The newest that the customer has been told of orders, whatever else has come since. */
export async function orderUpdates(customer: Customer): Promise<readonly Notification[]> {
  const authorization = `Bearer ${await tokenOf(customer)}`;
  const answer = await ask(ORDERS, { headers: { authorization }, cache: "no-store" });
  return answer.ok ? (await answer.json()).notifications : [];
}

/** The newest mails of the customer, newest first, and to which address they went. */
export async function mails(customer: Customer): Promise<{ address: string; mails: MailHead[] }> {
  const answer = await asking("mailbox", customer);
  return answer.ok ? answer.json() : { address: "", mails: [] };
}

export async function mail(customer: Customer, name: string): Promise<Mail | undefined> {
  const answer = await asking(`mailbox/${encodeURIComponent(name)}`, customer);
  return answer.ok ? (await answer.json()).mail : undefined;
}

async function asking(path: string, customer: Customer): Promise<Response> {
  const authorization = `Bearer ${await tokenOf(customer)}`;
  return ask(path, { headers: { authorization }, cache: "no-store" });
}
