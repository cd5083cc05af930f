"""Another application on the same Redis: a python-socketio server that does all that its library lets it do there.

    python -m tests.support.stranger <json: {url, channels, sids, rooms, seconds}>

It runs until the seconds are over, then tells in a line of JSON what it did.
"""

import asyncio
import itertools
import json
import random
import sys
import time
from collections import Counter
from typing import Any

import socketio
from redis.asyncio import Redis

EVENTS = (
    "notification",
    "ready",
    "inbox",
    "closing",
    "recalled",
    "token:expiring",
    "presence:joined",
    "feed",
    "foreign",
)
LARGE = 2_000_000


async def speak(manager: socketio.AsyncRedisManager, given: dict[str, Any], done: Counter[str]) -> None:
    """One of each thing that the library can say to others, about a room and a session of Bellhop's."""
    room, sid = random.choice(given["rooms"]), random.choice(given["sids"])
    namespace = random.choice(("/", "/admin"))
    for event in EVENTS:
        await manager.emit(
            event, {"foreign": True, "seq": 10**9, "room": room}, namespace=namespace, room=room
        )
        done["emit"] += 1
    await manager.emit("foreign", {"foreign": True}, namespace=namespace)
    await manager.emit("foreign", b"\x00\xff", namespace=namespace, room=sid)
    await manager.close_room(room, namespace)
    await manager.close_room(room, "/")
    await manager.leave_room(sid, namespace, room)
    await manager.enter_room(sid, namespace, "user:somebody-else")
    await manager.can_disconnect(sid, "/")
    done["order"] += 5


async def forge(client: Redis, given: dict[str, Any], done: Counter[str]) -> None:
    """What no library says, on every channel that Redis tells of."""
    for channel in await client.pubsub_channels():
        for payload in (
            b"", b"\xff" * 40, b"{}", b"\x01stranger" + bytes(8) + b'["foreign",1]',
            b"\x02stranger" + (10**9).to_bytes(8) + bytes(16) + b'["foreign",1]',
            b"\x02stranger" + bytes(24) + b'{"do":"disconnect","user":"u0"}',
            b"\x02stranger" + bytes(24),
        ):  # fmt: skip
            await client.publish(channel, payload)
            done["forged"] += 1
    if done["forged"] % 10 == 0:
        await client.publish(random.choice(given["forge"]), bytes(LARGE))
        done["large"] += 1


async def main(given: dict[str, Any]) -> Counter[str]:
    done: Counter[str] = Counter()
    end = time.monotonic() + given["seconds"]
    base = given["url"].rpartition("/")[0]
    servers = []
    for database, channel in itertools.product((0, 1), given["channels"]):
        # A whole server, which listens too, as an application of its own would be.
        manager = socketio.AsyncRedisManager(f"{base}/{database}", channel=channel)
        server = socketio.AsyncServer(client_manager=manager, async_mode="asgi")
        manager.initialize()
        servers.append(server)
    async with Redis.from_url(given["url"]) as client:
        given["forge"] = await client.pubsub_channels()
        while time.monotonic() < end:
            for server in servers:
                await speak(server.manager, given, done)
            await forge(client, given, done)
            # As fast as it can, but for the machine that the test has to share with it.
            await asyncio.sleep(0.005)
    return done


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(json.loads(sys.argv[1])))))
    sys.stdout.flush()
    # The library's listeners have no end.
    import os

    os._exit(0)
