/**
 * One connection for all tabs of a user.
 *
 * The tab that holds a Web Lock leads: it has the socket, and tells the others by BroadcastChannel what it hears. The
 * others ask through it. When it goes, however it goes, the browser hands the lock to the next. Each tab keeps an
 * inbox of its own from the same events, so a tab that missed some sees the hole and has it filled like any client.
 */

import { failure, type Link, MARKS, type Mark, type Receive, type Status } from "./protocol.ts";

const ANSWER_MS = 12_000;
/** Longer than a message takes: the others must hear that it is over before they are given the lock. */
const FAREWELL_MS = 500;

type Message =
  | { kind: "hello"; from: number }
  | { kind: "event"; to?: number; but?: number; event: string; payload: unknown }
  | { kind: "ask"; from: number; n: number; event: string; payload: object }
  | { kind: "answer"; to: number; n: number; value?: unknown; code?: string };

/** What a page needs of the browser for this. */
export const shareable = (): boolean =>
  !!(globalThis.BroadcastChannel && (globalThis.navigator as Navigator | undefined)?.locks);

/**
 * Like the link that `make` makes, but at most one of them is open among all who share `name`.
 *
 * `welcome` answers what a tab that has just come needs to start from: events of the leader's, in order. Beside the
 * gateway's events `receive` gets `applied` when another tab has marked something.
 */
export function shared(
  name: string,
  make: (receive: Receive) => Link,
  receive: Receive,
  welcome: () => [string, unknown][],
): Link {
  const me = Math.random();
  const channel = new BroadcastChannel(name);
  const asked = new Map<number, (answer: { value?: unknown; code?: string }) => void>();
  let asks = 0;
  let link: Link | undefined;
  let place: AbortController | undefined;
  let release = (): void => {};

  const post = (message: Message): void => channel.postMessage(message);

  const hear = (event: string, payload: unknown): void => {
    receive(event, payload as never);
    if (event !== "state") return;
    const { state } = payload as Status;
    // Whoever was asked is not connected any more, or is another tab than before.
    if (state !== "ready") for (const settle of asked.values()) settle({ code: "offline" });
    if (state === "stopped") leave();
  };

  const leave = (): void => {
    place?.abort();
    place = undefined;
    link?.close();
    link = undefined;
    setTimeout(release, FAREWELL_MS);
  };

  const lead = (): Promise<void> =>
    new Promise((done) => {
      release = done;
      link = make((event, payload) => {
        // A tab that has let go hears the last of its socket, which is no news of the tabs' connection.
        if (!link) return;
        post({ kind: "event", event, payload });
        hear(event, payload);
      });
      link.open();
    });

  /** Asks the gateway for the tab `from`, and lets all the others know what it marked. */
  const serve = async <T>(from: number, event: string, payload: object): Promise<T> => {
    if (!link) throw failure("offline");
    const value = await link.request<T>(event, payload);
    if (MARKS.includes(event as Mark)) {
      const applied = { mark: event, ...payload, ...value };
      post({ kind: "event", but: from, event: "applied", payload: applied });
      if (from !== me) receive("applied", applied as never);
    }
    return value;
  };

  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if (("to" in data && data.to !== me) || ("but" in data && data.but === me)) return;
    if (data.kind === "event") {
      // Another tab has found a way in: come back behind it.
      if (!place && data.event === "ready") self.open();
      if (!link) hear(data.event, data.payload);
    } else if (data.kind === "answer") asked.get(data.n)?.(data);
    else if (!link) return;
    else if (data.kind === "hello")
      for (const [event, payload] of welcome()) post({ kind: "event", to: data.from, event, payload });
    else {
      const { from, n } = data;
      serve(from, data.event, data.payload).then(
        (value) => post({ kind: "answer", to: from, n, value }),
        (error) => post({ kind: "answer", to: from, n, code: error.code ?? "failed" }),
      );
    }
  };

  const self: Link = {
    open() {
      if (place) return;
      const mine = new AbortController();
      place = mine;
      // Where the page may not lock (a sandbox), it has a connection of its own.
      navigator.locks.request(name, { signal: mine.signal }, lead).catch(() => {
        if (place === mine) lead();
      });
      post({ kind: "hello", from: me });
    },
    close() {
      leave();
      release();
      channel.close();
    },
    request: <T>(event: string, payload: object): Promise<T> =>
      link
        ? serve(me, event, payload)
        : new Promise((resolve, reject) => {
            const n = ++asks;
            const settle = ({ value, code }: { value?: unknown; code?: string }): void => {
              clearTimeout(late);
              asked.delete(n);
              if (code) reject(failure(code));
              else resolve(value as T);
            };
            const late = setTimeout(settle, ANSWER_MS, { code: "timeout" });
            asked.set(n, settle);
            post({ kind: "ask", from: me, n, event, payload });
          }),
  };
  return self;
}
