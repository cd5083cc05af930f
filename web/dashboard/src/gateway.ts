import { connection, type Link, type Status as LinkStatus, type Since } from "@bellhop/client";
import { socketPath } from "./place.ts";
import type { Notification, Ready } from "./protocol.ts";
import { Store } from "./store.ts";

const NEAR_MS = 60_000;
/** Of the connection's own failures, those that say that there was no answer. */
const NO_ANSWER = ["offline", "timeout"];
/** What is done a second time when it is asked a second time. */
const REPEATED = ["emit", "create_campaign", "campaign_test"];

export type Status =
  | { state: "connecting" }
  | { state: "online"; ready: Ready }
  | { state: "offline"; ready: Ready | null }
  /** The token has ended, or is not taken any more: a fresh one carries the session on. */
  | { state: "expired"; ready: Ready; why: string }
  | { state: "ended"; why: string };

/** What the gateway said no to; `errors` maps fields to what is wrong with them. */
export class Refusal extends Error {
  readonly code: string;
  readonly errors: Record<string, string[]>;

  constructor(code: string, message: string, errors: Record<string, string[]> = {}) {
    super(message);
    this.code = code;
    this.errors = errors;
  }
}

const ENDS: Record<string, string> = {
  forbidden: "This token has none of the roles admin, support and viewer.",
  expired_token: "This token has expired. Paste a fresh one.",
  token_expired: "Your token has expired. Paste a fresh one to go on.",
  invalid_token: "The gateway does not accept this token.",
  missing_token: "Paste a token to sign in.",
  revoked: "You were disconnected by an admin.",
  replaced: "You have signed in elsewhere too often; this connection was the oldest.",
};

/** The sentence for a refusal that is final. */
export function endOf(code: string): string {
  return ENDS[code] ?? "The gateway ended this session.";
}

/** The sentence for a question that nobody has answered. */
export function unanswered(event: string): string {
  return REPEATED.includes(event)
    ? "The gateway did not answer, and may have done it. See whether it did before you try again."
    : "The gateway did not answer. Check the connection and try again.";
}

/** One admin's connection: it comes back by itself until the gateway says that it must not. */
export class Gateway {
  readonly status = new Store<Status>({ state: "connecting" });
  /** When the token ends, once that is near; null while it is not. */
  readonly ends = new Store<string | null>(null);
  token: string;
  private readonly since: Since = {};
  private readonly listeners = new Map<string, Set<(payload: never) => void>>();
  private link: Link;

  constructor(token: string) {
    this.token = token;
    this.link = this.connect();
  }

  /** Ask, and await the answer; rejects with a `Refusal`. */
  async ask<T>(event: string, payload: object = {}): Promise<T> {
    try {
      return await this.link.request<T>(event, payload);
    } catch (error) {
      const { code, message, errors } = error as Refusal;
      if (!NO_ANSWER.includes(code)) throw new Refusal(code, message, errors);
      throw new Refusal("no_answer", unanswered(event));
    }
  }

  /**
   * Carry on with a fresh token of the same user: on the live connection, else on the next, which is tried at once.
   *
   * Rejects with a `Refusal` when the live connection's gateway does not take it; the old one stands then.
   */
  async renew(token: string): Promise<void> {
    const status = this.status.get();
    if (status.state === "online") {
      await this.link.renew(token).catch((error: Refusal) => {
        throw new Refusal(error.code, ENDS[error.code] ?? error.message);
      });
      this.ends.set(null);
      this.token = token;
      return;
    }
    this.token = token;
    if (status.state === "expired") this.status.set({ state: "offline", ready: status.ready });
    this.link.close();
    this.link = this.connect();
  }

  /** Listen; answers how to stop. */
  on<T>(event: string, listener: (payload: T) => void): () => void {
    const listeners = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, listeners);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  close(): void {
    this.listeners.clear();
    this.link.close();
  }

  private connect(): Link {
    const link = connection(
      {
        url: "/admin",
        path: socketPath(document.baseURI),
        // All are tried: the gateway, or what stands before it, may take no websockets.
        socket: { transports: ["websocket", "polling"], tryAllTransports: true },
      },
      this.since,
      (event, payload) => this.receive(event, payload),
      this.token,
    );
    link.open();
    return link;
  }

  private receive(event: string, payload: never): void {
    if (event === "ready") this.begin(payload);
    else if (event === "token:expiring") this.ends.set((payload as Ready).expires_at);
    else if (event === "notification") {
      const { room, seq } = payload as Notification;
      if (seq !== null) this.since[room] = seq;
    } else if (event === "state") this.follow(payload);
    for (const listener of this.listeners.get(event) ?? []) listener(payload);
  }

  private begin(ready: Ready): void {
    Object.assign(this.since, ready.heads, { epoch: ready.epoch });
    // Of a token that was near its end already, the gateway does not say it once more.
    const left = Date.parse(ready.expires_at) - Date.now();
    this.ends.set(left < NEAR_MS ? ready.expires_at : null);
    this.status.set({ state: "online", ready });
  }

  private follow({ state, reason }: LinkStatus): void {
    if (state === "stopped") this.end(reason ?? "");
    else if (state === "offline" && reason !== null) this.status.set({ state: "offline", ready: this.ready });
  }

  private end(code: string): void {
    const ready = this.ready;
    // What is said of a token, a new one can mend.
    if (ready && code.includes("token")) {
      this.ends.set(null);
      this.status.set({ state: "expired", ready, why: endOf(code) });
    } else this.status.set({ state: "ended", why: endOf(code) });
  }

  /** What the last connection began with. */
  private get ready(): Ready | null {
    const status = this.status.get();
    return "ready" in status ? status.ready : null;
  }
}
