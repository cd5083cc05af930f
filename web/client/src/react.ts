/** The inbox and the preferences in React: a hook each. */

import { useEffect, useState, useSyncExternalStore } from "react";
import { connect, EMPTY, type Inbox, type Snapshot } from "./index.ts";
import { type Preferences, type PreferencesSnapshot, preferences, UNKNOWN } from "./preferences.ts";
import type { ConnectOptions } from "./protocol.ts";

const idle = (): (() => void) => () => {};
const empty = (): Snapshot => EMPTY;
const unknown = (): PreferencesSnapshot => UNKNOWN;

/**
 * Answers the inbox at this moment, and the inbox itself to act on; renders at most once per frame.
 *
 * Given options it connects while the component is mounted, and anew when `url`, `token` or `share` changes. Given
 * an inbox, which several components may share, it only watches. The inbox is null before the first effect.
 */
export function useInbox(source: Inbox | ConnectOptions): Snapshot & { readonly inbox: Inbox | null } {
  const given = "getSnapshot" in source ? source : null;
  const options = given ? null : (source as ConnectOptions);
  const [own, setOwn] = useState<Inbox | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: options are written inline; a new object is no new wish
  useEffect(() => {
    if (!options) return;
    const inbox = connect(options);
    setOwn(inbox);
    return () => inbox.close();
  }, [!options, options?.url, options?.token, options?.share]);
  const inbox = given ?? own;
  const snapshot = useSyncExternalStore(inbox?.subscribe ?? idle, inbox?.getSnapshot ?? empty, empty);
  return { ...snapshot, inbox };
}

/**
 * Answers what the person has chosen at this moment, and the preferences themselves to choose by.
 *
 * As `useInbox` it connects while the component is mounted, or watches preferences that are given. They are null before
 * the first effect.
 */
export function usePreferences(
  source: Preferences | ConnectOptions,
): PreferencesSnapshot & { readonly preferences: Preferences | null } {
  const given = "getSnapshot" in source ? source : null;
  const options = given ? null : (source as ConnectOptions);
  const [own, setOwn] = useState<Preferences | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: options are written inline; a new object is no new wish
  useEffect(() => {
    if (!options) return;
    const opened = preferences(options);
    setOwn(opened);
    return () => opened.close();
  }, [!options, options?.url, options?.token, options?.share]);
  const shown = given ?? own;
  const snapshot = useSyncExternalStore(shown?.subscribe ?? idle, shown?.getSnapshot ?? unknown, unknown);
  return { ...snapshot, preferences: shown };
}
