/** One Socket.IO connection: its token, its refusals, and when to come back. Knows nothing of notifications. */

import { io } from "socket.io-client";
import { asking } from "./asking.ts";
import { backoff, patience } from "./backoff.ts";
import {
  type Closing,
  type ConnectOptions,
  failure,
  type Link,
  type Receive,
  type Since,
  type State,
} from "./protocol.ts";

/**
 * Keeps a connection until it is closed or finally refused. `since` is read at every attempt.
 *
 * `receive` gets every event of the gateway in order, and `state` with a `Status` at each change.
 */
export const connection = (
  options: ConnectOptions,
  since: Since,
  receive: Receive,
  token: string | undefined = options.token,
): Link => {
  const ANSWER_MS = 10_000;
  const OPEN_MS = 30_000;
  const { getToken } = options;
  const [put, , abandon] = asking(ANSWER_MS);
  let refused: string | undefined;
  let strikes = 0;
  let attempts = 0;
  let goodbye: Closing | undefined;
  /** Ends the wait for the next attempt, or an attempt that comes to nothing. */
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** What the connection runs under, or was tried with. */
  let used: string | undefined;
  let settled = false;
  /** Between `open` and the end, whatever the socket is doing meanwhile. */
  let open = false;

  const socket = io(options.url as string, {
    path: options.path as string,
    ...options.socket,
    autoConnect: false,
    forceNew: true,
    // The stock reconnection knows neither refusals nor the gateway's wish to wait.
    reconnection: false,
    auth: (give: (auth: object) => void) => {
      used = token;
      give({ token, since });
    },
  });

  const tell = (state: State, reason: string | null = null, retryAt: number | null = null): void =>
    receive("state", { state, reason, retryAt } as never);

  /** Waits for nothing any more. */
  const calm = (): void => {
    clearTimeout(timer);
    timer = undefined;
  };

  const drop = (): void => {
    settled = false;
    calm();
    abandon();
    socket.disconnect();
  };

  const stop = (reason: string): void => {
    open = false;
    drop();
    tell("stopped", reason);
  };

  const retry = (reason: string, wait = backoff(attempts)): void => {
    if (!open) return;
    attempts++;
    drop();
    timer = setTimeout(attempt, wait);
    tell("offline", reason, Date.now() + wait);
  };

  /** Final for this token: one fresh token is tried, as "do not come back with the same" allows. */
  const refuse = (code: string): void => {
    if (!open) return;
    refused = used;
    if (token === used) token = undefined;
    // A new token can mend these; nothing else that is final can be mended from here.
    if (code.includes("token") && (token || getToken) && !strikes++) retry(code, 0);
    else stop(code);
  };

  const attempt = async (): Promise<void> => {
    clearTimeout(timer);
    const mine = setTimeout(() => retry("timeout"), OPEN_MS);
    timer = mine;
    try {
      token ??= await getToken?.();
    } catch {
      if (timer === mine) retry("token_unavailable");
    }
    if (timer !== mine) return;
    if (!token || token === refused) stop(token ? "invalid_token" : "missing_token");
    else socket.connect();
  };

  const renew = async (fresh: string): Promise<void> => {
    if (settled) {
      await request("token", { token: fresh });
      used = fresh;
    }
    token = fresh;
  };

  const expiring = async (): Promise<void> => {
    try {
      const fresh = await getToken?.();
      if (fresh) await renew(fresh);
    } catch {
      // The gateway will end the connection with its token, and the next attempt asks again.
    }
  };

  const request = async <T>(event: string, payload: object): Promise<T> => {
    if (!socket.connected) throw failure("offline");
    return put((_, settle) => {
      socket.emit(event, payload, (answer: T & { ok: boolean; error?: object }) =>
        answer.ok ? settle("", answer) : settle("failed", answer.error),
      );
    });
  };

  socket.on("connect", () => tell("online"));
  socket.on("connect_error", (error: Error & { data?: { code: string; retry: boolean } }) => {
    const { data } = error;
    if (data?.retry === false) refuse(data.code);
    else retry(data?.code ?? "unreachable");
  });
  socket.on("disconnect", (why: string) => {
    const bye = goodbye;
    goodbye = undefined;
    if (bye ? !bye.reconnect : why === "io server disconnect") refuse(bye?.reason ?? "disconnected");
    else if (why !== "io client disconnect")
      retry(bye?.reason ?? "lost", bye && patience(bye.retry_after ?? 0));
  });
  socket.onAny((event: string, payload) => {
    receive(event, payload as never);
    if (event === "closing") goodbye = payload as Closing;
    if (event === "token:expiring") expiring();
    if (event !== "ready") return;
    calm();
    attempts = strikes = 0;
    tell("ready");
    settled = true;
    // It was brought while the connection was being made.
    if (token && token !== used) renew(token).catch(() => {});
  });

  const wake = (): void => {
    if (open && !socket.active) attempt();
  };
  globalThis.addEventListener?.("online", wake);

  return {
    open() {
      if (open) return;
      open = true;
      strikes = attempts = 0;
      refused = undefined;
      token ??= options.token;
      tell("offline");
      attempt();
    },
    close() {
      open = false;
      globalThis.removeEventListener?.("online", wake);
      drop();
    },
    renew,
    request,
  };
};
