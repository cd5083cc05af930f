/** Compiled, never run: a project that uses the package as published. */

import { connect, type Item } from "@bellhop/client";
import type { BellhopInbox } from "@bellhop/client/inbox";
import { useInbox } from "@bellhop/client/react";

const inbox = connect({ url: "https://shop.example", getToken: () => fetch("/token").then((r) => r.text()) });
export const titles = (): string[] => inbox.getSnapshot().items.map((n: Item) => n.title);
export const unread = (): number => useInbox(inbox).unread;
export const element = (): BellhopInbox | null => document.querySelector("bellhop-inbox");
