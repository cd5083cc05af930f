"""What may be asked beside an emit: the shape of each request, and its parsing into what the use cases take.

Unknown fields are refused. The marshmallow schemas are the one truth, for validation as for the OpenAPI document. A
schema of one field loads that field's value, the others load a request of `gateway.notify.requests`.

The parsers at the end are those that sessions use. What only admins or backends ask stands in a file of its
own for each noun.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from auth.principal import USER_ID_MAX
from auth.tokens import TOKEN_CHARACTERS_MAX
from gateway.notify.requests import (
    ActRequest,
    AdminHistoryRequest,
    DisconnectRequest,
    FindRequest,
    HeldRequest,
    HistoryRequest,
    MailRequest,
    RosterRequest,
    SnoozeRequest,
)
from gateway.protocol.fields import (
    INTEGER_MAX,
    EmailAddress,
    Items,
    Room,
    StrictBoolean,
    Text,
    Timestamp,
    UserId,
    cursor_field,
    limit_field,
)
from gateway.protocol.parsing import Invalid, parser
from gateway.protocol.patterns import ACTION_ID, CATEGORY, PRINTABLE, TYPE, VISIBLE
from storage.inboxes import Place
from storage.mail import MailState

IDS_MAX = 1000
"""Ids in one request; more would make one transaction too long."""
REASON_MAX = 200
"""Characters of a reason."""
EPOCH = "epoch"
"""The name under which `since` has the epoch; no room can have it."""
EPOCH_CHARACTERS = 64
"""An epoch is shorter; a longer text is none."""
SNOOZE_MAX = timedelta(days=366)
"""How far ahead a snooze may end."""


class NothingSchema(Schema):
    """Asked by its name alone.

    Loads None. Any field is one too many.
    """

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> None:
        del data


class OneFieldSchema(Schema):
    """Loads the value of its only field.

    A subclass that has more fields has a `_parse` of its own.
    """

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> Any:
        (value,) = data.values()
        return value


def _id_field(**options: Any) -> Text:
    """An id of any kind; whether there is something of that id, the store says."""
    return Text(r"[!-~]*", "an id", longest=64, **options)


def _ids_field(**options: Any) -> Items:
    """One id or more, `IDS_MAX` at most."""
    return Items(_id_field(), validate=validate.Length(min=1, max=IDS_MAX), **options)


class IdSchema(OneFieldSchema):
    """One of something: a notification, a mail, or what is scheduled; the operation says which."""

    id = _id_field(required=True)


class IdsSchema(OneFieldSchema):
    """Several of something, each named once or more often; a repetition does no harm."""

    ids = _ids_field(required=True)


class ReadSchema(Schema):
    """Either some, or all. Loads the ids, or None for all.

    `all` can only be true: `{"all": false}` would ask for nothing and look as if it did.
    """

    ids = _ids_field()
    """Left out where `all` is given."""
    all = StrictBoolean(validate=validate.OneOf([True], error="Must be true, or left out."))

    @validates_schema
    def _agree(self, data: dict[str, Any], **_: Any) -> None:
        if len(data) != 1:
            raise ValidationError("Must have either ids or all.")

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> list[str] | None:
        return data.get("ids")


class SnoozeSchema(Schema):
    """One notification, and when it is to come back.

    Whether the time is ahead needs a clock; `check_until` asks it.
    """

    id = _id_field(required=True)
    until = Timestamp(required=True)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> SnoozeRequest:
        return SnoozeRequest(**data)


class ActSchema(Schema):
    """One notification, and which of its buttons is pressed.

    Whether the notification has such a button is found when it is looked up.
    """

    id = _id_field(required=True)
    action = Text(ACTION_ID, "the id of an action", longest=32, required=True)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> ActRequest:
        return ActRequest(**data)


class HistorySchema(Schema):
    """A page of history.

    Loads a `HistoryRequest`. Without `archived` and `snoozed` it is of the inbox.
    """

    before = cursor_field()
    limit = limit_field(20, 100)
    type = Items(Text(TYPE, "a type", longest=64), load_default=(), validate=validate.Length(max=50))
    """Of one of these; all where none are named."""
    category = Items(
        Text(CATEGORY, "a category", longest=64), load_default=(), validate=validate.Length(max=50)
    )
    unread = StrictBoolean(load_default=False)
    """Only what is unread."""
    archived = StrictBoolean(
        load_default=False, metadata={"description": "What was put away, and nothing else."}
    )
    snoozed = StrictBoolean(
        load_default=False, metadata={"description": "What was put off, and nothing else."}
    )

    @validates_schema
    def _one_place(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("archived") and data.get("snoozed"):
            raise ValidationError("Must be left out: what is archived is not snoozed.", "snoozed")

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> Any:
        return _history_request(data)


class AdminHistorySchema(HistorySchema):
    """The same of a user or of a room, for admins.

    With neither it is of the admin's own inbox.
    """

    user = UserId(load_default=None)
    room = Room(load_default=None)

    @validates_schema
    def _agree(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("user") is not None and data.get("room") is not None:
            raise ValidationError("Must have user or room, not both.")

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> AdminHistoryRequest:
        return AdminHistoryRequest(user=data["user"], room=data["room"], page=_history_request(data))


class UserHistorySchema(HistorySchema):
    """The same of one user.

    Whether the caller may see it is judged by the use, not here.
    """

    user = UserId(required=True)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> AdminHistoryRequest:
        return AdminHistoryRequest(user=data["user"], page=_history_request(data))


def _history_request(data: Mapping[str, Any]) -> HistoryRequest:
    """The part of a history that is the same for everybody who asks."""
    return HistoryRequest(
        before=data["before"], limit=data["limit"], types=tuple(data["type"]),
        categories=tuple(data["category"]), unread_only=data["unread"],
        place=Place.ARCHIVE if data["archived"] else Place.SNOOZED if data["snoozed"] else Place.INBOX,
    )  # fmt: skip


class RosterSchema(Schema):
    """A page of who is online.

    By user id, so that a page goes on where the one before ended, also when people come and go.
    """

    after = UserId(load_default=None, metadata={"description": "`next` of the page before."})
    limit = limit_field(200, 1000)
    prefix = Text(PRINTABLE, "the beginning of a user id", shortest=0, longest=USER_ID_MAX, load_default="")
    """Of user ids."""

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> RosterRequest:
        return RosterRequest(**data)


class MailSchema(Schema):
    """A page of mail.

    All that is given must hold. `address` is compared as mail servers do.
    """

    state = fields.Enum(MailState, by_value=True, load_default=None)
    """Null: of any."""
    address = EmailAddress(
        load_default=None, metadata={"description": "Whither it goes or went, in whatever case."}
    )
    user = UserId(load_default=None, metadata={"description": "Whose it is."})
    notification = _id_field(
        load_default=None, metadata={"description": "That it tells; or a mail's own id, or a campaign's."}
    )
    since = Timestamp(load_default=None, metadata={"description": "Emitted then or later."})
    until = Timestamp(load_default=None, metadata={"description": "Emitted before."})
    before = cursor_field()
    limit = limit_field(50, 200)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> MailRequest:
        return MailRequest(**data)


class HeldSchema(Schema):
    """A page of mail that waits.

    By when it is due; the cursor is opaque.
    """

    after = cursor_field()
    limit = limit_field(50, 200)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> HeldRequest:
        return HeldRequest(**data)


class FindSchema(Schema):
    """Whom to look for.

    The bound on the text bounds the query that is made of it.
    """

    text = Text(
        VISIBLE, "printable", longest=200, required=True,
        metadata={"description": "Beginnings of the id, the address, or words of the name, in any case; all of them count."},
    )  # fmt: skip
    limit = limit_field(20, 100)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> FindRequest:
        return FindRequest(**data)


class DisconnectSchema(Schema):
    """Whose connections to end, and why."""

    user = UserId(required=True)
    reason = Text(PRINTABLE, "printable", longest=REASON_MAX, load_default=None, allow_none=True)
    """For the log; the client is not told."""

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> DisconnectRequest:
        return DisconnectRequest(**data)


class UserSchema(OneFieldSchema):
    """One user, who need not be known."""

    user = UserId(required=True)


class WatchSchema(OneFieldSchema):
    """Whether to watch from now on, or no more."""

    on = StrictBoolean(required=True)


class OverviewSchema(OneFieldSchema):
    """Of how many minutes.

    The minutes before now; no more are kept.
    """

    minutes = limit_field(60, 60)


class TokenSchema(OneFieldSchema):
    """A newer token for a connection that goes on."""

    token = Text(r"[!-~]*", "a token", longest=TOKEN_CHARACTERS_MAX, required=True)
    """As the user's own backend has signed it; it is verified by who is asked."""


# What the namespaces ask of both. Each raises `Invalid`.

# Schemas are made once: marshmallow takes longer to make one than to load by it.
history = parser(HistorySchema())
ids = parser(IdsSchema())
read = parser(ReadSchema())
snooze: Callable[[object], SnoozeRequest] = parser(SnoozeSchema())
act: Callable[[object], ActRequest] = parser(ActSchema())
token = parser(TokenSchema())


def check_until(until: datetime, now: datetime) -> None:
    """Raises `Invalid` for a snooze that ends before it begins, or when nobody will be there any more.

    It stands apart from the schema because schemas know no clock.
    """
    if not now < until <= now + SNOOZE_MAX:
        raise Invalid({"until": [f"Must be ahead, and within {SNOOZE_MAX.days} days."]})


def since(value: object, rooms: Collection[str]) -> dict[str, int]:
    """The last sequence had of each of `rooms`; other rooms are left out, as one may have lost a topic.

    A null, which a client notes that writes down the `seq` of what is not stored, tells nothing of what it had: it
    becomes a sequence that no room has reached, and so a resync.

    Raises `Invalid` for what is no object and for what is no sequence. `INTEGER_MAX` is more than any room
    has, so the store puts the room into `resync`.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Invalid({"since": ["Must be an object of rooms and sequences."]})
    heads = {room: INTEGER_MAX if value[room] is None else value[room] for room in rooms if room in value}
    for seq in heads.values():
        if isinstance(seq, bool) or not isinstance(seq, int) or not 0 <= seq <= INTEGER_MAX:
            raise Invalid({"since": ["Sequences must be whole numbers, 0 or more."]})
    return heads


def epoch(since: object) -> str | None:
    """The epoch that a `since` was counted in, if it says: it stands among the rooms, none of which has that name.

    Raises `Invalid` for what is no short text. None from clients that do not say, whose sequences are
    believed.
    """
    value = since.get(EPOCH) if isinstance(since, Mapping) else None
    if value is not None and not (isinstance(value, str) and len(value) <= EPOCH_CHARACTERS):
        raise Invalid({"since": ["The epoch must be the text that `ready` gave."]})
    return value
