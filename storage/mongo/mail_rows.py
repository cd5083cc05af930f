"""The fields and indexes of a mail, and the mail of a document as a value.

A notification's own mail is the field `mail` of its document: stored in one step with it, and lost with nothing. What
stands by itself is a document of the collection `obligations`, with the same field, and `of` what it is.
`mail.wake` says when a worker must look at it: when it is due, or when its lease ends; mail without it is not owed.
"""

from collections.abc import Sequence

from pymongo import IndexModel
from pymongo.collation import Collation, CollationStrength

from storage.courses import STEPS_KEPT, Course, CourseStep, fields_of, step_from
from storage.encoding import micros, moment, moment_or_none, news_text
from storage.mail import OWED, WAITING, LaneName, Mail, MailOrder, MailState, Unless
from storage.mongo.collections import NOTIFICATIONS, Collections, Document
from storage.mongo.schema import Migration
from storage.obligations import Kind, Obligation, Subject

OBLIGATIONS = "obligations"
BOTH = (NOTIFICATIONS, OBLIGATIONS)
"""The collections that mail is owed in."""
THROTTLES = "throttles"
"""The collection of what those write to who count sent mail at once; a document goes when nobody has for long."""
THROTTLES_KEPT_SECONDS = 86_400
_BY_LANE = IndexModel(
    [("mail.lane", 1), ("mail.wake", 1)],
    name="owed by lane",
    partialFilterExpression={"mail.wake": {"$exists": True}},
)
_TAKEN_AS = IndexModel(
    [("mail.relay_key", 1)],
    name="taken as",
    partialFilterExpression={"mail.relay_key": {"$exists": True}},
)
_HELD = IndexModel(
    [("mail.due_at", 1), ("_id", 1)],
    name="held",
    partialFilterExpression={"mail.state": MailState.PENDING.value, "mail.decided_by": {"$type": "string"}},
)
_HAS_MAIL = {"mail.state": {"$exists": True}}
ANY_CASE = Collation("en", strength=CollationStrength.SECONDARY)
"""How addresses are compared when mail is looked for: as people write them."""
TO_ADDRESS = "mail to"
OF_ROOM = "mail of room"
_TO = IndexModel(
    [("mail.to", 1), ("created_at", -1), ("_id", -1)],
    name=TO_ADDRESS,
    collation=ANY_CASE,
    partialFilterExpression=_HAS_MAIL,
)
INDEXES = {
    NOTIFICATIONS: (
        _BY_LANE,
        _TAKEN_AS,
        _HELD,
        _TO,
        IndexModel(
            [("room", 1), ("created_at", -1), ("_id", -1)], name=OF_ROOM, partialFilterExpression=_HAS_MAIL
        ),
        IndexModel(
            [("mail.state", 1), ("created_at", -1), ("_id", -1)],
            name="mail",
            partialFilterExpression=_HAS_MAIL,
        ),
        IndexModel(
            [("mail.digest", 1), ("created_at", -1), ("_id", -1)],
            name="gathered",
            partialFilterExpression={"mail.state": "gathered"},
        ),
        IndexModel(
            [("mail.counted_as", 1), ("mail.counted_at", 1)],
            name="counted",
            partialFilterExpression={"mail.counted_as": {"$exists": True}},
        ),
    ),
    OBLIGATIONS: (
        _BY_LANE,
        _TAKEN_AS,
        _HELD,
        _TO,
        IndexModel([("mail.state", 1), ("created_at", -1), ("_id", -1)], name="mail"),
        IndexModel([("of.id", 1)], name="of"),
        IndexModel([("room", 1)], name="room", sparse=True),
    ),
    THROTTLES: (IndexModel([("at", 1)], name="at", expireAfterSeconds=THROTTLES_KEPT_SECONDS),),
}


async def _name_lanes(c: Collections) -> None:
    """All mail that was owed before there were lanes is transactional; may be begun again after any part of it."""
    await c[NOTIFICATIONS].update_many(
        # Also what is dead: it can be revived.
        {"mail.state": {"$in": ["pending", "leased", "dead"]}, "mail.lane": {"$exists": False}},
        {"$set": {"mail.lane": LaneName.TRANSACTIONAL.value}},
    )
    indexes = await c[NOTIFICATIONS].index_information()
    if "owed" in indexes:
        await c[NOTIFICATIONS].drop_index("owed")


MIGRATIONS = (Migration(name="outbox-2", run=_name_lanes),)
ENDED = {"mail.wake": "", "mail.token": ""}
"""What a mail has no more that nobody is to look at again."""
OWES = "mail.state"
"""The field to ask for, for `owes`."""
_OWED_STATES = frozenset(state.value for state in OWED)
WAITING_STATES = [state.value for state in WAITING]


def in_lane(lane: LaneName) -> Document:
    """What is of this lane. What names none is transactional: nodes of the first release, which know no lanes, may run
    beside this one and go on storing mail.
    """
    # By the same index: two places of it are merged, and no more is read.
    return {"mail.lane": {"$in": [None, lane.value]} if lane is LaneName.TRANSACTIONAL else lane.value}


def stepped(step: CourseStep | None) -> Document:
    """What of an update keeps a step beside the newest of those before.

    Nothing without a step. The server cuts the list: no look is needed before.
    """
    return (
        {} if step is None else {"$push": {"mail.steps": {"$each": [fields_of(step)], "$slice": -STEPS_KEPT}}}
    )


async def courses(c: Collections, ids: Sequence[str]) -> dict[str, Course]:
    """The courses of those that are there, by id; one question to each collection."""
    found: dict[str, Course] = {}
    for name in (NOTIFICATIONS, OBLIGATIONS):
        chosen = {"_id": {"$in": list(ids)}, "mail.state": {"$exists": True}}
        for document in await c[name].find(chosen, {"of": 1, "mail.steps": 1}).to_list():
            id_, of = document["_id"], document.get("of")
            subject = (
                Subject(kind=Kind.NOTIFICATION, id=id_)
                if of is None
                else Subject(kind=Kind(of["kind"]), id=of["id"])
            )
            steps = [step_from(fields) for fields in document.get("mail", {}).get("steps", ())]
            found[id_] = Course(of=subject, steps=steps)
    return found


def document_of(mail: Mail) -> Document:
    """The document of a mail that is appended or owed; what says nothing is left out."""
    document: Document = {
        "to": mail.order.to,
        "ordered_at": micros(mail.order.due_at),
        "state": mail.state.value,
        "attempts": mail.attempts,
        "due_at": micros(mail.due_at),
        "updated_at": micros(mail.updated_at),
        "lane": mail.order.lane.value,
    }
    if mail.state is MailState.PENDING:
        document["wake"] = document["due_at"]
    elif mail.hold is not None:
        document |= {"token": mail.hold.token, "wake": micros(mail.hold.until)}
    if mail.reason is not None:
        document["reason"] = mail.reason
    if mail.decided_by is not None:
        document["decided_by"] = mail.decided_by
    if mail.order.subject is not None:
        document["subject"] = mail.order.subject
    if mail.order.unless is not None:
        document["unless"] = mail.order.unless.value
    return document


def ended_document(mail: Mail) -> Document:
    """Of a mail with all that became of it.

    It is for what comes back from the archive: nothing of it wakes a worker.
    """
    document = document_of(mail)
    became = {"code": mail.code, "relay_id": mail.relay_id, "digest": mail.digest}
    document |= {name: value for name, value in became.items() if value is not None}
    if mail.sent_at is not None:
        document["sent_at"] = micros(mail.sent_at)
    return document


def mail_of(document: Document) -> Mail:
    """The mail of a document."""
    get = document.get
    unless = get("unless")
    return Mail(
        order=MailOrder(
            to=document["to"],
            due_at=moment(document["ordered_at"]),
            subject=get("subject"),
            unless=None if unless is None else Unless(unless),
            # What was settled before there were lanes does not say it.
            lane=LaneName(get("lane", LaneName.TRANSACTIONAL)),
        ),
        state=MailState(document["state"]),
        attempts=document["attempts"],
        due_at=moment(document["due_at"]),
        reason=get("reason"),
        code=get("code"),
        decided_by=get("decided_by"),
        relay_id=get("relay_id"),
        digest=get("digest"),
        updated_at=moment(document["updated_at"]),
        sent_at=moment_or_none(get("sent_at")),
    )


def owes(notification: Document) -> bool:
    """Whether mail of this notification is owed, or waits in a digest."""
    return notification.get("mail", {}).get("state") in _OWED_STATES


def owed_document(obligation: Obligation) -> Document:
    """Of what stands by itself."""
    document: Document = {
        "_id": obligation.id,
        "of": {"kind": obligation.of.kind.value, "id": obligation.of.id},
        "channel": obligation.channel.value,
        "created_at": micros(obligation.mail.updated_at),
        "mail": document_of(obligation.mail),
    }
    if obligation.news is not None:
        document["room"] = obligation.news.room
        document["news"] = news_text(obligation.news)
    return document
