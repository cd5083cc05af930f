"""What becomes of all recipients of a campaign at once, and of the mail that they are owed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pymongo import IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession as Session

from storage.campaigns import CANCELLED_REASON, RULE
from storage.encoding import writable
from storage.mail import MailState
from storage.mongo.collections import Collections, Document
from storage.mongo.mail_rows import OBLIGATIONS
from storage.mongo.recipient_rows import OWED, PENDING, RECIPIENTS, UNDECIDED
from storage.obligations import Kind
from storage.recipients import RecipientState

INDEXES = {
    OBLIGATIONS: (IndexModel([("of.id", 1), ("mail.state", 1)], name="of state"),),
}


async def count(
    c: Collections, campaign_id: str, states: Iterable[RecipientState], session: Session | None = None
) -> int:
    """How many recipients of the campaign are in one of these states, by the index of states.

    Of several states in a `session` alone: without one, who goes from one to another meanwhile is in none, or in both.
    """
    named = [state.value for state in states]
    chosen = {"campaign": campaign_id, "state": {"$in": named}}
    return await c[RECIPIENTS].count_documents(chosen, session=session)


async def count_all(c: Collections, campaign_id: str) -> int:
    """How many recipients the campaign has."""
    return await c[RECIPIENTS].count_documents({"campaign": campaign_id})


async def mails(c: Collections, campaign_id: str, session: Session | None = None) -> dict[MailState, int]:
    """How many mails of the campaign are in each state; test mails are not among them."""
    asked = {"of.id": campaign_id}
    found = await sums(c, OBLIGATIONS, asked, "$mail.state", index="of state", session=session)
    return {MailState(state): number for state, number in found.items()}


async def sums(
    c: Collections, name: str, of: Document, by: str, *, index: str, session: Session | None = None
) -> Mapping[Any, int]:
    """How many there are of each; the index holds all that is asked for, as far as one does.

    Only in a `session` is everything counted once: without one, what goes from one place of the index to another may be
    counted at both.
    """
    pipeline = [{"$match": of}, {"$group": {"_id": by, "count": {"$sum": 1}}}]
    cursor = await c[name].aggregate(pipeline, session=session, hint=index)
    return {each["_id"]: int(each["count"]) async for each in cursor}


async def hold(c: Collections, campaign_id: str) -> None:
    """None of its mail that waits is due, until it is let go."""
    await c[OBLIGATIONS].update_many(
        {"of.id": campaign_id, "mail.state": "pending"}, {"$unset": {"mail.wake": ""}}
    )


async def let_go(c: Collections, campaign_id: str, *, now: int) -> None:
    """What was held is due again as it was, and what a worker has put off for the campaign at once."""
    due_at = {"$cond": [{"$eq": ["$mail.decided_by", RULE]}, now, "$mail.due_at"]}
    await c[OBLIGATIONS].update_many(
        {
            "of.id": campaign_id,
            "mail.state": "pending",
            "$or": [{"mail.wake": {"$exists": False}}, {"mail.decided_by": RULE}],
        },
        [{"$set": {"mail.due_at": due_at, "mail.wake": due_at}}],
    )


async def let_choose(c: Collections, campaign_id: str) -> None:
    """Who waits for a variant to be chosen is due."""
    waiting = {"campaign": campaign_id, "state": PENDING, "wake_at": {"$exists": False}}
    await c[RECIPIENTS].update_many(waiting, {"$set": {"wake_at": 0}})


async def cancel(c: Collections, campaign_id: str, *, now: int) -> tuple[int, int]:
    """How many get nothing any more, and how many mails a worker holds.

    The campaign is cancelled already: a mail that is owed from here on is skipped by its worker.
    """
    gone = {"$set": {"state": RecipientState.CANCELLED.value, "updated_at": now}, "$unset": UNDECIDED}
    pending = await c[RECIPIENTS].update_many({"campaign": campaign_id, "state": PENDING}, gone)
    fields = {
        "mail.state": "skipped", "mail.reason": CANCELLED_REASON, "mail.decided_by": RULE, "mail.updated_at": now,
    }  # fmt: skip
    withdrawn = await c[OBLIGATIONS].update_many(
        {"of.id": campaign_id, "mail.state": "pending"}, {"$set": fields, "$unset": {"mail.wake": ""}}
    )
    return (
        pending.modified_count + withdrawn.modified_count,
        (await mails(c, campaign_id)).get(MailState.LEASED, 0),
    )


async def retry(c: Collections, campaign_id: str, *, now: int) -> int:
    """Have the dead be owed or decided again; answers how many. What of them was erased stays dead."""
    dead = {"campaign": campaign_id, "state": RecipientState.DEAD.value, "user": {"$exists": True}}
    undecided = await c[RECIPIENTS].update_many(
        {**dead, "mail": {"$exists": False}},
        {"$set": {"state": PENDING, "wake_at": 0, "updated_at": now}, "$unset": {"rule": "", "reason": ""}},
    )
    owed = await c[RECIPIENTS].update_many(
        {**dead, "mail": {"$exists": True}},
        {"$set": {"state": OWED, "updated_at": now}, "$unset": UNDECIDED},
    )
    # Should it end before this: they are collected as dead again.
    await c[OBLIGATIONS].update_many(
        {"of.id": campaign_id, "mail.state": "dead"},
        {
            "$set": {
                "mail.state": "pending", "mail.attempts": 0, "mail.due_at": now, "mail.wake": now,
                "mail.updated_at": now,
            },
            "$unset": {"mail.reason": "", "mail.code": ""},
        },
    )  # fmt: skip
    return undecided.modified_count + owed.modified_count


async def revived(c: Collections, obligation_ids: Sequence[str], *, now: int) -> list[str]:
    """Their recipients are owed them again; answers the campaigns whose they are."""
    chosen = {"_id": {"$in": writable(obligation_ids)}, "of.kind": Kind.CAMPAIGN.value}
    rows = await c[OBLIGATIONS].find(chosen, {"of.id": 1}).to_list()
    for row in rows:
        await c[RECIPIENTS].update_one(
            {"campaign": row["of"]["id"], "mail": row["_id"], "state": RecipientState.DEAD.value},
            {"$set": {"state": OWED, "updated_at": now}, "$unset": {"reason": ""}},
        )
    return list({row["of"]["id"] for row in rows})


async def prune(c: Collections, campaign_id: str, *, limit: int) -> int:
    """Delete up to `limit` recipients with their mails; answers how many rows that were."""
    rows = await c[RECIPIENTS].find({"campaign": campaign_id}, {"mail": 1}).limit(limit).to_list()
    if not rows:
        return 0
    mails_ = [row["mail"] for row in rows if "mail" in row]
    await c[OBLIGATIONS].delete_many({"_id": {"$in": mails_}})
    await c[RECIPIENTS].delete_many({"_id": {"$in": [row["_id"] for row in rows]}})
    return len(rows)
