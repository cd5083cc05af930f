/**
 * The box that opens at the bell: beside it, and above everything else.
 *
 * It stays open while the focus or the pointer is in it, and gives the focus back to the bell.
 */

import { h } from "./elements.ts";
import { beside } from "./place.ts";

/** What is to be had of the box; a tuple, since a name that nobody else reads would be paid for by every page. */
export type Box = readonly [
  element: HTMLElement,
  isOpen: () => boolean,
  /** Opens it, with the focus on it. */
  open: () => void,
  close: (options: { focus: boolean }) => void,
];

/** `closes` is told that it is about to be closed. */
export const box = (bell: HTMLElement, closes: () => void, ...content: readonly HTMLElement[]): Box => {
  let isOpen = false;
  const element = h(
    "div",
    {
      class: "panel",
      part: "panel",
      id: "panel",
      role: "dialog",
      "aria-labelledby": "title",
      tabindex: "-1",
      popover: "manual",
      hidden: true,
      onkeydown: (event: KeyboardEvent) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        close({ focus: true });
      },
      onfocusout: (event: FocusEvent) => {
        const to = event.relatedTarget as Node | null;
        if (to && !element.contains(to) && to !== bell) close({ focus: false });
      },
    },
    ...content,
  );
  const place = (): void => beside(bell, element);
  const outside = (event: Event): void => {
    if (!event.composedPath().includes((element.getRootNode() as ShadowRoot).host)) close({ focus: false });
  };

  const open = (): void => {
    isOpen = true;
    bell.setAttribute("aria-expanded", "true");
    element.hidden = false;
    // The top layer is above everything and cut off by nothing.
    element.showPopover?.();
    place();
    element.focus({ preventScroll: true });
    addEventListener("resize", place);
    addEventListener("scroll", place, true);
    document.addEventListener("pointerdown", outside);
  };
  const close = ({ focus }: { focus: boolean }): void => {
    if (!isOpen) return;
    isOpen = false;
    closes();
    bell.setAttribute("aria-expanded", "false");
    if (element.isConnected) element.hidePopover?.();
    element.hidden = true;
    removeEventListener("resize", place);
    removeEventListener("scroll", place, true);
    document.removeEventListener("pointerdown", outside);
    if (focus) bell.focus();
  };

  bell.after(element);
  return [element, () => isOpen, open, close];
};
