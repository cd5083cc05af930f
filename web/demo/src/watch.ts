/** What the gateway's admins are told, over one connection of theirs: here, the trace of what was just pressed. */

import { connection, type Link } from "@bellhop/client";
import type { Config } from "./config.ts";

export interface Point {
  at: string;
  via: "call" | "inbox" | "reader" | "mail" | "deed";
  what: string;
  by: string | null;
  detail: string | null;
  count: number | null;
  rule: string | null;
}

export interface Trace {
  notification: { id: string; title: string; room: string; seq: number | null };
  line: Point[];
}

export interface Watch {
  trace(id: string): Promise<Trace>;
  /** Ends all connections of the user, as an admin may. */
  cut(user: string): Promise<void>;
}

/** `renew` answers fresh tokens for the time when the first one ends. */
export function watch(token: string, renew: () => Promise<Config>, path: string): Watch {
  const fresh = async (): Promise<string> => (await renew()).admin?.token ?? token;
  const link: Link = connection({ url: "/admin", path, token, getToken: fresh }, {}, () => {});
  link.open();
  return {
    trace: async (id) => (await link.request<{ trace: Trace }>("trace", { id })).trace,
    cut: async (user) => void (await link.request("disconnect_user", { user })),
  };
}
