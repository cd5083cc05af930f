"""Profiles: what backends tell of users, and what is known of them by that and by their tokens.

What is told here is written at once and goes before what a token of an earlier time says
(`storage.people.Told`). What tokens say is collected by `contacts`; both end in the same store, and a look-up
sees both.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.ground.clock import Clock
from gateway.notify.people.contacts import ContactBook
from storage.people import TOLD, Contact, People, Profile, Told


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChange:
    """What a backend tells of a user: of the fields that are given each is taken, a None is none."""

    user: str
    fields: Mapping[str, Any]
    """By the names of `storage.people.TOLD`, such as `email`, `locale` or `attributes`."""

    def whole(self) -> "ProfileChange":
        """The same, with every field that is not given being none.

        So a PUT leaves nothing of before; a PATCH goes as it is.
        """
        return ProfileChange(user=self.user, fields=dict.fromkeys(TOLD) | dict(self.fields))


def _nobody_asks(users: Sequence[str]) -> None:
    del users


class Profiles:
    """The use cases of what is known of users. They raise `StoreUnavailable` when the store is away.

    Idempotent, and safe to repeat after an error.
    """

    def __init__(
        self,
        people: People,
        *,
        contacts: ContactBook,
        clock: Clock,
        moved: Callable[[Sequence[str]], None] = _nobody_asks,
    ) -> None:
        """`moved` is told whose address was told anew; it must neither wait nor raise."""
        self._people = people
        self._moved = moved
        self._contacts = contacts
        self._clock = clock

    async def find(self, user: str) -> Profile | None:
        """What is known of the user; None for whom nobody has told of."""
        contact = await self._contacts.contact(user)
        if contact is None:
            return None
        profile = await self._people.profile(user)
        return Profile(contact=contact, attributes={} if profile is None else profile.attributes)

    async def tell(self, changes: Sequence[ProfileChange]) -> None:
        """Take what is told of each; the last of several for one user counts.

        First the store, then who listens here: languages and time zones hold at once on this node, and on others within a
        minute. Whose address was told is looked at, for a hint that was given may be over.
        """
        now = self._clock()
        await self._people.tell([Told(user=change.user, fields=change.fields, at=now) for change in changes])
        for change in changes:
            # Announced, not remembered: it is stored already.
            told = change.fields.get
            self._contacts.announce(
                Contact(user=change.user, locale=told("locale"), timezone=told("timezone"))
            )
        if users := [change.user for change in changes if "email" in change.fields]:
            self._moved(users)

    async def tell_one(self, change: ProfileChange) -> Profile | None:
        """The same of one user; answers what is known then, None if the user was forgotten meanwhile."""
        await self.tell([change])
        return await self.find(change.user)

    async def forget(self, user: str) -> None:
        """Keep nothing of what was told; the history, the topics and the rest of the user stay.

        What is on its way to the store from this node is held back as well (`ContactBook.forget`).
        """
        self._contacts.forget(user)
        await self._people.forget([user])
