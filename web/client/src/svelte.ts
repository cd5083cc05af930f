/** The inbox in Svelte: a readable store, `$inbox` in a component. */

import type { Inbox, Snapshot } from "./index.ts";

/** The contract of a store: `run` is called at once, and whenever something differs. */
export interface InboxStore {
  subscribe(run: (snapshot: Snapshot) => void): () => void;
}

/** Watches an inbox that was opened with `connect`; whoever opened it closes it. */
export const inboxStore = (inbox: Inbox): InboxStore => ({
  subscribe(run) {
    const tell = (): void => run(inbox.getSnapshot());
    tell();
    return inbox.subscribe(tell);
  },
});
