/** What is being composed, and the emit that it stands for. */

import type { Json } from "./schema.ts";

/** `default`: what the catalog says of the type; of a type that is in none, no mail. */
export type Mailing = "default" | "yes" | "no";

export interface Draft {
  readonly to: string;
  readonly type: string;
  readonly title: string;
  readonly body: string;
  readonly link: string;
  /** As it is written, of a type that has no form. */
  readonly data: string;
  /** Of a type that the catalog has a form for, with the type that it was filled in for; null before. */
  readonly filled: { readonly type: string; readonly value: Json } | null;
  readonly locale: string;
  readonly mail: Mailing;
  readonly mailTo: string;
  readonly subject: string;
  readonly afterMinutes: string;
  readonly unless: "" | "read" | "seen" | "online";
  readonly keep: boolean;
}

export const BLANK: Draft = {
  to: "",
  type: "ANNOUNCEMENT",
  title: "",
  body: "",
  link: "",
  data: "",
  filled: null,
  locale: "",
  mail: "default",
  mailTo: "",
  subject: "",
  afterMinutes: "",
  unless: "",
  keep: true,
};

export interface Pattern {
  readonly name: string;
  readonly draft: Partial<Draft>;
}

export const PATTERNS: readonly Pattern[] = [
  {
    name: "Announcement",
    draft: {
      type: "ANNOUNCEMENT",
      to: "all",
      title: "Planned maintenance tonight",
      body: "The shop will be away from 02:00 to 02:15 UTC. Orders placed before then are not affected.",
    },
  },
  {
    name: "Order confirmation",
    draft: {
      type: "ORDER_CONFIRMATION",
      title: "Thank you for your order",
      body: "We have it, and will write again when it ships.",
      link: "/orders/1234",
      data: JSON.stringify(
        {
          order: 1234,
          currency: "EUR",
          items: [
            { name: "Beeswax candle", quantity: 2, price: 9.5 },
            { name: "Linen apron", quantity: 1, price: 34 },
          ],
          shipping: 4.9,
          total: 57.9,
        },
        null,
        2,
      ),
      mail: "yes",
    },
  },
  {
    name: "Shipping update",
    draft: {
      type: "ORDER_UPDATE",
      title: "Your order has shipped",
      body: "It left our warehouse this morning and should reach you within two days.",
      link: "/orders/1234",
      mail: "yes",
      unless: "read",
      afterMinutes: "10",
    },
  },
  {
    name: "Offer",
    draft: {
      type: "OFFER",
      to: "topic:deals",
      title: "Ten per cent off everything made of oak",
      body: "Until Sunday, for subscribers of this list.",
      link: "/deals/oak",
    },
  },
  {
    name: "To the admins",
    draft: {
      type: "HANDOVER",
      to: "admins",
      title: "The morning shift takes over",
      body: "Two parcels wait for the courier, and order 1234 for an answer of the supplier.",
    },
  },
];

export type Body = Record<string, unknown>;

/**
 * The body of the emit, and what cannot even be asked for, by field.
 *
 * The body holds what can be, so that the gateway judges the rest at the same time. `form`: the data of a type of the
 * catalog, which has its texts and says whether it is mailed.
 */
export function bodyOf(draft: Draft, form?: Json): { body: Body; errors: Record<string, string[]> } {
  const errors: Record<string, string[]> = {};
  const rooms = roomsOf(draft.to);
  const catalogued = form !== undefined;
  const body: Body = {
    to: rooms.length === 1 ? rooms[0] : rooms,
    type: draft.type.trim(),
  };
  if (rooms.length === 0) errors.to = ["Say where it goes."];
  if (draft.title !== "" || !catalogued) body.title = draft.title;
  if (draft.title === "" && !catalogued) errors.title = ["Give it a title."];
  if (draft.body) body.body = draft.body;
  if (draft.link.trim()) body.link = draft.link.trim();
  if (catalogued) body.data = form;
  else if (draft.data.trim()) {
    const data = object(draft.data);
    if (data === null) errors.data = ["Must be a JSON object."];
    else body.data = data;
  }
  if (catalogued && draft.locale) body.locale = draft.locale;
  if (!draft.keep) body.store = false;
  if (catalogued && draft.mail === "no") body.email = false;
  if (draft.mail === "yes") {
    const email = emailOf(draft, errors);
    body.email = Object.keys(email).length ? email : true;
  }
  return { body, errors };
}

function emailOf(draft: Draft, errors: Record<string, string[]>): Body {
  const email: Body = {};
  if (draft.mailTo.trim()) email.to = draft.mailTo.trim();
  if (draft.subject.trim()) email.subject = draft.subject.trim();
  if (draft.unless) email.unless = draft.unless;
  if (draft.afterMinutes.trim()) {
    const minutes = Number(draft.afterMinutes);
    if (Number.isFinite(minutes) && minutes >= 0) email.after = minutes * 60;
    else errors["email.after"] = ["Must be a number of minutes."];
  }
  return email;
}

/** Rooms, separated by commas or lines. A user's id may hold blanks, so these do not part rooms. */
export function roomsOf(text: string): string[] {
  return [
    ...new Set(
      text
        .split(/[,\n]/)
        .map((room) => room.trim())
        .filter(Boolean),
    ),
  ];
}

/** What is wrong with one field, its inner fields included (`to.3`). */
export function errorOf(errors: Readonly<Record<string, readonly string[]>>, field: string): string | null {
  const texts = Object.entries(errors)
    .filter(([name]) => name === field || name.startsWith(`${field}.`))
    .flatMap(([, found]) => found);
  return texts.length ? [...new Set(texts)].join(" ") : null;
}

function object(text: string): Body | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Body) : null;
  } catch {
    return null;
  }
}
