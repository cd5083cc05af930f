import { io, type Socket } from "socket.io-client";
import { socketPath } from "./place.ts";
import type { Closing, Notification, Ready } from "./protocol.ts";
import { Store } from "./store.ts";

const ANSWER_MS = 10_000;
const RETRY_MS = 2_000;
const NEAR_MS = 60_000;

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

interface Answer {
  ok: boolean;
  error?: { code: string; message: string; errors?: Record<string, string[]> };
}

const ENDS: Record<string, string> = {
  forbidden: "This token does not have the role admin.",
  expired_token: "This token has expired. Paste a fresh one.",
  token_expired: "Your token has expired. Paste a fresh one to go on.",
  invalid_token: "The gateway does not accept this token.",
  missing_token: "Paste a token to sign in.",
  revoked: "You were disconnected by an admin.",
  replaced: "You have signed in elsewhere too often; this connection was the oldest.",
};

/** What a fresh token can mend. */
const ABOUT_TOKEN = ["expired_token", "token_expired", "invalid_token", "missing_token"];

/** The sentence for a refusal that is final. */
export function endOf(code: string): string {
  return ENDS[code] ?? "The gateway ended this session.";
}

/** One admin's connection: it comes back by itself until the gateway says that it must not. */
export class Gateway {
  readonly status = new Store<Status>({ state: "connecting" });
  /** When the token ends, once that is near; null while it is not. */
  readonly ends = new Store<string | null>(null);
  token: string;
  private readonly socket: Socket;
  private readonly since: Record<string, number> = {};
  private retry: ReturnType<typeof setTimeout> | undefined;
  private closing: Closing | null = null;

  constructor(token: string) {
    this.token = token;
    this.socket = io("/admin", {
      auth: (give) => give({ token: this.token, since: this.since }),
      path: socketPath(document.baseURI),
      transports: ["websocket", "polling"],
      // Where the gateway, or what stands before it, takes no websockets.
      tryAllTransports: true,
      reconnectionDelay: 500,
      reconnectionDelayMax: 8_000,
      forceNew: true,
    });
    this.socket.on("ready", (ready: Ready) => {
      Object.assign(this.since, ready.heads);
      this.closing = null;
      // Of a token that was near its end already, the gateway does not say it once more.
      const left = Date.parse(ready.expires_at) - Date.now();
      this.ends.set(left < NEAR_MS ? ready.expires_at : null);
      this.status.set({ state: "online", ready });
    });
    this.socket.on("token:expiring", ({ expires_at }: { expires_at: string }) => this.ends.set(expires_at));
    this.socket.on("notification", ({ room, seq }: Notification) => {
      if (seq !== null) this.since[room] = seq;
    });
    this.socket.on("closing", (closing: Closing) => {
      this.closing = closing;
    });
    this.socket.on("disconnect", () => {
      if (this.closing && !this.closing.reconnect) this.end(this.closing.reason);
      else this.lost();
      // A server that closed on purpose is not come back to by the library.
      if (!this.socket.active) this.comeBack((this.closing?.retry_after ?? 0) * 1000 || RETRY_MS);
    });
    this.socket.on("connect_error", (error: Error & { data?: { code: string; retry: boolean } }) => {
      if (error.data && !error.data.retry) this.end(error.data.code);
      else {
        this.lost();
        if (!this.socket.active) this.comeBack(RETRY_MS);
      }
    });
  }

  /** Ask, and await the answer; rejects with a `Refusal`. */
  async ask<T>(event: string, payload: object = {}): Promise<T> {
    let answer: Answer;
    try {
      answer = await this.socket.timeout(ANSWER_MS).emitWithAck(event, payload);
    } catch {
      throw new Refusal("no_answer", "The gateway did not answer. Check the connection and try again.");
    }
    if (answer.ok) return answer as T;
    const { code, message, errors } = answer.error ?? { code: "internal", message: "No reason was given." };
    throw new Refusal(code, message, errors);
  }

  /**
   * Carry on with a fresh token of the same user: on the live connection, else on the next, which is tried at once.
   *
   * Rejects with a `Refusal` when the live connection's gateway does not take it; the old one stands then.
   */
  async renew(token: string): Promise<void> {
    if (this.socket.connected) {
      await this.ask("token", { token }).catch((error: Refusal) => {
        throw new Refusal(error.code, ENDS[error.code] ?? error.message);
      });
      this.ends.set(null);
    }
    this.token = token;
    if (this.socket.connected) return;
    clearTimeout(this.retry);
    this.closing = null;
    const status = this.status.get();
    if (status.state === "expired") this.status.set({ state: "offline", ready: status.ready });
    this.socket.disconnect().connect();
  }

  /** Listen; answers how to stop. */
  on<T>(event: string, listener: (payload: T) => void): () => void {
    this.socket.on(event, listener as (payload: unknown) => void);
    return () => this.socket.off(event, listener as (payload: unknown) => void);
  }

  close(): void {
    clearTimeout(this.retry);
    this.socket.removeAllListeners();
    this.socket.disconnect();
  }

  private lost(): void {
    if (this.isOver) return;
    this.status.set({ state: "offline", ready: this.ready });
  }

  private comeBack(milliseconds: number): void {
    if (this.isOver) return;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.socket.connect(), milliseconds * (1 + Math.random()));
  }

  private end(code: string): void {
    const ready = this.ready;
    if (ready && ABOUT_TOKEN.includes(code)) {
      this.ends.set(null);
      this.status.set({ state: "expired", ready, why: endOf(code) });
      // Else the library would come back with the same token.
      this.socket.disconnect();
    } else {
      this.status.set({ state: "ended", why: endOf(code) });
      this.close();
    }
  }

  /** Whether only a token, or nothing, brings it back. */
  private get isOver(): boolean {
    const { state } = this.status.get();
    return state === "ended" || state === "expired";
  }

  /** What the last connection began with. */
  private get ready(): Ready | null {
    const status = this.status.get();
    return "ready" in status ? status.ready : null;
  }
}
