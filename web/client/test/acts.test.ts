/** What is done with notifications beyond reading them: shown in every tab, counted exactly, and found where it went. */

import { it } from "vitest";
import { act, archive, snooze, unarchive, undismiss, unread } from "../src/acts.ts";
import { token } from "./gateway.ts";
import { eventually, expect, gateway, ready } from "./support.ts";

it("what is archived leaves the list for the archive, and is taken back as read", async () => {
  const server = await gateway();
  const [one, two] = ["one", "two"].map((title) => server.emit("user:ann", title).id) as [string, string];
  const ann = await ready({ url: server.url, token: token("ann") });

  await archive(ann.inbox, one);
  await ann.until((s) => s.items.length === 1 && s.unread === 1);
  ann.inbox.setFilter({ archived: true });
  await ann.until((s) => !!s.filter.archived && !s.loading);
  expect(ann.titles()).toEqual(["one"]);
  await unarchive(ann.inbox, one);
  await ann.until((s) => s.items.length === 0);
  ann.inbox.setFilter({});
  await ann.until((s) => s.items.length === 2);

  expect(ann.now().items.map(({ id, read }) => [id, read])).toEqual([
    [two, false],
    [one, true],
  ]);
  expect(ann.now().unread).toBe(1);
});

it("what was dismissed is taken back where it was, in every tab and on every device", async () => {
  const server = await gateway();
  const [one] = ["one", "two"].map((title) => server.emit("user:ann", title).id) as [string];
  const options = { url: server.url, token: token("ann") };
  const [tab, phone] = [await ready(options), await ready({ ...options, share: false })];
  const other = await ready(options);

  tab.inbox.dismiss(one);
  for (const each of [tab, other, phone]) await each.until((s) => s.items.length === 1 && s.unread === 1);
  await undismiss(tab.inbox, one);
  for (const each of [tab, other, phone]) await each.until((s) => s.items.length === 2);
  expect(tab.now().items.map(({ id, read }) => [id === one, read])).toEqual([
    [false, false],
    [true, true],
  ]);
  await unread(tab.inbox, one);
  for (const each of [tab, other, phone]) await each.until((s) => s.unread === 2);
  // It is not kept out by what was before.
  server.readElsewhere(one);
  for (const each of [tab, other, phone]) await each.until((s) => s.unread === 1 && !!s.items[1]?.read);
  tab.inbox.dismiss(one);
  for (const each of [tab, other, phone]) await each.until((s) => s.items.length === 1);
});

it("what was recalled or replaced since it was dismissed is not taken back with others", async () => {
  const server = await gateway();
  const ids = ["mine", "recalled", "replaced"].map(
    (title) => server.emit("user:ann", title, { collapse: title }).id,
  ) as [string, string, string];
  const ann = await ready({ url: server.url, token: token("ann") });
  ann.inbox.dismiss(...ids);
  await ann.until((s) => s.items.length === 0);
  server.recall(ids[1]);
  server.emit("user:ann", "newer", { collapse: "replaced" });
  await ann.until((s) => s.items.length === 1);
  const before = ann.snapshots.length;

  await undismiss(ann.inbox, ...ids);
  // From a node that has not heard of the recall yet.
  server.did("undismiss", [ids[1]], { dismissed: false });
  await ann.until((s) => s.items.length > 1);
  // After a moment it asks for the list.
  await eventually(() => expect(server.asked.at(-1)?.[0]).toBe("history"));

  for (const { items } of ann.snapshots.slice(before))
    expect(["mine", "newer"]).toEqual(expect.arrayContaining(items.map((n) => n.title)));
  expect(ann.titles()).toEqual(["newer", "mine"]);
});

it("what takes a mark back comes behind it, and at once where there is no connection", async () => {
  const server = await gateway();
  const { id } = server.emit("user:ann", "one");
  const ann = await ready({ url: server.url, token: token("ann") });
  let refusals = 0;
  server.fail = (event) => (event === "dismiss" && !refusals++ ? "rate_limited" : undefined);

  ann.inbox.dismiss(id);
  await undismiss(ann.inbox, id);
  await unread(ann.inbox, id);
  await ann.until((s) => s.unread === 1 && s.items[0]?.read === false);
  expect(server.asked.map(([event]) => event).filter((event) => event !== "history")).toEqual([
    "dismiss",
    "dismiss",
    "undismiss",
    "unread",
  ]);

  await server.stop();
  await ann.until((s) => s.state === "offline");
  ann.inbox.dismiss(id);
  await expect(undismiss(ann.inbox, id)).rejects.toMatchObject({ code: "offline" });
});

it("what becomes unread again is counted, though an older count said less", async () => {
  const server = await gateway();
  const { id } = server.emit("user:ann", "one");
  const ann = await ready({ url: server.url, token: token("ann") });
  const { heads } = { heads: { "user:ann": 1, all: 0 } };
  ann.inbox.readAll();
  await ann.until((s) => s.unread === 0);

  await unread(ann.inbox, id);
  await ann.until((s) => s.unread === 1 && s.items[0]?.read === false);
  // It was made before, and comes late.
  server.tell("inbox", { unread: 0, heads });
  server.emit("user:ann", "two");
  await ann.until((s) => s.items.length === 2);

  expect(ann.now().unread).toBe(2);
});

it("what is snoozed comes back on top, unread, and stays there while the page does", async () => {
  const server = await gateway();
  const { id } = server.emit("user:ann", "later");
  server.emit("user:ann", "newer");
  const ann = await ready({ url: server.url, token: token("ann") });

  await snooze(ann.inbox, id, new Date(Date.now() + 3_600_000));
  await ann.until((s) => s.items.length === 1 && s.unread === 1);
  ann.inbox.setFilter({ snoozed: true });
  await ann.until((s) => !!s.filter.snoozed && !s.loading && s.items.length === 1);
  ann.inbox.setFilter({});
  server.bringBack(id);
  await ann.until((s) => s.items.length === 2 && s.unread === 2);
  expect(ann.titles()).toEqual(["later", "newer"]);

  const late = await ready({ url: server.url, token: token("ann"), pageSize: 1 });
  expect(late.titles()).toEqual(["later", "newer"]);
  ann.inbox.read(id);
  await ann.until((s) => s.unread === 1);
  expect(ann.titles()[0]).toBe("later");
});

it("what is pressed on one device is pressed on the other, once", async () => {
  const server = await gateway();
  const { id } = server.emit("user:ann", "yes or no?");
  const [phone, desk] = [
    await ready({ url: server.url, token: token("ann"), share: false }),
    await ready({ url: server.url, token: token("ann"), share: false }),
  ];

  await act(phone.inbox, id, "yes");
  const answer = await act(desk.inbox, id, "no");

  expect(answer.acted).toBe("yes");
  for (const device of [phone, desk])
    await device.until((s) => s.items[0]?.acted === "yes" && s.items[0].read && s.unread === 0);
  expect(server.asked.filter(([event]) => event === "act")).toHaveLength(2);
});

it("what cannot be done says why", async () => {
  const server = await gateway();
  const { id } = server.emit("user:ann", "one");
  const ann = await ready({ url: server.url, token: token("ann") });
  server.fail = (event) => (event === "archive" ? "unavailable" : undefined);

  await expect(archive(ann.inbox, id)).rejects.toMatchObject({ code: "unavailable" });
  expect(ann.titles()).toEqual(["one"]);
});
