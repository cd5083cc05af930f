"""The shelf of recipients, in the collection `recipients`. Their mails are obligations of the outbox.

What takes several writes may end after any of them: what was decided of a recipient is written before its mail is owed, and who is
owed one that is not there is decided again.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from pymongo import UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession as Session
from pymongo.errors import BulkWriteError

from storage.campaigns import Campaign, CampaignState, Lead
from storage.encoding import ERASED, FOREVER, is_writable, micros, moment, position_of
from storage.mail import AFTER_SENT, MailState
from storage.mongo import campaign_recipients, campaign_rows, deciding, obligations, recipient_rows
from storage.mongo.campaign_rows import CAMPAIGNS
from storage.mongo.collections import Collections, Document
from storage.mongo.errors import only_duplicates
from storage.mongo.mail_rows import OBLIGATIONS
from storage.mongo.recipient_rows import (
    OWED,
    PENDING,
    RECIPIENTS,
    document_of,
    mails_of,
    recipients_of,
    told_of,
)
from storage.mongo.shelf import MongoShelf, operation
from storage.mongo.transactions import atomically
from storage.people import Erasure
from storage.recipients import (
    UNOWED,
    Counted,
    Counts,
    Decided,
    Heard,
    Recipient,
    RecipientPage,
    RecipientRow,
    Recipients,
    RecipientState,
    VariantCount,
    end_of,
    place_of_click,
)

_SENT = RecipientState.SENT.value
_INDEX = {Counted.CLICK: "clicked", Counted.CONVERSION: "converted"}
_UNOWED = round(UNOWED.total_seconds() * 1_000_000)


class MongoRecipients(MongoShelf, Recipients):
    """A document for each recipient."""

    INDEXES = recipient_rows.INDEXES

    @operation
    async def add(
        self,
        c: Collections,
        campaign_id: str,
        recipients: Sequence[Recipient],
        *,
        now: datetime,
        gathering: bool = False,
    ) -> int | None:
        """Insert, between two looks at the campaign: what came too late is taken back."""
        if not await campaign_rows.takes(c, campaign_id, gathering=gathering):
            return None
        number = await _insert(c, campaign_id, recipients, micros(now))
        if not await campaign_rows.takes(c, campaign_id, gathering=gathering):
            await _take_back(c, campaign_id, [each.id for each in recipients])
            return None
        return number

    @operation
    async def due(self, c: Collections, campaign_id: str, *, limit: int, now: datetime) -> list[Recipient]:
        cursor = c[RECIPIENTS].find({"campaign": campaign_id, "wake_at": {"$lte": micros(now)}})
        return recipients_of(await cursor.sort([("wake_at", 1), ("_id", 1)]).limit(limit).to_list())

    @operation
    async def pending(
        self, c: Collections, campaign_id: str, *, after: str | None, limit: int
    ) -> list[Recipient]:
        chosen = {"campaign": campaign_id, "state": PENDING, "_id": {"$gt": after or ""}}
        return recipients_of(await c[RECIPIENTS].find(chosen).sort("_id", 1).limit(limit).to_list())

    @operation
    async def next_due(self, c: Collections, campaign_id: str) -> datetime | None:
        row = await c[RECIPIENTS].find_one(
            {"campaign": campaign_id, "wake_at": {"$exists": True}}, {"wake_at": 1}, sort=[("wake_at", 1)]
        )
        return None if row is None else moment(row["wake_at"])

    @operation
    async def decide(self, c: Collections, lead: Lead, decided: Sequence[Decided], *, now: datetime) -> int:
        """What was decided is written, and then the mails are owed by what is written: see `deciding`."""
        found = await campaign_rows.find(c, lead.campaign.id)
        if not decided or found is None or found.state is not CampaignState.RUNNING:
            return 0
        at = micros(now)
        await deciding.write_down(c, decided, at)
        wanted = {each.id: each.obligation for each in decided if each.obligation is not None}
        return await deciding.owe(c, wanted, at)

    @operation
    async def collect(self, c: Collections, campaign_id: str, *, limit: int, now: datetime) -> int:
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
            found = [_collecting(row, of_id.get(row["mail"]), micros(now)) for row in rows]
            changes = [change for change in found if change is not None]
        if changes:
            await c[RECIPIENTS].bulk_write(changes, ordered=False)
        return await campaign_recipients.count(c, campaign_id, [RecipientState.OWED])

    # What is told of them

    @operation
    async def counts(self, c: Collections, campaign_id: str) -> Counts:
        """Sums by indexes; only of the skipped, to tell the rules apart, and of those who have clicked are the rows read."""
        every = {"campaign": campaign_id}
        skipped = {**every, "state": RecipientState.SKIPPED.value}
        sums = partial(campaign_recipients.sums, c, RECIPIENTS, index="state")

        async def look(session: Session) -> Counts:
            rows = await sums(every, "$state", session=session)
            rules = await sums(skipped, "$rule", session=session)
            clicked = await c[RECIPIENTS].count_documents(
                {**every, "clicked_at": {"$exists": True}, "state": _SENT}, session=session, hint="clicked"
            )
            return Counts(
                rows={RecipientState(state): number for state, number in rows.items()},
                skipped={rule or "": number for rule, number in rules.items()},
                mails=await campaign_recipients.mails(c, campaign_id, session),
                clicked=clicked,
            )

        # In one moment: else they would not come out even while it runs.
        return await atomically(c, look)

    @operation
    async def page(
        self,
        c: Collections,
        campaign_id: str,
        *,
        state: RecipientState | Heard | None,
        after: str | None,
        limit: int,
    ) -> RecipientPage:
        """By the index of states, which is merged over all of them where none is asked for; then the mails of the page
        in one question.
        """
        if state is Heard.CLICKED:
            return await _clicked(c, campaign_id, after=after, limit=limit)
        if isinstance(state, Heard):
            return await _heard(c, campaign_id, state, after=after, limit=limit)
        chosen: Document = {"campaign": campaign_id, "_id": {"$gt": after or ""}}
        # Each state by name: the server merges the index's ranges, and sorts nothing.
        chosen["state"] = {"$in": [each.value for each in (RecipientState if state is None else [state])]}
        rows = await c[RECIPIENTS].find(chosen).sort("_id", 1).limit(limit + 1).to_list()
        shown = rows[:limit]
        of_id = await mails_of(c, [row.get("mail") for row in shown])
        items = tuple(told_of(row, of_id) for row in shown)
        return RecipientPage(items=items, next=items[-1].id if len(rows) > limit else None)

    @operation
    async def of_user(self, c: Collections, user: str, *, limit: int) -> list[tuple[Campaign, RecipientRow]]:
        if not is_writable(user):
            return []
        rows = await c[RECIPIENTS].find({"user": user}).sort("_id", -1).limit(limit).to_list()
        mails = await mails_of(c, [row.get("mail") for row in rows])
        campaigns = await campaign_rows.find_all(c, {row["campaign"] for row in rows})
        return [
            (campaigns[row["campaign"]], told_of(row, mails)) for row in rows if row["campaign"] in campaigns
        ]

    async def erase(self, c: Collections, erasure: Erasure) -> int:
        # Whoever is known by the address alone has it for a user id.
        """The mails of each address first, then the rows of user and addresses. May be done again."""
        before = erasure.room.removesuffix(erasure.user)
        for address in erasure.addresses:
            await obligations.forget_recipients(c, f"{before}{address}", now=erasure.at)
        await _erase(c, [erasure.user, *erasure.addresses], now=erasure.at)
        return 0

    # Variants

    @operation
    async def clicked(self, c: Collections, campaign_id: str, mail: str, *, at: datetime) -> None:
        await c[RECIPIENTS].update_one(
            {"campaign": campaign_id, "mail": mail, "clicked_at": {"$exists": False}},
            {"$set": {"clicked_at": micros(at)}},
        )

    @operation
    async def converted(
        self, c: Collections, campaign_id: str, users: Sequence[str], *, at: datetime
    ) -> None:
        chosen = {
            "user": {"$in": [*filter(is_writable, users)]}, "campaign": campaign_id, "variant": {"$exists": True},
            "converted_at": {"$exists": False}, "state": {"$in": [OWED, _SENT]},
        }  # fmt: skip
        rows = await c[RECIPIENTS].find(chosen, {"state": 1, "mail": 1}).to_list()
        # That it has left may not be collected yet.
        mails = await mails_of(c, [row["mail"] for row in rows if row["state"] == OWED])
        left = {id_ for id_, mail in mails.items() if mail["state"] in AFTER_SENT}
        ids = [row["_id"] for row in rows if row["state"] == _SENT or row["mail"] in left]
        await c[RECIPIENTS].update_many(
            {"_id": {"$in": ids}, "converted_at": {"$exists": False}}, {"$set": {"converted_at": micros(at)}}
        )

    @operation
    async def variant_counts(
        self, c: Collections, campaign_id: str, *, until: datetime | None = None
    ) -> dict[str, VariantCount]:
        """By the index of variants, which holds all that is asked, and by that of who has converted; in one moment."""
        sent = {"campaign": campaign_id, "converted_at": _done(until), "state": _SENT}
        is_sent = {"$eq": ["$state", _SENT]}
        has_clicked = {
            "$and": [is_sent, {"$gt": ["$clicked_at", None]}, {"$lte": ["$clicked_at", _latest(until)]}]
        }
        pipeline: list[Document] = [
            {"$match": {"campaign": campaign_id, "variant": {"$exists": True}}},
            {
                "$group": {
                    "_id": "$variant",
                    "assigned": {"$sum": 1},
                    "sent": {"$sum": {"$cond": [is_sent, 1, 0]}},
                    "clicked": {"$sum": {"$cond": [has_clicked, 1, 0]}},
                }
            },
        ]

        async def look(session: Session) -> dict[str, VariantCount]:
            converted = await campaign_recipients.sums(
                c, RECIPIENTS, sent, "$variant", index="converted", session=session
            )
            cursor = await c[RECIPIENTS].aggregate(pipeline, session=session, hint="variant")
            return {
                each["_id"]: VariantCount(
                    assigned=each["assigned"],
                    sent=each["sent"],
                    clicked=each["clicked"],
                    converted=converted.get(each["_id"], 0),
                )
                async for each in cursor
            }

        return await atomically(c, look)

    @operation
    async def conversions(
        self, c: Collections, campaign_id: str, by: Counted, *, limit: int, until: datetime | None = None
    ) -> list[str]:
        chosen = {
            "campaign": campaign_id, by.value: _done(until), "variant": {"$exists": True}, "state": _SENT,
        }  # fmt: skip
        cursor = c[RECIPIENTS].find(chosen, {"variant": 1, "_id": 0}, hint=_INDEX[by])
        rows = await cursor.sort([(by.value, 1), ("_id", 1)]).limit(limit).to_list()
        return [row["variant"] for row in rows]


async def _heard(
    c: Collections, campaign_id: str, heard: Heard, *, after: str | None, limit: int
) -> RecipientPage:
    """The mails first, by the index of their states: they are read and sorted at each page, and are few, or the brake would hold.

    Then their recipients in one question.
    """
    wanted = {"of.id": campaign_id, "mail.state": heard.value, "_id": {"$gt": after or ""}}
    found = c[OBLIGATIONS].find(wanted, {"mail": 1}, hint="of state").sort("_id", 1)
    mails = {row["_id"]: row["mail"] for row in await found.limit(limit + 1).to_list()}
    ids = list(mails)[:limit]
    rows = await c[RECIPIENTS].find({"campaign": campaign_id, "mail": {"$in": ids}}).to_list()
    items = sorted((told_of(row, mails) for row in rows), key=lambda row: row.mail or "")
    return RecipientPage(items=tuple(items), next=ids[-1] if len(mails) > limit else None)


async def _clicked(c: Collections, campaign_id: str, *, after: str | None, limit: int) -> RecipientPage:
    """By the index of those who have clicked."""
    chosen: Document = {"campaign": campaign_id, "clicked_at": {"$exists": True}, "state": _SENT}
    if after is not None:
        at, id_ = position_of(after)
        chosen["clicked_at"]["$gte"] = at
        chosen["$or"] = [{"clicked_at": {"$gt": at}}, {"_id": {"$gt": id_}}]
    found = c[RECIPIENTS].find(chosen, hint="clicked").sort([("clicked_at", 1), ("_id", 1)])
    rows = await found.limit(limit + 1).to_list()
    of_id = await mails_of(c, [row.get("mail") for row in rows[:limit]])
    items = tuple(told_of(row, of_id) for row in rows[:limit])
    return RecipientPage(items=items, next=place_of_click(items[-1]) if len(rows) > limit else None)


def _latest(until: datetime | None) -> int:
    return FOREVER if until is None else micros(until)


def _done(until: datetime | None) -> Document:
    """That it was done, and when at the latest; the former for the server to see that its index holds all of these."""
    return {"$exists": True, "$lte": _latest(until)}


async def _insert(c: Collections, campaign_id: str, recipients: Sequence[Recipient], now: int) -> int:
    """Insert those who are new; answers how many. A user who is known is refused by the unique index."""
    if not recipients:
        return 0
    documents = [document_of(campaign_id, each, now) for each in recipients]
    try:
        return len((await c[RECIPIENTS].insert_many(documents, ordered=False)).inserted_ids)
    except BulkWriteError as error:
        inserted: int = only_duplicates(error)["nInserted"]
        return inserted


async def _take_back(c: Collections, campaign_id: str, ids: Sequence[str]) -> None:
    """They came too late, as the campaign was started: nobody has decided anything of them, and nobody is to count them."""
    await c[RECIPIENTS].delete_many({"_id": {"$in": list(ids)}, "state": PENDING})
    left = await campaign_recipients.count_all(c, campaign_id)
    await c[CAMPAIGNS].update_one({"_id": campaign_id, "gathered": True}, {"$set": {"recipients": left}})


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


async def _erase(c: Collections, users: Sequence[str], *, now: int) -> None:
    """Keep the rows, so that the accounting stays exact, and nothing in them of whose they were."""
    named = {"user": {"$in": list(users)}}
    skipped = {"state": RecipientState.SKIPPED.value, "rule": ERASED, "updated_at": now}
    await c[RECIPIENTS].update_many({**named, "state": PENDING}, {"$set": skipped, "$unset": {"wake_at": ""}})
    gone = {"user": "", "address": "", "given": "", "reason": ""}
    await c[RECIPIENTS].update_many(named, {"$unset": gone, "$set": {"updated_at": now}})
