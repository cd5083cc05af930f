"""What is answered about digests: which are open for a user, and what would go out now."""

from collections.abc import Sequence

from marshmallow import Schema, fields

from gateway.ground.encoding import Json, time
from gateway.notify.digest_news import LISTED
from gateway.notify.digests import LeftOut, OpenDigest
from gateway.protocol import required
from gateway.protocol.answers.waiting import DigestAnswer
from storage.digests import Digest
from storage.streams import Notification


class DigestItemAnswer(Schema):
    """A notification whose mail waits in a digest."""

    id = required.text()
    type = required.text()
    title = required.text()
    created_at = required.time()


class LeftOutAnswer(DigestItemAnswer):
    """One that would not be told, and why."""

    rule = required.text()
    detail = required.text()


class OpenDigestAnswer(DigestAnswer):
    """The same, with what would go out if it closed now; nothing where `total` is 0."""

    total = required.number()
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
    return {
        "id": value.id,
        "key": value.key,
        "rule": value.rule,
        "opened_at": time(value.opened_at),
        "closes_at": time(value.closes_at),
        "gathered": value.gathered,
    }


def of_user(values: Sequence[OpenDigest]) -> Json:
    return {"digests": [_open(value) for value in values]}


def _open(value: OpenDigest) -> Json:
    return {
        **digest(value.digest),
        "total": value.total,
        "notifications": [_item(each) for each in value.newest],
        "left_out": [_left_out(each) for each in value.left_out],
        "left_out_total": value.left_out_total,
        "complete": value.is_whole,
    }


def _item(value: Notification) -> Json:
    return {"id": value.id, "type": value.type, "title": value.title, "created_at": time(value.created_at)}


def _left_out(value: LeftOut) -> Json:
    return {**_item(value.notification), "rule": value.why.rule, "detail": value.why.reason}
