"""Events that clients send: who answers which, and an answer to each, whatever happens.

It knows the envelope of an answer and the code of each error. What an event means is of those who register
it: the operations, what a connection asks of itself, and parts.
"""

import logging
from collections.abc import Mapping
from typing import Any

from auth.errors import AuthError
from gateway.cluster.presence.errors import PresenceUnavailable
from gateway.engine import Server
from gateway.ground.encoding import Json
from gateway.ground.parts import Ask
from gateway.notify.emitting.owing import NoAddress
from gateway.notify.requests import Unfit
from gateway.notify.wording.scribe import UnknownType
from gateway.protocol import problems, shapes
from gateway.protocol.parsing import Invalid
from gateway.protocol.problems import Problem
from gateway.sockets.sessions import Sessions
from storage.errors import IdempotencyMismatch, InvalidCursor, StorageError, Unstorable

ROOT = "/"
"""The namespace of everybody."""
ADMIN = "/admin"
"""The namespace of those whose token has a role."""

logger = logging.getLogger(__name__)


class Events:
    """Registers events at the engine.

    One for a node, made before the site listens. A name is registered once in a namespace. Events of one
    session are answered in the order in which they came.
    """

    def __init__(self, server: Server, sessions: Sessions) -> None:
        self._server = server
        self._sessions = sessions

    def on(self, namespace: str, event: str, ask: Ask) -> None:
        """Answer `event` with `{ok: true, …}`, or `{ok: false, error}` for every way it can fail.

        `ask` takes the `Session` that asks, and what it sent, an object. What it answers is without the `ok`;
        what it raises becomes the answer that `explain` gives.

        An event that wants no acknowledgement is carried out as well; its answer goes nowhere. Arguments
        behind the first are ignored.
        """

        async def answer(sid: str, payload: object = None, *_: object) -> Json:
            session = self._sessions.get(sid)
            # Not to be expected: the engine asks for open sessions alone. Without one there is nobody to answer for.
            if session is None:
                return failure("unauthorized", "the connection is not open")
            try:
                return {"ok": True, **await ask(session, _object(payload))}
            except Exception as error:  # noqa: BLE001 - whatever happens, the client gets an answer
                return explain(error, event)

        self._server.on(event, answer, namespace=namespace)


def _object(payload: object) -> Mapping[str, Any]:
    """The payload as an object; nothing at all is an empty one. Raises `Invalid` for any other."""
    if payload is None:
        return {}
    if not isinstance(payload, Mapping):
        raise Invalid({"": ["Must be an object."]})
    return payload


def failure(code: str, message: str, **facts: Any) -> Json:
    """An answer that says what went wrong: `code` is one of docs/protocol.md, `message` for people, `facts` for programs."""
    return {"ok": False, "error": {"code": code, "message": message, **facts}}


def explain(error: Exception, event: str) -> Json:
    """The answer to an event that failed; what nobody foresaw is logged, and not shown.

    It is what `gateway.protocol.problems` is over HTTP, with the same codes. Never raises.
    """
    match error:
        case UnknownType():
            return failure("unknown_type", str(error))
        case Unfit():
            return failure("validation_failed", str(error), errors=error.errors)
        case NoAddress():
            users = shapes.some_users(error.users)
            return failure("validation_failed", str(error), without_address=users)
        case InvalidCursor() | Unstorable():
            return failure("validation_failed", str(error))
        case Problem():
            details = problems.of(error)
            return failure(details.code, details.detail or problems.TITLES[details.code][1])
        case AuthError():
            return failure(error.code, str(error))
        case IdempotencyMismatch():
            return failure("idempotency_mismatch", "the key was used before with another content")
        case StorageError() | PresenceUnavailable():
            return failure("unavailable", "try again in a moment", retry_after=1)
        case _:
            logger.error("event failed", extra={"event": event}, exc_info=error)
            return failure("internal", "something went wrong here; it has been logged")
