// A crowd of pages: each is the README's, as it stands, with the stock client's own options and nothing that helps it.
//
// stdin:  {"open": [{"url": …, "token": …}, …]}    more pages    {"leave": 100}    the oldest close    {}    only report
// stdout: {"pages": 1000, "ready": 998, "stranded": 0, "errors": {…}, "repeated": 0}    after each line
//
// `stranded` counts those that have given up: they will not come back by themselves.

import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const pages = new Map();
const errors = {};
let repeated = 0;

function open(name, { url, token }) {
  const since = {};
  const had = new Set();
  const socket = io(url, { forceNew: true, auth: (cb) => cb({ token, since }) });
  const page = { socket, ready: false };
  socket.on("notification", (n) => {
    if (n.seq !== null) since[n.room] = n.seq;
    if (had.has(n.id)) repeated++;
    had.add(n.id);
  });
  socket.on("ready", (r) => Object.assign(since, r.heads));
  socket.on("ready", () => (page.ready = true));
  socket.on("disconnect", () => (page.ready = false));
  socket.on("connect_error", ({ message }) => (errors[message] = (errors[message] ?? 0) + 1));
  pages.set(name, page);
}

let opened = 0;

for await (const line of createInterface({ input: process.stdin })) {
  const { open: more = [], leave = 0 } = JSON.parse(line);
  for (const each of more) open(opened++, each);
  for (const [name, { socket }] of [...pages].slice(0, leave)) {
    socket.disconnect();
    pages.delete(name);
  }
  const all = [...pages.values()];
  const count = (holds) => all.filter(holds).length;
  const report = { ready: count((page) => page.ready), stranded: count(({ socket }) => !socket.active), errors, repeated };
  process.stdout.write(`${JSON.stringify({ pages: all.length, ...report })}\n`);
}
process.exit(0);
