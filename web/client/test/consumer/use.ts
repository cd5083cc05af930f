/** Compiled, never run: a project that uses the package as published. */

import { connect, type Item } from "@bellhop/client";
import type { BellhopInbox } from "@bellhop/client/inbox";
import type { BellhopPreferences } from "@bellhop/client/preferences";
import { useInbox, usePreferences } from "@bellhop/client/react";

const inbox = connect({ url: "https://shop.example", getToken: () => fetch("/token").then((r) => r.text()) });
export const titles = (): string[] => inbox.getSnapshot().items.map((n: Item) => n.title);
export const unread = (): number => useInbox(inbox).unread;
export const element = (): BellhopInbox | null => document.querySelector("bellhop-inbox");
export const quiet = (): string | undefined =>
  usePreferences({ url: "https://shop.example" }).chosen?.quiet_hours?.start;
export const settings = (): BellhopPreferences | null => document.querySelector("bellhop-preferences");
