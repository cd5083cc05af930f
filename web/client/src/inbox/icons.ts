import type { Notification } from "../protocol.ts";
import { drawing, h } from "./elements.ts";

/** A picture, and the hue of what is around it in degrees. */
export interface Look {
  picture: Element;
  hue: number;
}

export type Icon = (notification: Notification) => Look;

export const BELL =
  "M6 9a6 6 0 1 1 12 0c0 3.2.7 5.1 1.5 6.3.5.8 0 1.7-.9 1.7H5.4c-.9 0-1.4-.9-.9-1.7C5.3 14.1 6 12.2 6 9ZM9.7 20.2a2.6 2.6 0 0 0 4.6 0";
export const CHECK = "m5 12.5 4.5 4.5L19 7.5";
export const CROSS = "m6.5 6.5 11 11m0-11-11 11";

const PARCEL = "m12 3 8 4.5v9L12 21l-8-4.5v-9L12 3Zm0 9 8-4.5M12 12 4 7.5M12 12v9M8 5.3l8 4.5";
const TRUCK =
  "M3 6h11v10H3V6Zm11 4h3.5L21 13v3h-7v-6ZM7.5 18.5a1.8 1.8 0 1 1 0-3.6 1.8 1.8 0 0 1 0 3.6Zm9.5 0a1.8 1.8 0 1 1 0-3.6 1.8 1.8 0 0 1 0 3.6Z";
const TAG = "M4 5v6.5l8.5 8.5 7-7L11 4.5H4.5A.5.5 0 0 0 4 5Zm4 4.2h.01";
const ALERT = "M12 4 2.8 19.5h18.4L12 4Zm0 6v4.5m0 2.5v.01";
const TALK = "M5 5h14a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1h-7l-4.5 4v-4H5a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1Z";
const STAR = "m12 3.5 2.6 5.4 5.9.8-4.3 4.1 1 5.9-5.2-2.8-5.2 2.8 1-5.9L3.5 9.7l5.9-.8L12 3.5Z";
const PAPER = "M4 5h13v14H6a2 2 0 0 1-2-2V5Zm13 4h3v8a2 2 0 0 1-4 0M7.5 9h6m-6 3.5h6M7.5 16h3";
const CARD = "M3.5 6h17v12h-17V6Zm0 4h17M7 14.5h3";

const PICTURES: Readonly<Record<string, readonly [string, number]>> = {
  alert: [ALERT, 20],
  card: [CARD, 135],
  paper: [PAPER, 290],
  parcel: [PARCEL, 250],
  star: [STAR, 45],
  tag: [TAG, 330],
  talk: [TALK, 160],
  truck: [TRUCK, 200],
};

/** What a catalog calls a picture: one of ours by its name, or else the characters themselves. */
export const named = (icon: string): Look => {
  const known = PICTURES[icon];
  return known ? { picture: drawing(known[0]), hue: known[1] } : { picture: h("b", {}, icon), hue: 250 };
};

/** First match wins; the hue is in degrees. */
const KINDS: readonly [RegExp, string, number][] = [
  [/SHIP|DELIVER/, TRUCK, 200],
  [/ORDER|PARCEL|RETURN/, PARCEL, 250],
  [/OFFER|SALE|DEAL|PROMO|DISCOUNT/, TAG, 330],
  [/MESSAGE|COMMENT|REPLY|RESPONSE|CHAT|MENTION/, TALK, 160],
  [/COMPLAINT|ALERT|WARN|ERROR|FAIL/, ALERT, 20],
  [/PAY|INVOICE|REFUND|BILL/, CARD, 135],
  [/REVIEW|RATING/, STAR, 45],
  [/NEWS/, PAPER, 290],
];

/** A picture for the type, or else for its category, in a colour of its own. */
export const kindIcon = ({ type, category }: Notification): Look => {
  const named = [type, `${category}`.toUpperCase()];
  const kind = named.map((name) => KINDS.find(([pattern]) => pattern.test(name))).find(Boolean);
  if (kind) return { picture: drawing(kind[1]), hue: kind[2] };
  let hue = 0;
  for (const letter of type) hue = (hue * 31 + letter.charCodeAt(0)) % 360;
  return { picture: drawing(BELL), hue };
};

/** The picture on its coloured ground. */
export const glyph = ({ picture, hue }: Look): HTMLElement => {
  const element = h("span", { class: "glyph", "aria-hidden": "true" }, picture);
  element.style.setProperty("--_hue", String(hue));
  return element;
};
