"""The shelf of recipients, in the collection `recipients`. Their mails are obligations of the outbox.

What takes several writes may end after any of them: what was decided of a recipient is written before its mail is owed, and who is
owed one that is not there is decided again.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from pymongo.asynchronous.client_session import AsyncClientSession as Session

from storage.campaigns import Campaign, CampaignState, Lead
from storage.encoding import ERASED, FOREVER, is_writable, micros, moment
from storage.mail import AFTER_SENT
from storage.mongo import (
    campaign_recipients,
    campaign_rows,
    collecting,
    deciding,
    obligations,
    recipient_pages,
    recipient_rows,
)
from storage.mongo.campaign_rows import CAMPAIGNS
from storage.mongo.collections import Collections, Document, insert_new
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
    Counted,
    Decided,
    Heard,
    Recipient,
    RecipientCounts,
    RecipientPage,
    RecipientRow,
    Recipients,
    RecipientState,
    VariantCount,
)

_SENT = RecipientState.SENT.value
_INDEX = {Counted.CLICK: "clicked", Counted.CONVERSION: "converted"}


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
        """Insert, between two looks at the campaign: what came too late is taken back. A user who is known is refused by the unique index."""
        if not await campaign_rows.takes(c, campaign_id, gathering=gathering):
            return None
        documents = [document_of(campaign_id, each, micros(now)) for each in recipients]
        number = await insert_new(c, RECIPIENTS, documents) if documents else 0
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
        await collecting.collect(c, campaign_id, limit=limit, now=micros(now))
        return await campaign_recipients.count(c, campaign_id, [RecipientState.OWED])

    # What is told of them

    @operation
    async def counts(self, c: Collections, campaign_id: str) -> RecipientCounts:
        """Sums by indexes; only of the skipped, to tell the rules apart, and of those who have clicked are the rows read."""
        every = {"campaign": campaign_id}
        skipped = {**every, "state": RecipientState.SKIPPED.value}
        sums = partial(campaign_recipients.sums, c, RECIPIENTS, index="state")

        async def look(session: Session) -> RecipientCounts:
            rows = await sums(every, "$state", session=session)
            rules = await sums(skipped, "$rule", session=session)
            clicked = await c[RECIPIENTS].count_documents(
                {**every, "clicked_at": {"$exists": True}, "state": _SENT}, session=session, hint="clicked"
            )
            return RecipientCounts(
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
        return await recipient_pages.page(c, campaign_id, state=state, after=after, limit=limit)

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
        for room in erasure.rooms[1:]:
            await obligations.forget_recipients(c, room, now=erasure.at)
        await _erase(c, erasure.names, now=erasure.at)
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


def _latest(until: datetime | None) -> int:
    return FOREVER if until is None else micros(until)


def _done(until: datetime | None) -> Document:
    """That it was done, and when at the latest; the former for the server to see that its index holds all of these."""
    return {"$exists": True, "$lte": _latest(until)}


async def _take_back(c: Collections, campaign_id: str, ids: Sequence[str]) -> None:
    """They came too late, as the campaign was started: nobody has decided anything of them, and nobody is to count them."""
    await c[RECIPIENTS].delete_many({"_id": {"$in": list(ids)}, "state": PENDING})
    left = await campaign_recipients.count_all(c, campaign_id)
    await c[CAMPAIGNS].update_one({"_id": campaign_id, "gathered": True}, {"$set": {"recipients": left}})


async def _erase(c: Collections, users: Sequence[str], *, now: int) -> None:
    """Keep the rows, so that the accounting stays exact, and nothing in them of whose they were."""
    named = {"user": {"$in": list(users)}}
    skipped = {"state": RecipientState.SKIPPED.value, "rule": ERASED, "updated_at": now}
    await c[RECIPIENTS].update_many({**named, "state": PENDING}, {"$set": skipped, "$unset": {"wake_at": ""}})
    gone = {"user": "", "address": "", "given": "", "reason": ""}
    await c[RECIPIENTS].update_many(named, {"$unset": gone, "$set": {"updated_at": now}})
