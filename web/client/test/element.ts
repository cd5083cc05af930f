import { afterEach, beforeAll, vi } from "vitest";
import type { BellhopInbox } from "../src/inbox/index.ts";
import { type Gateway, token } from "./gateway.ts";
import { atEnd, eventually, expect } from "./support.ts";

beforeAll(async () => {
  // jsdom knows no style sheets made in code.
  vi.stubGlobal(
    "CSSStyleSheet",
    class {
      replaceSync(): void {}
    },
  );
  // Nor does it lay anything out.
  vi.stubGlobal(
    "ResizeObserver",
    class {
      observe(): void {}
    },
  );
  vi.stubGlobal("matchMedia", () => ({ matches: false }));
  await import("../src/inbox/index.ts");
});

afterEach(() => document.body.replaceChildren());

/** The element, as Ann sees it. */
export async function shown(
  server: Gateway,
  attributes: Record<string, string> = {},
): Promise<{ element: BellhopInbox; root: ShadowRoot }> {
  const element = document.createElement("bellhop-inbox");
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.setAttribute("url", server.url);
  element.setAttribute("token", token("ann"));
  element.options = { socket: { transports: ["websocket"] } };
  document.body.append(element);
  atEnd(() => element.remove());
  await eventually(() =>
    expect(element.inbox?.getSnapshot()).toMatchObject({ state: "ready", loading: false }),
  );
  return { element, root: element.shadowRoot as ShadowRoot };
}

export const find = (root: ShadowRoot, selector: string): HTMLElement => {
  const found = root.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(`there is no ${selector}`);
  return found;
};

/** Presses the bell, and waits for what comes of it. */
export async function pressed(root: ShadowRoot): Promise<void> {
  find(root, ".bell").click();
  await eventually(() => expect(find(root, "[role=dialog]").hidden).toBe(false));
}
