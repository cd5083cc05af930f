"""The collection of recipients, and their mails.

What takes several writes may end after any of them: what was decided of a recipient is written before its mail is owed, and who is
owed one that is not there is decided again.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pymongo import IndexModel, UpdateOne
from pymongo.errors import BulkWriteError

from storage.campaigns import (
    CANCELLED_REASON,
    DUPLICATE,
    DUPLICATE_REASON,
    RULE,
    UNOWED,
    Counts,
    Decided,
    Recipient,
    RecipientPage,
    RecipientRow,
    RecipientState,
    VariantCount,
    end_of,
)
from storage.encoding import ERASED, micros, moment, moment_or_none, writable
from storage.mail import MailState
from storage.mongo import obligations
from storage.mongo.collections import Collections, Document
from storage.mongo.errors import only_duplicates
from storage.mongo.obligations import OBLIGATIONS
from storage.outbox import Kind

RECIPIENTS = "recipients"
PENDING, OWED = RecipientState.PENDING.value, RecipientState.OWED.value
_UNOWED = round(UNOWED.total_seconds() * 1_000_000)
_GONE = {"wake_at": "", "rule": "", "reason": ""}

INDEXES = {
    RECIPIENTS: (
        # This way round also for erasing.
        IndexModel(
            [("user", 1), ("campaign", 1)], name="user", unique=True, partialFilterExpression={"user": {"$exists": True}}
        ),
        IndexModel(
            [("campaign", 1), ("mail", 1)], name="mail", unique=True, partialFilterExpression={"mail": {"$exists": True}}
        ),
        IndexModel([("campaign", 1), ("state", 1), ("_id", 1)], name="state"),
        IndexModel(
            [("campaign", 1), ("wake_at", 1), ("_id", 1)], name="due", partialFilterExpression={"wake_at": {"$exists": True}}
        ),
        IndexModel(
            [("campaign", 1), ("variant", 1), ("state", 1), ("clicked_at", 1)], name="variant",
            partialFilterExpression={"variant": {"$exists": True}},
        ),
        IndexModel(
            [("campaign", 1), ("clicked_at", 1), ("_id", 1)], name="clicked",
            partialFilterExpression={"clicked_at": {"$exists": True}},
        ),
    ),
    OBLIGATIONS: (IndexModel([("of.id", 1), ("mail.state", 1)], name="of state"),),
}  # fmt: skip


async def add(c: Collections, campaign_id: str, recipients: Sequence[Recipient], *, now: int) -> int:
    if not recipients:
        return 0
    documents = [_document(campaign_id, each, now) for each in recipients]
    try:
        return len((await c[RECIPIENTS].insert_many(documents, ordered=False)).inserted_ids)
    except BulkWriteError as error:
        inserted: int = only_duplicates(error)["nInserted"]
        return inserted


async def take_back(c: Collections, ids: Sequence[str]) -> None:
    """They came too late: nobody has decided anything of them."""
    await c[RECIPIENTS].delete_many({"_id": {"$in": list(ids)}, "state": PENDING})


def _document(campaign_id: str, recipient: Recipient, now: int) -> Document:
    document: Document = {
        "_id": recipient.id,
        "campaign": campaign_id,
        "user": recipient.user,
        "state": PENDING,
        "wake_at": 0,
        "updated_at": now,
    }
    if recipient.address is not None:
        document["address"] = recipient.address
    if recipient.given is not None:
        document["given"] = recipient.given
    return document


async def due(c: Collections, campaign_id: str, *, limit: int, now: int) -> list[Recipient]:
    cursor = c[RECIPIENTS].find({"campaign": campaign_id, "wake_at": {"$lte": now}})
    return _recipients(await cursor.sort([("wake_at", 1), ("_id", 1)]).limit(limit).to_list())


async def pending(c: Collections, campaign_id: str, *, after: str | None, limit: int) -> list[Recipient]:
    chosen = {"campaign": campaign_id, "state": PENDING, "_id": {"$gt": after or ""}}
    return _recipients(await c[RECIPIENTS].find(chosen).sort("_id", 1).limit(limit).to_list())


def _recipients(rows: Iterable[Document]) -> list[Recipient]:
    return [
        Recipient(id=row["_id"], user=row["user"], address=row.get("address"), given=row.get("given"))
        # One that is being erased at this moment is nobody's any more.
        for row in rows
        if "user" in row
    ]


async def next_due(c: Collections, campaign_id: str) -> int | None:
    row = await c[RECIPIENTS].find_one(
        {"campaign": campaign_id, "wake_at": {"$exists": True}}, {"wake_at": 1}, sort=[("wake_at", 1)]
    )
    return None if row is None else int(row["wake_at"])


async def decide(c: Collections, decided: Sequence[Decided], *, now: int) -> int:
    if not decided:
        return 0
    try:
        await c[RECIPIENTS].bulk_write([_deciding(each, now) for each in decided], ordered=False)
    except BulkWriteError as error:
        seconds = [decided[each["index"]] for each in only_duplicates(error)["writeErrors"]]
        await c[RECIPIENTS].bulk_write([_doubling(each, now) for each in seconds], ordered=False)
    wanted = {each.id: each.obligation for each in decided if each.obligation is not None}
    cursor = c[RECIPIENTS].find({"_id": {"$in": list(wanted)}, "state": OWED}, {"mail": 1})
    # Only now, and by what is written: who was decided otherwise before is owed nothing.
    owed = [
        obligation
        for row in await cursor.to_list()
        if (obligation := wanted[row["_id"]]).id == row.get("mail")
    ]
    await obligations.owe(c, owed)
    # Who was erased in between has taken what was owed then along, and not this.
    erased = (
        await c[RECIPIENTS]
        .find({"_id": {"$in": list(wanted)}, "user": {"$exists": False}}, {"mail": 1})
        .to_list()
    )
    if erased:
        await obligations.forget(c, [row["mail"] for row in erased if "mail" in row], now=now)
    return len(owed)


def _deciding(each: Decided, now: int) -> UpdateOne:
    fields: Document = {"state": each.state.value, "updated_at": now}
    gone = dict(_GONE)
    for name, value in (
        ("wake_at", None if each.wake_at is None else micros(each.wake_at)),
        ("rule", each.rule),
        ("reason", each.reason),
        ("variant", each.variant),
    ):
        if value is not None:
            fields[name] = value
            gone.pop(name, None)
    if each.obligation is not None:
        fields["mail"] = each.obligation.id
    return UpdateOne({"_id": each.id, "state": PENDING}, {"$set": fields, "$unset": gone})


def _doubling(each: Decided, now: int) -> UpdateOne:
    second = Decided(
        id=each.id,
        state=RecipientState.SKIPPED,
        rule=DUPLICATE,
        reason=DUPLICATE_REASON,
        variant=each.variant,
    )
    return _deciding(second, now)


async def collect(c: Collections, campaign_id: str, *, limit: int, now: int) -> int:
    cursor = c[RECIPIENTS].find({"campaign": campaign_id, "state": OWED}, {"mail": 1, "updated_at": 1})
    rows = await cursor.limit(limit).to_list()
    of_id = await _mails(c, [row["mail"] for row in rows])
    changes = [
        change for row in rows if (change := _collecting(row, of_id.get(row["mail"]), now)) is not None
    ]
    if changes:
        await c[RECIPIENTS].bulk_write(changes, ordered=False)
    return await count(c, campaign_id, [RecipientState.OWED])


def _collecting(row: Document, mail: Document | None, now: int) -> UpdateOne | None:
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


async def _mails(c: Collections, ids: Iterable[str | None]) -> dict[str, Document]:
    """The mail of each obligation that is there."""
    wanted = [id_ for id_ in ids if id_ is not None]
    if not wanted:
        return {}
    return {row["_id"]: row["mail"] for row in await c[OBLIGATIONS].find({"_id": {"$in": wanted}}, {"mail": 1}).to_list()}  # fmt: skip


async def count(c: Collections, campaign_id: str, states: Iterable[RecipientState]) -> int:
    named = [state.value for state in states]
    return await c[RECIPIENTS].count_documents({"campaign": campaign_id, "state": {"$in": named}})


async def count_all(c: Collections, campaign_id: str) -> int:
    return await c[RECIPIENTS].count_documents({"campaign": campaign_id})


async def let_choose(c: Collections, campaign_id: str) -> None:
    """Who waits for a variant to be chosen is due."""
    waiting = {"campaign": campaign_id, "state": PENDING, "wake_at": {"$exists": False}}
    await c[RECIPIENTS].update_many(waiting, {"$set": {"wake_at": 0}})


async def clicked(c: Collections, campaign_id: str, mail: str, *, at: int) -> None:
    await c[RECIPIENTS].update_one(
        {"campaign": campaign_id, "mail": mail, "clicked_at": {"$exists": False}},
        {"$set": {"clicked_at": at}},
    )


async def variant_counts(c: Collections, campaign_id: str) -> dict[str, VariantCount]:
    is_sent = {"$eq": ["$state", RecipientState.SENT.value]}
    has_clicked = {"$and": [is_sent, {"$gt": ["$clicked_at", None]}]}
    cursor = await c[RECIPIENTS].aggregate(
        [
            {"$match": {"campaign": campaign_id, "variant": {"$exists": True}}},
            {
                "$group": {
                    "_id": "$variant",
                    "assigned": {"$sum": 1},
                    "sent": {"$sum": {"$cond": [is_sent, 1, 0]}},
                    "clicked": {"$sum": {"$cond": [has_clicked, 1, 0]}},
                }
            },
        ],
        hint="variant",
    )
    return {
        each["_id"]: VariantCount(assigned=each["assigned"], sent=each["sent"], clicked=each["clicked"])
        async for each in cursor
    }


async def conversions(c: Collections, campaign_id: str, *, limit: int) -> list[str]:
    chosen = {
        "campaign": campaign_id, "clicked_at": {"$exists": True}, "variant": {"$exists": True},
        "state": RecipientState.SENT.value,
    }  # fmt: skip
    cursor = c[RECIPIENTS].find(chosen, {"variant": 1, "_id": 0}, hint="clicked")
    rows = await cursor.sort([("clicked_at", 1), ("_id", 1)]).limit(limit).to_list()
    return [row["variant"] for row in rows]


async def cancel(c: Collections, campaign_id: str, *, now: int) -> tuple[int, int]:
    """How many get nothing any more, and how many mails a worker holds.

    The campaign is cancelled already: a mail that is owed from here on is skipped by its worker.
    """
    gone = {"$set": {"state": RecipientState.CANCELLED.value, "updated_at": now}, "$unset": _GONE}
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


async def retry(c: Collections, campaign_id: str, *, now: int) -> int:
    dead = {"campaign": campaign_id, "state": RecipientState.DEAD.value, "user": {"$exists": True}}
    undecided = await c[RECIPIENTS].update_many(
        {**dead, "mail": {"$exists": False}},
        {"$set": {"state": PENDING, "wake_at": 0, "updated_at": now}, "$unset": {"rule": "", "reason": ""}},
    )
    owed = await c[RECIPIENTS].update_many(
        {**dead, "mail": {"$exists": True}},
        {"$set": {"state": OWED, "updated_at": now}, "$unset": _GONE},
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


async def mails(c: Collections, campaign_id: str) -> dict[MailState, int]:
    sums = await _sums(c, OBLIGATIONS, {"of.id": campaign_id}, "$mail.state", index="of state")
    return {MailState(state): number for state, number in sums.items()}


async def counts(c: Collections, campaign_id: str) -> Counts:
    rows = await _sums(c, RECIPIENTS, {"campaign": campaign_id}, "$state", index="state")
    skipped = {"campaign": campaign_id, "state": RecipientState.SKIPPED.value}
    return Counts(
        rows={RecipientState(state): number for state, number in rows.items()},
        skipped={rule or "": number for rule, number in (await _sums(c, RECIPIENTS, skipped, "$rule", index="state")).items()},
        mails=await mails(c, campaign_id),
    )  # fmt: skip


async def _sums(c: Collections, name: str, of: Document, by: str, *, index: str) -> Mapping[Any, int]:
    """How many there are of each; the index holds all that is asked for, as far as one does."""
    pipeline = [{"$match": of}, {"$group": {"_id": by, "count": {"$sum": 1}}}]
    cursor = await c[name].aggregate(pipeline, hint=index)
    return {each["_id"]: int(each["count"]) async for each in cursor}


async def page(
    c: Collections, campaign_id: str, *, state: RecipientState | None, after: str | None, limit: int
) -> RecipientPage:
    chosen: Document = {"campaign": campaign_id, "_id": {"$gt": after or ""}}
    # Each state by name: the server merges the index's ranges, and sorts nothing.
    chosen["state"] = {"$in": [each.value for each in (RecipientState if state is None else [state])]}
    rows = await c[RECIPIENTS].find(chosen).sort("_id", 1).limit(limit + 1).to_list()
    shown = rows[:limit]
    of_id = await _mails(c, [row.get("mail") for row in shown])
    items = tuple(_row(row, of_id) for row in shown)
    return RecipientPage(items=items, next=items[-1].id if len(rows) > limit else None)


async def of_user(c: Collections, user: str, *, limit: int) -> list[tuple[str, RecipientRow]]:
    """With the campaign's id."""
    rows = await c[RECIPIENTS].find({"user": user}).sort("_id", -1).limit(limit).to_list()
    of_id = await _mails(c, [row.get("mail") for row in rows])
    return [(row["campaign"], _row(row, of_id)) for row in rows]


def _row(row: Document, of_id: Mapping[str, Document]) -> RecipientRow:
    mail = of_id.get(row.get("mail", ""))
    to = None if mail is None else mail["to"] or None
    return RecipientRow(
        id=row["_id"],
        user=row.get("user"),
        address=(to or row.get("address")) if "user" in row else None,
        state=RecipientState(row["state"]),
        rule=row.get("rule"),
        reason=row.get("reason"),
        mail=row.get("mail"),
        mail_state=None if mail is None else MailState(mail["state"]),
        updated_at=moment(row["updated_at"]),
        variant=row.get("variant"),
        clicked_at=moment_or_none(row.get("clicked_at")),
    )


async def erase(c: Collections, users: Sequence[str], *, now: int) -> None:
    """Keep the rows, so that the accounting stays exact, and nothing in them of whose they were."""
    named = {"user": {"$in": list(users)}}
    skipped = {"state": RecipientState.SKIPPED.value, "rule": ERASED, "updated_at": now}
    await c[RECIPIENTS].update_many({**named, "state": PENDING}, {"$set": skipped, "$unset": {"wake_at": ""}})
    gone = {"user": "", "address": "", "given": "", "reason": ""}
    await c[RECIPIENTS].update_many(named, {"$unset": gone, "$set": {"updated_at": now}})


async def prune(c: Collections, campaign_id: str, *, limit: int) -> int:
    rows = await c[RECIPIENTS].find({"campaign": campaign_id}, {"mail": 1}).limit(limit).to_list()
    if not rows:
        return 0
    mails_ = [row["mail"] for row in rows if "mail" in row]
    await c[OBLIGATIONS].delete_many({"_id": {"$in": mails_}})
    await c[RECIPIENTS].delete_many({"_id": {"$in": [row["_id"] for row in rows]}})
    return len(rows)
