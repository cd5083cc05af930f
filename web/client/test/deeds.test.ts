// @vitest-environment jsdom

/** What one does in the element beyond opening and reading, and how it is taken back. */

import { it } from "vitest";
import { find, pressed, shown } from "./element.ts";
import { eventually, expect, gateway } from "./support.ts";

it("one that asks is answered once, and shows what was pressed", async () => {
  const server = await gateway();
  const asked = server.emit("user:ann", "Return it?");
  asked.actions = [
    { id: "yes", label: "Yes", style: "primary", link: "javascript:alert(1)" },
    { id: "no", label: "No", style: "default" },
  ];
  asked.image = "https://shop.example/a.png";
  const { root } = await shown(server);
  await pressed(root);
  await eventually(() => expect(root.querySelectorAll(".answer")).toHaveLength(2));
  const [yes, no] = [...root.querySelectorAll<HTMLElement>(".answer")] as [HTMLElement, HTMLElement];
  const image = find(root, ".glyph img");
  expect([image.getAttribute("width"), image.getAttribute("alt")]).toEqual(["36", ""]);

  yes.click();
  await eventually(() => expect(yes.getAttribute("aria-pressed")).toBe("true"));
  no.click();

  expect(no.getAttribute("aria-disabled")).toBe("true");
  expect(server.asked.filter(([event]) => event === "act")).toEqual([
    ["act", { id: asked.id, action: "yes" }],
  ]);
});

it("what cannot be archived comes back, and the element says so", async () => {
  const server = await gateway();
  server.emit("user:ann", "one");
  server.fail = (event) => (event === "archive" ? "unavailable" : undefined);
  const { root } = await shown(server);
  await pressed(root);

  await eventually(() => find(root, ".box").click());

  await eventually(() =>
    expect(find(root, ".undo span").textContent).toBe("That did not work. Try again in a moment."),
  );
  await eventually(() => expect(root.querySelectorAll(".row[data-id]")).toHaveLength(1));
});

it("what is dismissed is so at once, and can be taken back, again and again if need be", async () => {
  const server = await gateway();
  const { id } = server.emit("user:ann", "one");
  const { element, root } = await shown(server);
  await pressed(root);
  const asked = (): unknown[] => server.asked.filter(([event]) => /dismiss|unread/.test(event));

  await eventually(() => find(root, '[aria-label^="Dismiss: "]').click());
  await eventually(() => expect(asked()).toEqual([["dismiss", { ids: [id] }]]));
  await eventually(() => expect(root.querySelector(".row[data-id]")).toBeNull());
  server.fail = () => "unavailable";
  find(root, ".undo button").click();
  await eventually(() => expect(find(root, ".undo span").textContent).toMatch(/did not work/));
  server.fail = undefined;
  find(root, ".undo button").click();

  await eventually(() => expect(root.querySelectorAll(".row[data-id]:not(.read)")).toHaveLength(1));
  expect(element.inbox?.getSnapshot().unread).toBe(1);
  expect(asked().slice(-2)).toEqual([
    ["undismiss", { ids: [id] }],
    ["unread", { ids: [id] }],
  ]);
});

it("what is taken back while its dismissal waits is dismissed first, and then there again", async () => {
  const server = await gateway();
  const { id } = server.emit("user:ann", "one");
  const { root } = await shown(server);
  await pressed(root);
  let refusals = 0;
  server.fail = (event) => (event === "dismiss" && !refusals++ ? "unavailable" : undefined);

  await eventually(() => find(root, '[aria-label^="Dismiss: "]').click());
  await eventually(() => expect(refusals).toBe(1));
  await eventually(() => expect(root.querySelector(".row[data-id]")).toBeNull());
  find(root, ".undo button").click();

  await eventually(() => expect(root.querySelectorAll(".row[data-id]:not(.read)")).toHaveLength(1));
  expect(server.asked.filter(([event]) => /dismiss|unread/.test(event))).toEqual(
    ["dismiss", "dismiss", "undismiss", "unread"].map((event) => [event, { ids: [id] }]),
  );
});

it("what was put off and is dismissed is put off again when that is taken back", async () => {
  const server = await gateway();
  const { id } = server.emit("user:ann", "one");
  const until = new Date(Date.now() + 3_600_000).toISOString();
  const { element, root } = await shown(server);
  server.did("snooze", [id], { read: true, snoozed_until: until });
  element.inbox?.setFilter({ snoozed: true });
  await pressed(root);
  await eventually(() => expect(root.querySelectorAll(".row[data-id].snoozed")).toHaveLength(1));

  await eventually(() => find(root, '[aria-label^="Dismiss: "]').click());
  await eventually(() => expect(root.querySelector(".row[data-id]")).toBeNull());
  find(root, ".undo button").click();

  await eventually(() => expect(server.asked).toContainEqual(["snooze", { id, until }]));
  await eventually(() => expect(root.querySelectorAll(".row[data-id].snoozed")).toHaveLength(1));
});

it("what is dismissed in a tunnel is dismissed behind it, and there is no button to take it back", async () => {
  const server = await gateway();
  server.emit("user:ann", "one");
  const { element, root } = await shown(server);
  await pressed(root);
  await eventually(() => expect(root.querySelector(".acts")).not.toBeNull());
  await server.stop();
  await eventually(() => expect(element.inbox?.getSnapshot().state).toBe("offline"));

  find(root, '[aria-label^="Dismiss: "]').click();

  await eventually(() => expect(root.querySelector(".row[data-id]")).toBeNull());
  expect(find(root, ".undo span").textContent).toBe("Dismissed");
  expect(find(root, ".undo button").hidden).toBe(true);
  await server.start();
  await eventually(() => expect(server.asked.some(([event]) => event === "dismiss")).toBe(true));
});

it("what is put off, put away or taken back is as it was when that is undone", async () => {
  const server = await gateway();
  const { id } = server.emit("user:ann", "one");
  const { element, root } = await shown(server);
  await pressed(root);
  const now = (): unknown => {
    const { filter: _, items } = element.inbox?.getSnapshot() ?? { filter: {}, items: [] };
    return items.map(({ read, archived, snoozed_until }) => [read, !!archived, !!snoozed_until]);
  };
  const undo = async (): Promise<void> => {
    await eventually(() => expect(root.querySelector(".row[data-id]")).toBeNull());
    await eventually(() => expect(find(root, ".undo").hidden).toBe(false));
    find(root, ".undo button").click();
    await eventually(() => expect(root.querySelector(".row[data-id]")).not.toBeNull());
  };
  const later = (): void => {
    const choices = find(root, ".later select") as HTMLSelectElement;
    choices.dispatchEvent(new Event("focus"));
    choices.selectedIndex = 1;
    choices.dispatchEvent(new Event("change"));
  };
  await eventually(() => find(root, ".later select"));

  element.inbox?.read(id);
  await eventually(() => find(root, ".row.read[data-id]"));
  later();
  await undo();
  expect(now()).toEqual([[true, false, false]]);

  server.did("snooze", [id], { read: true, snoozed_until: new Date(Date.now() + 3_600_000).toISOString() });
  element.inbox?.setFilter({ snoozed: true });
  await eventually(() => find(root, ".snoozed .box").click());
  await undo();
  expect(now()).toEqual([[true, false, true]]);

  server.did("archive", [id], { read: true, archived: true, snoozed_until: null });
  element.inbox?.setFilter({ archived: true });
  await eventually(() => expect(find(root, ".box").title).toBe("Back to the inbox: one"));
  find(root, ".box").click();
  await undo();
  expect(now()).toEqual([[true, true, false]]);
});
