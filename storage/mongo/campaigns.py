"""The shelf of campaigns, in the collection `campaigns`."""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial

from pymongo import ReturnDocument

from storage.campaigns import (
    RETRIED,
    TEST,
    Campaign,
    CampaignCancelled,
    CampaignPage,
    Campaigns,
    CampaignStanding,
    CampaignState,
    Lead,
)
from storage.encoding import cursor_text, is_writable, micros, moment, position_of
from storage.mongo import campaign_recipients, campaign_rows
from storage.mongo.campaign_rows import CAMPAIGNS
from storage.mongo.collections import Collections, Document
from storage.mongo.obligations import OBLIGATIONS
from storage.mongo.recipient_rows import RECIPIENTS
from storage.mongo.shelf import MongoShelf, operation
from storage.mongo.transactions import atomically
from storage.people import Erasure
from storage.recipients import RecipientState
from storage.switches import ERASED

INDEXES = {**campaign_rows.INDEXES, **campaign_recipients.INDEXES}
_OPEN = (RecipientState.PENDING, RecipientState.OWED)


class MongoCampaigns(MongoShelf, Campaigns):
    """A document for each campaign."""

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
        return await campaign_rows.find(c, campaign_id) if is_writable(campaign_id) else None

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
        items = tuple(map(campaign_rows.campaign_of, rows[:limit]))
        last = items[-1] if len(rows) > limit else None
        return CampaignPage(
            items=items, next=None if last is None else cursor_text(micros(last.created_at), last.id)
        )

    # Whether it runs

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
        resumes: bool = False,
    ) -> Campaign | None:
        """The state in one write, and then the mail; what resumes lets the mail go before as well.

        A pause that dies halfway leaves mail that is due, which its worker puts off. A resuming that dies halfway
        leaves none held.
        """
        if to is CampaignState.RUNNING and await campaign_rows.is_in(c, campaign_id, of):
            # Before as well: who dies behind the move leaves no mail held for ever. What leaves too early, its worker puts off.
            await campaign_recipients.let_go(c, campaign_id, now=micros(now))
        moved = await campaign_rows.move(
            c, campaign_id, of, to, now=now, wake_at=wake_at, reason=reason, resumes=resumes
        )
        if moved is not None and to is CampaignState.PAUSED:
            await campaign_recipients.hold(c, campaign_id)
        elif moved is not None and to is CampaignState.RUNNING:
            await campaign_recipients.let_go(c, campaign_id, now=micros(now))
        return moved

    @operation
    async def cancel(
        self, c: Collections, campaign_id: str, of: Collection[CampaignState], *, now: datetime
    ) -> CampaignCancelled | None:
        """The state in one write, then recipients and mail. Whoever leads it next does the rest, if this is cut short."""
        moved = await campaign_rows.move(c, campaign_id, of, CampaignState.CANCELLED, now=now, wake_at=now)
        if moved is None:
            return None
        cancelled, under_way = await campaign_recipients.cancel(c, campaign_id, now=micros(now))
        return CampaignCancelled(campaign=moved, cancelled=cancelled, under_way=under_way)

    @operation
    async def retry(self, c: Collections, campaign_id: str, *, now: datetime) -> int:
        """Recipients, then mail, then the state. Cut short, they are collected as dead again, and it may be asked again."""
        found = await campaign_rows.find(c, campaign_id)
        if found is None or found.state not in RETRIED:
            return 0
        again = await campaign_recipients.retry(c, campaign_id, now=micros(now))
        if again:
            await campaign_rows.move(c, campaign_id, RETRIED, CampaignState.RUNNING, now=now, wake_at=now)
        return again

    @operation
    async def revived(self, c: Collections, obligation_ids: Sequence[str], *, now: datetime) -> None:
        for campaign_id in await campaign_recipients.revived(c, obligation_ids, now=micros(now)):
            of, to = RETRIED, CampaignState.RUNNING
            if await campaign_rows.move(c, campaign_id, of, to, now=now, wake_at=now) is None:
                # Its worker skips the mail, and whoever leads it next collects that. Who leads it now may have
                # looked before, and would have it rest for ever.
                cancelled = {"_id": campaign_id, "state": CampaignState.CANCELLED.value}
                again = {"$set": {"wake_at": micros(now)}, "$unset": {"token": ""}}
                await c[CAMPAIGNS].update_one(cancelled, again)

    @operation
    async def freeze(
        self, c: Collections, campaign_id: str, of: Collection[CampaignState], frozen: str
    ) -> bool:
        chosen = {"_id": campaign_id, "state": {"$in": [state.value for state in of]}}
        return bool((await c[CAMPAIGNS].update_one(chosen, {"$set": {"frozen": frozen}})).matched_count)

    @operation
    async def choose(
        self, c: Collections, campaign_id: str, variant: str, *, now: datetime
    ) -> Campaign | None:
        """Three writes: the variant if there is none, those who wait, and the wake. Asking again does what a crash has
        left.
        """
        # The first stays. Written before anybody is due by it: who is decided meanwhile waits, and is found below or next time.
        await c[CAMPAIGNS].update_one(
            {"_id": campaign_id, "chosen": {"$exists": False}},
            {"$set": {"chosen": variant, "chosen_at": micros(now)}},
        )
        await campaign_recipients.let_choose(c, campaign_id)
        await c[CAMPAIGNS].update_one(
            {"_id": campaign_id, "state": CampaignState.RUNNING.value},
            {"$set": {"wake_at": micros(now)}, "$unset": {"token": ""}},
        )
        return await campaign_rows.find(c, campaign_id)

    @operation
    async def standing(self, c: Collections, campaign_id: str, obligation_id: str) -> CampaignStanding | None:
        """Two look-ups, by the campaign's id and by the unique index of its mails."""
        row = await c[CAMPAIGNS].find_one({"_id": campaign_id}, {"state": 1, "announced": 1})
        if row is None:
            return None
        found = await c[RECIPIENTS].find_one({"campaign": campaign_id, "mail": obligation_id}, {"state": 1})
        recipient = None if found is None else found["state"]
        return CampaignStanding(
            state=CampaignState(row["state"]),
            announced=row.get("announced"),
            is_owed=recipient == RecipientState.OWED,
            is_dead=recipient == RecipientState.DEAD,
        )

    @operation
    async def stopped(self, c: Collections) -> int:
        chosen = {"state": CampaignState.PAUSED.value, "reason": {"$exists": True}}
        return await c[CAMPAIGNS].count_documents(chosen)

    @operation
    async def prune(self, c: Collections, *, before: datetime, limit: int) -> int:
        """Mails before recipients, and these before the campaign: what is cut short is found again by the campaign."""
        at = micros(before)
        old = await c[CAMPAIGNS].find_one(
            {"$or": [{"ended_at": {"$lt": at}}, {"state": "draft", "created_at": {"$lt": at}}]}, {"_id": 1}
        )
        if old is None:
            return 0
        pruned = await campaign_recipients.prune(c, old["_id"], limit=limit)
        if pruned < limit:
            await c[OBLIGATIONS].delete_many({"of.id": f"{TEST}{old['_id']}"})
            await c[CAMPAIGNS].delete_one({"_id": old["_id"]})
            pruned += 1
        return pruned

    async def erase(self, c: Collections, erasure: Erasure) -> int:
        await c[CAMPAIGNS].update_many({"by": f"user:{erasure.user}"}, {"$set": {"by": ERASED}})
        return 0

    # Who works on one

    @operation
    async def lead(self, c: Collections, *, lease_seconds: float, now: datetime) -> Lead | None:
        """One write takes it. Of one that was cancelled the rest of the cancelling is done here, as whoever began it
        may have died.
        """
        token = secrets.token_hex(8)
        row = await c[CAMPAIGNS].find_one_and_update(
            {"wake_at": {"$lte": micros(now)}},
            {"$set": {"token": token, "wake_at": micros(now + timedelta(seconds=lease_seconds))}},
            sort=[("wake_at", 1)],
            # A campaign has nothing of who leads it.
            return_document=ReturnDocument.BEFORE,
        )
        if row is None:
            return None
        if row["state"] == CampaignState.CANCELLED:
            # Who cancelled it may have died in between.
            await campaign_recipients.cancel(c, row["_id"], now=micros(now))
        return Lead(campaign=campaign_rows.campaign_of(row), token=token, due_at=moment(row["wake_at"]))

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
        await c[CAMPAIGNS].update_one(campaign_rows.led(lead), rested)

    @operation
    async def gathered(
        self, c: Collections, lead: Lead, *, upto: str | None, is_whole: bool, now: datetime
    ) -> bool:
        """Whole, it is shut in one write and counted after: recipients that are added at this moment are counted, or
        take themselves back.
        """
        del now
        fields: Document = {"gathered_upto": upto}
        if is_whole:
            # Shut first: what is added at this moment is taken back, or counted.
            result = await c[CAMPAIGNS].update_one(campaign_rows.led(lead), {"$set": {"gathered": True}})
            if not result.matched_count:
                return False
            fields["recipients"] = await campaign_recipients.count_all(c, lead.campaign.id)
        return bool((await c[CAMPAIGNS].update_one(campaign_rows.led(lead), {"$set": fields})).matched_count)

    @operation
    async def announce(self, c: Collections, lead: Lead, notification_id: str) -> None:
        await c[CAMPAIGNS].update_one(campaign_rows.led(lead), {"$set": {"announced": notification_id}})

    @operation
    async def pace(self, c: Collections, lead: Lead, until: datetime) -> None:
        await c[CAMPAIGNS].update_one(campaign_rows.led(lead), {"$set": {"paced_until": micros(until)}})

    @operation
    async def finish(self, c: Collections, lead: Lead, *, now: datetime) -> bool:
        """The count first, and then a write that judges the state. Whoever is added in between would be of an audience
        that is gathered: nobody is.
        """
        campaign_id = lead.campaign.id
        found = await campaign_rows.find(c, campaign_id)
        if found is None or not found.gathered:
            return False
        if await atomically(c, partial(campaign_recipients.count, c, campaign_id, _OPEN)):
            return False
        of = (CampaignState.RUNNING,)
        # Whoever has had it go on since this look has ended the lead by that.
        moved = await campaign_rows.move(c, campaign_id, of, CampaignState.FINISHED, now=now, lead=lead)
        return moved is not None
