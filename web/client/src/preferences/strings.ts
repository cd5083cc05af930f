/** Every text the element shows or speaks. Replace any of them through the property `strings`. */

import type { Channel } from "../preferences.ts";

export interface Strings {
  title: string;
  /** The heading of the first column. */
  about: string;
  channels: Record<Channel, string>;
  /** The row that switches a channel as a whole. */
  all: string;
  allHint: string;
  /** What a switch is called: of which channel, about what. */
  cell: (channel: string, about: string) => string;
  /** Opens the kinds of notifications that a category has, and closes them. */
  kinds: (category: string) => string;
  /** What a type is called that the catalog has no name for. */
  type: (type: string) => string;
  /** Where a cell comes from. */
  chosen: string;
  byDefault: string;
  /** The channel is off as a whole. */
  channelOff: (channel: string) => string;
  mixed: string;
  /** How often mail comes. */
  often: string;
  atOnce: string;
  daily: string;
  weekly: string;
  /** Each type of the category has a choice of its own. */
  byType: string;
  always: string;
  never: string;
  /** Why what is critical cannot be chosen. */
  locked: string;
  /** The same, of a channel that it does not come by. */
  lockedOff: string;
  /** Takes back what was chosen for one type: its category holds again. */
  reset: (type: string, channel: string) => string;
  quiet: string;
  quietHint: string;
  quietOn: string;
  from: string;
  to: string;
  days: string;
  zone: string;
  /** Nothing is chosen. */
  automatic: string;
  tracking: string;
  trackingHint: string;
  trackingOn: string;
  /** The same where mail tells that it was opened, too. */
  trackingOpens: string;
  language: string;
  languageHint: string;
  loading: string;
  connecting: string;
  /** By the reason of a stop; `other` for those without a text of their own. */
  stopped: Record<string, string> & { other: string };
  retry: string;
  /** What kept a change from being made, by its code; `other` for those without a text of their own. */
  failed: Record<string, string> & { other: string };
  unreadable: string;
  /** After a change. */
  saved: (what: string) => string;
  undo: string;
}

/** ORDER_UPDATE → Order update. */
export const humane = (type: string): string => {
  const text = type.toLowerCase().replace(/_/g, " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
};

/** What kept a change from being made, in words; nothing where nothing did. */
export const said = (code: string | undefined, t: Strings): string =>
  code === undefined ? "" : (t.failed[code] ?? t.failed.other);

export const ENGLISH: Strings = {
  title: "What you are told",
  about: "About",
  channels: { in_app: "In the app", email: "Email" },
  all: "Everything",
  allHint: "What is important comes in any case.",
  cell: (channel, about) => `${channel}: ${about}`,
  kinds: (category) => `Kinds of ${category}`,
  type: humane,
  chosen: "Your choice",
  byDefault: "Default",
  channelOff: (channel) => `${channel} is off`,
  mixed: "Some of it",
  often: "how often",
  atOnce: "At once",
  daily: "Once a day",
  weekly: "Once a week",
  byType: "As chosen below",
  always: "Always",
  never: "Never",
  locked: "Important: it cannot be changed",
  lockedOff: "It does not come this way",
  reset: (type, channel) => `${channel}: ${type}: no choice of its own`,
  quiet: "Quiet hours",
  quietHint: "Email waits until they end. What is important does not, and the app shows all at once.",
  quietOn: "Hold email",
  from: "From",
  to: "until",
  days: "Beginning on",
  zone: "Time zone",
  automatic: "Automatic",
  tracking: "Links in email",
  trackingHint: "Helps to see what is worth writing about. What you have followed can be read by the sender.",
  trackingOn: "Let the sender see which I follow",
  trackingOpens: "Let the sender see which I follow, and which emails I open",
  language: "Language",
  languageHint: "Of notifications and email.",
  loading: "Loading your preferences",
  connecting: "Reconnecting…",
  stopped: {
    token_expired: "Your session has ended. Sign in again to go on.",
    expired_token: "Your session has ended. Sign in again to go on.",
    other: "Not connected.",
  },
  retry: "Try again",
  failed: {
    offline: "Not saved: there is no connection.",
    timeout: "Not saved: no answer came.",
    unavailable: "Not saved: try again in a moment.",
    locked_preference: "Important: it cannot be changed.",
    validation_failed: "Not saved: it is not possible any more.",
    other: "Not saved. Try again.",
  },
  unreadable: "Your preferences could not be loaded.",
  saved: (what) => `Saved: ${what}`,
  undo: "Undo",
};
