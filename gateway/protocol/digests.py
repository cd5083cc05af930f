"""What is answered about digests: which are open for a user, and what would go out now.

Opening, closing and gathering is of `gateway.notify`; nothing is changed by asking.
"""

from collections.abc import Sequence

from marshmallow import Schema, fields

from gateway.ground.encoding import Json, time
from gateway.notify.digests.news import LISTED
from gateway.notify.digests.opened import LeftOut, OpenDigest
from gateway.protocol import required
from gateway.protocol.holding import Holding
from storage.notifications import Notification
from storage.obligations import Digest


class DigestAnswer(Schema):
    """A digest that is open."""

    id = required.text(metadata={"description": "Also of its mail, once it closes."})
    key = required.text(
        metadata={
            "description": "`daily`, `weekly`, `quiet` of what quiet hours have held, `type:` with the type whose mail it gathers, or `key:` with its sender's key."
        }
    )
    rule = required.text(metadata={"description": "By which it was opened."})
    opened_at = required.time()
    closes_at = required.time()
    """It may move, where the digest waits for a silence."""
    gathered = required.number(metadata={"description": "Items that it was given."})


class DigestItemAnswer(Schema):
    """A notification whose mail waits in a digest."""

    id = required.text()
    type = required.text()
    title = required.text()
    created_at = required.time()


class LeftOutAnswer(DigestItemAnswer):
    """One that would not be told, and why."""

    rule = required.text()
    """By which it would be left out now; it is asked again when the digest closes."""
    detail = required.text()


class OpenDigestAnswer(DigestAnswer):
    """The same, with what would go out if it closed now; nothing where `total` is 0."""

    total = required.number()
    """How many would be told."""
    notifications = fields.List(
        fields.Nested(DigestItemAnswer),
        required=True,
        metadata={"description": f"Newest first, {LISTED} at most."},
    )
    left_out = fields.List(
        fields.Nested(LeftOutAnswer),
        required=True,
        metadata={"description": f"Newest first, {LISTED} at most."},
    )
    left_out_total = required.number()
    complete = required.flag(
        metadata={"description": "Whether all its items were looked at, and not only the newest."}
    )


class UserDigestsAnswer(Schema):
    digests = fields.List(
        fields.Nested(OpenDigestAnswer),
        required=True,
        metadata={"description": "The first to close first."},
    )


def digest(value: Digest) -> Json:
    """A digest by itself, without what is in it. `gathered` is how much has come into it so far."""
    return {
        "id": value.id,
        "key": value.key,
        "rule": value.rule,
        "opened_at": time(value.opened_at),
        "closes_at": time(value.closes_at),
        "gathered": value.gathered,
    }


def of_user(values: Sequence[OpenDigest]) -> Json:
    """The open ones of a user, each with what it would tell now."""
    return {"digests": [_open(value) for value in values]}


def _open(value: OpenDigest) -> Json:
    """A digest with what would go out and what would be left out if it closed now."""
    return {
        **digest(value.digest),
        "total": value.total,
        "notifications": [_item(each) for each in value.newest],
        "left_out": [_left_out(each) for each in value.left_out],
        "left_out_total": value.left_out_total,
        "complete": value.is_whole,
    }


def _item(value: Notification) -> Json:
    """One notification in a few words."""
    return {"id": value.id, "type": value.type, "title": value.title, "created_at": time(value.created_at)}


def _left_out(value: LeftOut) -> Json:
    """The same, with the rule that leaves it out."""
    return {**_item(value.notification), "rule": value.why.rule, "detail": value.why.reason}


HELD = Holding(
    fields={"digests": fields.List(fields.Nested(DigestAnswer), required=True)},
    read=lambda store, whose, limit: store.digests.of_room(whose.room, limit=limit),
    shape=lambda open_ones: {"digests": [digest(each) for each in open_ones]},
)
"""Those open for the user; what is gathered in them is among the notifications."""
