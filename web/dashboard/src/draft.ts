/** What is being composed, and the emit that it stands for. */

export interface Draft {
  readonly to: string;
  readonly type: string;
  readonly title: string;
  readonly body: string;
  readonly link: string;
  readonly data: string;
  readonly mail: boolean;
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
  mail: false,
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
      mail: true,
    },
  },
  {
    name: "Shipping update",
    draft: {
      type: "ORDER_UPDATE",
      title: "Your order has shipped",
      body: "It left our warehouse this morning and should reach you within two days.",
      link: "/orders/1234",
      mail: true,
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

/** The body of the emit; what cannot even be asked for, by field. */
export function bodyOf(draft: Draft): { body: Body; errors: Record<string, string[]> } {
  const errors: Record<string, string[]> = {};
  const rooms = roomsOf(draft.to);
  const body: Body = {
    to: rooms.length === 1 ? rooms[0] : rooms,
    type: draft.type.trim(),
    title: draft.title,
  };
  if (rooms.length === 0) errors.to = ["Say where it goes."];
  if (draft.title === "") errors.title = ["Give it a title."];
  if (draft.body) body.body = draft.body;
  if (draft.link.trim()) body.link = draft.link.trim();
  if (draft.data.trim()) {
    const data = object(draft.data);
    if (data === null) errors.data = ["Must be a JSON object."];
    else body.data = data;
  }
  if (!draft.keep) body.store = false;
  if (draft.mail) {
    const email: Body = {};
    if (draft.mailTo.trim()) email.to = draft.mailTo.trim();
    if (draft.subject.trim()) email.subject = draft.subject.trim();
    if (draft.unless) email.unless = draft.unless;
    if (draft.afterMinutes.trim()) {
      const minutes = Number(draft.afterMinutes);
      if (Number.isFinite(minutes) && minutes >= 0) email.after = minutes * 60;
      else errors["email.after"] = ["Must be a number of minutes."];
    }
    body.email = Object.keys(email).length ? email : true;
  }
  return { body, errors };
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
export function errorOf(errors: Record<string, string[]>, field: string): string | null {
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
