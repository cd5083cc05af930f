/** A customer's orders, told by nothing but the notifications about them. */

import type { Notification } from "@bellhop/client";

/** In the order in which an order goes through them. */
export const STAGES = ["placed", "shipped", "delivered"] as const;
export type Stage = (typeof STAGES)[number];

export interface Order {
  number: string;
  /** The id of the first word about it, which is by time. */
  since: string;
  stage: Stage;
  item: string;
}

/** What an `ORDER_UPDATE` says of its order; undefined for any other notification. */
export function orderOf({ id, type, data }: Notification): Order | undefined {
  const { order, status, item } = data;
  if (type !== "ORDER_UPDATE" || typeof order !== "string") return;
  return {
    number: order,
    since: id,
    stage: STAGES.find((stage) => stage === status) ?? "placed",
    item: typeof item === "string" ? item : "Brass desk lamp",
  };
}

/** The orders `known` and those told of, newest first. An order never goes back. */
export function ordersIn(notifications: readonly Notification[], known: readonly Order[]): Order[] {
  const orders = new Map(known.map((order) => [order.number, order]));
  for (const notification of notifications) {
    const order = orderOf(notification);
    if (!order) continue;
    const had = orders.get(order.number);
    const since = had && had.since < order.since ? had.since : order.since;
    const stage = had && STAGES.indexOf(had.stage) > STAGES.indexOf(order.stage) ? had.stage : order.stage;
    orders.set(order.number, { ...order, stage, since });
  }
  return [...orders.values()].sort((a, b) => (a.since < b.since ? 1 : -1));
}
