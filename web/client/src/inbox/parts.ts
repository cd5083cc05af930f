/** What the element is made of, in one language: the bell and what speaks beside it, and once they are wanted the panel and the toasts. */

import type { Snapshot } from "../index.ts";
import type { Notification } from "../protocol.ts";
import { bell } from "./bell.ts";
import { h } from "./elements.ts";
import { fetchPanel, foresee, panelFile, type ToastFile } from "./late.ts";
import { notice } from "./notice.ts";
import type { Panel, PanelOptions } from "./panel.ts";
import { speech } from "./speech.ts";
import type { Toasts } from "./toasts.ts";

export interface Parts {
  readonly elements: readonly HTMLElement[];
  /** Whether the panel is open, or is to be once it is there. */
  isOpen(): boolean;
  open(): void;
  close(options: { focus: boolean }): void;
  count(unread: number): void;
  show(snapshot: Snapshot): void;
  /** Tells who hears or sees the bell of what has arrived. */
  tell(news: readonly Notification[]): void;
  toast(file: ToastFile, news: readonly Notification[]): void;
  /** Says nothing any more of a connection. */
  clear(): void;
}

export function parts(options: Omit<PanelOptions, "bell" | "notice">): Parts {
  const { strings, icon, inbox, follow } = options;
  let isWanted = false;
  let panel: Panel | undefined;
  let toasts: Toasts | undefined;
  const isOpen = (): boolean => isWanted || !!panel?.isOpen();

  const button = bell({
    strings,
    near: fetchPanel,
    pressed: () => (isOpen() ? close({ focus: true }) : open()),
  });
  const line = notice({ strings, reconnect: () => inbox()?.reconnect(), told: button.tell });
  // Silent: the live region speaks for them, once a second at most.
  const place = h("div", {
    class: "toasts",
    part: "toasts",
    role: "log",
    "aria-live": "off",
    "aria-label": strings.toasts,
  });
  const voice = speech({ strings });

  /** Shows whether the panel was asked for and is on its way. */
  const wait = (is: boolean): void => {
    isWanted = is;
    button.element.setAttribute("aria-busy", String(is));
  };
  const open = (): void => {
    toasts?.clear();
    wait(!panelFile);
    if (panelFile) {
      panel ??= panelFile.panel({ ...options, bell: button.element, notice: line.element });
      panel.open();
    } else fetchPanel().then(() => isWanted && open());
  };
  const close = (how: { focus: boolean }): void => {
    wait(false);
    panel?.close(how);
  };

  return {
    elements: [button.element, place, voice.element],
    isOpen,
    open,
    close,
    count: button.show,
    show(snapshot) {
      line.show(snapshot);
      panel?.show();
      if (snapshot.state === "ready") foresee();
    },
    tell(news) {
      button.ring();
      voice.tell(news);
    },
    toast(file, news) {
      // Who has opened the panel sees them there.
      if (isOpen()) return;
      toasts ??= file.toasts({ element: place, strings, icon, follow, open });
      toasts.show(news);
    },
    clear: line.clear,
  };
}
