"""Pages of a campaign's recipients: of all, of a state, or of those of whose mail something was heard."""

from storage.encoding import position_of
from storage.mongo.collections import Collections, Document
from storage.mongo.mail_rows import OBLIGATIONS
from storage.mongo.recipient_rows import RECIPIENTS, mails_of, told_of
from storage.recipients import Heard, RecipientPage, RecipientState, place_of_click

_SENT = RecipientState.SENT.value


async def page(
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
        at, id_ = position_of(after, parameter="after")
        chosen["clicked_at"]["$gte"] = at
        chosen["$or"] = [{"clicked_at": {"$gt": at}}, {"_id": {"$gt": id_}}]
    found = c[RECIPIENTS].find(chosen, hint="clicked").sort([("clicked_at", 1), ("_id", 1)])
    rows = await found.limit(limit + 1).to_list()
    of_id = await mails_of(c, [row.get("mail") for row in rows[:limit]])
    items = tuple(told_of(row, of_id) for row in rows[:limit])
    return RecipientPage(items=items, next=place_of_click(items[-1]) if len(rows) > limit else None)
