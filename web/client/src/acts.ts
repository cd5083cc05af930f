/** What a person does with notifications beyond reading them. Each rejects with an error whose `code` says why. */

import type { Inbox } from "./inbox.ts";
import type { Count } from "./protocol.ts";

/** Which button was pressed first, on whatever device. */
export type Acted = Count & { readonly acted: string; readonly acted_at: string };

/** Puts them away, as read. */
export const archive = (inbox: Inbox, ...ids: string[]): Promise<Count> => inbox.ask("archive", { ids });

/** Takes back what was put away, as read. */
export const unarchive = (inbox: Inbox, ...ids: string[]): Promise<Count> => inbox.ask("unarchive", { ids });

/** Takes back what was dismissed, as read. */
export const undismiss = (inbox: Inbox, ...ids: string[]): Promise<Count> => inbox.ask("undismiss", { ids });

/** Has them be unread, and in the list, whether they were put away or off. */
export const unread = (inbox: Inbox, ...ids: string[]): Promise<Count> => inbox.ask("unread", { ids });

/** Puts one off: it comes back by itself, as unread. */
export const snooze = (inbox: Inbox, id: string, until: Date): Promise<Count> =>
  inbox.ask("snooze", { id, until: until.toISOString() });

/** Presses a button, unless one was pressed. */
export const act = (inbox: Inbox, id: string, action: string): Promise<Acted> =>
  inbox.ask("act", { id, action });
