"""The shelf of people: what is known about users, and the right to have it told and forgotten."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from storage.inboxes import Receipt
from storage.streams import Notification


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """What the user's last token said of them, and when they were last connected."""

    user: str
    email: str | None = None
    name: str | None = None
    last_seen: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserData:
    """Everything held about a user."""

    contact: Contact | None
    notifications: tuple[Notification, ...]
    receipts: Mapping[str, Receipt]
    """By notification id."""
    read_upto: Mapping[str, int]
    """By room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """The order to forget a user, as each shelf gets it."""

    user: str
    room: str
    """The user's own."""
    at: int
    """In microseconds, as stores keep times."""
    addresses: tuple[str, ...] = ()
    """The user's own, in the form that addresses are compared by."""


class People(Protocol):
    """What is known about users, and the right to have it forgotten."""

    async def remember(self, contacts: Sequence[Contact]) -> None:
        """Keep the newest address, name and time of each; a None keeps what was known."""
        ...

    async def contact(self, user: str) -> Contact | None: ...

    async def contacts(self, users: Sequence[str]) -> dict[str, Contact]:
        """The same of many, by user, in one query; who is not known is absent."""
        ...

    async def forget(self, users: Sequence[str]) -> None:
        """Keep no contact of these; who is not known is no error. `erase_user` forgets all else as well."""
        ...

    async def user_data(self, user: str, room: str, *, limit: int) -> UserData:
        """Everything held about a user, whose own room is `room`; the newest `limit` notifications and receipts."""
        ...

    async def addresses(self, user: str, room: str) -> list[str]:
        """Where the user's mail goes or went, as it was written: by the contact, and by what was owed in `room`."""
        ...

    async def erase_user(self, user: str, room: str, *, now: datetime, addresses: Sequence[str] = ()) -> int:
        """Forget the user on every shelf: contact, inbox state, and the contents of `room` (wiped, sequences stay).

        `addresses` are the user's own, in the form that addresses are compared by: nothing is kept of them either.
        Answers how many notifications were wiped. Repeating it changes nothing.
        """
        ...
