"""The collection `campaigns`, and a document of it as a campaign."""

from collections.abc import Collection, Iterable
from datetime import datetime

from pymongo import IndexModel, ReturnDocument

from storage.campaigns import ENDED, Campaign, CampaignState, Lead
from storage.encoding import micros, moment, moment_or_none
from storage.mongo.collections import Collections, Document

CAMPAIGNS = "campaigns"
INDEXES = {
    CAMPAIGNS: (
        IndexModel([("created_at", -1), ("_id", -1)], name="newest"),
        IndexModel([("wake_at", 1)], name="wake", partialFilterExpression={"wake_at": {"$exists": True}}),
        IndexModel([("state", 1)], name="stopped", partialFilterExpression={"reason": {"$exists": True}}),
    ),
}


def led(lead: Lead) -> Document:
    """Where the campaign is still this lead's."""
    return {"_id": lead.campaign.id, "token": lead.token}


async def find(c: Collections, campaign_id: str) -> Campaign | None:
    """The campaign; None when it is not there."""
    row = await c[CAMPAIGNS].find_one({"_id": campaign_id})
    return None if row is None else campaign_of(row)


async def find_all(c: Collections, ids: Iterable[str]) -> dict[str, Campaign]:
    """Those that are there, by id."""
    rows = await c[CAMPAIGNS].find({"_id": {"$in": list(ids)}}).to_list()
    return {row["_id"]: campaign_of(row) for row in rows}


async def is_in(c: Collections, campaign_id: str, of: Collection[CampaignState]) -> bool:
    """Whether the campaign is in one of these states now: a look, which decides nothing."""
    found = await find(c, campaign_id)
    return found is not None and found.state in of


async def takes(c: Collections, campaign_id: str, *, gathering: bool) -> bool:
    """Whether recipients may be added now."""
    found = await find(c, campaign_id)
    taking = CampaignState.RUNNING if gathering else CampaignState.DRAFT
    return found is not None and not found.gathered and found.state is taking


async def move(
    c: Collections,
    campaign_id: str,
    of: Collection[CampaignState],
    to: CampaignState,
    *,
    now: datetime,
    wake_at: datetime | None = None,
    reason: str | None = None,
    resumes: bool = False,
    lead: Lead | None = None,
) -> Campaign | None:
    """Change the state in one write that judges it; None when it is in none of `of`.

    With a `lead` only while it is that one's. The token goes, and with it any lead. What is None is unset: when to wake, the reason, when it ended.
    """
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
    if resumes:
        fields["resumed_at"] = at
    update: Document = {"$set": fields, "$unset": gone}
    if to is CampaignState.RUNNING:
        # The first time is the earliest: no clock goes back before it.
        update["$min"] = {"started_at": at}
    row = await c[CAMPAIGNS].find_one_and_update(
        {
            "_id": campaign_id,
            "state": {"$in": [state.value for state in of]},
            **({} if lead is None else led(lead)),
        },
        update,
        return_document=ReturnDocument.AFTER,
    )
    return None if row is None else campaign_of(row)


def campaign_of(row: Document) -> Campaign:
    """The campaign of a document."""
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
        resumed_at=moment_or_none(row.get("resumed_at")),
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
