/** What goes over the namespace `/admin`: the shapes of the protocol that the dashboard uses. */

export interface Notification {
  id: string;
  room: string;
  seq: number | null;
  type: string;
  title: string;
  body: string;
  link: string | null;
  data: Record<string, unknown>;
  created_at: string;
}

export type MailState = "pending" | "leased" | "sent" | "skipped" | "dead";
export const MAIL_STATES: readonly MailState[] = ["pending", "leased", "sent", "skipped", "dead"];

export interface Mail {
  state: MailState;
  to: string;
  subject: string | null;
  unless: string | null;
  attempts: number;
  due_at: string;
  reason: string | null;
  code: number | null;
  lane: "transactional" | "bulk";
  /** The rule that skipped it, or holds it. */
  decided_by: string | null;
  /** Why it was not sent, in words. */
  verdict: string | null;
  /** What the mail server said as it took it. */
  relay_id: string | null;
  updated_at: string;
  sent_at: string | null;
}

export interface HistoryItem extends Notification {
  read: boolean;
  seen: boolean;
  mail: Mail | null;
}

export interface HistoryPage {
  notifications: HistoryItem[];
  next: string | null;
}

export interface Receipt {
  seen_at: string | null;
  read_at: string | null;
  dismissed_at: string | null;
  clicked_at: string | null;
}

export interface MailRecord extends Notification {
  in_app: boolean;
  expires_at: string | null;
  recalled_at: string | null;
  mail: Mail | null;
}

export interface FullRecord extends MailRecord {
  receipts: Record<string, Receipt>;
}

export interface MailPage {
  mail: MailRecord[];
  next: string | null;
}

export interface Online {
  user: string;
  name: string | null;
  roles: string[];
  connections: number;
  since: string;
}

export interface Roster {
  online: Online[];
  users: number;
  connections: number;
  next: string | null;
}

export interface Joined {
  user: string;
  name: string | null;
  roles: string[];
  at: string;
}

export interface Left {
  user: string;
  at: string;
}

export interface UserView {
  user: string;
  online: (Online & { topics: string[] }) | null;
  email: string | null;
  name: string | null;
  last_seen: string | null;
  unread: number;
}

export interface RenderedMail {
  from: string;
  to: string;
  subject: string;
  text: string;
  html: string;
}

export interface RoomPreview {
  room: string;
  connections: number | null;
  mail_to: string | null;
  mail_due_at: string | null;
  problem: string | null;
  /** The rule that would stop the mail now, and in words; null when none would. */
  decided_by: string | null;
  verdict: string | null;
}

export interface Preview {
  rooms: RoomPreview[];
  more: number;
  mail: RenderedMail | null;
}

export interface FeedItem {
  id: string;
  room: string;
  seq: number | null;
  type: string;
  title: string;
  body: string;
  created_at: string;
  in_app: boolean;
  mail: boolean;
  by: string;
}

export interface FeedBatch {
  node: string;
  notifications: FeedItem[];
  left_out: number;
}

export interface Overview {
  /** The node that was asked. */
  node: string;
  /** Those that it is of. */
  nodes: string[];
  started_at: string;
  step_seconds: number;
  at: string[];
  connections: number[];
  deliveries: number[];
  emits: Record<string, number[]>;
  mail: Record<string, number[]>;
  append_p99_ms: (number | null)[];
  emit_p99_ms: (number | null)[];
}

export interface Ready {
  user: string;
  heads: Record<string, number>;
  unread: number;
  users: number | null;
  connections: number | null;
  expires_at: string;
  epoch: string;
}

export interface Emitted {
  notifications: { id: string; room: string; seq: number | null }[];
  duplicate: boolean;
}
