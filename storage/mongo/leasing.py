"""Taking what is due: several processes look at once, and each document is one's for as long as its lease lasts."""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from storage.encoding import micros
from storage.mongo.collections import Collections, Document


async def take_due(
    c: Collections,
    name: str,
    *,
    order: str,
    limit: int,
    lease_seconds: float,
    now: datetime,
    mark: Mapping[str, Any] | None = None,
) -> tuple[str, list[Document]]:
    """A token, and the documents of this collection that are this caller's under it, by `order` and their ids.

    Due is what has a `wake_at` that has come; it comes again when the lease has ended. `mark` is set on what is taken.

    Two reads and a write. Of several who look at once each document is one's, as the write judges it again. An empty
    list comes with a token that is nobody's. A crash after the write leaves leases that end.
    """
    token = secrets.token_hex(8)
    is_due = {"wake_at": {"$lte": micros(now)}}
    due = await c[name].find(is_due, {"_id": 1}).sort("wake_at", 1).limit(limit).to_list()
    if not due:
        return token, []
    await c[name].update_many(
        {"_id": {"$in": [row["_id"] for row in due]}, **is_due},
        {"$set": {**(mark or {}), "token": token, "wake_at": micros(now + timedelta(seconds=lease_seconds))}},
    )
    # Only those that nobody else has taken in between.
    return token, await c[name].find({"token": token}).sort([(order, 1), ("_id", 1)]).to_list()
