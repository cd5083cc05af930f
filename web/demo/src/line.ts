/** The trace of one notification as a line of short words: what happened, and how long after what was before. */

import { element } from "./elements.ts";
import type { Point, Trace, Watch } from "./watch.ts";

const EVERY_MS = 700;
/** Nothing is heard of it any more. */
const OVER_MS = 180_000;

const WORDS: Readonly<Record<string, string>> = {
  seen: "seen",
  read: "read",
  clicked: "clicked",
  dismissed: "dismissed",
  archived: "archived",
  followed: "link followed",
  sent: "mail handed over",
  due: "mail waits, unless it is read",
  sending: "mail on its way",
  skipped: "mail skipped",
  recalled: "recalled",
  buried: "mail given up",
  postponed: "mail tried again later",
  hidden: "not shown",
};
const GOOD = new Set(["written", "sent", "read", "clicked", "followed"]);
const WAITS = new Set(["due", "sending", "held", "gathered"]);

function said(point: Point, name: string): string {
  if (point.what === "called") return `asked for by ${point.by ?? "somebody"}`;
  if (point.what === "stored") return `stored as #${point.detail?.split("#")[1] ?? ""}`;
  if (point.what === "written")
    return `→ ${name}’s ${point.count === 1 ? "connection" : `${point.count} connections`}`;
  const words = WORDS[point.what] ?? point.what;
  if (point.what === "skipped")
    return point.detail ? `${words}: ${point.detail.replace(/^\w+ /, `${name} `)}` : words;
  return words;
}

/** "+4 ms", or nothing for what was at the same moment. */
function since(before: Point | undefined, point: Point): string {
  const ms = before ? Date.parse(point.at) - Date.parse(before.at) : 0;
  if (ms <= 0) return "";
  return ms < 1_000 ? `+${ms} ms` : `+${(ms / 1_000).toFixed(1)} s`;
}

export interface Line {
  element: HTMLElement;
  /** Shows the way of this notification from now on. */
  follow(id: string): void;
}

/** `open` shows the whole trace; `heard` is told what happened to the one that is followed, whenever that is asked. */
export function line(
  watch: Watch,
  name: string,
  open: (id: string) => void,
  heard: (trace: Trace) => void,
): Line {
  const title = element("h2", "line-title", "The trace of what you press");
  const points = element("ol", "points");
  const none = element("p", "soft", "Press a button: its way through the gateway is drawn here, as it goes.");
  const whole = element("button", "link", "Whole trace");
  whole.type = "button";
  whole.hidden = true;
  const section = element("section", "line", element("div", "line-head", title, whole), points, none);
  section.setAttribute("aria-label", "Trace");
  let followed: string | undefined;
  let shown = "";
  let until = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const show = (trace: Trace): void => {
    heard(trace);
    const now = JSON.stringify(trace.line);
    if (now === shown) return;
    shown = now;
    title.textContent = `“${trace.notification.title}”`;
    points.replaceChildren(
      ...trace.line.map((point, index) => {
        const look = WAITS.has(point.what) ? "point waits" : GOOD.has(point.what) ? "point good" : "point";
        const after = WAITS.has(point.what) ? "" : since(trace.line[index - 1], point);
        const made = element("li", look, element("span", "", said(point, name)));
        if (after) made.append(element("small", "", after));
        made.dataset.what = point.what;
        return made;
      }),
    );
    points.scrollTo({ left: points.scrollWidth });
  };

  const ask = async (): Promise<void> => {
    const id = followed;
    if (!id || Date.now() > until) return;
    try {
      const trace = await watch.trace(id);
      if (id === followed) show(trace);
    } catch {
      // The gateway is away for a moment: it is asked again.
    }
    timer = setTimeout(ask, EVERY_MS);
  };

  whole.addEventListener("click", () => followed && open(followed));
  return {
    element: section,
    follow(id) {
      followed = id;
      until = Date.now() + OVER_MS;
      none.hidden = true;
      whole.hidden = false;
      clearTimeout(timer);
      void ask();
    },
  };
}
