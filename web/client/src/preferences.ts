/** What a person has chosen to be told, by which channel and when: shown as it is everywhere, and changed at once. */

import { connect } from "./index.ts";
import type { ConnectOptions, Receive, State, Status } from "./protocol.ts";
import type { PreferencesAnswer } from "./shapes.ts";

export type Channel = "in_app" | "email";
export const CHANNELS: readonly Channel[] = ["in_app", "email"];

/** Whether something is wanted; of email also that it is, in one mail a day or a week. */
export type Wish = boolean | "daily" | "weekly";

type Channels = { readonly [channel in Channel]?: boolean | null };
/** Of a category or a type. */
type Wishes = { readonly in_app?: boolean | null; readonly email?: Wish | null };

/** What is to be different (RFC 7396): what is left out stays, and null takes a choice back. */
export interface PreferencesPatch {
  readonly channels?: Channels | null;
  readonly categories?: Readonly<Record<string, Wishes | null>> | null;
  readonly types?: Readonly<Record<string, Wishes | null>> | null;
  readonly quiet_hours?: {
    readonly start?: string;
    readonly end?: string;
    readonly days?: readonly string[] | null;
  } | null;
  readonly timezone?: string | null;
  readonly locale?: string | null;
  readonly tracking?: boolean | null;
}

/** A change that can be undone; another object for each. */
export interface Undoable {
  readonly place: string;
  /** What undoes it. */
  readonly patch: PreferencesPatch;
}

/** The preferences at one moment. A new object whenever anything in it differs. */
export interface PreferencesSnapshot {
  readonly state: State;
  /** Why it is offline or stopped. */
  readonly reason: string | null;
  /** What holds by the gateway's word; null until it has told. */
  readonly chosen: PreferencesAnswer | null;
  /** Where a change is under way, such as `categories.offers.email`. */
  readonly saving: readonly string[];
  /** By place: the code of what kept a change from being made. `""` is the place of what could not be read at all. */
  readonly failed: Readonly<Record<string, string>>;
  /** The last change made here, as long as it can be undone. */
  readonly undoable: Undoable | null;
}

export interface Preferences {
  /** Calls `listener` after a change, once for what changes together. Answers how to end it. */
  subscribe(listener: () => void): () => void;
  getSnapshot(): PreferencesSnapshot;
  /** Chooses; `place` names the change in the snapshot, and is the path of the patch when left out. */
  choose(patch: PreferencesPatch, place?: string): void;
  /** Puts back what was chosen before the last change made here. */
  undo(): void;
  /** Asks the gateway again, or tries again after `stopped`. */
  reload(): void;
  close(): void;
}

/** What there is before anything is known. */
export const UNKNOWN: PreferencesSnapshot = {
  state: "offline",
  reason: null,
  chosen: null,
  saving: [],
  failed: {},
  undoable: null,
};

type Tree = { readonly [name: string]: unknown };

const isTree = (value: unknown): value is Tree =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The way down a patch, as long as there is only one; of a patch of several things their names. */
export function placeOf(patch: object): string {
  const names = Object.keys(patch);
  const only = names.length === 1 ? (patch as Tree)[names[0] as string] : undefined;
  const rest = isTree(only) && Object.keys(only).length === 1 ? `.${placeOf(only)}` : "";
  return names.join(" ") + rest;
}

/**
 * The patch that has it all again as it is in `before`.
 *
 * Cell by cell: what another device has said of the same category meanwhile stays. Quiet hours are whole or none.
 */
export function inverse(before: object, patch: object): PreferencesPatch {
  const known = before as Tree;
  return Object.fromEntries(
    Object.entries(patch).map(([name, value]) => {
      const had = known[name] ?? null;
      if (!isTree(value) || (had === null && name === "quiet_hours")) return [name, had];
      return [name, inverse(isTree(had) ? had : {}, value)];
    }),
  );
}

/**
 * Opens a person's preferences: the token's. They stay as they are everywhere until `close`.
 *
 * They use the connection of the tabs' inboxes where there is one. Throws a `TypeError` as `connect` does.
 */
export function preferences(options: ConnectOptions): Preferences {
  const listeners = new Set<() => void>();
  let snapshot = UNKNOWN;
  let queue: Promise<void> = Promise.resolve();
  let closed = false;

  let telling = false;
  const tell = (): void => {
    if (telling) return;
    telling = true;
    queueMicrotask(() => {
      telling = false;
      for (const listener of listeners) listener();
    });
  };
  const change = (fields: Partial<PreferencesSnapshot>): void => {
    if (closed) return;
    snapshot = { ...snapshot, ...fields };
    tell();
  };
  /** An answer that was on its way longer than a newer one is no news. */
  const hear = (chosen: PreferencesAnswer): void => {
    if (!snapshot.chosen || chosen.version >= snapshot.chosen.version) change({ chosen });
  };
  const fail = (place: string, code: string | null): void => {
    const { [place]: _, ...others } = snapshot.failed;
    change({ failed: code === null ? others : { ...others, [place]: code } });
  };
  const read = async (): Promise<void> => {
    try {
      change({ chosen: await inbox.ask<PreferencesAnswer>("preferences", {}) });
      fail("", null);
    } catch (error) {
      fail("", (error as { code: string }).code);
    }
  };
  const set = async (patch: PreferencesPatch, place: string, undoes: boolean): Promise<void> => {
    const before = snapshot.chosen;
    try {
      hear(await inbox.ask<PreferencesAnswer>("preferences", { set: patch }));
      change({ undoable: before && !undoes ? { place, patch: inverse(before, patch) } : null });
    } catch (error) {
      fail(place, (error as { code: string }).code);
    }
    const at = snapshot.saving.indexOf(place);
    change({ saving: snapshot.saving.filter((_, index) => index !== at) });
  };
  const choose = (patch: PreferencesPatch, place: string, undoes = false): void => {
    fail(place, null);
    change({ saving: [...snapshot.saving, place] });
    // One after the other: what a change is undone to is what the one before it has made.
    queue = queue.then(() => set(patch, place, undoes));
  };

  const receive: Receive = (event, payload) => {
    if (event === "preferences") hear(payload);
    else if (event === "state") {
      const { state, reason } = payload as Status;
      change({ state, reason });
    } else if (event === "ready") read();
  };
  // Of the inbox only its connection is wanted, which all of the person's tabs share.
  const inbox = connect({ ...options, keep: 1, pageSize: 1, hear: receive });

  return {
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    getSnapshot: () => snapshot,
    choose: (patch, place = placeOf(patch)) => choose(patch, place),
    undo() {
      const last = snapshot.undoable;
      // Pressed twice is once.
      if (last && !snapshot.saving.includes(last.place)) choose(last.patch, last.place, true);
    },
    reload() {
      if (snapshot.state === "stopped") inbox.reconnect();
      else read();
    },
    close() {
      closed = true;
      listeners.clear();
      inbox.close();
    },
  };
}
