"""Which language each user reads, and by which clock: what the user has chosen, else what the contacts know.

What these know is remembered for a while, for words are made at every emit. What was chosen is remembered by
the preference book, and is asked there. Scribes ask it, sessions ask it for their readers, campaigns for their
audiences, and notices for the gateway's own words.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from gateway.catalog.live import LiveCatalog
from gateway.ground.zones import zone
from gateway.notify.deciding.sources import NOBODY_CHOSE, Chosen
from gateway.notify.preferences.chosen import UserPreferences
from storage.errors import StorageError
from storage.people import Contact

REMEMBERED_SECONDS = 60.0
"""How long something is remembered: what another node has heard of a user takes effect here after this time at the latest."""
REMEMBERED_USERS = 50_000
"""How many users are remembered; at the next one all are forgotten."""
USERS_PER_QUERY = 1_000
"""One question to the contacts has so many at most."""


class Contacts(Protocol):
    """What is known of users: `gateway.notify.people.contacts.ContactBook`."""

    async def contacts(self, users: Sequence[str]) -> dict[str, Contact]:
        """Those of `users` who are known, by user. Raises `StorageError`."""
        ...


class Languages:
    """Answers from memory where it can, and asks once for all others of a call.

    A user of whom nothing is known is remembered too: else each emit would ask again of most. It raises
    nothing: words in a language that is old are better than no words.
    """

    def __init__(
        self,
        contacts: Contacts,
        chosen: Chosen = NOBODY_CHOSE,
        catalog: LiveCatalog | None = None,
        zone: str = "UTC",
    ) -> None:
        self._contacts = contacts
        self._chosen = chosen
        self._catalog = catalog
        self._zone = zone
        """The gateway's: of rooms of many, and of users of whom none is known."""
        self._locales, self._zones = _Memory(), _Memory()

    def note(self, contact: Contact) -> None:
        """A token or a backend has told something of a user: it holds from now on.

        It listens to the contact book, so what was told on this node holds here at once. That nothing is said
        takes nothing away.
        """
        for memory, told in ((self._locales, contact.locale), (self._zones, contact.timezone)):
            if told is not None:
                memory.keep([(contact.user, told)])

    async def of(self, users: Sequence[str]) -> dict[str, str | None]:
        """The language of each, None for whom nobody has told one. With the store away, what is remembered has to do."""
        answers = await self._told(users, self._locales)
        chosen = await self._choices(users)
        answers.update({user: each.locale for user, each in chosen.items() if each.locale is not None})
        return answers

    async def of_reader(self, user: str, said: str | None) -> str | None:
        """The language of a user who has come with a token that says `said`, or nothing.

        What the user has chosen, else what the token says, else what a backend has told; None where nobody has.
        Without a catalog of several languages nobody is asked: there is nothing to choose from.
        """
        if self._catalog is None or not self._catalog.has_languages:
            return said
        chosen = (await self._choices([user])).get(user)
        if chosen is not None and chosen.locale is not None:
            return chosen.locale
        return said or (await self._told([user], self._locales))[user]

    async def zones(self, users: Sequence[str]) -> Mapping[str | None, str]:
        """The time zone of each by its name, and the gateway's for None: a room of many.

        What the user has chosen, else what a backend has told, else the gateway's; a name that this machine has no
        zone of counts as none told.
        """
        named = await self._told(users, self._zones)
        chosen = await self._choices(users)
        named.update({user: each.timezone for user, each in chosen.items() if each.timezone is not None})
        return {
            None: self._zone,
            **{user: name if name and zone(name) else self._zone for user, name in named.items()},
        }

    async def _choices(self, users: Sequence[str]) -> Mapping[str, UserPreferences]:
        """What those of the users have chosen who have chosen anything; nothing while it cannot be asked for."""
        try:
            return await self._chosen.of_many(users)
        except StorageError:
            return {}

    async def _told(self, users: Sequence[str], memory: "_Memory") -> dict[str, str | None]:
        """What tokens and backends have told, as that memory has it. A user whose entry is too old, and of whom the
        store cannot be asked, keeps the old one.
        """
        answers, asked = memory.recall(users)
        for start in range(0, len(asked), USERS_PER_QUERY):
            part = asked[start : start + USERS_PER_QUERY]
            try:
                contacts = await self._contacts.contacts(part)
            except StorageError:
                break
            found = [contacts.get(user, Contact(user=user)) for user in part]
            # Both, for the same question answers both.
            self._locales.keep((each.user, each.locale) for each in found)
            self._zones.keep((each.user, each.timezone) for each in found)
            answers |= memory.recall(part)[0]
        return answers


class _Memory:
    """What was told of users lately: a value of each, with when it was told by the loop's clock."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str | None, float]] = {}

    def recall(self, users: Sequence[str]) -> tuple[dict[str, str | None], list[str]]:
        """What is remembered of each, None where nothing is; and of whom it is too old, or nothing at all."""
        oldest = asyncio.get_running_loop().time() - REMEMBERED_SECONDS
        remembered = {user: self._known.get(user, _NEVER) for user in users}
        answers = {user: told for user, (told, _) in remembered.items()}
        return answers, [user for user, (_, at) in remembered.items() if at < oldest]

    def keep(self, news: Iterable[tuple[str, str | None]]) -> None:
        """Keep these for `REMEMBERED_SECONDS` from now on, in an emptied memory if the old one is full."""
        if len(self._known) >= REMEMBERED_USERS:
            self._known.clear()
        now = asyncio.get_running_loop().time()
        self._known.update({user: (told, now) for user, told in news})


_NEVER: tuple[None, float] = (None, float("-inf"))
