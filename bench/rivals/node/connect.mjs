// How long the stock client takes to connect, as its page sees it: one after the other, each with a connection of its own.
//
// node connect.mjs PORT TOKEN COUNT    prints {"manner": milliseconds, …}, each the median
//
// `swallowed` is the client's default behind a proxy that opens websockets and lets none of their frames through.

import { connect, createServer } from "node:net";
import { io } from "socket.io-client";

const [port, token, count] = process.argv.slice(2);
const DEADLINE_MS = 30_000;

/** A TCP proxy to the server that answers websockets' handshakes, and then carries nothing of them to it. */
function swallowingProxy() {
  const proxy = createServer((client) => {
    const server = connect(port, "127.0.0.1");
    let websocket = false;
    client.on("data", (data) => {
      if (!websocket) server.write(data);
      websocket ||= /upgrade: *websocket/i.test(data.toString("latin1"));
    });
    server.pipe(client);
    for (const [one, other] of [[client, server], [server, client]]) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  });
  return new Promise((resolve) => proxy.listen(0, "127.0.0.1", () => resolve(proxy)));
}

async function milliseconds(at, transports) {
  const began = performance.now();
  const socket = io(`http://127.0.0.1:${at}`, {
    forceNew: true,
    reconnection: false,
    auth: { token },
    ...(transports && { transports }),
  });
  try {
    return await new Promise((resolve, reject) => {
      socket.on("connect", () => resolve(performance.now() - began));
      socket.on("connect_error", reject);
      setTimeout(() => reject(new Error("did not connect")), DEADLINE_MS).unref();
    });
  } finally {
    socket.disconnect();
  }
}

async function median(at, transports, times) {
  const taken = [];
  for (let number = 0; number < times; number++) taken.push(await milliseconds(at, transports));
  taken.sort((a, b) => a - b);
  return taken[Math.floor(taken.length / 2)];
}

const proxy = await swallowingProxy();
await median(port, undefined, 10); // what is loaded or compiled at first is nobody's
const found = {
  default: await median(port, undefined, Number(count)),
  websocket: await median(port, ["websocket"], Number(count)),
  polling: await median(port, ["polling"], Number(count)),
  swallowed: await median(proxy.address().port, undefined, Number(count)),
};
process.stdout.write(JSON.stringify(found));
process.exit(0);
