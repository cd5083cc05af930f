"""What is asked and answered about topics: which there are, and who is a member of which.

Who hears of a change is of `gateway.notify.people.topics`. A backend that sends the same twice changes nothing by it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from auth.principal import is_topic
from gateway.ground.encoding import Json, time
from gateway.notify.people.topics import MembersChange, MembersRequest, TopicsRequest
from gateway.protocol import required
from gateway.protocol.fields import Items, StrictBoolean, Text, UserId
from gateway.protocol.holding import Holding
from gateway.protocol.patterns import PRINTABLE
from storage.topics import CHANGED_AT_ONCE, COUNTED, Changed, MembersPage, TopicsPage

COUNTED_TOPICS = 100
"""Topics of one page whose members are counted: each costs a query."""
MEMBERS_BYTES = 1024 * 1024
"""Of the body of a change."""


class TopicName(fields.String):
    """The name of a topic.

    Such as `"deals"`: the room is `topic:deals`.
    """

    def __init__(self, **options: Any) -> None:
        documented = {"pattern": "^[A-Za-z0-9_.-]{1,64}$", "description": "The name of a topic."}
        super().__init__(metadata={**documented, **options.pop("metadata", {})}, **options)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> str:
        del attr, data, options
        if not isinstance(value, str) or not is_topic(value):
            raise ValidationError("Must be the name of a topic: 1 to 64 of letters, digits, _, . and -.")
        return value


class MemberSchema(Schema):
    """One user and one topic.

    Loaded by its two kinds into the same change that a list makes.
    """

    topic = TopicName(required=True)
    user = UserId(required=True)


class JoinSchema(MemberSchema):
    """One user to put into a topic: what the path says is all."""

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> MembersChange:
        return MembersChange(topic=data["topic"], add=(data["user"],))


class LeaveSchema(MemberSchema):
    """One user to take out of a topic."""

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> MembersChange:
        return MembersChange(topic=data["topic"], remove=(data["user"],))


class MembersChangeSchema(Schema):
    """Users to put into a topic, and to take out of it; as many as a change may name, together.

    Each user once. One in both lists has no meaning, and is refused.
    """

    topic = TopicName(required=True)
    add = Items(UserId(), load_default=(), validate=validate.Length(max=CHANGED_AT_ONCE))
    remove = Items(UserId(), load_default=(), validate=validate.Length(max=CHANGED_AT_ONCE))

    @validates_schema
    def _agree(self, data: dict[str, Any], **_: Any) -> None:
        add, remove = data["add"], data["remove"]
        if not 0 < len(add) + len(remove) <= CHANGED_AT_ONCE:
            raise ValidationError(f"Must name 1 to {CHANGED_AT_ONCE} users, add and remove together.")
        if set(add) & set(remove):
            raise ValidationError("Must not name a user in both add and remove.")

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> MembersChange:
        return MembersChange(
            topic=data["topic"],
            add=tuple(dict.fromkeys(data["add"])),
            remove=tuple(dict.fromkeys(data["remove"])),
        )


class MembersSchema(Schema):
    """A page of the members.

    By user id; the cursor is the last id of the page before.
    """

    topic = TopicName(required=True)
    prefix = Text(
        PRINTABLE, "the beginning of a user id", shortest=0, longest=128, load_default="",
        metadata={"description": "Those whose ids begin so."},
    )  # fmt: skip
    after = Text(
        PRINTABLE,
        "a user id",
        longest=128,
        load_default=None,
        metadata={"description": "`next` of the page before."},
    )
    limit = fields.Integer(strict=True, load_default=200, validate=validate.Range(min=1, max=1000))

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> MembersRequest:
        return MembersRequest(**data)


class TopicsSchema(Schema):
    """A page of topics.

    By name; the cursor is the last name of the page before.
    """

    prefix = Text(
        r"[A-Za-z0-9_.-]*", "the beginning of a topic", shortest=0, longest=64, load_default="",
        metadata={"description": "Those whose names begin so."},
    )  # fmt: skip
    after = Text(
        r"[A-Za-z0-9_.-]*", "the name of a topic", longest=64, load_default=None, allow_none=True,
        metadata={"description": "`next` of the page before."},
    )  # fmt: skip
    limit = fields.Integer(strict=True, load_default=200, validate=validate.Range(min=1, max=1000))
    counted = StrictBoolean(
        load_default=False, metadata={"description": "Say how many members each has: 100 topics at most."}
    )

    @validates_schema
    def _bounded(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("counted") and data.get("limit", 0) > COUNTED_TOPICS:
            raise ValidationError(f"{COUNTED_TOPICS} at most, if they are to be counted.", "limit")

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> TopicsRequest:
        return TopicsRequest(**data)


class TopicsAnswer(Schema):
    topics = fields.List(fields.String(), required=True, metadata={"description": "By name."})
    next = required.text(allow_none=True)
    members = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"description": f"How many each has, with `counted`; {COUNTED} stand for so many, or more."},
    )


class MembersChangedAnswer(Schema):
    added = required.number(metadata={"description": "That were no members before."})
    removed = required.number()


class MemberAnswer(Schema):
    user = required.text()
    since = required.time()
    """When a backend has put the user there."""


class MembersAnswer(Schema):
    members = fields.List(fields.Nested(MemberAnswer), required=True)
    next = required.text(allow_none=True)


class UserTopicAnswer(Schema):
    """A topic that a backend has put a user into."""

    topic = required.text()
    since = required.time()


class UserTopicsAnswer(Schema):
    topics = fields.List(fields.Nested(UserTopicAnswer), required=True)


def members_changed(value: Changed) -> Json:
    """How many came, and how many went; those who were there already do not count."""
    return {"added": value.added, "removed": value.removed}


def members(page: MembersPage) -> Json:
    """A page of members."""
    return {
        "members": [{"user": member.user, "since": time(member.since)} for member in page.members],
        "next": page.next,
    }


def topics(page: TopicsPage) -> Json:
    """A page of topics, with how many members each has where that was asked."""
    counts = {"members": dict(page.members)} if page.members else {}
    return {"topics": list(page.topics), "next": page.next, **counts}


def user_topics(topics: Mapping[str, datetime]) -> Json:
    """The topics that the store gives a user."""
    return {"topics": [{"topic": topic, "since": time(since)} for topic, since in topics.items()]}


HELD = Holding(
    fields={"topics": fields.List(fields.Nested(UserTopicAnswer), required=True)},
    read=lambda store, whose, _: store.topics.of_user(whose.user),
    shape=user_topics,
)
"""Those that backends have given."""
