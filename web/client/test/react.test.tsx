// @vitest-environment jsdom

import { act, cleanup, configure, render, screen } from "@testing-library/react";
import { StrictMode } from "react";
import { afterEach, it } from "vitest";
import type { Inbox } from "../src/index.ts";
import { useInbox, usePreferences } from "../src/react.ts";
import { token } from "./gateway.ts";
import { eventually, expect, gateway, ready } from "./support.ts";

// @ts-expect-error React's own switch for tests
globalThis.IS_REACT_ACT_ENVIRONMENT = false;

// A second, which is its default, is over on a machine that has much else to do.
configure({ asyncUtilTimeout: 20_000 });

afterEach(cleanup);

function Bell({ url }: { url: string }) {
  const { unread, items, inbox } = useInbox({
    url,
    token: token("ann"),
    socket: { transports: ["websocket"] },
  });
  return (
    <button type="button" onClick={() => inbox?.readAll()}>
      {unread} of {items.length}
    </button>
  );
}

function List({ inbox, onRender }: { inbox: Inbox; onRender: () => void }) {
  onRender();
  return <p>{useInbox(inbox).items.length} items</p>;
}

it("the hook shows what arrives and acts on it", async () => {
  const server = await gateway();
  server.emit("user:ann", "one");

  const view = render(
    <StrictMode>
      <Bell url={server.url} />
    </StrictMode>,
  );
  await screen.findByText("1 of 1");
  server.emit("user:ann", "two");
  await screen.findByText("2 of 2");
  screen.getByRole("button").click();
  await screen.findByText("0 of 2");
  view.unmount();

  await eventually(() => expect(server.sockets).toHaveLength(0));
});

it("components that share an inbox render once for a burst", async () => {
  const server = await gateway();
  const ann = await ready({ url: server.url, token: token("ann") });
  let renders = 0;
  render(<List inbox={ann.inbox} onRender={() => renders++} />);
  const before = renders;
  const started = performance.now();

  await act(async () => {
    for (let n = 0; n < 500; n++) server.emit("user:ann", `number ${n}`);
  });
  await screen.findByText("500 items");

  expect(renders - before).toBeLessThanOrEqual(Math.ceil((performance.now() - started) / 16) + 1);
});

function Switch({ url }: { url: string }) {
  const { chosen, preferences } = usePreferences({
    url,
    token: token("ann"),
    socket: { transports: ["websocket"] },
  });
  const on = chosen?.grid.find(({ type }) => type === "SALE_OFFER")?.channels.email.value;
  return (
    <button type="button" onClick={() => preferences?.choose({ categories: { offers: { email: !on } } })}>
      Offers by email: {String(on)}
    </button>
  );
}

it("the hook of preferences shows what holds and changes it", async () => {
  const server = await gateway();

  const view = render(
    <StrictMode>
      <Switch url={server.url} />
    </StrictMode>,
  );
  await screen.findByText("Offers by email: true");
  screen.getByRole("button").click();
  await screen.findByText("Offers by email: false");
  server.choose({ categories: null });
  await screen.findByText("Offers by email: true");
  view.unmount();

  await eventually(() => expect(server.sockets).toHaveLength(0));
});
