"""What a user marks of notifications: read, seen, dismissed, clicked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pymongo import UpdateOne

from storage.encoding import micros
from storage.inboxes import Marked, Selection
from storage.mongo import acts
from storage.mongo.acts import GONE, NOW, absent
from storage.mongo.collections import Collections, Document
from storage.mongo.standings import RECEIPTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One mark: what becomes of a receipt, and whether it makes a difference to what `read_upto` covers."""

    becomes: Mapping[str, Any]
    unread_only: bool = False

    @property
    def reads(self) -> bool:
        """Whether what has it counts as read."""
        return "read_at" in self.becomes


def _once(name: str) -> Document:
    return {"$ifNull": [f"${name}", NOW]}


READ: Final = Mark(becomes={"read_at": _once("read_at")}, unread_only=True)
# What was read has been seen: nothing changes then.
SEEN: Final = Mark(
    becomes={"seen_at": {"$cond": [absent("read_at"), _once("seen_at"), "$seen_at"]}}, unread_only=True
)
DISMISS: Final = Mark(
    becomes={
        "dismissed_at": _once("dismissed_at"),
        "read_at": _once("read_at"),
        **dict.fromkeys(acts.AWAKE, GONE),
    }
)
CLICK: Final = Mark(becomes={"clicked_at": _once("clicked_at"), "read_at": _once("read_at")})


async def mark(c: Collections, what: Mark, chosen: Selection) -> Marked:
    """Set it on what is chosen, where it is missing.

    Each receipt is one write that judges and sets; several go in one bulk, in no order. `changed` is how many documents
    the server has changed, so of two who mark the same at once one is told that it did. A room of which all is read by
    it is advanced after.
    """
    user = chosen.user
    places, inboxes = await acts.places_of(c, chosen)
    fields = acts.at(what.becomes, micros(chosen.now))
    upserts = []
    # Whoever has read it has it unread no more.
    unless_seen = {"unread_at": GONE, "returned_at": GONE} if what.reads else {}
    for place in places:
        covered = inboxes.get((user, place["room"]), {}).get("read_upto", 0) >= place["seq"]
        key = {"user": user, "room": place["room"], "seq": place["seq"]}
        if covered and inboxes[user, place["room"]].get("turn"):
            # Only what was made unread again has to be read again.
            upserts.append(UpdateOne({**key, "unread_at": {"$gt": 0}}, [{"$set": {**fields, **unless_seen}}]))
        if covered and what.unread_only:
            continue
        marks = {name: value for name, value in fields.items() if not (covered and name == "read_at")}
        upserts.append(
            UpdateOne(key, [{"$set": {"notification": place["_id"], **marks, **unless_seen}}], upsert=True)
        )
    changed = 0
    if upserts:
        missing = {place["room"] for place in places if (user, place["room"]) not in inboxes}
        # Before the receipts: whoever looks for those looks here first.
        await acts.begin(c, user, missing)
        result = await c[RECEIPTS].bulk_write(upserts, ordered=False)
        changed = result.upserted_count + result.modified_count
    return await acts.outcome(c, chosen, places, changed=changed, reads=what.reads)
