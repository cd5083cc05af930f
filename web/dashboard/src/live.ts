import { EMPTY, type FeedState, take, withEarlier } from "./feed.ts";
import type { Gateway } from "./gateway.ts";
import type { FeedBatch, HistoryPage, Latest, Notification, Types } from "./protocol.ts";
import { Store } from "./store.ts";

/** In one question for history. */
const TYPES_ASKED = 50;
const EARLY_KEPT = 100;

/** What runs on while one moves between pages: the feed, and what needs an answer that nobody has given. */
export class Live {
  readonly feed = new Store<FeedState>(EMPTY);
  /** The types whose notifications need an answer, as the gateway says; null until it has. */
  readonly urgent = new Store<ReadonlySet<string> | null>(null);
  /** What needs an answer, newest first. */
  readonly open = new Store<readonly Notification[]>([]);
  /** Told of each that comes while one is here. */
  onUrgent: (notification: Notification) => void = () => {};
  /** What came before the gateway had said which types are urgent. */
  private early: Notification[] = [];
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

  /** Mark them as dealt with, for this admin. */
  async settle(ids: readonly string[]): Promise<void> {
    await this.gateway.ask("read", { ids });
    this.drop(ids);
  }

  stop(): void {
    for (const stop of this.stops) stop();
  }

  private async begin(): Promise<void> {
    const before = this.open.get();
    const [unread, latest] = await Promise.allSettled([
      this.unread(),
      this.gateway.ask<Latest>("feed", { on: true }),
    ]);
    // What was open before and is unread no more was dealt with elsewhere, or recalled, while one was away.
    if (unread.status === "fulfilled")
      this.open.update((held) =>
        merged(
          unread.value,
          held.filter((one) => !before.includes(one)),
        ),
      );
    if (latest.status === "fulfilled")
      this.feed.update((state) => withEarlier(state, latest.value.notifications));
  }

  /** Learns which types are urgent, and answers what is unread of them. */
  private async unread(): Promise<readonly Notification[]> {
    const { types } = await this.gateway.ask<Types>("types");
    const urgent = Object.keys(types).filter((name) => types[name]?.urgent);
    this.urgent.set(new Set(urgent));
    for (const notification of this.early.splice(0)) this.notice(notification);
    // Of no types at all, the gateway would answer everything.
    if (urgent.length === 0) return [];
    const asked = { unread: true, type: urgent.slice(0, TYPES_ASKED), limit: 100 };
    return (await this.gateway.ask<HistoryPage>("history", asked)).notifications;
  }

  private notice(notification: Notification): void {
    const urgent = this.urgent.get();
    if (urgent === null) this.early = [...this.early, notification].slice(-EARLY_KEPT);
    if (!urgent?.has(notification.type)) return;
    if (this.open.get().some(({ id }) => id === notification.id)) return;
    this.open.update((held) => merged([notification], held));
    this.onUrgent(notification);
  }

  private drop(ids: readonly string[]): void {
    this.open.update((held) => held.filter(({ id }) => !ids.includes(id)));
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
