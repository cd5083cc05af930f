"""The short way to judge an emit. Most are plain: one room, texts, small data. They are judged here in a tenth of the time.

Whatever is not plainly right is left to the schemas of `gateway.protocol.emit`, so that every error is theirs. What fields exclude
each other is asked of the same function. `tests/unit/gateway/test_emit.py` holds both equal for any body that Hypothesis finds:
test_the_short_way_takes_nothing_the_schemas_would_not_and_makes_the_same_of_it.
"""

import re
from functools import lru_cache
from typing import Any

import msgspec

from auth.principal import USER_ID_MAX
from gateway.ground.rooms import is_room
from gateway.notify.requests import NOTIFICATION, EmailRequest, EmitRequest
from gateway.protocol.emit_rules import BODY_MAX, TITLE_MAX, contradictions, fingerprint
from gateway.protocol.fields import DATA_DEPTH_MAX, unsound
from gateway.protocol.patterns import EVENT, INVISIBLE, KEY, TYPE
from mailer.locales import is_tag


class PlainEmit(msgspec.Struct, forbid_unknown_fields=True):
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


class PlainItem(PlainEmit):
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


def judged(given: Any, shape: type[PlainEmit]) -> EmitRequest | None:
    """The request, when it is plain and sound; None when the schemas are to judge."""
    try:
        plain = msgspec.convert(given, shape)
    except msgspec.ValidationError:
        return None
    room, title, body, link, data = plain.to, plain.title, plain.body, plain.link, plain.data
    key = plain.idempotency_key if isinstance(plain, PlainItem) else None
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
            idempotency_key=key, fingerprint=b"" if key is None else fingerprint(given),
        )  # fmt: skip
        return None if contradictions(request) else request
    return None
