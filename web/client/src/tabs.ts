/**
 * One connection for all tabs of a user.
 *
 * The tab that holds a Web Lock leads: it has the socket, and tells the others by BroadcastChannel what it hears. The
 * others ask through it. When it goes, however it goes, the browser hands the lock to the next. When it stays but does
 * not run (a dialog holds it, the browser froze it), it answers no ping, and one of the others takes the lock from it.
 * Each tab keeps an inbox of its own from the same events, so a tab that missed some sees the hole and has it filled
 * like any client.
 */

import { failure, type Link, MARKS, type Mark, type Receive, type Status } from "./protocol.ts";
import { newer } from "./token.ts";

/** `term` counts the leaders: whoever leads says it, and what an earlier one still says is not heard. */
type Message =
  | { kind: "hello"; from: number; token: string | undefined }
  | { kind: "ping" }
  | { kind: "pong"; term: number }
  | { kind: "event"; term: number; to?: number; event: string; payload: unknown }
  | { kind: "ask"; from: number; n: number; event: string; payload: object }
  | { kind: "answer"; term: number; to: number; n: number; value?: unknown; code?: string };

/** What a page needs of the browser for this. */
export const shareable = (): boolean =>
  !!(globalThis.BroadcastChannel && (globalThis.navigator as Navigator | undefined)?.locks);

/**
 * Like the link that `make` makes, but at most one of them is open among all who share `name`.
 *
 * `welcome` answers what a tab that has just come needs to start from: events of the leader's, in order. Beside the
 * gateway's events `receive` gets `applied` when another tab has marked something. The connection is made with the
 * newest token that any of the tabs has brought, and a newer one is handed in on it.
 */
export function shared(
  name: string,
  make: (receive: Receive, token: string | undefined) => Link,
  receive: Receive,
  welcome: () => [string, unknown][],
  token: string | undefined,
): Link {
  const ANSWER_MS = 12_000;
  /** Longer than a message takes: the others must hear that it is over before they are given the lock. */
  const FAREWELL_MS = 500;
  const BEAT_MS = 1_500;
  /** Pings without an answer that another tab's leader may leave, before it is taken for one that does not run. */
  const PATIENCE = 2;
  const me = Math.random();
  const channel = new BroadcastChannel(name);
  const asked = new Map<number, (answer: { value?: unknown; code?: string }) => void>();
  let asks = 0;
  let link: Link | undefined;
  /** The place among those who want to lead, or at their head. */
  let place: AbortController | undefined;
  let release = (): void => {};
  /** Of the newest leader heard of. */
  let term = 0;
  /** Pings in a row that nobody has answered. */
  let silence = 0;
  let beat: ReturnType<typeof setTimeout> | undefined;
  /** In a page that may not lock (a sandbox), which has a connection of its own. */
  let alone = false;

  const post = (message: Message): void => {
    if (!alone) channel.postMessage(message);
  };

  const hear = (event: string, payload: unknown): void => {
    receive(event, payload as never);
    if (event !== "state") return;
    const { state } = payload as Status;
    // Whoever was asked is not connected any more, or is another tab than before.
    if (state !== "ready") for (const settle of asked.values()) settle({ code: "offline" });
    if (state === "stopped") leave();
  };

  /** Gives up the place, and the connection with it. */
  const resign = (): void => {
    clearTimeout(beat);
    place?.abort();
    place = undefined;
    link?.close();
    link = undefined;
  };

  const leave = (): void => {
    resign();
    setTimeout(release, FAREWELL_MS);
  };

  /** Another tab leads, since this one did not run: behind it again. */
  const yieldPlace = (): void => {
    resign();
    self.open();
  };

  const lead = (mine: AbortController): Promise<void> =>
    new Promise((done) => {
      // Granted to a place that was given up meanwhile.
      if (place !== mine) return done();
      clearTimeout(beat);
      release = done;
      term++;
      post({ kind: "pong", term });
      link = make((event, payload) => {
        // A tab that has let go hears the last of its socket, which is no news of the tabs' connection.
        if (link) relay(event, payload);
      }, token);
      link.open();
    });

  const queue = (steal = false): void => {
    const mine = new AbortController();
    place = mine;
    // A lock cannot be both taken and waited for.
    const how = steal ? { steal } : { signal: mine.signal };
    navigator.locks
      .request(name, how, () => lead(mine))
      .catch(() => {
        if (place !== mine) return;
        if (link) return yieldPlace();
        alone = true;
        lead(mine);
      });
  };

  /** Sees whether the leader runs, again and again; no two tabs at the same moment. */
  const watch = (): void => {
    beat = setTimeout(
      () => {
        if (silence++ < PATIENCE) {
          post({ kind: "ping" });
          watch();
        } else {
          place?.abort();
          queue(true);
        }
      },
      BEAT_MS * (1 + Math.random() / 2),
    );
  };

  /** Asks the gateway, and lets all tabs know what is marked, the one that marked it too: it knows already. */
  const serve = async <T>(event: string, payload: object): Promise<T> => {
    if (!link) throw failure("offline");
    const value = await link.request<T>(event, payload);
    if (MARKS.includes(event as Mark)) relay("applied", { mark: event, ...payload, ...value } as never);
    return value;
  };

  const relay: Receive = (event, payload) => {
    post({ kind: "event", term, event, payload });
    hear(event, payload);
  };

  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if (alone) return;
    if ("term" in data) {
      if (data.term < term) return;
      // Replaced while it did not run, and not told by its lock yet.
      if (data.term > term && link) yieldPlace();
      term = data.term;
      silence = 0;
    }
    if (((data as { to?: number }).to ?? me) !== me) return;
    if (data.kind === "event") {
      // Another tab has found a way in: come back behind it.
      if (!place && data.event === "ready") self.open();
      if (!link) hear(data.event, data.payload);
    } else if (data.kind === "answer") asked.get(data.n)?.(data);
    else {
      if (data.kind === "hello" && newer(data.token, token)) {
        token = data.token as string;
        // One that the gateway does not take leaves the connection as it is.
        link?.renew(token).catch(() => {});
      }
      if (!link) return;
      if (data.kind === "ping") post({ kind: "pong", term });
      else if (data.kind === "hello") {
        for (const [event, payload] of welcome())
          post({ kind: "event", term, to: data.from, event, payload });
      } else if (data.kind === "ask") {
        const { from, n } = data;
        serve(data.event, data.payload).then(
          (value) => post({ kind: "answer", term, to: from, n, value }),
          (error) => post({ kind: "answer", term, to: from, n, code: error.code ?? "failed" }),
        );
      }
    }
  };

  const self: Link = {
    open() {
      if (place) return;
      silence = 0;
      watch();
      queue();
      post({ kind: "hello", from: me, token });
    },
    close() {
      leave();
      release();
      channel.close();
    },
    renew: async (fresh) => link?.renew(fresh),
    request: <T>(event: string, payload: object): Promise<T> =>
      link
        ? serve(event, payload)
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
