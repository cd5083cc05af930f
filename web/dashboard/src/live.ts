import { EMPTY, type FeedState, take } from "./feed.ts";
import type { Gateway } from "./gateway.ts";
import type { FeedBatch, HistoryPage, Notification } from "./protocol.ts";
import { Store } from "./store.ts";

const COMPLAINT = "COMPLAINT";

/** What runs on while one moves between pages: the feed, and the complaints nobody has dealt with. */
export class Live {
  readonly feed = new Store<FeedState>(EMPTY);
  /** Newest first. */
  readonly complaints = new Store<readonly Notification[]>([]);
  /** Told of each complaint that comes while one is here. */
  onComplaint: (complaint: Notification) => void = () => {};
  private readonly gateway: Gateway;
  private readonly stops: (() => void)[];

  constructor(gateway: Gateway) {
    this.gateway = gateway;
    this.stops = [
      gateway.on<FeedBatch>("feed", (batch) => this.feed.update((state) => take(state, batch))),
      gateway.on<Notification>("notification", (notification) => this.notice(notification)),
      gateway.on<{ id: string }>("recalled", ({ id }) => this.drop([id])),
      gateway.on("ready", () => void this.begin()),
    ];
  }

  /** Mark complaints as dealt with, for this admin. */
  async settle(ids: readonly string[]): Promise<void> {
    await this.gateway.ask("read", { ids });
    this.drop(ids);
  }

  stop(): void {
    for (const stop of this.stops) stop();
  }

  private async begin(): Promise<void> {
    const [page] = await Promise.all([
      this.gateway.ask<HistoryPage>("history", { unread: true, type: [COMPLAINT], limit: 100 }),
      this.gateway.ask("feed", { on: true }),
    ]).catch((): [HistoryPage] => [{ notifications: [], next: null }]);
    this.complaints.update((held) => merged(page.notifications, held));
  }

  private notice(notification: Notification): void {
    if (notification.type !== COMPLAINT) return;
    if (this.complaints.get().some(({ id }) => id === notification.id)) return;
    this.complaints.update((held) => merged([notification], held));
    this.onComplaint(notification);
  }

  private drop(ids: readonly string[]): void {
    this.complaints.update((held) => held.filter(({ id }) => !ids.includes(id)));
  }
}

/** Both, each once, newest first. Ids are UUIDv7: they sort by time. */
export function merged(
  one: readonly Notification[],
  other: readonly Notification[],
): readonly Notification[] {
  const byId = new Map([...one, ...other].map((notification) => [notification.id, notification]));
  return [...byId.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
}
