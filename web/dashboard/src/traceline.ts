/** How the points of a trace are told. */

import type { Point } from "./protocol.ts";
import type { Tone } from "./ui/bits.tsx";
import type { IconName } from "./ui/icons.tsx";
import { humane, plural } from "./words.ts";

const TITLES: Readonly<Record<string, string>> = {
  called: "Asked for",
  stored: "Stored",
  hidden: "Not shown in the app",
  seen: "Seen",
  read: "Read",
  dismissed: "Dismissed",
  clicked: "Clicked",
  followed: "A link was followed",
  opened: "Mail opened (unreliable)",
  acted: "A button was pressed",
  archived: "Archived",
  returns: "To come back from a snooze",
  returned: "Came back from a snooze",
  postponed: "Attempt failed, tried again later",
  held: "Held",
  buried: "Given up",
  revived: "Revived",
  sent: "Taken by the mail server",
  delivered: "In the mailbox",
  bounced: "Came back",
  complained: "Called spam",
  gathered: "Waits in a digest",
  merged: "Told by a digest",
  skipped: "Not sent",
  due: "To be sent",
  sending: "Being sent",
  expires: "To expire",
};

const BAD = new Set(["postponed", "buried", "bounced", "complained"]);
const GOOD = new Set(["sent", "delivered", "read", "clicked", "acted", "written"]);
const WARN = new Set(["held", "hidden", "skipped", "recalled", "expired"]);

export function titleOf(point: Point): string {
  if (point.what === "written") return `Written to ${plural(point.count ?? 0, "session")}`;
  return TITLES[point.what] ?? humane(point.what);
}

export function toneOf({ what }: Point): Tone {
  if (BAD.has(what)) return "bad";
  if (GOOD.has(what)) return "good";
  return WARN.has(what) ? "warn" : "plain";
}

const ICONS: Readonly<Record<Point["via"], IconName>> = {
  call: "plug",
  inbox: "bell",
  reader: "users",
  mail: "mail",
  deed: "check",
};

export function iconOf(point: Point): IconName {
  return ICONS[point.via];
}

/** What stands below the title: by whom, by which rule, in whose words. */
export function wordsOf(point: Point): string {
  const by = point.via === "call" && point.by ? `by ${point.by}` : null;
  const request = point.via === "call" ? point.detail && `request ${point.detail}` : point.detail;
  const attempt = point.via === "mail" && point.count ? `attempt ${point.count}` : null;
  const rule = point.rule ? humane(point.rule) : null;
  // A reader stands in the title.
  const who = point.via === "call" || point.via === "reader" ? null : point.by;
  const code = point.code === null ? null : String(point.code);
  return [by, who, attempt, rule, code, request].filter(Boolean).join(" · ");
}

/** The time between two points, where it says something: "4 ms", "1.2 s", "3 m". */
export function since(before: string, after: string): string {
  const ms = Date.parse(after) - Date.parse(before);
  if (ms <= 0) return "";
  if (ms < 1_000) return `+${ms} ms`;
  if (ms < 60_000) return `+${(ms / 1_000).toFixed(1)} s`;
  if (ms < 3_600_000) return `+${Math.round(ms / 60_000)} min`;
  return ms < 172_800_000 ? `+${Math.round(ms / 3_600_000)} h` : `+${Math.round(ms / 86_400_000)} d`;
}
