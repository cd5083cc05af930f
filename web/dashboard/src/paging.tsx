import { type ReactNode, useCallback, useState } from "react";
import { type Asked, refusal, useAsk, useDesk } from "./context.tsx";
import { toast } from "./ui/toast.tsx";

/** A list that the gateway tells page by page. */
export interface Paging<P, T> {
  readonly event: string;
  /** What is asked beside the place. */
  readonly question: { readonly limit: number; readonly [name: string]: unknown };
  /** What the place of the next page is called when it is asked for. */
  readonly place: "before" | "after";
  readonly everyMs: number;
  readonly itemsOf: (page: P) => readonly T[];
  readonly keyOf: (item: T) => string;
}

export interface Paged<P, T> extends Asked<P> {
  /** Of all pages that were read, each once, as it was read on the first of them. */
  readonly items: readonly T[];
  /** The place of the next page; null: there is none. */
  readonly next: string | null;
  readonly more: () => Promise<void>;
  /** Lets the pages behind the first go. */
  readonly forget: () => void;
}

/** Pages of a list: the first is asked again and again, the others once. Another question begins anew. */
export function usePages<P extends { readonly next: string | null }, T>(paging: Paging<P, T>): Paged<P, T> {
  const { event, question, place, everyMs, itemsOf, keyOf } = paging;
  const { gateway } = useDesk();
  const first = useAsk<P>(event, question, everyMs);
  const [read, setRead] = useState<{ of: string; items: readonly T[]; next: string | null } | null>(null);
  const forget = useCallback(() => setRead(null), []);
  const of = JSON.stringify(question);
  const page = first.data ? itemsOf(first.data) : [];
  const further = read?.of === of ? behind(page, read.items, keyOf, question.limit) : null;
  const items = [...page, ...(further ?? [])];
  const next = read && further ? read.next : (first.data?.next ?? null);
  const more = async (): Promise<void> => {
    try {
      const page = await gateway.ask<P>(event, { ...question, [place]: next });
      setRead({ of, items: [...items, ...itemsOf(page)], next: page.next });
    } catch (failure) {
      toast(refusal(failure).message, "bad");
    }
  };
  return {
    ...first,
    items,
    next,
    more,
    forget,
  };
}

/**
 * What of `read`, a list from its beginning, stands behind the first page as that is now: what has come since moved some of
 * it down. Null where a whole page has come, of `limit`, and the two do not touch any more: what lies between was never read.
 */
export function behind<T>(
  first: readonly T[],
  read: readonly T[],
  keyOf: (item: T) => string,
  limit: number,
): readonly T[] | null {
  const known = new Set(first.map(keyOf));
  const rest = read.filter((item) => !known.has(keyOf(item)));
  if (known.size >= limit && rest.length === read.length) return null;
  const last = first.at(-1);
  const end = last ? read.findIndex((item) => keyOf(item) === keyOf(last)) : -1;
  return end < 0 ? rest : read.slice(end + 1).filter((item) => !known.has(keyOf(item)));
}

/** Asks for the next page, where there is one; `children` say what it has. */
export function More(props: {
  next: string | null;
  more: () => Promise<void>;
  children: ReactNode;
}): ReactNode {
  if (props.next === null) return null;
  return (
    <footer className="card-foot">
      <button type="button" className="button" onClick={() => void props.more()}>
        {props.children}
      </button>
    </footer>
  );
}
