"""The shelf of people: what is known about users, and the right to have it forgotten."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

SAID: Final = ("email", "name", "locale")
"""What both the user's tokens and backends tell: of these the newer word counts."""
TOLD: Final = (*SAID, "timezone", "attributes")
"""All that backends tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """What the user's tokens and backends say of them, and when they were last connected.

    There is one of each user whom a token or a backend has named. What nobody has said is None.
    """

    user: str
    email: str | None = None
    name: str | None = None
    locale: str | None = None
    timezone: str | None = None
    last_seen: datetime | None = None
    said_at: datetime | None = field(default=None, compare=False)
    """When the token was issued that says so; None: just now. No store tells it."""
    told_at: Mapping[str, datetime] = field(default_factory=dict, compare=False)
    """When a backend last told each of `SAID`, as far as one did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """All that is known of a user, whoever told it."""

    contact: Contact
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundContacts:
    """Whom a search has found, by id."""

    contacts: tuple[Contact, ...]
    more: bool
    """Whether there may be others: then more of a name or an address is to be given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a backend tells of a user: of `TOLD`, what is left out stays, and a None takes away.

    `fields` may hold other names, which are passed over. `at` is when it was told: what a token said before that gives way.
    """

    user: str
    fields: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """The order to forget a user, as each shelf gets it.

    Every shelf that keeps something of users does its part of it, and may be given it again.
    """

    user: str
    room: str
    """The user's own."""
    at: int
    """In microseconds, as stores keep times."""
    addresses: tuple[str, ...] = ()
    """The user's own, and nobody else's, in the form that addresses are compared by."""

    @property
    def names(self) -> tuple[str, ...]:
        """By which the user may be known: whoever is known by the address alone has it for a user id."""
        return (self.user, *self.addresses)

    @property
    def rooms(self) -> tuple[str, ...]:
        """The own rooms of those names, the user's first."""
        before = self.room.removesuffix(self.user)
        return tuple(f"{before}{name}" for name in self.names)


class People(Protocol):
    """What is known about users, and the right to have it forgotten.

    A token speaks for the moment in which it was issued, a backend for the moment in which it tells. So either may come
    late, and what is newer stays. `erase_user` is the one thing here that reaches every shelf.
    """

    async def remember(self, contacts: Sequence[Contact]) -> None:
        """Keep the newest address, name, language and time of each; a None keeps what was known.

        What a backend has told since the token was issued stays, also that there is none.

        Idempotent, and one after the other in the order given. Each is one write: of several some may be kept when an
        error is raised. When the user was first seen is kept too, from the first time on.
        """
        ...

    async def tell(self, told: Sequence[Told]) -> None:
        """Keep what backends tell, each user's whole or not at all; the last of several for one user counts.

        It makes a contact where there is none. May be repeated: the same told twice is the same, but for what was told in
        between.
        """
        ...

    async def profile(self, user: str) -> Profile | None:
        """All that is known of one user, attributes included; None for one whom nobody has named."""
        ...

    async def contact(self, user: str) -> Contact | None:
        """What is known of one user but for the attributes; None for one whom nobody has named."""
        ...

    async def contacts(self, users: Sequence[str]) -> dict[str, Contact]:
        """The same of many, by user, in one query; who is not known is absent."""
        ...

    async def search(self, text: str, *, limit: int) -> FoundContacts:
        """Those known of whom every word of `text` begins the id, the address, or a word of the name, in any case.

        It looks at a bounded number of them, whatever the text.

        A text of no words finds nobody. The case of letters beyond ASCII counts, but for the first of a word. It may be
        read from where it lags: somebody who came a moment ago may be missing.
        """
        ...

    async def known(self, *, after: str | None, limit: int) -> list[Profile]:
        """Whoever is known, in the order of their ids, those behind `after`.

        Fewer than `limit` is the end. Who comes to be known while they are gone through may be missed.
        """
        ...

    async def forget(self, users: Sequence[str]) -> None:
        """Keep no contact of these; who is not known is no error. `erase_user` forgets all else as well."""
        ...

    async def addresses(self, user: str, room: str) -> list[str]:
        """Where the user's mail goes or went, as it was written: by the contact, and by what was owed in `room`.

        As they are now: an address that was erased is none. Each once, that of the contact first.
        """
        ...

    async def of_nobody_else(self, user: str, addresses: Sequence[str]) -> tuple[str, ...]:
        """Those of the addresses that no other known user has, as the id or as what was told: that would be the other's.

        They are in the form that addresses are compared by, and stay in their order.
        """
        ...

    async def erase_user(self, user: str, room: str, *, now: datetime, addresses: Sequence[str] = ()) -> int:
        """Forget the user on every shelf: contact, inbox state, and the contents of `room` (wiped, sequences stay).

        `addresses` are those that the user's mail goes or went to, in the form that addresses are compared by: nothing is
        kept of them either, but of what is not `of_nobody_else`.
        Answers how many notifications were wiped. Repeating it changes nothing.

        It may take one write for each shelf, and be cut short between any two of them: repeating it does the rest. A
        worker that holds mail of the user may still send that. Keys of the archive go with the user, so what was put
        away can be read no more. Deeds stay, and the numbers of statistics: neither holds more of a user than an id.
        """
        ...
