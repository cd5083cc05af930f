// @vitest-environment jsdom

/** The inbox in Vue and in Svelte: what is on the page follows it, and nothing is left behind. */

import { derived } from "svelte/store";
import { it } from "vitest";
import { createApp, defineComponent, h } from "vue";
import { inboxStore } from "../src/svelte.ts";
import { useInbox } from "../src/vue.ts";
import { token } from "./gateway.ts";
import { atEnd, eventually, expect, gateway, ready } from "./support.ts";

it("a component of Vue shows what is unread, marks it, and closes its inbox when it goes", async () => {
  const server = await gateway();
  server.emit("user:ann", "one");
  const Bell = defineComponent(() => {
    const { snapshot, inbox } = useInbox({
      url: server.url,
      token: token("ann"),
      share: false,
      socket: { transports: ["websocket"] },
    });
    return () => h("button", { onClick: inbox.readAll }, `${snapshot.value.unread} unread`);
  });
  const page = document.createElement("div");
  const app = createApp(Bell);
  app.mount(page);
  atEnd(() => app.unmount());
  await eventually(() => expect(page.textContent).toBe("1 unread"));

  page.querySelector("button")?.click();

  await eventually(() => expect(page.textContent).toBe("0 unread"));
  app.unmount();
  await eventually(() => expect(server.sockets).toHaveLength(0));
});

it("a store of Svelte is what the inbox is, for as long as somebody subscribes", async () => {
  const server = await gateway();
  const ann = await ready({ url: server.url, token: token("ann") });
  const titles = derived(inboxStore(ann.inbox), ({ items }) => items.map(({ title }) => title));
  const told: string[][] = [];
  const end = titles.subscribe((now) => told.push(now));

  server.emit("user:ann", "one");
  await eventually(() => expect(told.at(-1)).toEqual(["one"]));
  end();
  server.emit("user:ann", "two");
  await ann.until((s) => s.items.length === 2);

  expect(told[0]).toEqual([]);
  expect(told.at(-1)).toEqual(["one"]);
});
