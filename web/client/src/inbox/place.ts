/** Where the panel stands: under the bell, or above it where there is more room, and inside the window. */

const GAP_PX = 8;
/** A phone, or a window so low (or so enlarged) that a panel beside the bell would show next to nothing. */
const SMALL = "(max-width: 480px), (max-height: 480px)";

/** Places `panel` beside `bell`. A small window it fills, which its style says. */
export const beside = (bell: HTMLElement, panel: HTMLElement): void => {
  if (matchMedia(SMALL).matches) return;
  const at = bell.getBoundingClientRect();
  const { style, offsetWidth: width } = panel;
  const { clientWidth, clientHeight } = document.documentElement;
  const rtl = getComputedStyle(bell).direction === "rtl";
  const left = rtl ? at.left : at.right - width;
  style.setProperty("--_left", `${Math.max(GAP_PX, Math.min(left, clientWidth - width - GAP_PX))}px`);
  const top = at.bottom + GAP_PX;
  const below = clientHeight - top - GAP_PX;
  const upward = below < 320 && at.top > below;
  style.setProperty("--_room", `${Math.max(200, upward ? at.top - 2 * GAP_PX : below)}px`);
  // Held at the edge next to the bell: the panel grows and shrinks away from it.
  style.setProperty("--_top", upward ? "auto" : `${top}px`);
  style.setProperty("--_bottom", upward ? `${clientHeight - at.top + GAP_PX}px` : "auto");
  style.setProperty("--_origin", `${rtl ? 0 : 100}% ${upward ? 100 : 0}%`);
};
