"""What the use cases are asked, as values: parsed, sound, and of nobody's protocol.

`gateway.protocol` makes them from JSON, and has checked lengths and shapes; what only the catalog can know is
checked in `wording`. They stand together, since HTTP, sessions, the scheduler, campaigns and the gateway
itself make the same ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from msgspec import Struct

from storage.mail import LaneName, MailState, Unless
from storage.notifications import Action
from storage.receipts import Place
from storage.rhythms import Rhythm

NOTIFICATION = "notification"
"""The event that a notification is, unless it is not stored and has a name of its own."""


UNSUBSCRIBED = "UNSUBSCRIBED"
"""The type by which the gateway itself tells a person that a link in a mail has turned something off."""
MAILBOX_REFUSED = "MAILBOX_REFUSED"
"""The type by which the gateway itself tells a person that mail to their mailbox comes back."""
OWN_TYPES = frozenset({UNSUBSCRIBED, MAILBOX_REFUSED})
"""Those that the gateway emits in its own name: no catalog has to have them, a strict one neither."""


class Unfit(Exception):
    """A request that nothing can be made of. `errors` maps each field to what is wrong with it.

    A field inside another is named `email.to` or `to.3`; one of `data` by a JSON Pointer, such as `/data/order`; the
    empty name is the whole of it.

    It is an answer for the caller, in words for a developer; nothing was done. Each error is a whole
    sentence.
    """

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        super().__init__(
            "; ".join(f"{name}: {' '.join(texts)}".removeprefix(": ") for name, texts in errors.items())
        )
        self.errors = {name: list(texts) for name, texts in errors.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailRequest:
    """That mail is asked for, and how. Each field that is None is what the type says, or a default."""

    to: str | None = None
    """One address for the mail of all its rooms; None: of each user the one that the contacts know."""
    subject: str | None = None
    """The subject of the mail. None: the one that the catalog says, where it has one."""
    after_seconds: float | None = None
    """How long after the emit the mail is due. None: as the type says, else at once."""
    unless: Unless | None = None
    """What makes it needless by the time it is due; None: what the type says, if anything."""
    if_known: bool = False
    """Mail those whose address is known, and leave out the others."""
    lane: LaneName = LaneName.TRANSACTIONAL
    """The lane that the mail leaves by. Where the catalog has the type, the lane of the type counts, and not this one."""
    only: frozenset[str] | None = None
    """The rooms whose users have asked for mail that the type does not send by itself; None: all."""
    after_of: Mapping[str, float] | None = None
    """By room, in the place of `after_seconds`, where it differs by what has fallen to its user in an experiment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When a request is to be emitted: at a time, or at a time on the wall of each of its readers.

    Either `at`, or both of the local ones.
    """

    at: datetime | None = None
    local_date: date | None = None
    """The day on the wall of each reader, together with `local_time`. Where nobody knows a reader's zone, the
    gateway's counts.
    """
    local_time: time | None = None
    max_lateness_seconds: float | None = None
    """How late it may still be emitted; None: however late."""


class EmitRequest(Struct, frozen=True, kw_only=True, gc=False):
    """A request to emit one notification to one or more rooms.

    A struct, since many are made at once; it holds nothing that could be part of a cycle. The scheduler
    stores it as JSON (`emitting.schedule_running`), so a new field needs a default.
    """

    rooms: tuple[str, ...]
    """One notification each, in this order; each once."""
    type: str
    title: str | None
    """The title. None: the words of the type say it. Texts that are given go before those of the type."""
    body: str = ""
    link: str | None = None
    data: Mapping[str, Any]
    """The caller's own; what the type's schema says of it is checked in `wording`."""
    locale: str | None = None
    """The language for all its readers; None: each reader's own."""
    email: EmailRequest | None = None
    """The mail that is asked for. None: no mail, unless the type has mail of its own accord."""
    no_email: bool = False
    """Whether there is to be no mail in any case, whatever the type says."""
    expires_in_seconds: float | None = None
    """How long after the emit it expires. None: as the type says, else never."""
    in_app: bool = True
    """False: it is for mail alone, and has no sequence."""
    store: bool = True
    """False: only who is connected now gets it, and it has no mail."""
    event: str = NOTIFICATION
    """Another name only when nothing is stored."""
    idempotency_key: str | None = None
    """The key by which a repetition is known within its scope. None: each request is another one."""
    fingerprint: bytes = b""
    """A digest of the request's body: tells a repetition from another request under the same key."""
    timing: Timing | None = None
    """When it is to be emitted; None: now."""
    cancel_key: str | None = None
    """The key by which the same scope may take it back while it is still to come, or stop it a moment before it comes."""
    collapse_key: str | None = None
    """In each of its rooms it takes the place of what is shown there under the key; None: as the type says."""
    rhythm: Rhythm | None = None
    """How often its mail may come; None, or a part that is None: as the type says."""
    actions: tuple[Action, ...] = ()
    """Its buttons; none: those of the type."""
    image: str | None = None
    """Where its picture is; None: as the type says."""
    kind: Any = None
    """A `NotificationType` that its type stands for, as of a campaign; None: the catalog's. It is not written down."""
    timezone: str | None = None
    """By which clock its words tell the time, as an import of a campaign says; None: each reader's own. Nor is this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRequest:
    """A page of a history, newest first."""

    before: str | None = None
    """The cursor that the page before answered."""
    limit: int = 20
    types: tuple[str, ...] = ()
    """Empty: all types."""
    categories: tuple[str, ...] = ()
    """Empty: all, and what has none."""
    unread_only: bool = False
    place: Place = Place.INBOX


@dataclass(frozen=True, slots=True, kw_only=True)
class SnoozeRequest:
    """What a reader puts off, and until when."""

    id: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ActRequest:
    """The button of a notification that a reader presses."""

    id: str
    action: str
    """Its id, as the notification has it."""


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
    """Only users whose ids begin so; empty: all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRequest:
    """A page of mail, newest first: what is None is not asked."""

    state: MailState | None = None
    address: str | None = None
    """The address that the mail goes or went to."""
    user: str | None = None
    """Whose it is."""
    notification: str | None = None
    """The notification that the mail tells. The mail's own id will do as well, or a campaign's."""
    since: datetime | None = None
    until: datetime | None = None
    """Exclusive."""
    before: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRequest:
    """A page of mail that a rule holds, the earliest due first."""

    after: str | None = None
    """The cursor of the page before."""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class FindRequest:
    """Whom to look for, by how an id, an address or a word of a name begins."""

    text: str
    limit: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DisconnectRequest:
    """A user whose connections are to end."""

    user: str
    reason: str | None = None
    """Why, for the logs; no client is told."""
