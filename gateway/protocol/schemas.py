"""What may come in: every request's shape, and its parsing into the values that the use cases take.

Unknown fields are refused, a bool is no number, a number no text, and nothing passes that could not be stored or
sent on: NaN, lone surrogates, integers beyond 64 bit, bottomless nesting. The marshmallow schemas are the one truth, for
validation as for the OpenAPI document. What goes out is `gateway.protocol.shapes` and `gateway.protocol.answers`.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec
import orjson
from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema
from msgspec.structs import replace

from auth.principal import USER_ID_MAX, is_user_id
from auth.tokens import TOKEN_CHARACTERS_MAX
from gateway.ground.rooms import is_room, user_of
from gateway.notify.notifier import NOTIFICATION, EmailRequest, EmitRequest
from gateway.protocol.fields import (
    DATA_DEPTH_MAX,
    EVENT,
    INTEGER_MAX,
    INVISIBLE,
    KEY,
    LINK,
    PRINTABLE,
    PRINTABLE_LINES,
    TYPE,
    VISIBLE,
    EmailAddress,
    Flag,
    FlagText,
    Items,
    Object,
    Room,
    Rooms,
    Seconds,
    Text,
    UserId,
    WholeText,
    unsound,
)
from storage.mail import MailState, Unless

BATCH_MAX = 1000
IDS_MAX = 1000
EMIT_BYTES_MAX = 64 * 1024
TITLE_MAX = 200
BODY_MAX = 4000
LINK_MAX = 2048
CURSOR_MAX = 512
AFTER_SECONDS_MAX = 365 * 86400
EXPIRES_SECONDS_MAX = 10 * 365 * 86400

RESERVED_EVENTS = frozenset({
    "connect", "connect_error", "disconnect", "disconnecting", "error", "newListener", "removeListener",
    "ready", "inbox", "recalled", "closing", "token:expiring", "presence:joined", "presence:left",
    "feed",
})  # fmt: skip
"""Events that a client, or this protocol, gives a meaning of its own."""


class Invalid(Exception):
    """A request that cannot be understood. `errors` maps each field to what is wrong with it.

    A field inside another is named `email.to` or `to.3`; the empty name is the whole of it.
    """

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        super().__init__(
            "; ".join(f"{name}: {' '.join(texts)}".removeprefix(": ") for name, texts in errors.items())
        )
        self.errors = {name: list(texts) for name, texts in errors.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRequest:
    before: str | None = None
    limit: int = 20
    types: tuple[str, ...] = ()
    unread_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminHistoryRequest:
    """A page of the admins' own history, or of a user's, or of a room's."""

    page: HistoryRequest
    user: str | None = None
    room: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """Mark `ids`, or everything when there are none."""

    ids: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterRequest:
    after: str | None = None
    limit: int = 200
    prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRequest:
    state: MailState | None = None
    before: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class DisconnectRequest:
    user: str
    reason: str | None = None


# --- schemas


class EmailSchema(Schema):
    to = EmailAddress(load_default=None)
    subject = Text(VISIBLE, "printable, with something to see", longest=TITLE_MAX, load_default=None)
    after = Seconds(longest=AFTER_SECONDS_MAX, load_default=0.0, metadata={"description": "Seconds to wait."})
    unless = fields.Enum(Unless, by_value=True, load_default=None)
    if_known = Flag(
        load_default=False,
        metadata={"description": "Mail those users whose address is known, and leave out the others."},
    )

    @validates_schema
    def _agree(self, data: dict[str, Any], **_: Any) -> None:
        if data["if_known"] and data["to"] is not None:
            raise ValidationError("An address that is given is known: leave it out.", "if_known")

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> EmailRequest:
        return EmailRequest(
            to=data["to"], subject=data["subject"], after_seconds=data["after"], unless=data["unless"],
            if_known=data["if_known"],
        )  # fmt: skip


class Email(fields.Field[EmailRequest]):
    """`true`, or an object."""

    _object = fields.Nested(EmailSchema)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> EmailRequest:
        if value is True:
            return EmailRequest()
        if not isinstance(value, dict):
            raise ValidationError("Must be true or an object.")
        parsed: EmailRequest = self._object.deserialize(value, attr, data, **options)
        return parsed


class EmitSchema(Schema):
    """A request to emit one notification to one or more rooms."""

    to = Rooms(required=True, metadata={"description": "A room, or a list of rooms."})
    type = Text(TYPE, "capitals, digits and _, beginning with a capital", longest=64, required=True)
    title = Text(VISIBLE, "printable, with something to see", longest=TITLE_MAX, required=True)
    body = Text(PRINTABLE_LINES, "printable", shortest=0, longest=BODY_MAX, load_default="")
    link = Text(LINK, "an absolute path or an http(s) URL", longest=LINK_MAX, load_default=None)
    data = Object(load_default=dict, metadata={"description": "What the pages make of it is theirs."})
    email = Email(
        load_default=None, metadata={"description": "`true`: to the address last seen in the user's token."}
    )
    expires_in = Seconds(
        above=0,
        longest=EXPIRES_SECONDS_MAX,
        load_default=None,
        allow_none=True,
        metadata={"description": "Seconds."},
    )
    in_app = Flag(load_default=True, metadata={"description": "False: mail only."})
    store = Flag(
        load_default=True, metadata={"description": "False: deliver to who is connected, keep nothing."}
    )
    event = Text(
        EVENT,
        "the name of an event: letters, digits, `_`, `:`, `.` and `-`",
        longest=64,
        load_default=NOTIFICATION,
    )

    @validates_schema
    def _agree(self, data: dict[str, Any], **_: Any) -> None:
        errors: dict[str, str] = {}
        email: EmailRequest | None = data["email"]
        if email is not None:
            if not data["store"]:
                errors["email"] = "Mail needs a stored notification: leave store out."
            elif any(user_of(room) is None for room in data["to"]):
                errors["email"] = "Mail goes to user: rooms only."
            elif email.to is not None and len(data["to"]) > 1:
                errors["email.to"] = "One address for several users: leave it out, or emit to each."
        if not data["in_app"] and email is None:
            errors["in_app"] = "Neither shown nor mailed: there would be nothing left."
        if data["event"] != NOTIFICATION and data["store"]:
            errors["event"] = "Only what is not stored may have an event of its own: give store: false."
        elif data["event"] in RESERVED_EVENTS:
            errors["event"] = "This name has a meaning of its own."
        if data.get("idempotency_key") is not None and not data["store"]:
            errors["idempotency_key"] = "What is not stored cannot be recognized again: leave it out."
        if errors:
            raise ValidationError(errors)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> EmitRequest:
        return EmitRequest(
            rooms=data["to"], type=data["type"], title=data["title"], body=data["body"], link=data["link"],
            data=data["data"], email=data["email"], expires_in_seconds=data["expires_in"], in_app=data["in_app"],
            store=data["store"], event=data["event"], idempotency_key=data.get("idempotency_key"),
        )  # fmt: skip


class ItemSchema(EmitSchema):
    """One of a batch."""

    idempotency_key = Text(KEY, "printable ASCII", longest=255, load_default=None)


class BatchSchema(Schema):
    notifications = Items(
        fields.Raw(allow_none=True), required=True, validate=validate.Length(min=1, max=BATCH_MAX)
    )


def _ids_field(**options: Any) -> Items:
    text = Text(r"[!-~]*", "an id", longest=64)
    return Items(text, validate=validate.Length(min=1, max=IDS_MAX), **options)


class IdsSchema(Schema):
    ids = _ids_field(required=True)


class ReadSchema(Schema):
    """Either some, or all."""

    ids = _ids_field()
    all = Flag(validate=validate.OneOf([True], error="Must be true, or left out."))

    @validates_schema
    def _agree(self, data: dict[str, Any], **_: Any) -> None:
        if len(data) != 1:
            raise ValidationError("Must have either ids or all.")


def _cursor_field() -> Text:
    return Text(
        r"[ -~]*",
        "a cursor",
        longest=CURSOR_MAX,
        load_default=None,
        metadata={"description": "`next` of the page before."},
    )


class HistorySchema(Schema):
    """A page of history, as an event asks for it."""

    before = _cursor_field()
    limit = fields.Integer(strict=True, load_default=20, validate=validate.Range(min=1, max=100))
    type = Items(Text(TYPE, "a type", longest=64), load_default=(), validate=validate.Length(max=50))
    unread = Flag(load_default=False)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> HistoryRequest:
        return HistoryRequest(
            before=data["before"], limit=data["limit"], types=tuple(data["type"]), unread_only=data["unread"]
        )


class AdminHistorySchema(HistorySchema):
    """The same of a user or of a room, for admins."""

    user = UserId(load_default=None)
    room = Room(load_default=None)

    @validates_schema
    def _agree(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("user") is not None and data.get("room") is not None:
            raise ValidationError("Must have user or room, not both.")

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> AdminHistoryRequest:
        user, room = data.pop("user"), data.pop("room")
        return AdminHistoryRequest(page=super()._parse(data), user=user, room=room)


class HistoryParameters(HistorySchema):
    """The same, as the query of a URL has it."""

    limit = WholeText(load_default=20, validate=validate.Range(min=1, max=100))
    unread = FlagText(load_default=False)


class RosterSchema(Schema):
    """A page of who is online."""

    after = UserId(load_default=None, metadata={"description": "`next` of the page before."})
    limit = fields.Integer(strict=True, load_default=200, validate=validate.Range(min=1, max=1000))
    prefix = Text(PRINTABLE, "the beginning of a user id", shortest=0, longest=USER_ID_MAX, load_default="")

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> RosterRequest:
        return RosterRequest(**data)


class RosterParameters(RosterSchema):
    limit = WholeText(load_default=200, validate=validate.Range(min=1, max=1000))


class MailSchema(Schema):
    """A page of mail."""

    state = fields.Enum(MailState, by_value=True, load_default=None)
    before = _cursor_field()
    limit = fields.Integer(strict=True, load_default=50, validate=validate.Range(min=1, max=200))

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> MailRequest:
        return MailRequest(**data)


class MailParameters(MailSchema):
    limit = WholeText(load_default=50, validate=validate.Range(min=1, max=200))


class ReasonSchema(Schema):
    reason = Text(PRINTABLE, "printable", longest=TITLE_MAX, load_default=None, allow_none=True)


class DisconnectSchema(ReasonSchema):
    user = UserId(required=True)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> DisconnectRequest:
        return DisconnectRequest(**data)


class UserSchema(Schema):
    user = UserId(required=True)


class IdSchema(Schema):
    id = Text(r"[!-~]*", "an id", longest=64, required=True)


class WatchSchema(Schema):
    on = Flag(required=True)


class OverviewSchema(Schema):
    minutes = fields.Integer(strict=True, load_default=60, validate=validate.Range(min=1, max=60))


class TokenSchema(Schema):
    token = Text(r"[!-~]*", "a token", longest=TOKEN_CHARACTERS_MAX, required=True)


_BATCH = BatchSchema()
_IDS = IdsSchema()
_READ = ReadSchema()
_REASON = ReasonSchema()
_TOKEN = TokenSchema()
_USER = UserSchema()
_ID = IdSchema()
_WATCH = WatchSchema()
_OVERVIEW = OverviewSchema()


# --- parsing. Each raises `Invalid`.


def _parser(schema: Schema) -> Callable[[object], Any]:
    return lambda body: _load(schema, body)


_parse_emit: Callable[[object], EmitRequest] = _parser(EmitSchema())
_parse_item: Callable[[object], EmitRequest] = _parser(ItemSchema())
history: Callable[[object], HistoryRequest] = _parser(HistorySchema())
admin_history: Callable[[object], AdminHistoryRequest] = _parser(AdminHistorySchema())
history_parameters: Callable[[object], HistoryRequest] = _parser(HistoryParameters())
roster: Callable[[object], RosterRequest] = _parser(RosterSchema())
roster_parameters: Callable[[object], RosterRequest] = _parser(RosterParameters())
mail: Callable[[object], MailRequest] = _parser(MailSchema())
mail_parameters: Callable[[object], MailRequest] = _parser(MailParameters())
disconnect: Callable[[object], DisconnectRequest] = _parser(DisconnectSchema())


def emit(body: object, *, idempotency_key: str | None = None) -> EmitRequest:
    """A request to emit; the key is one that came beside the body."""
    request = _plain(body, _PlainEmit) or _parse_emit(body)
    if idempotency_key is None:
        return request
    errors = {}
    if re.fullmatch(KEY, idempotency_key) is None:
        errors["Idempotency-Key"] = ["Must have 1 to 255 printable ASCII characters."]
    elif not request.store:
        errors["Idempotency-Key"] = ["What is not stored cannot be recognized again: leave it out."]
    if errors:
        raise Invalid(errors)
    return replace(request, idempotency_key=idempotency_key, fingerprint=_fingerprint(body))


def batch(body: object) -> list[Any]:
    """The items of a batch, each to be parsed by `item`."""
    if type(body) is dict and len(body) == 1:
        plain = body.get("notifications")
        # As below: the schema would copy what is to be judged item by item.
        if type(plain) is list and 0 < len(plain) <= BATCH_MAX:
            return plain
    items: list[Any] = _load(_BATCH, body)["notifications"]
    return items


def item(body: object) -> EmitRequest:
    """One item of a batch."""
    request = _plain(body, _PlainItem) or _parse_item(body)
    if request.idempotency_key is None or request.fingerprint:
        return request
    return replace(request, fingerprint=_fingerprint(body))


def ids(body: object) -> tuple[str, ...]:
    return tuple(_load(_IDS, body)["ids"])


def read(body: object) -> ReadRequest:
    given = _load(_READ, body)
    return ReadRequest(ids=tuple(given["ids"]) if "ids" in given else None)


def reason(body: object) -> str | None:
    text: str | None = _load(_REASON, body)["reason"]
    return text


def token(body: object) -> str:
    text: str = _load(_TOKEN, body)["token"]
    return text


def user(body: object) -> str:
    text: str = _load(_USER, body)["user"]
    return text


def id_(body: object) -> str:
    text: str = _load(_ID, body)["id"]
    return text


def watch(body: object) -> bool:
    """Whether to watch from now on, or no more."""
    on: bool = _load(_WATCH, body)["on"]
    return on


def overview_minutes(body: object) -> int:
    minutes: int = _load(_OVERVIEW, body)["minutes"]
    return minutes


def user_id(text: str) -> str:
    """A user id that stands in a path."""
    if not is_user_id(text):
        raise Invalid({"user": [f"Must be a user id: 1 to {USER_ID_MAX} characters of one line."]})
    return text


EPOCH = "epoch"
EPOCH_CHARACTERS = 64


def since(value: object, rooms: Collection[str]) -> dict[str, int]:
    """The last sequence had of each of `rooms`; other rooms are left out, as one may have lost a topic.

    A null, which a client notes that writes down the `seq` of what is not stored, tells nothing of what it had: it
    becomes a sequence that no room has reached, and so a resync.
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
    """The epoch that a `since` was counted in, if it says: it stands among the rooms, none of which has that name."""
    value = since.get(EPOCH) if isinstance(since, Mapping) else None
    if value is not None and not (isinstance(value, str) and len(value) <= EPOCH_CHARACTERS):
        raise Invalid({"since": ["The epoch must be the text that `ready` gave."]})
    return value


def _load(schema: Schema, value: object) -> Any:
    if not isinstance(value, Mapping):
        raise Invalid({"": ["Must be an object."]})
    try:
        return schema.load(value)
    except ValidationError as error:
        raise Invalid(dict(_flat(error.messages))) from None


def _flat(messages: Any, path: str = "") -> list[tuple[str, list[str]]]:
    """Nested messages of marshmallow messages, as one list per dotted field."""
    if not isinstance(messages, dict):
        return [(path, messages if isinstance(messages, list) else [str(messages)])]
    flat = []
    for name, inner in messages.items():
        # A name that was not ours to choose is cut, so that an error cannot be larger than what caused it.
        step = "" if name == "_schema" else _printable(str(name))
        flat += _flat(inner, f"{path}.{step}".strip("."))
    return flat


def _printable(name: str) -> str:
    return name[:64].encode(errors="replace").decode()


def _fingerprint(body: object) -> bytes:
    """A digest of what is asked, whatever the order and the spacing it was written in."""
    if isinstance(body, dict) and "idempotency_key" in body:
        body = {name: value for name, value in body.items() if name != "idempotency_key"}
    return blake2b(orjson.dumps(body, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


# --- the short way. Most emissions are plain: one room, texts, small data. They are judged here in a tenth of the time;
# whatever is not plainly right is left to the schemas, so that every error is theirs. A property test holds both equal.


class _PlainEmit(msgspec.Struct, forbid_unknown_fields=True):
    to: str
    type: str
    title: str
    body: str = ""
    link: str | None = None
    data: Any = {}
    email: bool | None = None
    store: bool = True
    event: str = NOTIFICATION


class _PlainItem(_PlainEmit):
    idempotency_key: str | None = None


_TO_THE_OWN_ADDRESS = EmailRequest()
_ROOM_MAX = 5 + USER_ID_MAX
"""Longer names are none, and are not remembered either."""
_is_room = lru_cache(maxsize=16384)(is_room)
_is_type = re.compile(TYPE).fullmatch
_is_visible = re.compile(f"[{INVISIBLE}]*[^{INVISIBLE}]").match
_is_path = re.compile(r"/(?:[A-Za-z0-9_.?=&%#-][A-Za-z0-9_./?=&%#-]{0,500})?").fullmatch
_is_key = re.compile(KEY).fullmatch
_is_event = re.compile(EVENT).fullmatch


def _plain(given: Any, shape: type[_PlainEmit]) -> EmitRequest | None:
    """The request, when it is plain and sound; None when the schemas are to judge."""
    try:
        plain = msgspec.convert(given, shape)
    except msgspec.ValidationError:
        return None
    room, title, body, link, data = plain.to, plain.title, plain.body, plain.link, plain.data
    key = plain.idempotency_key if isinstance(plain, _PlainItem) else None
    event = plain.event
    if (
        len(room) <= _ROOM_MAX and _is_room(room) and _is_type(plain.type)
        and 0 < len(title) <= TITLE_MAX and title.isprintable() and _is_visible(title)
        and len(body) <= BODY_MAX and body.isprintable()
        and (link is None or _is_path(link))
        and (plain.email is None or (plain.email and user_of(room) is not None))
        and (key is None or _is_key(key))
        and type(data) is dict and unsound(data, DATA_DEPTH_MAX) is None
        and (plain.store or (plain.email is None and key is None))
        and (event == NOTIFICATION or (not plain.store and _is_event(event) and event not in RESERVED_EVENTS))
    ):  # fmt: skip
        return EmitRequest(
            rooms=(room,), type=plain.type, title=title, body=body, link=link, data=data,
            email=None if plain.email is None else _TO_THE_OWN_ADDRESS, store=plain.store, event=event,
            idempotency_key=key, fingerprint=b"" if key is None else _fingerprint(given),
        )  # fmt: skip
    return None
