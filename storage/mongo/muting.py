"""What is unread of what users do not want to be shown."""

from collections.abc import Iterable, Sequence

from storage.encoding import writable
from storage.histories import Muted
from storage.mongo.collections import NOTIFICATIONS, Collections, both, together
from storage.mongo.standings import RANGES_PER_QUERY, RECEIPTS, Standings, unread_again

RoomSequence = tuple[str, int]
"""A room, and a sequence of it."""


async def shown(
    c: Collections, user: str, rooms: Iterable[str], standing: Standings, muted: Muted | None, *, now: int
) -> int:
    """How much is unread of what the user is shown; only who has muted something has anything looked up.

    `rooms` may name one more often. What is muted is counted by the index of streams, above each mark.
    """
    unread = standing.total(user, rooms)
    if muted is None or not unread:
        return unread
    return unread - await hidden(c, user, rooms, standing, muted, now=now)


async def hidden(
    c: Collections, user: str, rooms: Iterable[str], standing: Standings, muted: Muted, *, now: int
) -> int:
    """How much is unread of what the user has muted.

    At the same heads as the standing: what is appended meanwhile is in neither.
    """
    places = [
        (room, max(standing.read_upto[user, room], standing.floors[room]))
        for room in dict.fromkeys(rooms)
        if standing.unread.get((user, room)) and room != muted.own
    ]
    wanted = {"type": {"$in": writable(muted.types)}, "until": {"$gt": now}}

    async def told(part: Sequence[RoomSequence]) -> int:
        above = [{"room": room, "seq": {"$gt": base, "$lte": standing.heads[room]}} for room, base in part]
        return await c[NOTIFICATIONS].count_documents({"$or": above, **wanted})

    async def read(part: Sequence[RoomSequence]) -> int:
        """Of these so much has a receipt: there is little, as the user is not shown it."""
        above = [{"user": user, "room": room, "seq": {"$gt": base}} for room, base in part]
        rows = await c[RECEIPTS].find({"$or": above, "read_at": {"$exists": True}}).to_list()
        read = [
            {"room": row["room"], "seq": row["seq"]}
            for row in rows
            if row["seq"] <= standing.heads[row["room"]]
        ]
        counts = [
            c[NOTIFICATIONS].count_documents({"$or": read[start : start + RANGES_PER_QUERY], **wanted})
            for start in range(0, len(read), RANGES_PER_QUERY)
        ]
        return sum(await together(*counts))

    parts = [places[start : start + RANGES_PER_QUERY] for start in range(0, len(places), RANGES_PER_QUERY)]
    of_all, of_read = await both(together(*map(told, parts)), together(*map(read, parts)))
    again = {
        (user, room): max(standing.read_upto[user, room], standing.floors[room])
        for room in dict.fromkeys(rooms)
        if room != muted.own and standing.inboxes.get((user, room), {}).get("turn")
    }
    below = await unread_again(c, again, wanted) if again else {}
    return sum(of_all) - sum(of_read) + sum(below.values())
