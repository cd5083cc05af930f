"use client";

import "@bellhop/client/inbox";
import { useInbox } from "@bellhop/client/react";
import { useEffect, useRef } from "react";

const getToken = async () => (await fetch("/api/notification-token")).text();

/** The hook, and the element beside it on the hook's inbox. */
export function Bell({ url }) {
  const element = useRef(null);
  const { unread, items, inbox } = useInbox({ url, getToken });
  useEffect(() => {
    if (element.current && inbox) element.current.inbox = inbox;
  }, [inbox]);
  return (
    <>
      <bellhop-inbox ref={element} />
      <section aria-label="By the hook">
        <h2>{unread} unread</h2>
        <ul>
          {items.map((item) => (
            <li key={item.id}>{item.title}</li>
          ))}
        </ul>
      </section>
    </>
  );
}
