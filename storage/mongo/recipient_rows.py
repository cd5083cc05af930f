"""The collection `recipients`, and a document of it as a value."""

from collections.abc import Iterable, Mapping

from pymongo import IndexModel

from storage.encoding import moment, moment_or_none
from storage.mail import MailState
from storage.mongo.collections import Collections, Document
from storage.mongo.mail_rows import OBLIGATIONS
from storage.recipients import Recipient, RecipientRow, RecipientState

RECIPIENTS = "recipients"
PENDING, OWED = RecipientState.PENDING.value, RecipientState.OWED.value
UNDECIDED = {"wake_at": "", "rule": "", "reason": ""}
"""What a decision takes the place of, to be unset."""

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
        IndexModel(
            [("campaign", 1), ("converted_at", 1), ("_id", 1)], name="converted",
            partialFilterExpression={"converted_at": {"$exists": True}},
        ),
    ),
}  # fmt: skip


def document_of(campaign_id: str, recipient: Recipient, now: int) -> Document:
    """The document of a recipient who is to be decided."""
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


def recipients_of(rows: Iterable[Document]) -> list[Recipient]:
    """The recipients of documents; whoever was erased meanwhile is left out."""
    return [
        Recipient(id=row["_id"], user=row["user"], address=row.get("address"), given=row.get("given"))
        # One that is being erased at this moment is nobody's any more.
        for row in rows
        if "user" in row
    ]


async def mails_of(c: Collections, ids: Iterable[str | None]) -> dict[str, Document]:
    """The mail of each obligation that is there."""
    wanted = [id_ for id_ in ids if id_ is not None]
    if not wanted:
        return {}
    return {row["_id"]: row["mail"] for row in await c[OBLIGATIONS].find({"_id": {"$in": wanted}}, {"mail": 1}).to_list()}  # fmt: skip


def told_of(row: Document, of_id: Mapping[str, Document]) -> RecipientRow:
    """What is told of a recipient, by the document and the mail that it is of."""
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
        converted_at=moment_or_none(row.get("converted_at")),
    )
