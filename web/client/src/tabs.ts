/**
 * One connection for all tabs of a user.
 *
 * The tab that holds a Web Lock leads: it has the socket, and tells the others by BroadcastChannel what it hears. The
 * others ask through it. When it goes, however it goes, the browser hands the lock to the next. When it stays but does
 * not run (a dialog holds it, the browser froze it), it answers no ping, and one of the others takes the lock from it.
 * Each tab keeps an inbox of its own from the same events, so a tab that missed some sees the hole and has it filled
 * like any client.
 *
 * It takes a browser that has locks: those have channels, too.
 */

import { asking } from "./asking.ts";
import { patience } from "./backoff.ts";
import { DONE, type Link, type Receive, type Status, type Way } from "./protocol.ts";
import { newer } from "./token.ts";

/**
 * What a leader says: an event, the answer to a question, or that it is there. `term` counts the leaders: what an earlier
 * one still says is not heard.
 */
interface Said {
  readonly term: number;
  /** For one tab; absent for all. */
  readonly to?: number | undefined;
  readonly event?: string;
  readonly payload?: unknown;
  readonly n?: number;
  readonly value?: unknown;
  readonly code?: string;
}

/** What a leader is asked: for what the gateway answers, for what a tab that has just come begins with, or whether it is there. */
interface Asked {
  readonly from?: number;
  readonly n?: number;
  readonly event?: string;
  readonly payload?: object;
  readonly token?: string | undefined;
}

/**
 * Like the link that `make` makes, but at most one of them is open among all who share `name`.
 *
 * `welcome` answers what a tab that has just come needs to start from: events of the leader's, in order. Beside the
 * gateway's events `receive` gets `applied` when another tab has marked something. The connection is made with the
 * newest token that any of the tabs has brought, and a newer one is handed in on it.
 */
export const shared = (
  name: string,
  make: (receive: Receive, token: string | undefined) => Link,
  receive: Receive,
  welcome: (tell: (event: string, payload: unknown) => void) => void,
  token: string | undefined,
): Way => {
  const ANSWER_MS = 12_000;
  /** Longer than a message takes: the others must hear that it is over before they are given the lock. */
  const FAREWELL_MS = 500;
  const BEAT_SECONDS = 1.5;
  /** Pings without an answer that another tab's leader may leave, before it is taken for one that does not run. */
  const MISSED = 2;
  const me = Math.random();
  const channel = new BroadcastChannel(name);
  const [put, asked, abandon] = asking(ANSWER_MS);
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

  const post = (message: Said | Asked): void => {
    if (!alone) channel.postMessage(message);
  };

  const hear = (event: string, payload: unknown): void => {
    receive(event, payload as never);
    if (event !== "state") return;
    const { state } = payload as Status;
    // Whoever was asked is not connected any more, or is another tab than before.
    if (state !== "ready") abandon();
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
    open();
  };

  const lead = (mine: AbortController): Promise<void> =>
    new Promise((done) => {
      // Granted to a place that was given up meanwhile.
      if (place !== mine) return done();
      clearTimeout(beat);
      release = done;
      post({ term: ++term });
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
    navigator.locks
      .request(name, steal ? { steal } : { signal: mine.signal }, () => lead(mine))
      .catch(() => {
        if (place !== mine) return;
        if (link) return yieldPlace();
        alone = true;
        lead(mine);
      });
  };

  /** Sees whether the leader runs, again and again; no two tabs at the same moment. */
  const watch = (): void => {
    beat = setTimeout(() => {
      if (silence++ < MISSED) {
        post({});
        watch();
      } else {
        place?.abort();
        queue(true);
      }
    }, patience(BEAT_SECONDS));
  };

  /** Asks the gateway, and lets all tabs know what is marked, the one that marked it too: it knows already. */
  const serve = async <T>(event: string, payload: object): Promise<T> => {
    const value = await (link as Link).request<T>(event, payload);
    if (event in DONE) relay("applied", { mark: event, ...payload, ...value } as never);
    return value;
  };

  const relay: Receive = (event, payload) => {
    post({ term, event, payload });
    hear(event, payload);
  };

  const heed = ({ term: its, to = me, event, payload, n, code, value }: Said): void => {
    if (its < term) return;
    // Replaced while it did not run, and not told by its lock yet.
    if (its > term && link) yieldPlace();
    term = its;
    silence = 0;
    if (to !== me) return;
    if (n) asked.get(n)?.(code, value);
    else if (event) {
      // Another tab has found a way in: come back behind it.
      if (!place && event === "ready") open();
      if (!link) hear(event, payload);
    }
  };

  const answer = ({ from, n, event, payload, token: brought }: Asked): void => {
    if (newer(brought, token)) {
      token = brought;
      // One that the gateway does not take leaves the connection as it is.
      link?.renew(token as string).catch(() => {});
    }
    if (!link) return;
    if (n)
      serve(event as string, payload as object).then(
        (value) => post({ term, to: from, n, value }),
        (error) => post({ term, to: from, n, code: error.code ?? "failed" }),
      );
    else if (from) welcome((event, payload) => post({ term, to: from, event, payload }));
    else post({ term });
  };

  channel.onmessage = ({ data }: MessageEvent<Said | Asked>) => {
    if (alone) return;
    if ("term" in data) heed(data);
    else answer(data);
  };

  const open = (): void => {
    if (place) return;
    silence = 0;
    watch();
    queue();
    post({ from: me, token });
  };

  return {
    open,
    close() {
      leave();
      release();
      // What others have asked of it fails now, and a closed channel tells nobody.
      alone = true;
      channel.close();
    },
    request: <T>(event: string, payload: object): Promise<T> =>
      link ? serve(event, payload) : put((n) => post({ from: me, n, event, payload })),
  };
};
