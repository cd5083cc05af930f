"""The shelf of campaigns, in the collections `campaigns` and `recipients`."""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from pymongo import IndexModel, ReturnDocument

from storage.campaigns import (
    ENDED,
    RETRIED,
    TEST,
    Campaign,
    CampaignPage,
    Campaigns,
    CampaignState,
    Cancelled,
    Counts,
    Decided,
    Lead,
    Recipient,
    RecipientPage,
    RecipientRow,
    RecipientState,
    Standing,
    VariantCount,
)
from storage.encoding import cursor_text, is_writable, micros, moment, moment_or_none, position_of
from storage.mongo import obligations, recipients
from storage.mongo.collections import Collections, Document
from storage.mongo.obligations import OBLIGATIONS
from storage.mongo.recipients import RECIPIENTS
from storage.mongo.shelf import MongoShelf, operation
from storage.people import Erasure
from storage.switches import ERASED

CAMPAIGNS = "campaigns"

INDEXES = {
    CAMPAIGNS: (
        IndexModel([("created_at", -1), ("_id", -1)], name="newest"),
        IndexModel([("wake_at", 1)], name="wake", partialFilterExpression={"wake_at": {"$exists": True}}),
    ),
    **recipients.INDEXES,
}
_OPEN = (RecipientState.PENDING, RecipientState.OWED)


class MongoCampaigns(MongoShelf, Campaigns):
    """A document for each campaign, and one for each of its recipients."""

    INDEXES = INDEXES

    @operation
    async def create(self, c: Collections, campaign: Campaign) -> None:
        document: Document = {
            "_id": campaign.id, "name": campaign.name, "type": campaign.type, "plan": campaign.plan,
            "by": campaign.by, "created_at": micros(campaign.created_at), "state": campaign.state.value,
        }  # fmt: skip
        if campaign.send_at is not None:
            document["send_at"] = micros(campaign.send_at)
        await c[CAMPAIGNS].insert_one(document)

    @operation
    async def find(self, c: Collections, campaign_id: str) -> Campaign | None:
        return await _find(c, campaign_id) if is_writable(campaign_id) else None

    @operation
    async def page(self, c: Collections, *, before: str | None, limit: int) -> CampaignPage:
        chosen: Document = {}
        if before is not None:
            time, id_ = position_of(before)
            chosen = {
                "$or": [{"created_at": {"$lt": time}}, {"created_at": time, "_id": {"$lt": id_}}],
            }
        cursor = c[CAMPAIGNS].find(chosen).sort([("created_at", -1), ("_id", -1)])
        rows = await cursor.limit(limit + 1).to_list()
        items = tuple(map(_campaign, rows[:limit]))
        last = items[-1] if len(rows) > limit else None
        return CampaignPage(
            items=items, next=None if last is None else cursor_text(micros(last.created_at), last.id)
        )

    @operation
    async def add(
        self,
        c: Collections,
        campaign_id: str,
        added: Sequence[Recipient],
        *,
        now: datetime,
        gathering: bool = False,
    ) -> int | None:
        if not await _takes(c, campaign_id, gathering=gathering):
            return None
        number = await recipients.add(c, campaign_id, added, now=micros(now))
        if not await _takes(c, campaign_id, gathering=gathering):
            # It was started in between: these belong to nobody's count.
            await recipients.take_back(c, [each.id for each in added])
            left = await recipients.count_all(c, campaign_id)
            await c[CAMPAIGNS].update_one(
                {"_id": campaign_id, "gathered": True}, {"$set": {"recipients": left}}
            )
            return None
        return number

    @operation
    async def move(
        self,
        c: Collections,
        campaign_id: str,
        of: Collection[CampaignState],
        to: CampaignState,
        *,
        now: datetime,
        wake_at: datetime | None = None,
        reason: str | None = None,
    ) -> Campaign | None:
        moved = await _move(c, campaign_id, of, to, now=now, wake_at=wake_at, reason=reason)
        if moved is not None and to is CampaignState.PAUSED:
            await recipients.hold(c, campaign_id)
        elif moved is not None and to is CampaignState.RUNNING:
            await recipients.let_go(c, campaign_id, now=micros(now))
        return moved

    @operation
    async def cancel(
        self, c: Collections, campaign_id: str, of: Collection[CampaignState], *, now: datetime
    ) -> Cancelled | None:
        moved = await _move(c, campaign_id, of, CampaignState.CANCELLED, now=now, wake_at=now)
        if moved is None:
            return None
        cancelled, under_way = await recipients.cancel(c, campaign_id, now=micros(now))
        return Cancelled(campaign=moved, cancelled=cancelled, under_way=under_way)

    @operation
    async def retry(self, c: Collections, campaign_id: str, *, now: datetime) -> int:
        found = await _find(c, campaign_id)
        if found is None or found.state not in RETRIED:
            return 0
        again = await recipients.retry(c, campaign_id, now=micros(now))
        if again:
            await _move(c, campaign_id, RETRIED, CampaignState.RUNNING, now=now, wake_at=now)
        return again

    @operation
    async def revived(self, c: Collections, obligation_ids: Sequence[str], *, now: datetime) -> None:
        for campaign_id in await recipients.revived(c, obligation_ids, now=micros(now)):
            await _move(c, campaign_id, RETRIED, CampaignState.RUNNING, now=now, wake_at=now)

    # Who works on one

    @operation
    async def lead(self, c: Collections, *, lease_seconds: float, now: datetime) -> Lead | None:
        token = secrets.token_hex(8)
        row = await c[CAMPAIGNS].find_one_and_update(
            {"wake_at": {"$lte": micros(now)}},
            {"$set": {"token": token, "wake_at": micros(now + timedelta(seconds=lease_seconds))}},
            sort=[("wake_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        if row is None:
            return None
        if row["state"] == CampaignState.CANCELLED:
            # Who cancelled it may have died in between.
            await recipients.cancel(c, row["_id"], now=micros(now))
        return Lead(campaign=_campaign(row), token=token)

    @operation
    async def next_wake(self, c: Collections) -> datetime | None:
        row = await c[CAMPAIGNS].find_one(
            {"wake_at": {"$exists": True}}, {"wake_at": 1}, sort=[("wake_at", 1)]
        )
        return None if row is None else moment(row["wake_at"])

    @operation
    async def rest(self, c: Collections, lead: Lead, *, wake_at: datetime | None, now: datetime) -> None:
        del now
        rested: Document = {"$unset": {"token": ""}}
        if wake_at is None:
            rested["$unset"]["wake_at"] = ""
        else:
            rested["$set"] = {"wake_at": micros(wake_at)}
        await c[CAMPAIGNS].update_one(_led(lead), rested)

    @operation
    async def gathered(
        self, c: Collections, lead: Lead, *, upto: str | None, is_whole: bool, now: datetime
    ) -> bool:
        del now
        fields: Document = {"gathered_upto": upto}
        if is_whole:
            # Shut first: what is added at this moment is taken back, or counted.
            result = await c[CAMPAIGNS].update_one(_led(lead), {"$set": {"gathered": True}})
            if not result.matched_count:
                return False
            fields["recipients"] = await recipients.count_all(c, lead.campaign.id)
        return bool((await c[CAMPAIGNS].update_one(_led(lead), {"$set": fields})).matched_count)

    @operation
    async def announce(self, c: Collections, lead: Lead, notification_id: str) -> None:
        await c[CAMPAIGNS].update_one(_led(lead), {"$set": {"announced": notification_id}})

    @operation
    async def due(self, c: Collections, campaign_id: str, *, limit: int, now: datetime) -> list[Recipient]:
        return await recipients.due(c, campaign_id, limit=limit, now=micros(now))

    @operation
    async def pending(
        self, c: Collections, campaign_id: str, *, after: str | None, limit: int
    ) -> list[Recipient]:
        return await recipients.pending(c, campaign_id, after=after, limit=limit)

    @operation
    async def next_due(self, c: Collections, campaign_id: str) -> datetime | None:
        return moment_or_none(await recipients.next_due(c, campaign_id))

    @operation
    async def decide(self, c: Collections, lead: Lead, decided: Sequence[Decided], *, now: datetime) -> int:
        found = await _find(c, lead.campaign.id)
        if found is None or found.state is not CampaignState.RUNNING:
            return 0
        return await recipients.decide(c, decided, now=micros(now))

    @operation
    async def collect(self, c: Collections, campaign_id: str, *, limit: int, now: datetime) -> int:
        return await recipients.collect(c, campaign_id, limit=limit, now=micros(now))

    @operation
    async def finish(self, c: Collections, lead: Lead, *, now: datetime) -> bool:
        campaign_id = lead.campaign.id
        found = await _find(c, campaign_id)
        if found is None or not found.gathered or await recipients.count(c, campaign_id, _OPEN):
            return False
        of = (CampaignState.RUNNING,)
        return await _move(c, campaign_id, of, CampaignState.FINISHED, now=now) is not None

    # What it says, and how fast

    @operation
    async def freeze(
        self, c: Collections, campaign_id: str, of: Collection[CampaignState], frozen: str
    ) -> bool:
        chosen = {"_id": campaign_id, "state": {"$in": [state.value for state in of]}}
        return bool((await c[CAMPAIGNS].update_one(chosen, {"$set": {"frozen": frozen}})).matched_count)

    @operation
    async def pace(self, c: Collections, lead: Lead, until: datetime) -> None:
        await c[CAMPAIGNS].update_one(_led(lead), {"$set": {"paced_until": micros(until)}})

    # Variants

    @operation
    async def choose(
        self, c: Collections, campaign_id: str, variant: str, *, now: datetime
    ) -> Campaign | None:
        # The first stays. Written before anybody is due by it: who is decided meanwhile waits, and is found below or next time.
        await c[CAMPAIGNS].update_one(
            {"_id": campaign_id, "chosen": {"$exists": False}},
            {"$set": {"chosen": variant, "chosen_at": micros(now)}},
        )
        await recipients.let_choose(c, campaign_id)
        await c[CAMPAIGNS].update_one(
            {"_id": campaign_id, "state": CampaignState.RUNNING.value},
            {"$set": {"wake_at": micros(now)}, "$unset": {"token": ""}},
        )
        return await _find(c, campaign_id)

    @operation
    async def clicked(self, c: Collections, campaign_id: str, mail: str, *, at: datetime) -> None:
        await recipients.clicked(c, campaign_id, mail, at=micros(at))

    @operation
    async def variant_counts(self, c: Collections, campaign_id: str) -> dict[str, VariantCount]:
        return await recipients.variant_counts(c, campaign_id)

    @operation
    async def conversions(self, c: Collections, campaign_id: str, *, limit: int) -> list[str]:
        return await recipients.conversions(c, campaign_id, limit=limit)

    # What is told

    @operation
    async def counts(self, c: Collections, campaign_id: str) -> Counts:
        return await recipients.counts(c, campaign_id)

    @operation
    async def recipients(
        self,
        c: Collections,
        campaign_id: str,
        *,
        state: RecipientState | None,
        after: str | None,
        limit: int,
    ) -> RecipientPage:
        return await recipients.page(c, campaign_id, state=state, after=after, limit=limit)

    @operation
    async def standing(self, c: Collections, campaign_id: str, obligation_id: str) -> Standing | None:
        row = await c[CAMPAIGNS].find_one({"_id": campaign_id}, {"state": 1, "announced": 1})
        if row is None:
            return None
        owed = await c[RECIPIENTS].find_one(
            {"campaign": campaign_id, "mail": obligation_id, "state": RecipientState.OWED.value}, {"_id": 1}
        )
        return Standing(
            state=CampaignState(row["state"]), announced=row.get("announced"), is_owed=owed is not None
        )

    @operation
    async def of_user(self, c: Collections, user: str, *, limit: int) -> list[tuple[Campaign, RecipientRow]]:
        if not is_writable(user):
            return []
        rows = await recipients.of_user(c, user, limit=limit)
        ids = list({campaign_id for campaign_id, _ in rows})
        found = {
            row["_id"]: _campaign(row) for row in await c[CAMPAIGNS].find({"_id": {"$in": ids}}).to_list()
        }
        return [(found[campaign_id], row) for campaign_id, row in rows if campaign_id in found]

    @operation
    async def prune(self, c: Collections, *, before: datetime, limit: int) -> int:
        at = micros(before)
        old = await c[CAMPAIGNS].find_one(
            {"$or": [{"ended_at": {"$lt": at}}, {"state": "draft", "created_at": {"$lt": at}}]}, {"_id": 1}
        )
        if old is None:
            return 0
        pruned = await recipients.prune(c, old["_id"], limit=limit)
        if pruned < limit:
            await c[OBLIGATIONS].delete_many({"of.id": f"{TEST}{old['_id']}"})
            await c[CAMPAIGNS].delete_one({"_id": old["_id"]})
            pruned += 1
        return pruned

    async def erase(self, c: Collections, erasure: Erasure) -> int:
        # Whoever is known by the address alone has it for a user id.
        before = erasure.room.removesuffix(erasure.user)
        for address in erasure.addresses:
            await obligations.forget_recipients(c, f"{before}{address}", now=erasure.at)
        await recipients.erase(c, [erasure.user, *erasure.addresses], now=erasure.at)
        await c[CAMPAIGNS].update_many({"by": f"user:{erasure.user}"}, {"$set": {"by": ERASED}})
        return 0


def _led(lead: Lead) -> Document:
    return {"_id": lead.campaign.id, "token": lead.token}


async def _find(c: Collections, campaign_id: str) -> Campaign | None:
    row = await c[CAMPAIGNS].find_one({"_id": campaign_id})
    return None if row is None else _campaign(row)


async def _takes(c: Collections, campaign_id: str, *, gathering: bool) -> bool:
    """Whether recipients may be added now."""
    found = await _find(c, campaign_id)
    taking = CampaignState.RUNNING if gathering else CampaignState.DRAFT
    return found is not None and not found.gathered and found.state is taking


async def _move(
    c: Collections,
    campaign_id: str,
    of: Collection[CampaignState],
    to: CampaignState,
    *,
    now: datetime,
    wake_at: datetime | None = None,
    reason: str | None = None,
) -> Campaign | None:
    at = micros(now)
    fields: Document = {"state": to.value}
    gone = {"token": "", "wake_at": "", "reason": "", "ended_at": ""}
    told = (
        ("wake_at", None if wake_at is None else micros(wake_at)),
        ("reason", reason),
        ("ended_at", at if to in ENDED else None),
    )
    for name, value in told:
        if value is not None:
            fields[name] = value
            del gone[name]
    update: Document = {"$set": fields, "$unset": gone}
    if to is CampaignState.RUNNING:
        # The first time is the earliest: no clock goes back before it.
        update["$min"] = {"started_at": at}
    row = await c[CAMPAIGNS].find_one_and_update(
        {"_id": campaign_id, "state": {"$in": [state.value for state in of]}},
        update,
        return_document=ReturnDocument.AFTER,
    )
    return None if row is None else _campaign(row)


def _campaign(row: Document) -> Campaign:
    return Campaign(
        id=row["_id"],
        name=row["name"],
        type=row["type"],
        plan=row["plan"],
        by=row["by"],
        created_at=moment(row["created_at"]),
        state=CampaignState(row["state"]),
        reason=row.get("reason"),
        send_at=moment_or_none(row.get("send_at")),
        started_at=moment_or_none(row.get("started_at")),
        ended_at=moment_or_none(row.get("ended_at")),
        gathered=row.get("gathered", False),
        gathered_upto=row.get("gathered_upto"),
        recipients=row.get("recipients"),
        announced=row.get("announced"),
        frozen=row.get("frozen"),
        paced_until=moment_or_none(row.get("paced_until")),
        chosen=row.get("chosen"),
        chosen_at=moment_or_none(row.get("chosen_at")),
    )
