// Socket.IO on Node.js as Bellhop's rival: the same tokens, the same rooms, the same bodies to emit; it stores nothing.
// Settings in the environment: PORT, INTERNAL_PORT, JWT_SECRET, API_KEY.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import jwt from "jsonwebtoken";
import { Server } from "socket.io";

const { PORT, INTERNAL_PORT, JWT_SECRET, API_KEY } = process.env;

const site = createServer();
const io = new Server(site, { perMessageDeflate: false, serveClient: false });

io.use((socket, next) => {
  try {
    socket.data.claims = jwt.verify(socket.handshake.auth.token, JWT_SECRET, { algorithms: ["HS256"] });
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

function emit({ to, type, title, body = "", link = null, data = {} }) {
  const id = randomUUID();
  const notification = { id, room: to, seq: null, type, title, body, link, data, created_at: new Date().toISOString() };
  io.to(to).emit("notification", notification);
  return { notifications: [{ id, room: to, seq: null }], duplicate: false };
}

const routes = {
  "/internal/emit": (body) => [202, emit(body)],
  "/internal/emit/batch": (body) => [
    207,
    { results: body.notifications.map((item) => ({ status: 202, ...emit(item) })) },
  ],
};

function answer(response, status, value) {
  const text = JSON.stringify(value);
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) });
  response.end(text);
}

const internal = createServer((request, response) => {
  const route = routes[request.url];
  if (!route) return answer(response, 404, { code: "not_found" });
  if (request.headers.authorization !== `Bearer ${API_KEY}`) return answer(response, 401, { code: "unauthorized" });
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => answer(response, ...route(JSON.parse(Buffer.concat(parts)))));
});

site.listen(PORT, "127.0.0.1");
internal.listen(INTERNAL_PORT, "127.0.0.1");
