/** The inbox in Vue: a composable. */

import { onScopeDispose, type ShallowRef, shallowRef } from "vue";
import { connect, type Inbox, type Snapshot } from "./index.ts";
import type { ConnectOptions } from "./protocol.ts";

/**
 * The inbox at each moment, and the inbox itself to act on. Given options it connects, for as long as the component is
 * there; given an inbox, which several may share, it only watches.
 */
export function useInbox(source: Inbox | ConnectOptions): {
  readonly snapshot: Readonly<ShallowRef<Snapshot>>;
  readonly inbox: Inbox;
} {
  const given = "getSnapshot" in source;
  const inbox = given ? source : connect(source);
  const snapshot = shallowRef(inbox.getSnapshot());
  const off = inbox.subscribe(() => {
    snapshot.value = inbox.getSnapshot();
  });
  onScopeDispose(() => {
    off();
    if (!given) inbox.close();
  });
  return { snapshot, inbox };
}
