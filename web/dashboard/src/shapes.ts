/**
 * The shapes that the gateway answers and tells, written by `python -m gateway.protocol.typescript`.
 *
 * Not to be edited: what is wrong here is wrong in `gateway/protocol`.
 */

export const ROLE_VALUES = ["admin", "support", "viewer"] as const;
export type Role = (typeof ROLE_VALUES)[number];

export const CELL_ORIGIN_VALUES = ["type", "category", "default", "channel", "locked", "opt_in"] as const;
export type CellOrigin = (typeof CELL_ORIGIN_VALUES)[number];

export const MAIL_STATE_VALUES = [
  "pending",
  "leased",
  "gathered",
  "merged",
  "sent",
  "delivered",
  "bounced",
  "complained",
  "skipped",
  "dead",
] as const;
export type MailState = (typeof MAIL_STATE_VALUES)[number];

export const LANE_NAME_VALUES = ["transactional", "bulk"] as const;
export type LaneName = (typeof LANE_NAME_VALUES)[number];

export const UNLESS_VALUES = ["read", "seen", "online"] as const;
export type Unless = (typeof UNLESS_VALUES)[number];

export const HIT_KIND_VALUES = ["unknown", "human", "bot"] as const;
export type HitKind = (typeof HIT_KIND_VALUES)[number];

export const VIA_VALUES = ["call", "inbox", "reader", "mail", "deed"] as const;
export type Via = (typeof VIA_VALUES)[number];

export const GATE_RESULT_VALUES = ["passed", "held", "merged", "skipped", "not_asked", "unknown"] as const;
export type GateResult = (typeof GATE_RESULT_VALUES)[number];

export const KIND_VALUES = ["notification", "digest", "campaign"] as const;
export type Kind = (typeof KIND_VALUES)[number];

export const MISSED_VALUES = ["late", "restored", "refused"] as const;
export type Missed = (typeof MISSED_VALUES)[number];

export const REASON_VALUES = ["hard_bounce", "soft_bounce", "complaint", "unsubscribe", "manual"] as const;
export type Reason = (typeof REASON_VALUES)[number];

export const CAMPAIGN_STATE_VALUES = [
  "draft",
  "scheduled",
  "running",
  "paused",
  "finished",
  "cancelled",
] as const;
export type CampaignState = (typeof CAMPAIGN_STATE_VALUES)[number];

export const RULE_VALUES = ["sequential", "fixed"] as const;
export type Rule = (typeof RULE_VALUES)[number];

export const VERDICT_VALUES = ["open", "winner", "no_winner", "broken"] as const;
export type Verdict = (typeof VERDICT_VALUES)[number];

export const RECIPIENT_STATE_VALUES = ["pending", "owed", "sent", "skipped", "dead", "cancelled"] as const;
export type RecipientState = (typeof RECIPIENT_STATE_VALUES)[number];

export const STATS_CHANNEL_VALUES = ["in_app", "shared", "email"] as const;
export type StatsChannel = (typeof STATS_CHANNEL_VALUES)[number];

export const STEP_VALUES = ["minute", "hour", "day"] as const;
export type Step = (typeof STEP_VALUES)[number];

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

/** The same with the counts of the cluster; null while presence cannot tell. */
export interface AdminReadyEvent {
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
  readonly users: number | null;
  readonly connections: number | null;
  readonly role: Role;
  /** The events that this role may ask. */
  readonly may: readonly string[];
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

/** A user has come, with the first connection anywhere. */
export interface JoinedEvent {
  readonly user: string;
  readonly name: string | null;
  readonly roles: readonly string[];
  readonly at: string;
}

/** A user has gone, with the last connection, the grace being over. */
export interface LeftEvent {
  readonly user: string;
  readonly at: string;
}

/** A notification as the feed shows it: without its data, and cut. */
export interface FeedItem {
  readonly id: string;
  readonly room: string;
  readonly seq: number | null;
  readonly type: string;
  readonly title: string;
  readonly body: string;
  readonly created_at: string;
  readonly in_app: boolean;
  readonly mail: boolean;
  /** Who emitted it; null of what came before one looked. */
  readonly by: string | null;
}

/** Some of what a node has taken in, and how much more there was. */
export interface FeedEvent {
  readonly node: string;
  readonly notifications: readonly FeedItem[];
  readonly left_out: number;
}

/** The same, and what holds its mail. */
export interface PlacedAnswer {
  readonly id: string;
  readonly room: string;
  /** Null for what was not stored, or is not shown. */
  readonly seq: number | null;
  /** When its mail is decided again that the user's quiet hours hold. */
  readonly held_until?: string;
}

export interface SomeUsersAnswer {
  /** The first 100 at most. */
  readonly users: readonly string[];
  /** Of all. */
  readonly count: number;
}

/** What is emitted later to one room. */
export interface PutOffAnswer {
  /** Of what waits; the notification gets its own when it is emitted. */
  readonly id: string;
  readonly room: string;
  readonly scheduled_for: string;
  /** Until when its reader's quiet hours would then hold its mail. */
  readonly held_until?: string;
  /** True: the time was over already. It is emitted at once, unless `max_lateness` is over too. */
  readonly late?: boolean;
}

export interface EmittedAnswer {
  readonly notifications: readonly PlacedAnswer[];
  /** It was emitted before, under the same key. */
  readonly duplicate: boolean;
  /** Who is not mailed, as `email.if_known` allows. */
  readonly without_address?: SomeUsersAnswer;
  /** With `send_at`. */
  readonly scheduled?: readonly PutOffAnswer[];
}

export interface RoomPreviewAnswer {
  readonly room: string;
  /** Null where only the nodes together know. */
  readonly connections: number | null;
  readonly mail_to: string | null;
  readonly mail_due_at: string | null;
  readonly problem: string | null;
  /** The rule that would stop the mail now; null when none would. */
  readonly decided_by: string | null;
  /** The same in words. */
  readonly verdict: string | null;
  /** It would take the place of what is shown in the room under this key. */
  readonly collapse_key: string | null;
}

/** A mail as its reader will see it. */
export interface RenderedMailAnswer {
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export interface PreviewAnswer {
  readonly rooms: readonly RoomPreviewAnswer[];
  /** Rooms that are not shown. */
  readonly more: number;
  readonly mail: RenderedMailAnswer | null;
}

/** Why something was not sent. */
export interface SkippedAnswer {
  readonly rule: string;
  readonly detail: string;
}

export interface MailAnswer {
  readonly state: MailState;
  readonly lane: LaneName;
  readonly to: string;
  readonly subject: string | null;
  readonly unless: Unless | null;
  readonly attempts: number;
  readonly due_at: string;
  readonly reason: string | null;
  readonly code: number | null;
  /** The rule that skipped it, or holds it. */
  readonly decided_by: string | null;
  /** In words, why it was not sent, is held, or is in a digest; null where none of it is so. */
  readonly verdict: string | null;
  /** What the mail server said as it took it. */
  readonly relay_id: string | null;
  /** The digest that it waits in, that told it, or that it was left out of. */
  readonly digest: string | null;
  readonly updated_at: string;
  readonly sent_at: string | null;
}

export interface ReceiptAnswer {
  readonly seen_at: string | null;
  readonly read_at: string | null;
  readonly dismissed_at: string | null;
  readonly clicked_at: string | null;
  readonly archived_at: string | null;
  readonly snoozed_until: string | null;
  /** The action that was pressed. */
  readonly acted: string | null;
  readonly acted_at: string | null;
}

/** A tracked link of a mail that was followed. */
export interface HitAnswer {
  readonly at: string;
  /** Whose mail it is. */
  readonly user: string;
  /** The id of the mail. */
  readonly mail: string;
  readonly kind: HitKind;
  /** The rules that it was judged by. */
  readonly why: readonly string[];
  readonly judged_at: string | null;
  /** When the user's own client has said that it was the user. */
  readonly confirmed_at: string | null;
}

export interface RecordWithReceiptsAnswer {
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
  readonly in_app: boolean;
  /** Why it is not shown in-app, where a rule decided that. */
  readonly skipped: SkippedAnswer | null;
  readonly expires_at: string | null;
  readonly recalled_at: string | null;
  /** The id of the newer one that stands for it. */
  readonly superseded_by: string | null;
  readonly mail: MailAnswer | null;
  /** By user. */
  readonly receipts: Readonly<Record<string, ReceiptAnswer>>;
  /** On tracked links of its mail, the newest 100. */
  readonly clicks: readonly HitAnswer[];
}

/** A notification with what became of it. */
export interface RecordAnswer {
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
  readonly in_app: boolean;
  /** Why it is not shown in-app, where a rule decided that. */
  readonly skipped: SkippedAnswer | null;
  readonly expires_at: string | null;
  readonly recalled_at: string | null;
  /** The id of the newer one that stands for it. */
  readonly superseded_by: string | null;
  readonly mail: MailAnswer | null;
}

/** By which call it came, as far as that is kept. */
export interface CallAnswer {
  readonly by: string | null;
  readonly request_id: string | null;
  readonly idempotency_key: string | null;
  /** The id under which it waited for its time. */
  readonly scheduled: string | null;
}

/** Something that happened on its way, or is to happen. */
export interface PointAnswer {
  readonly at: string;
  readonly via: Via;
  /** One word: `called`, `stored`, `hidden`, `written`, `recalled`, `expires`, `expired`; what a reader did; `postponed`, `held`, `sent`, `delivered`, `opened` (which proves nothing) and so on of a mail; of a deed, the operation's name. */
  readonly what: string;
  /** In the words of the rule, or of the mail server. */
  readonly detail: string | null;
  /** A service, a node, a person, or who did it. */
  readonly by: string | null;
  /** The id of the mail that it is of. */
  readonly mail: string | null;
  /** Which attempt it was; of `written`, how many sessions. */
  readonly count: number | null;
  readonly rule: string | null;
  /** Of SMTP. */
  readonly code: number | null;
}

/** What a rule has said of a mail last. */
export interface SayingAnswer {
  readonly rule: string;
  readonly said: GateResult;
}

/** A mail of it, or that tells it. */
export interface TracedMailAnswer {
  readonly state: MailState;
  readonly lane: LaneName;
  readonly to: string;
  readonly subject: string | null;
  readonly unless: Unless | null;
  readonly attempts: number;
  readonly due_at: string;
  readonly reason: string | null;
  readonly code: number | null;
  /** The rule that skipped it, or holds it. */
  readonly decided_by: string | null;
  /** In words, why it was not sent, is held, or is in a digest; null where none of it is so. */
  readonly verdict: string | null;
  /** What the mail server said as it took it. */
  readonly relay_id: string | null;
  /** The digest that it waits in, that told it, or that it was left out of. */
  readonly digest: string | null;
  readonly updated_at: string;
  readonly sent_at: string | null;
  readonly id: string;
  /** What it is of. */
  readonly kind: Kind;
  /** The id of that. */
  readonly of: string;
  /** In their order. */
  readonly gates: readonly SayingAnswer[];
}

export interface TracedCampaignAnswer {
  readonly id: string;
  readonly name: string;
}

/** What a node knows of it now. */
export interface NodeViewAnswer {
  readonly node: string;
  /** Sessions in the room now. */
  readonly here: number;
  /** Whether the node has written the room's stream up to it, or beyond. */
  readonly has_come: boolean;
  /** Null: it does not remember. */
  readonly written_at: string | null;
  /** Sessions that it was written to then. */
  readonly reached: number;
  /** Those, where they were few. */
  readonly sessions: readonly string[];
}

/** All that is known of the way of one notification, or of a mail that stands by itself. */
export interface TraceAnswer {
  readonly notification: RecordAnswer;
  readonly call: CallAnswer;
  /** The earliest first; what is to come, last. */
  readonly line: readonly PointAnswer[];
  readonly receipts: Readonly<Record<string, ReceiptAnswer>>;
  readonly mails: readonly TracedMailAnswer[];
  readonly campaign: TracedCampaignAnswer | null;
  readonly nodes: readonly NodeViewAnswer[];
  /** Nodes that did not answer in time. */
  readonly silent: readonly string[];
}

/** A notification, and by which call it came. */
export interface FoundNotificationAnswer {
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
  readonly in_app: boolean;
  /** Why it is not shown in-app, where a rule decided that. */
  readonly skipped: SkippedAnswer | null;
  readonly expires_at: string | null;
  readonly recalled_at: string | null;
  /** The id of the newer one that stands for it. */
  readonly superseded_by: string | null;
  readonly mail: MailAnswer | null;
  /** Who has asked for it; `admin` for any admin. Null: not kept. */
  readonly by: string | null;
  readonly request_id: string | null;
}

export interface FoundNotificationsAnswer {
  readonly notifications: readonly FoundNotificationAnswer[];
  /** A page may be shorter than asked, even empty, and have a next one. */
  readonly next: string | null;
}

/** The same with what became of its mail. */
export interface AdminItemAnswer {
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
  readonly mail: MailAnswer | null;
}

export interface AdminHistoryAnswer {
  readonly notifications: readonly AdminItemAnswer[];
  readonly next: string | null;
  /** As in a user's own history. */
  readonly returned?: readonly ItemAnswer[];
}

/** What is emitted later to one room. */
export interface ScheduledAnswer {
  readonly id: string;
  readonly room: string;
  readonly type: string;
  /** Null: by the words of the type. */
  readonly title: string | null;
  readonly scheduled_for: string;
  readonly latest_at: string | null;
  readonly cancel_key: string | null;
  /** Why it was not emitted: nobody came to it in its time, or the store was put back since. */
  readonly missed: Missed | null;
  /** In whose name it was asked. */
  readonly by: string;
  readonly created_at: string;
}

export interface SchedulePageAnswer {
  readonly scheduled: readonly ScheduledAnswer[];
  readonly next: string | null;
}

export interface ChangedScheduleAnswer {
  readonly ids: readonly string[];
}

export interface MailPageAnswer {
  readonly mail: readonly RecordAnswer[];
  readonly next: string | null;
}

export interface MailCountsAnswer {
  /** Of every state. */
  readonly counts: Readonly<Record<MailState, number>>;
}

export interface RevivedAnswer {
  readonly revived: readonly string[];
}

export interface AllRevivedAnswer {
  readonly revived: number;
  /** Dead mail is left. */
  readonly more: boolean;
}

export interface MailIdsAnswer {
  readonly ids: readonly string[];
}

/** How it is known. */
export interface EvidenceAnswer {
  /** The id of the mail that came back. */
  readonly mail: string | null;
  readonly code: string | null;
  readonly diagnostic: string | null;
}

/** An address that must not be written to. */
export interface SuppressionAnswer {
  /** In the form that addresses are compared by. */
  readonly address: string;
  readonly scope: string;
  readonly reason: Reason;
  /** Who or what put it there. */
  readonly source: string;
  readonly evidence: EvidenceAnswer;
  readonly created_at: string;
  readonly expires_at: string | null;
}

export interface SuppressionsAnswer {
  readonly suppressions: readonly SuppressionAnswer[];
  readonly next: string | null;
}

export interface SuppressedAnswer {
  /** That are new, or last longer than what was there; the others were there. */
  readonly suppressed: number;
}

export interface LiftedAnswer {
  /** How many there were, in as many scopes. */
  readonly lifted: number;
}

/** Why no mail of a lane leaves. */
export interface PauseAnswer {
  readonly at: string;
  /** `brake`, `cli`, `user:…` or `service:…`. */
  readonly by: string;
  readonly reason: string;
}

/** A lane, and what became of the mail that it has sent within the window. */
export interface LaneAnswer {
  readonly lane: LaneName;
  readonly sent: number;
  /** By the mail server, for their address. */
  readonly refused: number;
  /** Of those sent, as far as it was told. */
  readonly delivered: number;
  /** Of those sent. */
  readonly bounced: number;
  /** Of those sent. */
  readonly complained: number;
  /** Attempts at which the relay was away, or took nothing of us. */
  readonly failed: number;
  /** A part of 1, of those refused or bounced; null of too few mails. */
  readonly bounce_rate: number | null;
  /** A part of 1. */
  readonly complaint_rate: number | null;
  readonly paused: PauseAnswer | null;
  /** When it was resumed last: only mail that was sent after is counted. */
  readonly since: string | null;
}

/** From where on bulk mail is paused; 0 is no bound. */
export interface BrakeAnswer {
  readonly bounces: number;
  readonly complaints: number;
  /** Of fewer no rate is told. */
  readonly mails: number;
  /** Of the relay in a row. */
  readonly failures: number;
  readonly window_seconds: number;
}

export interface LanesAnswer {
  readonly lanes: readonly LaneAnswer[];
  readonly brake: BrakeAnswer;
}

/** A report that changed nothing. */
export interface StrayAnswer {
  readonly id: string;
  readonly received_at: string;
  /** What it seems to be. */
  readonly kind: string;
  readonly subject: string;
  readonly mail: string | null;
  /** As it came, cut off where it is long. */
  readonly text: string;
}

export interface StraysAnswer {
  readonly reports: readonly StrayAnswer[];
  readonly next: string | null;
}

export interface OnlineAnswer {
  readonly user: string;
  readonly name: string | null;
  readonly roles: readonly string[];
  readonly connections: number;
  readonly since: string;
}

export interface RosterAnswer {
  readonly online: readonly OnlineAnswer[];
  /** In the whole cluster. */
  readonly users: number;
  /** In the whole cluster. */
  readonly connections: number;
  readonly next: string | null;
}

export interface FoundUserAnswer {
  readonly user: string;
  readonly email: string | null;
  readonly name: string | null;
  readonly last_seen: string | null;
}

export interface FoundUsersAnswer {
  /** By id. */
  readonly users: readonly FoundUserAnswer[];
  /** There may be others: ask for more of a name. */
  readonly more: boolean;
}

/** The same with the topics of the user's token. */
export interface VisitorAnswer {
  readonly user: string;
  readonly name: string | null;
  readonly roles: readonly string[];
  readonly connections: number;
  readonly since: string;
  readonly topics: readonly string[];
}

export interface UserAnswer {
  readonly user: string;
  readonly online: VisitorAnswer | null;
  readonly email: string | null;
  readonly name: string | null;
  readonly locale: string | null;
  readonly last_seen: string | null;
  readonly unread: number;
}

export interface DisconnectedAnswer {
  /** Connections that were known. */
  readonly disconnected: number;
}

/** A notification whose mail waits in a digest. */
export interface DigestItemAnswer {
  readonly id: string;
  readonly type: string;
  readonly title: string;
  readonly created_at: string;
}

/** One that would not be told, and why. */
export interface LeftOutAnswer {
  readonly id: string;
  readonly type: string;
  readonly title: string;
  readonly created_at: string;
  readonly rule: string;
  readonly detail: string;
}

/** The same, with what would go out if it closed now; nothing where `total` is 0. */
export interface OpenDigestAnswer {
  /** Also of its mail, once it closes. */
  readonly id: string;
  /** `daily`, `weekly`, `quiet` of what quiet hours have held, `type:` with the type whose mail it gathers, or `key:` with its sender's key. */
  readonly key: string;
  /** By which it was opened. */
  readonly rule: string;
  readonly opened_at: string;
  readonly closes_at: string;
  /** Items that it was given. */
  readonly gathered: number;
  readonly total: number;
  /** Newest first, 20 at most. */
  readonly notifications: readonly DigestItemAnswer[];
  /** Newest first, 20 at most. */
  readonly left_out: readonly LeftOutAnswer[];
  readonly left_out_total: number;
  /** Whether all its items were looked at, and not only the newest. */
  readonly complete: boolean;
}

export interface UserDigestsAnswer {
  /** The first to close first. */
  readonly digests: readonly OpenDigestAnswer[];
}

export interface ErasedAnswer {
  /** Notifications wiped. */
  readonly erased: number;
}

/** What is known of a user: the newer word of backends and of the user's tokens. */
export interface ProfileAnswer {
  readonly user: string;
  readonly email: string | null;
  readonly name: string | null;
  readonly locale: string | null;
  readonly timezone: string | null;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly last_seen: string | null;
}

/** A topic that a backend has put a user into. */
export interface UserTopicAnswer {
  readonly topic: string;
  readonly since: string;
}

export interface UserTopicsAnswer {
  readonly topics: readonly UserTopicAnswer[];
}

export interface TopicsAnswer {
  /** By name. */
  readonly topics: readonly string[];
  readonly next: string | null;
  /** How many each has, with `counted`; 10000 stand for so many, or more. */
  readonly members?: Readonly<Record<string, number>>;
}

export interface MemberAnswer {
  readonly user: string;
  readonly since: string;
}

export interface MembersAnswer {
  readonly members: readonly MemberAnswer[];
  readonly next: string | null;
}

export interface MembersChangedAnswer {
  /** That were no members before. */
  readonly added: number;
  readonly removed: number;
}

/** Who has chosen what, and when. */
export interface PreferenceChangeAnswer {
  readonly version: number;
  readonly at: string;
  /** `user:…`, `service:…` or `link`. */
  readonly by: string;
  /** The notification whose mail it came from, if from one. */
  readonly mail: string | null;
  readonly asked: Readonly<Record<string, unknown>>;
}

/** The same, with the proof of who has chosen. */
export interface UserPreferencesAnswer {
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
  /** Newest first, the last 50. */
  readonly changes: readonly PreferenceChangeAnswer[];
}

export interface CampaignAnswer {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly state: CampaignState;
  /** Why it is paused, if nobody asked for it. */
  readonly reason: string | null;
  readonly by: string;
  readonly created_at: string;
  readonly send_at: string | null;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  /** Whether all recipients are written down. */
  readonly gathered: boolean;
  /** What was told in the app. */
  readonly notification: string | null;
}

export interface CampaignsAnswer {
  readonly campaigns: readonly CampaignAnswer[];
  readonly next: string | null;
}

export interface OwnTextsAnswer {
  readonly title: string | null;
  readonly body: string | null;
  readonly link: string | null;
  readonly subject: string | null;
}

export interface VariantAnswer {
  readonly name: string;
  readonly weight: number;
  readonly texts: Readonly<Record<string, OwnTextsAnswer>>;
  readonly local_time: string | null;
}

export interface ExperimentAnswer {
  readonly metric: string;
  readonly baseline: number;
  readonly effect: number;
  readonly salt: string;
  readonly holdout: number;
  readonly share: number;
  readonly hours: number;
}

export interface ComparisonAnswer {
  readonly variant: string;
  /** Of its rate from the control's. */
  readonly difference: number;
  readonly low: number;
  readonly high: number;
}

export interface VariantResultAnswer {
  readonly name: string;
  /** To whom it has fallen by lot. */
  readonly assigned: number;
  readonly rate: number;
  /** With `high` the interval of 95 %. */
  readonly low: number;
  readonly high: number;
  readonly sent: number;
  /** Of those sent, by what the experiment counts. */
  readonly converted: number;
}

/** What an experiment has found so far. */
export interface TrialResultsAnswer {
  readonly rule: Rule;
  /** How many it takes by the plan. */
  readonly people: number;
  /** Of both together, after which there is no winner. None: it is looked at once. */
  readonly conversions: number | null;
  readonly over_at: string | null;
  readonly verdict: Verdict;
  readonly winner: string | null;
  /** Whether each has the conversions that sending it unasked takes. */
  readonly enough: boolean;
  readonly comparisons: readonly ComparisonAnswer[];
  /** What those get who have waited. */
  readonly chosen: string | null;
  readonly chosen_at: string | null;
  readonly variants: readonly VariantResultAnswer[];
}

/** `imported` = `pending` + `owed` + `sent` + `skipped` + `dead` + `cancelled`, and `exact` says whether it is so. */
export interface AccountingAnswer {
  readonly imported: number;
  /** Not decided for yet, or to be later. */
  readonly pending: number;
  /** The mail waits, or is being sent. */
  readonly owed: number;
  readonly sent: number;
  readonly skipped: number;
  readonly dead: number;
  readonly cancelled: number;
  /** Checked against the mails that have left. */
  readonly exact: boolean;
  readonly skipped_by: Readonly<Record<string, number>>;
  /** Of those sent, as far as anything was heard. */
  readonly delivered: number;
  readonly bounced: number;
  readonly complained: number;
  /** Of those sent, of whom a person has followed a link. */
  readonly clicked: number;
}

/** A campaign in full. */
export interface CampaignDetailAnswer {
  readonly texts: Readonly<Record<string, OwnTextsAnswer>>;
  readonly variants: readonly VariantAnswer[];
  readonly experiment: ExperimentAnswer | null;
  readonly rate: number | null;
  /** None without variants. */
  readonly results: TrialResultsAnswer | null;
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly state: CampaignState;
  /** Why it is paused, if nobody asked for it. */
  readonly reason: string | null;
  readonly by: string;
  readonly created_at: string;
  readonly send_at: string | null;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  /** Whether all recipients are written down. */
  readonly gathered: boolean;
  /** What was told in the app. */
  readonly notification: string | null;
  readonly data: Readonly<Record<string, unknown>>;
  readonly audience: "import" | Readonly<Record<string, unknown>>;
  readonly in_app: string | null;
  readonly local_time: string | null;
  readonly accounting: AccountingAnswer;
}

/** A recipient of a campaign, and what became of it. */
export interface RecipientAnswer {
  readonly id: string;
  /** None: erased. */
  readonly user: string | null;
  readonly address: string | null;
  readonly state: RecipientState;
  /** The rule that skips it, or holds it. */
  readonly decided_by: string | null;
  readonly reason: string | null;
  /** The mail's id. */
  readonly mail: string | null;
  readonly mail_state: MailState | null;
  /** That has fallen to it by lot. */
  readonly variant: string | null;
  /** When a person has first followed a link of its mail. */
  readonly clicked_at: string | null;
  /** When a backend has first told so, of an experiment that counts that. */
  readonly converted_at: string | null;
  readonly updated_at: string;
}

export interface RecipientsAnswer {
  readonly recipients: readonly RecipientAnswer[];
  readonly next: string | null;
}

export interface DryRunAnswer {
  readonly looked_at: number;
  readonly send: number;
  readonly later: Readonly<Record<string, number>>;
  readonly skipped: Readonly<Record<string, number>>;
  /** Whose data do not fit. */
  readonly dead: number;
  /** `after` of the next part. */
  readonly next: string | null;
}

export interface TestedAnswer {
  readonly mails: readonly string[];
}

export interface CampaignCancelledAnswer {
  readonly campaign: CampaignAnswer;
  /** Recipients who get nothing any more. */
  readonly cancelled: number;
  /** Mails that were being sent at that moment. */
  readonly under_way: number;
}

export interface RetriedAnswer {
  readonly retried: number;
}

/** A row of a user's preferences. */
export interface CategoryAnswer {
  readonly key: string;
  /** By locale. */
  readonly names: Readonly<Record<string, string>>;
  readonly order: number;
}

/** One channel of a type, as it is in force. */
export interface ChannelAnswer {
  /** As far as the type is on. */
  readonly enabled: boolean;
  /** Of the users; 100 is everybody. */
  readonly percent: number;
  /** An admin has set it: it is not what the file says. */
  readonly overridden: boolean;
  /** Whether the type uses the channel of its own accord. */
  readonly by_default: boolean;
}

export interface ChannelsAnswer {
  readonly in_app: ChannelAnswer;
  readonly email: ChannelAnswer;
}

/** One change of a switch. */
export interface ChangeAnswer {
  readonly at: string;
  /** `service:…` or `user:…`. */
  readonly by: string;
  /** What was asked. */
  readonly change: Readonly<Record<string, unknown>>;
}

/** What a channel of a type did in this hour and the 23 before. */
export interface ChannelDayAnswer {
  /** Notifications shown, or mails that a relay took. */
  readonly sent: number;
  /** Not sent, by a rule. */
  readonly skipped: number;
  /** Given up on. */
  readonly dead: number;
}

export interface DayAnswer {
  readonly in_app: ChannelDayAnswer;
  readonly email: ChannelDayAnswer;
}

/** A type, and what holds for every notification of it. */
export interface TypeAnswer {
  /** It needs an answer: shown to admins until one has dealt with it. */
  readonly urgent: boolean;
  /** Whether the catalog has it. */
  readonly known: boolean;
  readonly category: string | null;
  readonly critical: boolean;
  readonly lane: LaneName;
  readonly locales: readonly string[];
  /** False is the kill switch. */
  readonly enabled: boolean;
  readonly channels: ChannelsAnswer;
  readonly changed: ChangeAnswer | null;
  readonly day: DayAnswer;
}

/** All types that the catalog has, and those that admins have switched without. */
export interface TypesAnswer {
  /** Of the catalog; null where there is none. */
  readonly version: string | null;
  readonly default_locale: string | null;
  /** The version that each node runs, by its name. */
  readonly nodes: Readonly<Record<string, string | null>>;
  readonly categories: readonly CategoryAnswer[];
  readonly types: Readonly<Record<string, TypeAnswer>>;
}

/** The notification as an inbox shows it. */
export interface TypeItemAnswer {
  readonly type: string;
  readonly category: string | null;
  readonly title: string;
  readonly body: string;
  readonly link: string | null;
  /** It would take the place of what is shown in its room under this key; absent where it stands by itself. */
  readonly collapse_key?: string;
  /** Absent where it has none. */
  readonly actions?: readonly ActionAnswer[];
  /** Absent where it has none. */
  readonly image?: string;
}

export interface TypeMailAnswer {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** Of the HTML. */
  readonly bytes: number;
  readonly warnings: readonly string[];
  /** The files it was made by. */
  readonly templates: readonly string[];
}

/** What one gate says. */
export interface GateAnswer {
  readonly rule: string;
  readonly passed: boolean;
  /** What it was decided by. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** What would become of one channel now, and why. */
export interface ExplainedAnswer {
  readonly channel: string;
  readonly verdict: string;
  readonly rule: string | null;
  readonly detail: string | null;
  readonly gates: readonly GateAnswer[];
}

export interface TypePreviewAnswer {
  /** The language that it is in. */
  readonly locale: string;
  /** Of its experiment, or of the campaign; null for its own words. */
  readonly variant: string | null;
  readonly data: Readonly<Record<string, unknown>>;
  readonly item: TypeItemAnswer | null;
  readonly mail: TypeMailAnswer | null;
  /** Why there is no mail to show. */
  readonly problem: string | null;
  /** For the user, by channel. */
  readonly explain: readonly ExplainedAnswer[];
}

/** How a variant of a type does. */
export interface TypeArmAnswer {
  readonly name: string;
  /** To whom it has fallen by lot. */
  readonly assigned: number;
  readonly rate: number;
  /** With `high` the interval of 95 %. */
  readonly low: number;
  readonly high: number;
  readonly weight: number;
  /** People who were shown it, or sent it. */
  readonly reached: number;
  /** Of those reached. */
  readonly converted: number;
}

/** The experiment of a type, and what it has found so far. It counts people, each once. */
export interface TypeExperimentAnswer {
  readonly rule: Rule;
  /** How many it takes by the plan. */
  readonly people: number;
  /** Of both together, after which there is no winner. None: it is looked at once. */
  readonly conversions: number | null;
  readonly over_at: string | null;
  readonly verdict: Verdict;
  readonly winner: string | null;
  /** Whether each has the conversions that sending it unasked takes. */
  readonly enough: boolean;
  readonly comparisons: readonly ComparisonAnswer[];
  /** Another one with whatever is changed of it. */
  readonly id: string;
  readonly metric: string;
  readonly baseline: number;
  readonly effect: number;
  readonly salt: string;
  /** Percent, who get nothing until it is settled. */
  readonly holdout: number;
  /** Percent of the others, who are on trial. */
  readonly share: number;
  /** When the first came to take part. */
  readonly begun_at: string | null;
  /** The variant that everybody gets, once it is settled. */
  readonly chosen: string | null;
  readonly variants: readonly TypeArmAnswer[];
}

/** One of them in full. */
export interface TypeDetailAnswer {
  /** It needs an answer: shown to admins until one has dealt with it. */
  readonly urgent: boolean;
  /** Whether the catalog has it. */
  readonly known: boolean;
  readonly category: string | null;
  readonly critical: boolean;
  readonly lane: LaneName;
  readonly locales: readonly string[];
  /** False is the kill switch. */
  readonly enabled: boolean;
  readonly channels: ChannelsAnswer;
  readonly changed: ChangeAnswer | null;
  readonly day: DayAnswer;
  readonly type: string;
  /** JSON Schema of its data. */
  readonly schema: Readonly<Record<string, unknown>> | null;
  /** The first ones, 64 KiB of them at most. */
  readonly examples: readonly Readonly<Record<string, unknown>>[];
  /** Of its switches, newest first, the last 50. */
  readonly changes: readonly ChangeAnswer[];
  /** None without variants. */
  readonly experiment: TypeExperimentAnswer | null;
}

/** What all nodes did, step by step. */
export interface OverviewAnswer {
  /** The node that was asked. */
  readonly node: string;
  /** Those that it is of. */
  readonly nodes: readonly string[];
  readonly started_at: string;
  readonly step_seconds: number;
  readonly at: readonly string[];
  readonly connections: readonly number[];
  readonly deliveries: readonly number[];
  readonly emits: Readonly<Record<string, readonly number[]>>;
  readonly mail: Readonly<Record<string, readonly number[]>>;
  readonly append_p99_ms: readonly (number | null)[];
  readonly emit_p99_ms: readonly (number | null)[];
}

/** What came before, the newest first. */
export interface LatestAnswer {
  readonly notifications: readonly FeedItem[];
}

/** Who did what, and what came of it. */
export interface DeedAnswer {
  readonly id: string;
  readonly at: string;
  /** `user:…` or `service:…`. */
  readonly by: string;
  /** `admin`, `support` or `service`. */
  readonly role: string;
  /** By its name in the OpenAPI document. */
  readonly operation: string;
  readonly target: string | null;
  /** What else was asked: ids, names, numbers. */
  readonly detail: Readonly<Record<string, unknown>>;
  readonly request_id: string | null;
  /** `done`, or the code of what went wrong; null: begun, and its end is not known. */
  readonly outcome: string | null;
  readonly ended_at: string | null;
}

export interface AuditAnswer {
  readonly deeds: readonly DeedAnswer[];
  readonly next: string | null;
}

/** A node, as it tells of itself. */
export interface NodeAnswer {
  readonly node: string;
  readonly release: string;
  /** The version of its catalog. */
  readonly catalog: string | null;
  readonly started_at: string;
  readonly sessions: number;
  /** With a session there. */
  readonly users: number;
  /** The part of one core that its process has used lately. */
  readonly load: number;
  /** It sends its clients away, and stops. */
  readonly leaving: boolean;
}

export interface NodesAnswer {
  /** By name. */
  readonly nodes: readonly NodeAnswer[];
  /** Nodes that did not answer in time. */
  readonly silent: readonly string[];
  /** The node that was asked. */
  readonly asked: string;
}

/** An alert that is firing. */
export interface AlertAnswer {
  /** That of the alert for Prometheus. */
  readonly name: string;
  readonly severity: string;
  readonly summary: string;
  /** What it means, and what to do. */
  readonly runbook: string;
  /** Of mail; null for what is of no lane. */
  readonly lane: string | null;
  /** When its condition began to hold. */
  readonly since: string;
  /** On which it is firing. */
  readonly nodes: readonly string[];
}

/** What a node has an operator look at. */
export interface WarningAnswer {
  readonly node: string;
  /** One of the `warnings` of its /readyz. */
  readonly text: string;
}

export interface AlertsAnswer {
  /** The critical ones first; then the oldest first. */
  readonly alerts: readonly AlertAnswer[];
  readonly warnings: readonly WarningAnswer[];
  /** Nodes that did not answer in time. */
  readonly silent: readonly string[];
}

/** That it was done. */
export type NothingAnswer = Readonly<Record<string, never>>;

/** How many came to which end; those that are not there are 0. */
export interface StatsCountsAnswer {
  /** In-app, to be shown. */
  readonly emitted?: number;
  /** Written to a connection; of mail: confirmed by its recipient's server. */
  readonly delivered?: number;
  readonly seen?: number;
  readonly read?: number;
  readonly clicked?: number;
  /** Of mail: owed. */
  readonly accepted?: number;
  /** Of mail: taken by the mail server. */
  readonly sent?: number;
  readonly bounced?: number;
  readonly complained?: number;
  /** By a rule. */
  readonly skipped?: number;
  readonly dead?: number;
}

/** What part of what was emitted came so far in the same time; it can be more than 1 where much is told of earlier ones. */
export interface StatsInAppRatesAnswer {
  readonly delivered: number;
  readonly seen: number;
  readonly read: number;
  readonly clicked: number;
}

/** `sent` is a part of what was accepted, all else of what was sent. */
export interface StatsMailRatesAnswer {
  readonly sent: number;
  readonly delivered: number;
  readonly clicked: number;
  readonly bounced: number;
  readonly complained: number;
}

/** Null where there is nothing to be a part of. Of shared rooms there is none: nobody knows for how many they are. */
export interface StatsRatesAnswer {
  readonly in_app: StatsInAppRatesAnswer | null;
  readonly email: StatsMailRatesAnswer | null;
}

export interface StatsFiguresAnswer {
  readonly counts: StatsCountsAnswer;
  readonly rates: StatsRatesAnswer;
}

/** What was counted of one step, and of one combination of what is told apart. */
export interface StatsRowAnswer {
  readonly counts: StatsCountsAnswer;
  readonly rates: StatsRatesAnswer;
  /** When the step began; null of the time as a whole. */
  readonly at: string | null;
  /** `*`: of those that were too many to be told by name. */
  readonly type?: string;
  readonly channel?: StatsChannel;
  /** Of mail; else empty. */
  readonly lane?: string;
  /** Of a campaign's mail its id; else empty. */
  readonly campaign?: string;
  /** By which it was skipped; else empty. */
  readonly rule?: string;
  /** Of a type's, or a campaign's; else empty. */
  readonly variant?: string;
}

/** What came of notifications and mails. A row has those of type, channel and so on that were asked for. */
export interface StatsAnswer {
  /** The beginning of a step. */
  readonly from: string;
  /** The end of a step. */
  readonly to: string;
  readonly step: Step | null;
  /** The steps that were added up. */
  readonly counted_by: Step;
  /** Steps before this are not kept, and count as nothing; null when all are. */
  readonly kept_from: string | null;
  readonly by: readonly string[];
  readonly totals: StatsFiguresAnswer;
  readonly rows: readonly StatsRowAnswer[];
}
