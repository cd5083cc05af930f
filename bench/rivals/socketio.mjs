// What makes a Socket.IO server Bellhop's rival, on whatever it runs: the same tokens, the same rooms, the same bodies to
// emit; it stores nothing.

import { randomUUID } from "node:crypto";

/** Let in who has a token that `verify` takes, into the rooms that it names. */
export function guard(io, verify) {
  io.use((socket, next) => {
    try {
      socket.data.claims = verify(socket.handshake.auth.token);
      next();
    } catch (error) {
      next(new Error(error.message));
    }
  });
  io.on("connection", (socket) => {
    const { sub, topics = [], roles = [] } = socket.data.claims;
    socket.join([`user:${sub}`, "all", ...topics.map((topic) => `topic:${topic}`)]);
    if (roles.includes("admin")) socket.join("admins");
  });
}

function emit(io, { to, type, title, body = "", link = null, data = {} }) {
  const id = randomUUID();
  const notification = { id, room: to, seq: null, type, title, body, link, data, created_at: new Date().toISOString() };
  io.to(to).emit("notification", notification);
  return { notifications: [{ id, room: to, seq: null }], duplicate: false };
}

/** What is asked of the internal site, by its path; each answers a status and a value. */
export function routes(io) {
  return {
    "/internal/emit": (body) => [202, emit(io, body)],
    "/internal/emit/batch": (body) => [
      207,
      { results: body.notifications.map((item) => ({ status: 202, ...emit(io, item) })) },
    ],
  };
}
