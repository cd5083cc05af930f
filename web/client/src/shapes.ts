/**
 * The shapes that the gateway answers and tells, written by `python -m gateway.protocol.typescript`.
 *
 * Not to be edited: what is wrong here is wrong in `gateway/protocol`.
 */

export const CELL_ORIGIN_VALUES = ["type", "category", "default", "channel", "locked", "opt_in"] as const;
export type CellOrigin = (typeof CELL_ORIGIN_VALUES)[number];

/** What a reader may press. */
export interface ActionAnswer {
  readonly id: string;
  readonly label: string;
  readonly style: string;
  /** Where pressing it leads; absent where it leads nowhere. */
  readonly link?: string;
}

export interface NotificationAnswer {
  readonly id: string;
  readonly room: string;
  /** Null for what was not stored, or is not shown. */
  readonly seq: number | null;
  readonly type: string;
  readonly title: string;
  readonly body: string;
  readonly link: string | null;
  readonly data: Readonly<Record<string, unknown>>;
  readonly created_at: string;
  /** Of the catalog; absent for a type that it has not. */
  readonly category?: string;
  /** The language of the words, where the catalog made them. */
  readonly locale?: string;
  /** Of the catalog that made them. */
  readonly catalog_version?: string;
  /** It takes the place of what is shown in its room under this key; absent where it stands by itself. */
  readonly collapse_key?: string;
  /** How many it stands for, itself included; goes with `collapse_key`. */
  readonly collapsed?: number;
  /** Its buttons; absent where it has none. */
  readonly actions?: readonly ActionAnswer[];
  /** Where its picture is; absent where it has none. */
  readonly image?: string;
}

/** Nothing is missing from here on. */
export interface ReadyEvent {
  readonly unread: number;
  readonly heads: Readonly<Record<string, number>>;
  /** How often something became unread again; absent where nothing ever did. */
  readonly turn?: number;
  readonly user: string;
  readonly replayed: number;
  /** Rooms of which too much was missed. */
  readonly resync: readonly string[];
  /** Which line of sequences the heads are of. */
  readonly epoch: string;
  /** Types not to be shown but in the user's own room; absent where there are none. */
  readonly muted?: readonly string[];
  readonly expires_at: string;
}

/** Some of what a history says of a notification. */
export interface ChangedAnswer {
  readonly read?: boolean;
  readonly dismissed?: boolean;
  readonly archived?: boolean;
  readonly snoozed_until?: string | null;
  readonly acted?: string;
}

/** A notification in a user's history. */
export interface ItemAnswer {
  readonly id: string;
  readonly room: string;
  /** Null for what was not stored, or is not shown. */
  readonly seq: number | null;
  readonly type: string;
  readonly title: string;
  readonly body: string;
  readonly link: string | null;
  readonly data: Readonly<Record<string, unknown>>;
  readonly created_at: string;
  /** Of the catalog; absent for a type that it has not. */
  readonly category?: string;
  /** The language of the words, where the catalog made them. */
  readonly locale?: string;
  /** Of the catalog that made them. */
  readonly catalog_version?: string;
  /** It takes the place of what is shown in its room under this key; absent where it stands by itself. */
  readonly collapse_key?: string;
  /** How many it stands for, itself included; goes with `collapse_key`. */
  readonly collapsed?: number;
  /** Its buttons; absent where it has none. */
  readonly actions?: readonly ActionAnswer[];
  /** Where its picture is; absent where it has none. */
  readonly image?: string;
  readonly read: boolean;
  readonly seen: boolean;
  /** Whether its link was followed. */
  readonly clicked: boolean;
  /** The action that was pressed; absent before. */
  readonly acted?: string;
  /** Absent where it is not. */
  readonly archived?: boolean;
  /** When it comes back; absent where it is there. */
  readonly snoozed_until?: string;
  /** When it came back; absent once it was read again. */
  readonly returned_at?: string;
}

/** What was done in another connection of the user, or what came back by itself. */
export interface DidAnswer {
  /** The client's event that it was done by. */
  readonly event: string;
  readonly ids: readonly string[];
  /** What of each of them is different now. */
  readonly item?: ChangedAnswer;
  /** Of `back`: what came back from a snooze. */
  readonly notifications?: readonly ItemAnswer[];
}

/** How much is unread. */
export interface InboxEvent {
  readonly unread: number;
  readonly heads: Readonly<Record<string, number>>;
  /** How often something became unread again; absent where nothing ever did. */
  readonly turn?: number;
  /** Types not to be shown but in the user's own room; where these have changed. */
  readonly muted?: readonly string[];
  /** What was done, where that is more than reading. */
  readonly did?: DidAnswer;
}

export interface AddressAnswer {
  readonly id: string;
  readonly room: string;
  /** Null for what was not stored, or is not shown. */
  readonly seq: number | null;
}

/** Rooms that a connection has gained and lost, and how far those gained had come. */
export interface RoomsEvent {
  readonly joined: readonly string[];
  readonly left: readonly string[];
  readonly heads: Readonly<Record<string, number>>;
}

/** What was chosen; what is missing was not. */
export interface ChosenChannelsAnswer {
  readonly in_app?: boolean;
  readonly email?: boolean;
}

/** The same of a category or a type. */
export interface ChosenWishesAnswer {
  readonly in_app?: boolean;
  readonly email?: boolean | "daily" | "weekly";
}

export interface ChosenHoursAnswer {
  readonly start: string;
  readonly end: string;
  /** All, where it is missing. */
  readonly days?: readonly string[];
}

/** What holds for one channel of one type. */
export interface CellAnswer {
  /** `daily` and `weekly`: of email, in a digest. */
  readonly value: boolean | "daily" | "weekly";
  /** What it comes from. */
  readonly from: CellOrigin;
  /** Critical: it cannot be chosen. */
  readonly locked: boolean;
  /** False: its mail always comes by itself, and `daily` and `weekly` are refused. Absent: they may be chosen. */
  readonly digests?: boolean;
}

export interface CellsAnswer {
  readonly in_app: CellAnswer;
  readonly email: CellAnswer;
}

/** A type of the catalog. */
export interface RowAnswer {
  readonly category: string;
  /** Of the category, in the person's language. */
  readonly name: string;
  readonly type: string;
  /** Of the type, in the same; null where the catalog has none. */
  readonly type_name: string | null;
  readonly channels: CellsAnswer;
}

/** What a person has chosen, and what holds of it. */
export interface PreferencesAnswer {
  readonly channels: ChosenChannelsAnswer;
  readonly categories: Readonly<Record<string, ChosenWishesAnswer>>;
  readonly types: Readonly<Record<string, ChosenWishesAnswer>>;
  readonly timezone: string | null;
  readonly locale: string | null;
  readonly quiet_hours: ChosenHoursAnswer | null;
  readonly tracking: boolean | null;
  /** 0: nothing was ever chosen. */
  readonly version: number;
  /** The languages that the catalog speaks, its own first. */
  readonly locales: readonly string[];
  readonly grid: readonly RowAnswer[];
}

/** The token ends soon. */
export interface ExpiringEvent {
  readonly expires_at: string;
}

/** Why the transport closes now. */
export interface ClosingEvent {
  readonly reason: string;
  readonly reconnect: boolean;
  /** Seconds; null where it is not to come back. */
  readonly retry_after: number | null;
}

export interface HistoryAnswer {
  readonly notifications: readonly ItemAnswer[];
  readonly next: string | null;
  /** With the first page: what came back from a snooze and is unread, the last first, 50 at most; absent where nothing did. */
  readonly returned?: readonly ItemAnswer[];
}

export interface CountAnswer {
  readonly unread: number;
  readonly heads: Readonly<Record<string, number>>;
  /** How often something became unread again; absent where nothing ever did. */
  readonly turn?: number;
}

/** A category as its reader sees it. */
export interface OwnCategoryAnswer {
  readonly key: string;
  /** In the language that the reader has chosen, else of the token. */
  readonly name: string;
  /** The name of one of the inbox's pictures, or a character or two to show. */
  readonly icon: string | null;
}

export interface OwnCategoriesAnswer {
  readonly categories: readonly OwnCategoryAnswer[];
}
