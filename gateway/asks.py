"""What clients may ask over Socket.IO: the payloads of their events, parsed.

What cannot be parsed is `Invalid`, with a sentence for the developer of the client.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

IDS_LIMIT = 1000
SINCE_LIMIT = 1000
SEQ_MAX = 2**53 - 1
"""Sequences are exact in JavaScript up to here."""
TYPE = r"[A-Z][A-Z0-9_]{0,63}"


class Invalid(Exception):
    """A payload that is not what PROTOCOL says. The message names the fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    before: str | None = None
    limit: int = 20
    types: Sequence[str] = ()
    unread_only: bool = False
    user: str | None = None
    room: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of the roster or of the mail."""

    after: str | None = None
    before: str | None = None
    limit: int
    prefix: str = ""
    state: str | None = None





class _Integer(fields.Integer):
    def __init__(self, **options: Any) -> None:
        super().__init__(strict=True, **options)

    def _deserialize(self, value: Any, *rest: Any, **more: Any) -> Any:
        if isinstance(value, bool):
            raise self.make_error("invalid")
        return super()._deserialize(value, *rest, **more)


_ids = fields.List(
    fields.String(validate=validate.Length(1, 64)), validate=validate.Length(0, IDS_LIMIT), required=True
)


class _HistorySchema(Schema):
    before = fields.String(validate=validate.Length(1, 256), allow_none=True)
    limit = _Integer(validate=validate.Range(1, 100))
    types = fields.List(
        fields.String(validate=validate.Regexp(rf"{TYPE}\Z")),
        data_key="type",
        validate=validate.Length(0, 100),
    )
    unread_only = fields.Boolean(data_key="unread", truthy={True}, falsy={False})

    @post_load
    def value(self, found: dict[str, Any], **_: Any) -> History:
        return History(**found)


class _AdminHistorySchema(_HistorySchema):
    user = fields.String(validate=validate.Length(1, 128))
    room = fields.String(validate=validate.Length(1, 160))


class _RosterSchema(Schema):
    after = fields.String(validate=validate.Length(0, 128), allow_none=True)
    limit = _Integer(validate=validate.Range(1, 1000), load_default=200)
    prefix = fields.String(validate=validate.Length(0, 128))

    @post_load
    def value(self, found: dict[str, Any], **_: Any) -> Page:
        return Page(**found)


class _MailSchema(Schema):
    state = fields.String(
        validate=validate.OneOf(["pending", "leased", "sent", "skipped", "dead"]), allow_none=True
    )
    before = fields.String(validate=validate.Length(1, 256), allow_none=True)
    limit = _Integer(validate=validate.Range(1, 100), load_default=20)

    @post_load
    def value(self, found: dict[str, Any], **_: Any) -> Page:
        return Page(**found)


class _IdsSchema(Schema):
    ids = _ids


class _AllSchema(Schema):
    all = fields.Boolean(truthy={True}, falsy=set(), required=True)


class _TokenSchema(Schema):
    token = fields.String(required=True)


class _DisconnectSchema(Schema):
    user = fields.String(validate=validate.Length(1, 128), required=True)
    reason = fields.String(validate=validate.Length(0, 200), allow_none=True)


_HISTORY = _HistorySchema()
_ADMIN_HISTORY = _AdminHistorySchema()
_ROSTER = _RosterSchema()
_MAIL = _MailSchema()
_IDS = _IdsSchema()
_ALL = _AllSchema()
_TOKEN = _TokenSchema()
_DISCONNECT = _DisconnectSchema()


def _load(schema: Schema, payload: object) -> Any:
    if not isinstance(payload, Mapping):
        raise Invalid("the payload must be an object")
    try:
        return schema.load(payload)
    except ValidationError as error:
        raise Invalid(_sentence(error)) from error


def _sentence(error: ValidationError) -> str:
    messages = error.normalized_messages()
    return "; ".join(f"{name}: {_flat(messages[name])}" for name in sorted(messages, key=str))


def _flat(messages: Any) -> str:
    if isinstance(messages, Mapping):
        return " ".join(_flat(value) for value in messages.values())
    return " ".join(map(str, messages)) if isinstance(messages, list) else str(messages)


def history(payload: object) -> History:
    found: History = _load(_HISTORY, payload)
    return found


def admin_history(payload: object) -> History:
    found: History = _load(_ADMIN_HISTORY, payload)
    if found.user is not None and found.room is not None:
        raise Invalid("give user or room, not both")
    return found


def roster(payload: object) -> Page:
    found: Page = _load(_ROSTER, payload)
    return found


def mail(payload: object) -> Page:
    found: Page = _load(_MAIL, payload)
    return found


def marks(payload: object, *, may_be_all: bool = False) -> tuple[str, ...] | None:
    """The ids to be marked; None for all of them, where that may be asked."""
    if may_be_all and isinstance(payload, Mapping) and "all" in payload:
        _load(_ALL, payload)
        return None
    return tuple(_load(_IDS, payload)["ids"])


def token(payload: object) -> str:
    return str(_load(_TOKEN, payload)["token"])


def disconnect(payload: object) -> tuple[str, str | None]:
    """(user, reason)."""
    found = _load(_DISCONNECT, payload)
    return found["user"], found.get("reason")


def since(value: object, rooms: Collection[str]) -> dict[str, int]:
    """What a client says it has had, room by room; rooms it is not in are left out."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or len(value) > SINCE_LIMIT:
        raise Invalid(f"since: must be an object of at most {SINCE_LIMIT} rooms and their sequences")
    for seq in value.values():
        if isinstance(seq, bool) or not isinstance(seq, int) or not 0 <= seq <= SEQ_MAX:
            raise Invalid("since: a sequence is a whole number, 0 or more")
    return {room: value[room] for room in rooms if room in value}
