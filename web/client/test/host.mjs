/**
 * Inboxes of the built package in a process of their own, driven by JSON lines from a test that has a real gateway.
 *
 * stdin:  {"id": 7, "do": "open", "inbox": "a", …}      one command a line; "do" names one of `commands` below
 * stdout: {"reply": 7, "value": …} or {"reply": 7, "error": "…"}
 *         {"inbox": "a", "snapshot": …} after each change, {"inbox": "a", "arrived": […]} for each arrival
 *
 * With `socket.io-client-4.0` as its argument, the package finds that version of the client under the name it imports.
 */

import { register } from "node:module";
import { createInterface } from "node:readline";

const version = process.argv[2];
if (version) {
  const hooks = `export const resolve = (name, context, next) =>
    next(name === "socket.io-client" ? ${JSON.stringify(version)} : name, context);`;
  register(`data:text/javascript,${encodeURIComponent(hooks)}`);
}
// Newer Node.js has Web Locks: here each inbox is to be a browser without.
Object.defineProperty(globalThis.navigator ?? {}, "locks", { value: undefined });
const { connect } = await import("@bellhop/client");
const { protocol } = await import("socket.io-client");

const inboxes = new Map();
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const commands = {
  /** `tokens`: the first for the connection, each further one for a renewal; the last for ever. */
  open({ inbox: name, tokens, options }) {
    let given = 0;
    const getToken = () => tokens[Math.min(given++, tokens.length - 1)];
    const inbox = connect({ getToken, ...options });
    inboxes.set(name, inbox);
    inbox.subscribe(() => say({ inbox: name, snapshot: { ...inbox.getSnapshot(), given } }));
    inbox.onArrival((arrived) => say({ inbox: name, arrived: arrived.map((n) => n.title) }));
    return protocol;
  },
  act({ inbox: name, method, args }) {
    inboxes.get(name)[method](...args);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, do: what, ...given } = JSON.parse(line);
  try {
    say({ reply: id, value: commands[what](given) ?? null });
  } catch (error) {
    say({ reply: id, error: String(error) });
  }
}
for (const inbox of inboxes.values()) inbox.close();
