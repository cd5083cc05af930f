/** Every text the element shows or speaks. Replace any of them through the property `strings`. */
export interface Strings {
  title: string;
  /** `shown` is what the badge says: a speaking user names what is seen. */
  bell: (unread: number, shown: string) => string;
  all: string;
  unread: string;
  unreadMark: string;
  filter: string;
  readAll: string;
  /** Asked before more than one are marked. */
  readAllSure: (count: number) => string;
  /** Shows the whole of a long text, and hides it again. */
  more: string;
  less: string;
  categories: string;
  allCategories: string;
  /** Leads to what the person wants to be told. */
  preferences: string;
  close: string;
  read: (title: string) => string;
  markUnread: (title: string) => string;
  dismiss: (title: string) => string;
  archive: (title: string) => string;
  unarchive: (title: string) => string;
  snooze: (title: string) => string;
  unsnooze: (title: string) => string;
  /** Opens what can be done with one, where there is no pointer that hovers. */
  acts: (title: string) => string;
  /** What "later" asks, and its choices: in an hour, this evening, tomorrow morning, next Monday. */
  later: readonly [string, string, string, string, string];
  undo: string;
  dismissed: string;
  putAway: string;
  takenBack: string;
  putOff: string;
  /** Of what could not be done. */
  failed: string;
  archived: string;
  snoozed: string;
  search: string;
  nothingFound: string;
  /** Above what was there when the panel was open last. */
  looked: string;
  emptyArchive: string;
  emptySnoozed: string;
  /** Asks whether the browser may tell of news itself. */
  desktop: string;
  /** Beside one that stands for several, the older of which are not shown any more. */
  updates: (count: number) => string;
  arrived: (count: number) => string;
  /** Below the newest of a burst. */
  others: (count: number) => string;
  newer: (count: number) => string;
  emptyTitle: string;
  emptyText: string;
  nothingUnreadTitle: string;
  nothingUnreadText: string;
  loading: string;
  connecting: string;
  /** By the reason of a stop; `other` for those without a text of their own. */
  stopped: Record<string, string> & { other: string };
  reconnect: string;
  dismissToast: string;
  toasts: string;
}

/** The number as it is shown. */
export const short = (count: number): string => (count > 99 ? "99+" : String(count));

const many = (count: number): string => (count === 1 ? "1 new notification" : `${count} new notifications`);

export const ENGLISH: Strings = {
  title: "Notifications",
  bell: (unread, shown) => (unread ? `Notifications, ${shown} unread` : "Notifications"),
  all: "All",
  unread: "Unread",
  unreadMark: "Unread.",
  filter: "Show",
  readAll: "Mark all as read",
  readAllSure: (count) => `Mark ${count} as read?`,
  more: "More",
  less: "Less",
  categories: "Category",
  allCategories: "All",
  preferences: "Settings",
  close: "Close notifications",
  read: (title) => `Mark as read: ${title}`,
  markUnread: (title) => `Mark as unread: ${title}`,
  dismiss: (title) => `Dismiss: ${title}`,
  archive: (title) => `Archive: ${title}`,
  unarchive: (title) => `Back to the inbox: ${title}`,
  snooze: (title) => `Later: ${title}`,
  unsnooze: (title) => `Back now: ${title}`,
  acts: (title) => `More: ${title}`,
  later: ["Remind me…", "In an hour", "This evening", "Tomorrow morning", "On Monday"],
  undo: "Undo",
  dismissed: "Dismissed",
  putAway: "Archived",
  takenBack: "Back in the inbox",
  putOff: "Put off for later",
  failed: "That did not work. Try again in a moment.",
  archived: "Archive",
  snoozed: "Later",
  search: "Search",
  nothingFound: "Nothing found",
  looked: "New since you looked",
  emptyArchive: "Nothing archived",
  emptySnoozed: "Nothing put off",
  desktop: "Show them while this page is in the background, too",
  updates: (count) => `${count} updates`,
  arrived: many,
  others: (count) => `and ${count} more`,
  newer: many,
  emptyTitle: "Nothing here yet",
  emptyText: "When something happens, you will read it here first.",
  nothingUnreadTitle: "All caught up",
  nothingUnreadText: "You have read everything there is.",
  loading: "Loading notifications",
  connecting: "Reconnecting…",
  stopped: {
    token_expired: "Your session has ended. Sign in again to go on.",
    expired_token: "Your session has ended. Sign in again to go on.",
    replaced: "Notifications moved to a newer window.",
    other: "Notifications are disconnected.",
  },
  reconnect: "Reconnect",
  dismissToast: "Dismiss",
  toasts: "New notifications",
};
