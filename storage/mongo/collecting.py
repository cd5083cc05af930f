"""Taking over what became of the mails that recipients are owed."""

from collections.abc import Mapping

from pymongo import UpdateOne

from storage.campaigns import RULE
from storage.mail import MailState
from storage.mongo.collections import Collections, Document
from storage.mongo.mail_rows import OBLIGATIONS
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
        held = await _taken_back(c, of_id, now)
        found = [_collecting(row, of_id.get(row["mail"]), now, is_held=row["mail"] in held) for row in rows]
        changes = [change for change in found if change is not None]
    if changes:
        await c[RECIPIENTS].bulk_write(changes, ordered=False)


async def _taken_back(c: Collections, of_id: Mapping[str, Document], now: int) -> frozenset[str]:
    """Delete the mails that a rule holds until later; answers which they were.

    Before their recipients are pending again: after a crash in between they are owed a mail that is not there, and
    decided again by that.
    """
    ids = [id_ for id_, mail in of_id.items() if _is_held(mail, now)]
    if not ids:
        return frozenset()
    # One that a worker has, or somebody has sent on, is another by now.
    unchanged = [
        {"_id": id_, "mail.state": "pending", "mail.decided_by": of_id[id_]["decided_by"]} for id_ in ids
    ]
    await c[OBLIGATIONS].delete_many({"$or": unchanged})
    return frozenset(ids) - (await mails_of(c, ids)).keys()


def _is_held(mail: Document, now: int) -> bool:
    """Whether a rule, and not the campaign itself, has put it off, and it was not tried yet."""
    is_untried = mail["state"] == "pending" and not mail["attempts"]
    return is_untried and mail.get("decided_by") not in (None, RULE) and mail["due_at"] > now


def _collecting(row: Document, mail: Document | None, now: int, *, is_held: bool) -> UpdateOne | None:
    """What becomes of a recipient whose mail is as it is; None while that is under way.

    One whose mail `is_held` is pending until the time of that.
    """
    chosen = {"_id": row["_id"], "state": OWED}
    if mail is None:
        # Its mail was not stored, or is being so.
        again = {"$set": {"state": PENDING, "wake_at": 0, "updated_at": now}, "$unset": {"mail": ""}}
        return UpdateOne(chosen, again) if row["updated_at"] + _UNOWED <= now else None
    if is_held:
        told = {"rule": mail["decided_by"], "reason": mail["reason"]}
        later = {"state": PENDING, "wake_at": mail["due_at"], "updated_at": now, **told}
        return UpdateOne(chosen, {"$set": later, "$unset": {"mail": ""}})
    if mail["state"] in ("pending", "leased"):
        return None
    state, rule, reason = end_of(MailState(mail["state"]), mail.get("decided_by"), mail.get("reason"))
    told = {"rule": rule, "reason": reason}
    fields = {name: value for name, value in told.items() if value is not None}
    update: Document = {"$set": {"state": state.value, "updated_at": now, **fields}}
    if gone := {name: "" for name, value in told.items() if value is None}:
        update["$unset"] = gone
    return UpdateOne(chosen, update)
