/** An inbox without a gateway: what it holds is made up, and all that can be done with it is done in the page. */

import { EMPTY, type Inbox, type Item, type Snapshot } from "@bellhop/client";

const MINUTE = 60_000;
const ITEMS: readonly [minutes: number, type: string, title: string, body: string, read: boolean][] = [
  [3, "ORDER_UPDATE", "Order 20977 has shipped", "It should arrive on Thursday, with DHL.", false],
  [48, "MESSAGE", "Mira from Fernwood replied", "“Of course, we can engrave the base for you.”", false],
  [190, "SALE_OFFER", "15% off: Rugs and cushions", "While stocks last.", true],
  [1_500, "PAYMENT_RECEIVED", "Payment received", "€ 89.00 for order 20418. Thank you.", true],
];

const item = (index: number, [minutes, type, title, body, read]: (typeof ITEMS)[number]): Item => ({
  id: `${ITEMS.length - index}`.padStart(8, "0"),
  room: "user:you",
  seq: ITEMS.length - index,
  type,
  title,
  body,
  link: null,
  data: {},
  created_at: new Date(Date.now() - minutes * MINUTE).toISOString(),
  read,
  seen: true,
  clicked: false,
});

export function rehearsal(): Inbox {
  let items = ITEMS.map((each, index) => item(index, each));
  const listeners = new Set<() => void>();
  const gone = new Set<string>();
  let snapshot: Snapshot;
  const change = (): void => {
    const left = items.filter(({ id }) => !gone.has(id));
    const unread = left.filter(({ read }) => !read).length;
    snapshot = { ...EMPTY, state: "ready", user: "you", items: left, unread, loading: false };
    for (const listener of listeners) listener();
  };
  const mark = (ids: readonly string[], done: Partial<Item>): void => {
    items = items.map((each) => (ids.includes(each.id) ? { ...each, ...done } : each));
    change();
  };
  change();
  return {
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    getSnapshot: () => snapshot,
    onArrival: () => () => {},
    read: (...ids) => mark(ids, { read: true }),
    readAll: () =>
      mark(
        items.map(({ id }) => id),
        { read: true },
      ),
    seen: () => {},
    dismiss(...ids) {
      for (const id of ids) gone.add(id);
      change();
    },
    click: (id) => mark([id], { read: true, clicked: true }),
    loadMore: () => {},
    setFilter: () => {},
    async ask<T>(event: string, payload: object): Promise<T> {
      const { ids = [] } = payload as { ids?: string[] };
      if (event === "undismiss") for (const id of ids) gone.delete(id);
      else if (event !== "unread") throw Object.assign(new Error("offline"), { code: "offline" });
      mark(ids, { read: event !== "unread" });
      return {} as T;
    },
    reconnect: () => {},
    close: () => {},
  };
}
