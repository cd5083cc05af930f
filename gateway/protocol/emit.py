"""What an emit may say: its shape, its rules, and the two ways to judge it, a short one and the schemas.

Unknown fields are refused, a bool is no number, a number no text, and nothing passes that could not be stored or sent on:
NaN, lone surrogates, integers beyond 64 bit, bottomless nesting.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec
import orjson
from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema
from msgspec.structs import replace

from auth.principal import USER_ID_MAX
from gateway.ground.rooms import is_room, user_of
from gateway.notify.requests import NOTIFICATION, EmailRequest, EmitRequest
from gateway.protocol.fields import (
    ACTION_ID,
    DATA_DEPTH_MAX,
    EVENT,
    IMAGE,
    INVISIBLE,
    KEY,
    LINK,
    PRINTABLE_LINES,
    TYPE,
    VISIBLE,
    EmailAddress,
    Flag,
    Items,
    Object,
    Rooms,
    Seconds,
    Text,
    locale_field,
    unsound,
)
from gateway.protocol.parsing import Invalid, parser
from gateway.protocol.rhythms import DigestSchema, ThrottleSchema, rhythm
from gateway.protocol.timing import SendAt, timing
from mailer.locales import is_tag
from storage.mail import Unless
from storage.streams import Action

BATCH_MAX = 1000
EMIT_BYTES_MAX = 64 * 1024
TITLE_MAX = 200
BODY_MAX = 4000
LINK_MAX = 2048
ACTIONS_MAX = 3
ACTION_STYLES = ("default", "primary", "danger")
LABEL_MAX = 40
AFTER_SECONDS_MAX = 365 * 86400
EXPIRES_SECONDS_MAX = 10 * 365 * 86400

RESERVED_EVENTS = frozenset({
    "connect", "connect_error", "disconnect", "disconnecting", "error", "newListener", "removeListener",
    "ready", "inbox", "rooms", "recalled", "preferences", "closing", "token:expiring", "presence:joined", "presence:left",
    "feed",
})  # fmt: skip
"""Events that a client, or this protocol, gives a meaning of its own."""

_UNSTORED_KEY = "What is not stored cannot be recognized again: leave it out."
_NONE: Mapping[str, str] = {}


class ActionSchema(Schema):
    """A button of the notification."""

    id = Text(ACTION_ID, "a name such as track: small letters, digits, _ and -", longest=32, required=True)
    label = Text(VISIBLE, "printable, with something to see", longest=LABEL_MAX, required=True)
    link = Text(LINK, "an absolute path or an http(s) URL", longest=LINK_MAX, load_default=None)
    style = fields.String(load_default=ACTION_STYLES[0], validate=validate.OneOf(ACTION_STYLES))

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> Action:
        return Action(data["id"], data["label"], data["link"], data["style"])


class EmailSchema(Schema):
    to = EmailAddress(load_default=None)
    subject = Text(VISIBLE, "printable, with something to see", longest=TITLE_MAX, load_default=None)
    after = Seconds(
        longest=AFTER_SECONDS_MAX,
        load_default=None,
        metadata={"description": "Seconds to wait; what the type says, else 0."},
    )
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


class Email(fields.Field[EmailRequest | bool]):
    """`true`, an object, or `false`."""

    _object = fields.Nested(EmailSchema)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> EmailRequest | bool:
        if value is True:
            return EmailRequest()
        if value is False:
            return False
        if not isinstance(value, dict):
            raise ValidationError("Must be true, false or an object.")
        parsed: EmailRequest = self._object.deserialize(value, attr, data, **options)
        return parsed


class EmitSchema(Schema):
    """A request to emit one notification to one or more rooms."""

    to = Rooms(required=True, metadata={"description": "A room, or a list of rooms."})
    type = Text(TYPE, "capitals, digits and _, beginning with a capital", longest=64, required=True)
    title = Text(
        VISIBLE,
        "printable, with something to see",
        longest=TITLE_MAX,
        load_default=None,
        metadata={
            "description": "May be left out where the catalog has words for the type; one that is given wins."
        },
    )
    body = Text(PRINTABLE_LINES, "printable", shortest=0, longest=BODY_MAX, load_default="")
    link = Text(LINK, "an absolute path or an http(s) URL", longest=LINK_MAX, load_default=None)
    data = Object(load_default=dict, metadata={"description": "What the pages make of it is theirs."})
    locale = locale_field(
        load_default=None,
        metadata={"description": "The language of the type's words; each reader's own where it is left out."},
    )
    email = Email(
        load_default=None,
        metadata={
            "description": "`true`: to the address last seen in the user's token. `false`: no mail, whatever the type says."
        },
    )
    expires_in = Seconds(
        above=0,
        longest=EXPIRES_SECONDS_MAX,
        load_default=None,
        allow_none=True,
        metadata={"description": "Seconds."},
    )
    in_app = Flag(load_default=True, metadata={"description": "False: mail only."})
    send_at = SendAt(load_default=None, metadata={"description": "Not before then; a year ahead at most."})
    cancel_key = Text(
        KEY,
        "printable ASCII",
        longest=255,
        load_default=None,
        metadata={"description": "By this it can be cancelled until then."},
    )
    max_lateness = Seconds(
        above=0,
        longest=AFTER_SECONDS_MAX,
        load_default=None,
        metadata={"description": "Seconds after `send_at` from which on it is not emitted any more."},
    )
    collapse_key = Text(
        KEY,
        "printable ASCII",
        longest=255,
        load_default=None,
        metadata={
            "description": "In each of its rooms it takes the place of what is shown there under the key; as the type says, where it is left out."
        },
    )
    digest = fields.Nested(DigestSchema, load_default=None, allow_none=True)
    throttle = fields.Nested(ThrottleSchema, load_default=None, allow_none=True)
    actions = Items(
        fields.Nested(ActionSchema),
        load_default=(),
        validate=validate.Length(max=ACTIONS_MAX),
        metadata={
            "description": "Buttons, each with an id of its own; those of the type where it is left out."
        },
    )
    image = Text(
        IMAGE,
        "an https URL",
        longest=LINK_MAX,
        load_default=None,
        metadata={"description": "Where its picture is; as the type says, where it is left out."},
    )
    store = Flag(
        load_default=True, metadata={"description": "False: deliver to who is connected, keep nothing."}
    )
    event = Text(
        EVENT,
        "the name of an event: letters, digits, `_`, `:`, `.` and `-`",
        longest=64,
        load_default=NOTIFICATION,
    )

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> EmitRequest:
        request = EmitRequest(
            rooms=data["to"], type=data["type"], title=data["title"], body=data["body"], link=data["link"],
            data=data["data"], locale=data["locale"], email=data["email"] or None, no_email=data["email"] is False,
            expires_in_seconds=data["expires_in"], in_app=data["in_app"],
            store=data["store"], event=data["event"], idempotency_key=data.get("idempotency_key"),
            timing=timing(data), rhythm=rhythm(data), collapse_key=data["collapse_key"], actions=tuple(data["actions"]),
            image=data["image"],
        )  # fmt: skip
        contradictions = _contradictions(request)
        if contradictions:
            raise ValidationError(dict(contradictions))
        return request


class ItemSchema(EmitSchema):
    """One of a batch."""

    idempotency_key = Text(KEY, "printable ASCII", longest=255, load_default=None)


_SOME = validate.Length(min=1, max=BATCH_MAX)


class BatchSchema(Schema):
    """Several; what is described here is judged item by item, so that a bad one does not spoil the others."""

    notifications = fields.List(fields.Nested(ItemSchema), required=True, validate=_SOME)


class _ItemsSchema(Schema):
    """The batch as it is judged at first: a list of anything."""

    notifications = Items(fields.Raw(allow_none=True), required=True, validate=_SOME)


def _contradictions(request: EmitRequest) -> Mapping[str, str]:
    """Which fields of a request exclude each other, each with the reason."""
    email, store, event = request.email, request.store, request.event
    if email is None and store and event == NOTIFICATION and request.rhythm is None and not request.actions:
        return _NONE
    found: dict[str, str] = {}
    if email is not None:
        if not store:
            found["email"] = "Mail needs a stored notification: leave store out."
        elif any(user_of(room) is None for room in request.rooms):
            found["email"] = "Mail goes to user: rooms only."
        elif email.to is not None and len(request.rooms) > 1:
            found["email.to"] = "One address for several users: leave it out, or emit to each."
    if request.rhythm is not None and (request.no_email or not store):
        reason = "It is about mail, and there is to be none: leave it out."
        found |= {
            name: reason for name in ("digest", "throttle") if getattr(request.rhythm, name) is not None
        }
    if not request.in_app and not store:
        found["in_app"] = "Neither shown nor mailed: there would be nothing left."
    if event != NOTIFICATION and store:
        found["event"] = "Only what is not stored may have an event of its own: give store: false."
    elif event in RESERVED_EVENTS:
        found["event"] = "This name has a meaning of its own."
    if request.collapse_key is not None and not store:
        found["collapse_key"] = "What is not stored takes nothing's place: leave it out."
    if request.actions:
        if not store:
            found["actions"] = "What is not stored cannot be answered: leave them out."
        elif len({action.id for action in request.actions}) < len(request.actions):
            found["actions"] = "Each must have an id of its own."
    if request.idempotency_key is not None and not store:
        found["idempotency_key"] = _UNSTORED_KEY
    return found


_parse_emit: Callable[[object], EmitRequest] = parser(EmitSchema())
_parse_item: Callable[[object], EmitRequest] = parser(ItemSchema())
_parse_items: Callable[[object], dict[str, Any]] = parser(_ItemsSchema())


def parse(body: object, *, idempotency_key: str | None = None) -> EmitRequest:
    """A request to emit; the key is one that came beside the body."""
    request = _plain(body, _PlainEmit) or _parse_emit(body)
    if idempotency_key is None:
        return request
    errors = {}
    if re.fullmatch(KEY, idempotency_key) is None:
        errors["Idempotency-Key"] = ["Must have 1 to 255 printable ASCII characters."]
    elif not request.store:
        errors["Idempotency-Key"] = [_UNSTORED_KEY]
    if errors:
        raise Invalid(errors)
    return replace(request, idempotency_key=idempotency_key, fingerprint=_fingerprint(body))


def items(body: object) -> list[Any]:
    """The items of a batch, each to be parsed by `parse_item`."""
    if type(body) is dict and len(body) == 1:
        plain = body.get("notifications")
        # As below: the schema would copy what is to be judged item by item.
        if type(plain) is list and 0 < len(plain) <= BATCH_MAX:
            return plain
    listed: list[Any] = _parse_items(body)["notifications"]
    return listed


def parse_item(body: object) -> EmitRequest:
    """One item of a batch."""
    request = _plain(body, _PlainItem) or _parse_item(body)
    if request.idempotency_key is None or request.fingerprint:
        return request
    return replace(request, fingerprint=_fingerprint(body))


def _fingerprint(body: object) -> bytes:
    """A digest of what is asked, whatever the order and the spacing it was written in."""
    if isinstance(body, dict) and "idempotency_key" in body:
        body = {name: value for name, value in body.items() if name != "idempotency_key"}
    return blake2b(orjson.dumps(body, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


# --- the short way. Most emissions are plain: one room, texts, small data. They are judged here in a tenth of the time;
# whatever is not plainly right is left to the schemas, so that every error is theirs. What fields exclude each other is
# asked of the same function. `tests/unit/gateway/test_emit.py` holds both equal for any body that Hypothesis finds:
# test_the_short_way_takes_nothing_the_schemas_would_not_and_makes_the_same_of_it.


class _PlainEmit(msgspec.Struct, forbid_unknown_fields=True):
    to: str
    type: str
    title: str | None = None
    body: str = ""
    link: str | None = None
    data: Any = {}
    locale: str | None = None
    email: bool | None = None
    store: bool = True
    event: str = NOTIFICATION
    collapse_key: str | None = None


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
        and (title is None or (0 < len(title) <= TITLE_MAX and title.isprintable() and _is_visible(title)))
        and len(body) <= BODY_MAX and body.isprintable()
        and (link is None or _is_path(link))
        and (plain.locale is None or is_tag(plain.locale))
        and (key is None or _is_key(key))
        and (plain.collapse_key is None or _is_key(plain.collapse_key))
        and type(data) is dict and unsound(data, DATA_DEPTH_MAX) is None
        and (event == NOTIFICATION or _is_event(event))
    ):  # fmt: skip
        request = EmitRequest(
            rooms=(room,), type=plain.type, title=title, body=body, link=link, data=data,
            email=_TO_THE_OWN_ADDRESS if plain.email else None, no_email=plain.email is False,
            locale=plain.locale, store=plain.store, event=event, collapse_key=plain.collapse_key,
            idempotency_key=key, fingerprint=b"" if key is None else _fingerprint(given),
        )  # fmt: skip
        return None if _contradictions(request) else request
    return None
