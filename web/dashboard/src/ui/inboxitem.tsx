import { sample } from "@bellhop/client/sample";
import { type ReactNode, useEffect, useRef } from "react";
import type { TypeItem } from "../protocol.ts";

/** A notification as the inbox shows it: drawn by the inbox's own row. */
export function InboxItem({ item, now }: { item: TypeItem; now?: string }): ReactNode {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const { category, ...words } = item;
    const drawn = sample({
      id: "sample",
      room: "user:you",
      seq: 1,
      data: {},
      created_at: now ?? new Date().toISOString(),
      read: false,
      seen: false,
      clicked: false,
      ...words,
      ...(category === null ? {} : { category }),
    });
    place.current?.replaceChildren(drawn);
  }, [item, now]);
  return <div className="inbox-item" ref={place} />;
}
