"""All that a room holds, page by page: a busy room's ids are more than one question or one answer may hold."""

from collections.abc import AsyncIterator

from storage.encoding import FOREVER
from storage.mongo.collections import NOTIFICATIONS, Collections, Document

IDS_PER_PAGE = 10_000
"""Some 500 KB of ids; the driver's operations have 5 seconds each, and a message 48 MB."""


async def ids_of(c: Collections, room: str) -> AsyncIterator[list[str]]:
    """The ids of all notifications of a room, the oldest first, `IDS_PER_PAGE` at most at a time.

    A question for each page, by the index of what is shown: whoever takes long with a page holds no cursor open. What
    is deleted meanwhile is passed over, and what is appended comes last.
    """
    after: Document = {}
    while True:
        cursor = c[NOTIFICATIONS].find({"room": room, **after}, {"created_at": 1})
        page = await cursor.sort([("created_at", 1), ("_id", 1)]).limit(IDS_PER_PAGE).to_list()
        if page:
            yield [each["_id"] for each in page]
        if len(page) < IDS_PER_PAGE:
            return
        after = behind(page[-1]["created_at"], page[-1]["_id"])


def behind(time: int, id_: str, *, before: int = FOREVER) -> Document:
    """What comes behind this one in the order of times, and of ids within one; made before that time."""
    return {
        "$or": [
            {"created_at": time, "_id": {"$gt": id_}},
            {"created_at": {"$gt": time, "$lt": before}},
        ]
    }
