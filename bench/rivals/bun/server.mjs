// Socket.IO on Bun, with the engine that its makers have for it, as Bellhop's rival (../socketio.mjs).
// Settings in the environment: PORT, INTERNAL_PORT, JWT_SECRET, API_KEY.

import { Server as Engine } from "@socket.io/bun-engine";
import jwt from "jsonwebtoken";
import { Server } from "socket.io";
import { guard, routes } from "../socketio.mjs";

const { PORT, INTERNAL_PORT, JWT_SECRET, API_KEY } = process.env;

const io = new Server();
const engine = new Engine({ path: "/socket.io/" });
io.bind(engine);
guard(io, (token) => jwt.verify(token, JWT_SECRET, { algorithms: ["HS256"] }));

const asked = routes(io);
const answer = (status, value) => Response.json(value, { status });

async function internal(request) {
  const route = asked[new URL(request.url).pathname];
  if (!route) return answer(404, { code: "not_found" });
  if (request.headers.get("authorization") !== `Bearer ${API_KEY}`) return answer(401, { code: "unauthorized" });
  return answer(...route(await request.json()));
}

Bun.serve({ hostname: "127.0.0.1", port: Number(PORT), ...engine.handler() });
Bun.serve({ hostname: "127.0.0.1", port: Number(INTERNAL_PORT), fetch: internal });
