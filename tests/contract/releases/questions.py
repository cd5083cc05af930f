"""Everything that can be asked about what a store of an earlier release holds.

The same questions were put to that release by its own code: they name no shelf's class, and ask with plain values.
"""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

NOW = datetime(2026, 11, 22, 8, 27, 41, 123456, tzinfo=UTC)
USERS = ("ann", "bob", "cat", "dan", "eve")
SHARED = ("topic:deals", "admins", "all")
ROOMS = tuple(f"user:{user}" for user in USERS) + SHARED
LATER = NOW + timedelta(days=30)

Ask = Callable[..., Awaitable[Any]]
"""`ask(shelf, method, *args, **options)`."""


async def answers(ask: Ask, history_query: Callable[..., Any], ids: list[str]) -> dict[str, Any]:
    """What the store answers, by question, as JSON would have it."""
    told: dict[str, Any] = {"heads": await ask("streams", "heads", ROOMS)}
    for room in ROOMS:
        told[f"span of {room}"] = await ask("streams", "span", room, after=0, limit=1_000)
        told[f"span of {room} at a time"] = await ask(
            "streams", "span", room, after=0, limit=1_000, now=LATER
        )
    for notification_id in ids:
        told[f"notification {notification_id}"] = await ask("streams", "notification", notification_id)
        told[f"receipts of {notification_id}"] = await ask("inboxes", "receipts", notification_id)
    for user in USERS:
        rooms = (f"user:{user}", *SHARED)
        told[f"unread of {user}"] = await ask("inboxes", "unread", user, rooms, now=LATER)
        query = history_query(user=user, rooms=rooms, limit=100)
        told[f"history of {user}"] = await ask("inboxes", "history", query, now=LATER)
        told[f"opening of {user}"] = await ask(
            "inboxes", "opening", user, rooms, since=dict.fromkeys(rooms, 1), limit=100, now=LATER
        )
        # One method of the shelf of people told all of it then.
        told[f"data of {user}"] = {
            "contact": await ask("people", "contact", user),
            "notifications": await ask("streams", "of_room", f"user:{user}", limit=100),
            "receipts": await ask("inboxes", "receipts_of_user", user, limit=100),
            "read_upto": await ask("inboxes", "read_upto", user),
        }
        told[f"contact {user}"] = await ask("people", "contact", user)
    told["mails"] = await ask("outbox", "mail_page", state=None, before=None, limit=100)
    told["counts"] = await ask("outbox", "mail_counts")
    told["next due"] = await ask("outbox", "next_due")
    told["secret"] = await ask(None, "shared_secret")
    # By way of Python's own JSON: half a surrogate pair may be in a text, and an integer of any size.
    plain: dict[str, Any] = json.loads(json.dumps(msgspec.to_builtins(told)))
    return plain
