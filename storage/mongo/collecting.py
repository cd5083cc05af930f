"""Taking over what became of the mails that recipients are owed."""

from pymongo import UpdateOne

from storage.mail import MailState
from storage.mongo.collections import Collections, Document
from storage.mongo.recipient_rows import OWED, PENDING, RECIPIENTS, mails_of
from storage.recipients import UNOWED, end_of

_UNOWED = round(UNOWED.total_seconds() * 1_000_000)


async def collect(c: Collections, campaign_id: str, *, limit: int, now: int) -> None:
    """Page by page through those who are owed, until some have ended: one page where little is under way."""
    owed: Document = {"campaign": campaign_id, "state": OWED}
    changes: list[UpdateOne] = []
    rows: list[Document] = []
    # Page by page: the first may be of mails that all wait, and those behind them have ended.
    while not changes:
        behind = {"_id": {"$gt": rows[-1]["_id"]}} if rows else {}
        cursor = c[RECIPIENTS].find({**owed, **behind}, {"mail": 1, "updated_at": 1}).sort("_id", 1)
        rows = await cursor.limit(limit).to_list()
        if not rows:
            break
        of_id = await mails_of(c, [row["mail"] for row in rows])
        found = [_collecting(row, of_id.get(row["mail"]), now) for row in rows]
        changes = [change for change in found if change is not None]
    if changes:
        await c[RECIPIENTS].bulk_write(changes, ordered=False)


def _collecting(row: Document, mail: Document | None, now: int) -> UpdateOne | None:
    """What becomes of a recipient whose mail is as it is; None while that is under way."""
    chosen = {"_id": row["_id"], "state": OWED}
    if mail is None:
        # Its mail was not stored, or is being so.
        again = {"$set": {"state": PENDING, "wake_at": 0, "updated_at": now}, "$unset": {"mail": ""}}
        return UpdateOne(chosen, again) if row["updated_at"] + _UNOWED <= now else None
    if mail["state"] in ("pending", "leased"):
        return None
    state, rule, reason = end_of(MailState(mail["state"]), mail.get("decided_by"), mail.get("reason"))
    told = {"rule": rule, "reason": reason}
    fields = {name: value for name, value in told.items() if value is not None}
    update: Document = {"$set": {"state": state.value, "updated_at": now, **fields}}
    if gone := {name: "" for name, value in told.items() if value is None}:
        update["$unset"] = gone
    return UpdateOne(chosen, update)
