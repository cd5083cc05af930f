"""Which language each user reads: the one that the user has chosen, else what the contacts know.

What these know is remembered for a while, for words are made at every emit. What was chosen is remembered by
the preference book, and is asked there. Scribes ask it, campaigns ask it for their audiences, and notices for
the gateway's own words.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Protocol

from gateway.notify.verdicts import NOBODY_CHOSE, Chosen
from storage.errors import StorageError
from storage.people import Contact

REMEMBERED_SECONDS = 60.0
"""How long a language is remembered: what another node has heard of a user takes effect here after this time at the latest."""
REMEMBERED_USERS = 50_000
"""How many users are remembered; at the next one all are forgotten."""
USERS_PER_QUERY = 1_000
"""One question to the contacts has so many at most."""


class Contacts(Protocol):
    """What is known of users: `gateway.notify.contacts.ContactBook`."""

    async def contacts(self, users: Sequence[str]) -> dict[str, Contact]:
        """Those of `users` who are known, by user. Raises `StorageError`."""
        ...


class Languages:
    """Answers from memory where it can, and asks once for all others of a call.

    A user of whom no language is known is remembered too: else each emit would ask again of most. It raises
    nothing: words in a language that is old are better than no words.
    """

    def __init__(self, contacts: Contacts, chosen: Chosen = NOBODY_CHOSE) -> None:
        self._contacts = contacts
        self._chosen = chosen
        self._known: dict[str, tuple[str | None, float]] = {}
        """By user: the language, and when by the loop's clock it was asked for."""

    def note(self, contact: Contact) -> None:
        """A token has told something of a user: its language holds from now on.

        It listens to the contact book, so a language that was told on this node holds here at once. That a
        token says none takes none away.
        """
        if contact.locale is not None:
            self._remember([(contact.user, contact.locale)])

    async def of(self, users: Sequence[str]) -> dict[str, str | None]:
        """The language of each, None for whom nobody has told one. With the store away, what is remembered has to do."""
        answers = await self._told(users)
        try:
            chosen = await self._chosen.of_many(users)
        except StorageError:
            return answers
        answers.update({user: each.locale for user, each in chosen.items() if each.locale is not None})
        return answers

    async def _told(self, users: Sequence[str]) -> dict[str, str | None]:
        """What tokens and backends have told. A user whose entry is too old, and of whom the store cannot be
        asked, keeps the old one.
        """
        oldest = asyncio.get_running_loop().time() - REMEMBERED_SECONDS
        remembered = {user: self._known.get(user, _NEVER) for user in users}
        answers = {user: locale for user, (locale, _) in remembered.items()}
        asked = [user for user, (_, at) in remembered.items() if at < oldest]
        for start in range(0, len(asked), USERS_PER_QUERY):
            part = asked[start : start + USERS_PER_QUERY]
            try:
                contacts = await self._contacts.contacts(part)
            except StorageError:
                break
            found = {user: contacts[user].locale if user in contacts else None for user in part}
            answers.update(found)
            self._remember(found.items())
        return answers

    def _remember(self, news: Iterable[tuple[str, str | None]]) -> None:
        """Keep these for `REMEMBERED_SECONDS` from now on, in an emptied memory if the old one is full."""
        if len(self._known) >= REMEMBERED_USERS:
            self._known.clear()
        now = asyncio.get_running_loop().time()
        self._known.update({user: (locale, now) for user, locale in news})


_NEVER: tuple[None, float] = (None, float("-inf"))
