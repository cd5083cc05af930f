// Many stock socket.io-client sockets in one process, driven by JSON lines.
//
// stdin:  {"id": 7, "do": "open", "socket": "a", …}     one command a line; "do" names one of `commands` below
// stdout: {"reply": 7, "value": …} or {"reply": 7, "error": "…"}
//         {"socket": "a", "event": "notification", "args": […]}    what the socket was told, as it was told
//         {"socket": "a", "state": "connect", …}                   what became of its connection
//
// `package.json` has several releases of the client. It adds nothing to them: whatever a test sees here, a browser with `io(url)` would see.

import { createInterface } from "node:readline";

const sockets = new Map();

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function transportOf(socket) {
  return socket.io.engine?.transport?.name ?? null;
}

/** Keep `since` as PROTOCOL's five lines of JavaScript do. */
function follow(socket, since) {
  socket.on("notification", (n) => {
    if (n.seq !== null) since[n.room] = n.seq;
  });
  socket.on("ready", (r) => Object.assign(since, r.heads, { epoch: r.epoch }));
}

/** Report the connection's life as `state` lines. */
function report(name, socket) {
  const state = (state, facts) => say({ socket: name, state, ...facts });
  // Listen from the opening on: the upgrade may end before the namespace is connected.
  socket.io.on("open", () => {
    socket.io.engine.once("upgrade", (transport) => state("upgrade", { transport: transport.name }));
  });
  socket.on("connect", () => state("connect", { id: socket.id, transport: transportOf(socket) }));
  socket.on("disconnect", (reason) => state("disconnect", { reason, active: socket.active }));
  socket.on("connect_error", (error) =>
    state("connect_error", { message: error.message, data: error.data ?? null, active: socket.active }),
  );
  socket.io.on("reconnect_attempt", (attempt) => state("reconnect_attempt", { attempt }));
  socket.onAny((event, ...args) => say({ socket: name, event, args }));
}

const commands = {
  /** Open a socket of its own connection, by the release of the client that `library` names; `options` go to `io()` as they are. */
  async open({ socket: name, url, auth, follow_since: followSince, library, options }) {
    const { io } = await import(library);
    const since = { ...auth.since };
    const entry = { auth, since, socket: null };
    const given = followSince ? () => ({ ...entry.auth, since }) : () => entry.auth;
    entry.socket = io(url, { forceNew: true, autoConnect: false, auth: (hand) => hand(given()), ...options });
    if (followSince) follow(entry.socket, since);
    report(name, entry.socket);
    sockets.set(name, entry);
    entry.socket.connect();
  },

  /** Open the socket again, after a disconnect that the client does not come back from by itself. */
  connect({ socket: name }) {
    sockets.get(name).socket.connect();
  },

  /** What the next CONNECT will send as `auth`. */
  auth({ socket: name, auth }) {
    sockets.get(name).auth = auth;
  },

  emit({ socket: name, event, args }) {
    sockets.get(name).socket.emit(event, ...args);
  },

  /** Emit, and answer what the acknowledgement said. */
  async call({ socket: name, event, args, timeout_ms: timeout }) {
    return await sockets.get(name).socket.timeout(timeout).emitWithAck(event, ...args);
  },

  disconnect({ socket: name }) {
    sockets.get(name).socket.disconnect();
  },

  /** Lose the connection under the client: it sees a transport that closed, and reconnects if it may. */
  drop({ socket: name }) {
    sockets.get(name).socket.io.engine.close();
  },

  state({ socket: name }) {
    const { socket, since } = sockets.get(name);
    return { connected: socket.connected, id: socket.id ?? null, transport: transportOf(socket), since };
  },

  /** Forget a socket for good. */
  close({ socket: name }) {
    sockets.get(name)?.socket.offAny().disconnect();
    sockets.delete(name);
  },
};

async function obey(line) {
  const { id, do: command, ...rest } = JSON.parse(line);
  try {
    say({ reply: id, value: (await commands[command](rest)) ?? null });
  } catch (error) {
    say({ reply: id, error: String(error?.message ?? error) });
  }
}

const lines = createInterface({ input: process.stdin });
lines.on("line", obey);
lines.on("close", () => {
  for (const { socket } of sockets.values()) socket.disconnect();
  process.exit(0);
});
