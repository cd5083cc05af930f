"""What the use cases are asked, as values: parsed, sound, and of nobody's protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from storage.mail import MailState, Unless

NOTIFICATION = "notification"
"""The event that a notification is, unless it is not stored and has a name of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailRequest:
    to: str | None = None
    """None: the address last seen in the user's token."""
    subject: str | None = None
    after_seconds: float = 0
    unless: Unless | None = None
    if_known: bool = False
    """Mail those whose address is known, and leave out the others."""


class EmitRequest(Struct, frozen=True, kw_only=True, gc=False):
    """A request to emit one notification to one or more rooms."""

    rooms: tuple[str, ...]
    type: str
    title: str
    body: str = ""
    link: str | None = None
    data: Mapping[str, Any]
    email: EmailRequest | None = None
    expires_in_seconds: float | None = None
    in_app: bool = True
    store: bool = True
    event: str = NOTIFICATION
    """Another name only when nothing is stored."""
    idempotency_key: str | None = None
    fingerprint: bytes = b""
    """A digest of the request's body: tells a repetition from another request under the same key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRequest:
    """A page of a history, newest first."""

    before: str | None = None
    """The cursor that the page before answered."""
    limit: int = 20
    types: tuple[str, ...] = ()
    """Empty: all types."""
    unread_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminHistoryRequest:
    """A page of the admins' own history, or of a user's, or of a room's."""

    page: HistoryRequest
    user: str | None = None
    room: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterRequest:
    """A page of who is online, by user id."""

    after: str | None = None
    limit: int = 200
    prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRequest:
    """A page of mail, newest first; of every state when there is none."""

    state: MailState | None = None
    before: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class DisconnectRequest:
    user: str
    reason: str | None = None
