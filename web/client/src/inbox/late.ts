/** What the element begins without: fetched when it is needed, or before, while the browser has nothing else to do. */

import { fetched } from "./fetched.ts";

export type PanelFile = typeof import("./panel.ts");
export type ToastFile = typeof import("./toasts.ts");
let coming: Promise<PanelFile> | undefined;
let toasting: Promise<ToastFile> | undefined;
let foreseen = false;

/** The panel, for all elements of a page, once it is there. */
export let panelFile: PanelFile | undefined;

export const fetchPanel = (): Promise<PanelFile> =>
  (coming ??= fetched(() => import("./panel.ts")).then((file) => (panelFile = file)));

/** One promise for all: what came later is shown later. */
export const fetchToasts = (): Promise<ToastFile> => (toasting ??= fetched(() => import("./toasts.ts")));

/** Has the panel fetched in an idle moment, so that it opens at once, and in a tunnel too; where data is dear, not before it is wanted. */
export function foresee(): void {
  const { connection } = navigator as { connection?: { saveData?: boolean } };
  if (foreseen || connection?.saveData) return;
  foreseen = true;
  (globalThis.requestIdleCallback ?? setTimeout)(() => fetchPanel());
}
