"""python-socketio as it comes, as Bellhop's rival: the same tokens, rooms and bodies to emit; it stores nothing.

Settings in the environment: PORT, INTERNAL_PORT, JWT_SECRET, API_KEY, and REDIS_URL when it is one node of several.
"""

import asyncio
import os
import uuid
from datetime import UTC, datetime
from typing import Any

import jwt
import socketio
import uvloop
from aiohttp import web

SECRET = os.environ["JWT_SECRET"]
API_KEY = os.environ["API_KEY"]

manager = socketio.AsyncRedisManager(os.environ["REDIS_URL"]) if "REDIS_URL" in os.environ else None
sio = socketio.AsyncServer(async_mode="aiohttp", transports=["websocket"], client_manager=manager)


async def connect(sid: str, _environ: dict[str, Any], auth: dict[str, str]) -> None:
    try:
        claims = jwt.decode(auth["token"], SECRET, algorithms=["HS256"], options={"require": ["sub", "exp"]})
    except jwt.InvalidTokenError as error:
        raise socketio.exceptions.ConnectionRefusedError(str(error)) from error
    rooms = [f"user:{claims['sub']}", "all", *(f"topic:{topic}" for topic in claims.get("topics", ()))]
    for room in rooms:
        await sio.enter_room(sid, room)


sio.on("connect", connect)


async def emit(body: dict[str, Any]) -> dict[str, Any]:
    notification = {
        "id": str(uuid.uuid4()),
        "room": body["to"],
        "seq": None,
        "type": body["type"],
        "title": body["title"],
        "body": body.get("body", ""),
        "link": body.get("link"),
        "data": body.get("data", {}),
        "created_at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    await sio.emit("notification", notification, to=body["to"])
    kept = {key: notification[key] for key in ("id", "room", "seq")}
    return {"notifications": [kept], "duplicate": False}


def authenticate(request: web.Request) -> None:
    if request.headers.get("Authorization") != f"Bearer {API_KEY}":
        raise web.HTTPUnauthorized


async def post_emit(request: web.Request) -> web.Response:
    authenticate(request)
    return web.json_response(await emit(await request.json()), status=202)


async def post_batch(request: web.Request) -> web.Response:
    authenticate(request)
    items = (await request.json())["notifications"]
    return web.json_response({"results": [{"status": 202} | await emit(item) for item in items]}, status=207)


async def serve() -> None:
    public = web.Application()
    sio.attach(public)
    internal = web.Application()
    internal.router.add_post("/internal/emit", post_emit)
    internal.router.add_post("/internal/emit/batch", post_batch)
    for app, port in ((public, os.environ["PORT"]), (internal, os.environ["INTERNAL_PORT"])):
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", int(port), backlog=4096).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve())
