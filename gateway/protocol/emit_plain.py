"""The short way to judge an emit. Most are plain: one room, texts, small data. They are judged here in a tenth of the time.

A batch of nothing else is read from its bytes at once, without a dictionary for each of its items.

Whatever is not plainly right is left to the schemas of `gateway.protocol.emit`, so that every error is
theirs. What fields exclude each other is asked of the same function. `tests/unit/gateway/test_emit.py` holds
both equal for any body that Hypothesis finds:
test_the_short_way_takes_nothing_the_schemas_would_not_and_makes_the_same_of_it, and the same of batches.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any

import msgspec
import orjson

from auth.principal import USER_ID_MAX
from gateway.ground.rooms import is_room
from gateway.notify.requests import NOTIFICATION, EmailRequest, EmitRequest
from gateway.protocol.emit_rules import (
    BATCH_MAX,
    BODY_MAX,
    EMIT_BYTES_MAX,
    TITLE_MAX,
    contradictions,
)
from gateway.protocol.patterns import EVENT, INVISIBLE, KEY, TYPE
from gateway.protocol.soundness import DATA_DEPTH_MAX, INTEGER_MAX, unsound
from mailer.locales import is_tag


class PlainEmit(msgspec.Struct, forbid_unknown_fields=True):
    """The fields that most emits have, of the types that most have them in. msgspec refuses any other field and
    any other type.
    """

    to: str
    """One room; a list is left to the schemas."""
    type: str
    title: str | None = None
    body: str = ""
    link: str | None = None
    data: Any = {}
    """Judged behind the struct: its bounds are not msgspec's to say."""
    locale: str | None = None
    email: bool | None = None
    store: bool = True
    event: str = NOTIFICATION
    collapse_key: str | None = None


class PlainItem(PlainEmit):
    """One of a batch, whose key stands inside it."""

    idempotency_key: str | None = None


class _PlainBatch(msgspec.Struct, forbid_unknown_fields=True):
    """A batch that is read from its bytes."""

    # One with a key is no plain item: what is asked under it has to be kept as it was written.
    notifications: Annotated[list[PlainEmit], msgspec.Meta(min_length=1, max_length=BATCH_MAX)]


_TO_THE_OWN_ADDRESS = EmailRequest()
"""Shared by all: it is frozen."""
_ROOM_MAX = 5 + USER_ID_MAX
"""Longer names are none, and are not remembered either."""
_TYPE_MAX = 64
"""As `TYPE` has it: longer ones are none, and are not remembered either."""
_SMALL = EMIT_BYTES_MAX // 2
"""Bytes of data with which an item is no larger than it may be: its texts have less than as much again."""
_batches = msgspec.json.Decoder(_PlainBatch)
"""A decoder is made once; it keeps nothing between calls."""
_is_room = lru_cache(maxsize=16384)(is_room)
"""Remembered, for the same rooms come again and again. Room names are bound in length before they come here."""
_is_type = lru_cache(maxsize=1024)(re.compile(TYPE).fullmatch)
"""Remembered, for there are few; they are bound in length before they come here."""
_is_visible = re.compile(f"[{INVISIBLE}]*[^{INVISIBLE}]").match
"""Whether there is something to see in it; judged only where the first character does not show it."""
_is_path = re.compile(r"/(?:[A-Za-z0-9_.?=&%#-][A-Za-z0-9_./?=&%#-]{0,500})?").fullmatch
"""The plainest of links; any other is judged by the schema."""
_is_key = re.compile(KEY).fullmatch
_is_event = re.compile(EVENT).fullmatch


def judged(given: Any, shape: type[PlainEmit]) -> EmitRequest | None:
    """The request, when it is plain and sound; None when the schemas are to judge.

    Never raises. `given` is JSON that was decoded, and may be anything.
    """
    try:
        plain = msgspec.convert(given, shape)
    except msgspec.ValidationError:
        return None
    key = plain.idempotency_key if isinstance(plain, PlainItem) else None
    return _request(plain, key) if key is None or _is_key(key) else None


def judged_batch(text: bytes) -> list[EmitRequest] | None:
    """The requests of a batch of none but plain and sound items; None when it is to be judged item by item.

    Never raises. One item that is not plain has all of them judged again, which costs what it would have cost
    without.
    """
    try:
        items = _batches.decode(text).notifications
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    # A batch that is no longer than an emit has no item that is longer.
    is_small = len(text) <= EMIT_BYTES_MAX
    requests = []
    for plain in items:
        request = _request(plain)
        if request is None or not (is_small or not plain.data or len(orjson.dumps(plain.data)) <= _SMALL):
            return None
        requests.append(request)
    return requests


def _request(plain: PlainEmit, key: str | None = None) -> EmitRequest | None:
    """It must take nothing that the schemas would refuse. It may refuse what they take; that only costs time."""
    room, title, body, link, data = plain.to, plain.title, plain.body, plain.link, plain.data
    event = plain.event
    if (
        len(room) <= _ROOM_MAX and _is_room(room) and len(plain.type) <= _TYPE_MAX and _is_type(plain.type)
        and (
            title is None
            or (0 < len(title) <= TITLE_MAX and title.isprintable() and ("!" <= title[0] <= "~" or _is_visible(title)))
        )
        and len(body) <= BODY_MAX and body.isprintable()
        and (link is None or _is_path(link))
        and (plain.locale is None or is_tag(plain.locale))
        and (plain.collapse_key is None or _is_key(plain.collapse_key))
        and type(data) is dict and (_is_flat(data) or unsound(data, DATA_DEPTH_MAX) is None)
        and (event == NOTIFICATION or _is_event(event))
    ):  # fmt: skip
        request = EmitRequest(
            rooms=(room,), type=plain.type, title=title, body=body, link=link, data=data,
            email=_TO_THE_OWN_ADDRESS if plain.email else None, no_email=plain.email is False,
            locale=plain.locale, store=plain.store, event=event, collapse_key=plain.collapse_key,
            idempotency_key=key,
        )  # fmt: skip
        # The words for a contradiction are the schemas' as well.
        return None if contradictions(request) else request
    return None


def _is_flat(data: Mapping[str, Any]) -> bool:
    """Whether it holds nothing but what most data do, all of it sound.

    In such data nothing can be unsound: ASCII has no surrogates, and there is nothing to nest.
    """
    for key, value in data.items():
        kind = type(value)
        if kind is str:
            if not value.isascii():
                return False
        elif kind is int:
            if not -INTEGER_MAX <= value <= INTEGER_MAX:
                return False
        elif kind is not bool:
            return False
        if not key.isascii() or "\0" in key:
            return False
    return True
