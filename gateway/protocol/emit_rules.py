"""What holds for every emit, whichever way it is judged: its limits, and what excludes each other in it.

It stands apart from both ways to judge, so that neither can have rules of its own.
"""

from collections.abc import Mapping
from hashlib import blake2b

import orjson

from gateway.ground.rooms import user_of
from gateway.notify.requests import NOTIFICATION, EmitRequest

BATCH_MAX = 1000
"""Items of a batch."""
EMIT_BYTES_MAX = 64 * 1024
"""Of one emit, or of one item of a batch as it is written without spaces."""
TITLE_MAX = 200
"""Characters, of the title and of a subject."""
BODY_MAX = 4000
"""Characters."""
LINK_MAX = 2048
"""Characters; what browsers take."""
AFTER_SECONDS_MAX = 365 * 86400
"""A year: how long a mail may wait, and how late an emit may be."""
EXPIRES_SECONDS_MAX = 10 * 365 * 86400
"""Ten years, which is as good as for ever."""

RESERVED_EVENTS = frozenset({
    "connect", "connect_error", "disconnect", "disconnecting", "error", "newListener", "removeListener",
    "ready", "inbox", "rooms", "recalled", "preferences", "closing", "token:expiring", "presence:joined", "presence:left",
    "feed",
})  # fmt: skip
"""Events that a client, or this protocol, gives a meaning of its own."""

UNSTORED_KEY = "What is not stored cannot be recognized again: leave it out."
"""Told by both ways to give a key."""
_NONE: Mapping[str, str] = {}
"""Shared: most requests have nothing to say, and get this one."""


def contradictions(request: EmitRequest) -> Mapping[str, str]:
    """Which fields of a request exclude each other, each with the reason.

    By the name of the field that is to be left out; empty for a request that can be carried out. Called for
    every emit, so the plain ones leave at once.
    """
    email, store, event = request.email, request.store, request.event
    if (
        email is None and event == NOTIFICATION and request.rhythm is None and not request.actions
        and (store or (request.in_app and request.collapse_key is None and request.idempotency_key is None))
    ):  # fmt: skip
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
    # Only what is not stored can have come here with a name of its own.
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
        found["idempotency_key"] = UNSTORED_KEY
    return found


def fingerprint(body: object) -> bytes:
    """A digest of what is asked, whatever the order and the spacing it was written in.

    16 bytes. The key itself is not part of it: the same request under the same key must have the same one.
    """
    if isinstance(body, dict) and "idempotency_key" in body:
        body = {name: value for name, value in body.items() if name != "idempotency_key"}
    return blake2b(orjson.dumps(body, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
