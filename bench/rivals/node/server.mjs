// Socket.IO on Node.js as Bellhop's rival (../socketio.mjs).
// Settings in the environment: PORT, INTERNAL_PORT, JWT_SECRET, API_KEY.

import { createServer } from "node:http";
import jwt from "jsonwebtoken";
import { Server } from "socket.io";
import { guard, routes } from "../socketio.mjs";

const { PORT, INTERNAL_PORT, JWT_SECRET, API_KEY } = process.env;

const site = createServer();
const io = new Server(site, { perMessageDeflate: false, serveClient: false });
guard(io, (token) => jwt.verify(token, JWT_SECRET, { algorithms: ["HS256"] }));

function answer(response, status, value) {
  const text = JSON.stringify(value);
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) });
  response.end(text);
}

const asked = routes(io);
const internal = createServer((request, response) => {
  const route = asked[request.url];
  if (!route) return answer(response, 404, { code: "not_found" });
  if (request.headers.authorization !== `Bearer ${API_KEY}`) return answer(response, 401, { code: "unauthorized" });
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => answer(response, ...route(JSON.parse(Buffer.concat(parts)))));
});

site.listen(PORT, "127.0.0.1");
internal.listen(INTERNAL_PORT, "127.0.0.1");
