"""What an emit may say: its shape, and how a body is read, by the short way or by the schemas.

Unknown fields are refused, a bool is no number, a number no text, and nothing passes that could not be stored or sent on:
NaN, lone surrogates, integers beyond 64 bit, bottomless nesting.

Every emit comes through here: by HTTP, in a batch, or from an admin's session. The limits are in
`emit_rules`, the short way in `emit_plain`; whom it reaches and what it says is of `gateway.notify`.
"""

import re
from collections.abc import Callable
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate
from msgspec.structs import replace

from gateway.notify.requests import NOTIFICATION, EmitRequest
from gateway.protocol.actions import ACTIONS_MAX, ActionSchema
from gateway.protocol.emit_mail import Email
from gateway.protocol.emit_plain import PlainEmit, PlainItem, judged
from gateway.protocol.emit_rules import (
    AFTER_SECONDS_MAX,
    BATCH_MAX,
    BODY_MAX,
    EXPIRES_SECONDS_MAX,
    LINK_MAX,
    TITLE_MAX,
    UNSTORED_KEY,
    contradictions,
    fingerprint,
)
from gateway.protocol.fields import Items, Object, Rooms, Seconds, StrictBoolean, Text, locale_field
from gateway.protocol.parsing import Invalid, parser
from gateway.protocol.patterns import EVENT, IMAGE, KEY, LINK, PRINTABLE_LINES, TYPE, VISIBLE
from gateway.protocol.rhythms import DigestSchema, ThrottleSchema, rhythm
from gateway.protocol.timing import SendAt, timing


class EmitSchema(Schema):
    """A request to emit one notification to one or more rooms.

    Loads an `EmitRequest`, whose fields exclude each other no more. `email` false is kept as `no_email`, for
    it differs from a mail that nobody has asked for.
    """

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
    """Null and left out are the same; false is more: no mail, whatever the type says."""
    expires_in = Seconds(
        above=0,
        longest=EXPIRES_SECONDS_MAX,
        load_default=None,
        allow_none=True,
        metadata={"description": "Seconds."},
    )
    in_app = StrictBoolean(load_default=True, metadata={"description": "False: mail only."})
    send_at = SendAt(load_default=None, metadata={"description": "Not before then; a year ahead at most."})
    cancel_key = Text(
        KEY,
        "printable ASCII",
        longest=255,
        load_default=None,
        metadata={"description": "By this it can be cancelled while it is to come, or a moment before."},
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
    store = StrictBoolean(
        load_default=True, metadata={"description": "False: deliver to who is connected, keep nothing."}
    )
    """False: it has no sequence, no history, no mail and no repair."""
    event = Text(
        EVENT,
        "the name of an event: letters, digits, `_`, `:`, `.` and `-`",
        longest=64,
        load_default=NOTIFICATION,
    )
    """Only what is not stored may have another."""

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> EmitRequest:
        request = EmitRequest(
            rooms=data["to"], type=data["type"], title=data["title"], body=data["body"], link=data["link"],
            data=data["data"], locale=data["locale"], email=data["email"] or None, no_email=data["email"] is False,
            expires_in_seconds=data["expires_in"], in_app=data["in_app"],
            store=data["store"], event=data["event"], idempotency_key=data.get("idempotency_key"),
            timing=timing(data), cancel_key=data["cancel_key"], rhythm=rhythm(data), collapse_key=data["collapse_key"], actions=tuple(data["actions"]),
            image=data["image"],
        )  # fmt: skip
        excluded = contradictions(request)
        if excluded:
            raise ValidationError(dict(excluded))
        return request


class ItemSchema(EmitSchema):
    """One of a batch.

    A batch has no headers for its items, so the key stands inside.
    """

    idempotency_key = Text(KEY, "printable ASCII", longest=255, load_default=None)
    """Each item has its own; one for the batch would make no sense of a part that failed."""


_SOME = validate.Length(min=1, max=BATCH_MAX)
"""How many a batch may have."""


class BatchSchema(Schema):
    """Several; what is described here is judged item by item, so that a bad one does not spoil the others."""

    notifications = fields.List(fields.Nested(ItemSchema), required=True, validate=_SOME)


class _ItemsSchema(Schema):
    """The batch as it is judged at first: a list of anything."""

    notifications = Items(fields.Raw(allow_none=True), required=True, validate=_SOME)


_parse_emit: Callable[[object], EmitRequest] = parser(EmitSchema())
"""Schemas are made once; they keep nothing of what they load."""
_parse_item: Callable[[object], EmitRequest] = parser(ItemSchema())
"""For an item that is not plain."""
_parse_items: Callable[[object], dict[str, Any]] = parser(_ItemsSchema())
"""For a batch that is not plain."""


def parse(body: object, *, idempotency_key: str | None = None) -> EmitRequest:
    """A request to emit; the key is one that came beside the body.

    Raises `Invalid`. With a key the request also has a fingerprint, by which the same key with another
    request is told apart.
    """
    # The short way answers None for all that is not plainly right, errors included: the schemas then find the
    # words.
    request = judged(body, PlainEmit) or _parse_emit(body)
    if idempotency_key is None:
        return request
    errors = {}
    if re.fullmatch(KEY, idempotency_key) is None:
        errors["Idempotency-Key"] = ["Must have 1 to 255 printable ASCII characters."]
    elif not request.store:
        errors["Idempotency-Key"] = [UNSTORED_KEY]
    if errors:
        raise Invalid(errors)
    return replace(request, idempotency_key=idempotency_key, fingerprint=fingerprint(body))


def items(body: object) -> list[Any]:
    """The items of a batch, each to be parsed by `parse_item`.

    Raises `Invalid` where it is no batch.
    """
    if type(body) is dict and len(body) == 1:
        plain = body.get("notifications")
        # As below: the schema would copy what is to be judged item by item.
        if type(plain) is list and 0 < len(plain) <= BATCH_MAX:
            return plain
    listed: list[Any] = _parse_items(body)["notifications"]
    return listed


def parse_item(body: object) -> EmitRequest:
    """One item of a batch.

    Raises `Invalid`.
    """
    request = judged(body, PlainItem) or _parse_item(body)
    if request.idempotency_key is None:
        return request
    # Of what was judged: nothing else is certain to be writable.
    return replace(request, fingerprint=fingerprint(body))
