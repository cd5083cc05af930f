import type { Inbox } from "@bellhop/client";
import { useInbox } from "@bellhop/client/react";
import { createElement as h, type ReactNode } from "react";
import { createRoot } from "react-dom/client";

function Bell({ source }: { source: Inbox }): ReactNode {
  const { unread, items } = useInbox(source);
  return h(
    "div",
    null,
    h("h2", null, `React: ${unread} unread`),
    h("button", { type: "button", className: "button quiet", onClick: () => source.readAll() }, "Read all"),
    h(
      "ul",
      null,
      items.map((item) => h("li", { key: item.id, "data-read": item.read }, item.title)),
    ),
  );
}

export const draw = (at: HTMLElement, source: Inbox): void => createRoot(at).render(h(Bell, { source }));
