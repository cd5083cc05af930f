"""The contact book: what users' tokens said of them, written behind in batches.

A storm of connections must not become a storm of writes, so what is remembered is collected for a moment and stored
together. A look-up sees what is still collected.

What a backend tells of a user is written at once and elsewhere (`profiles`); here is what comes with
connections and requests, of which there are many, and of which the next brings the same again. So it may be
lost: a crash takes along what was heard in the last quarter of a second, and a full book leaves out whoever
comes then.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from auth.principal import Principal
from gateway.ground.parts import Part
from gateway.ground.tasks import Tasks
from mailer import address
from storage.errors import StorageError
from storage.people import SAID, Contact, People

FLUSH_SECONDS = 0.25
"""How long is collected after the first news, before all is stored together."""
HEARD_SECONDS = 60
"""How long the same words of a user, which come with every request, are not written again."""
PENDING_LIMIT = 10_000
"""Users whose news may wait for the store; more are left out until their next connection."""

logger = logging.getLogger(__name__)


def contact_of(principal: Principal, *, last_seen: datetime | None = None) -> Contact:
    """What a token says of its user.

    `said_at` is when the token was issued: by that it is known whether a backend has told something newer
    since.
    """
    return Contact(
        user=principal.user, email=principal.email, name=principal.name, locale=principal.locale,
        last_seen=last_seen, said_at=principal.issued_at,
    )  # fmt: skip


class ContactBook(Part):
    """What is heard of users is written behind: many at once, the newest of each.

    While the store is away it waits, up to a bound. Contacts are in one of three places: `_pending`,
    `_leaving` while a write is under way, and then the store. One task writes, so there is one write at a
    time. `stop` writes what is left. All methods belong to the loop; only look-ups wait for the store.
    """

    def __init__(self, contacts: People) -> None:
        self.listeners: list[Callable[[Contact], None]] = []
        """They hear of all that is remembered, at once and before it is stored; they must neither wait nor raise."""
        self._contacts = contacts
        self._pending: dict[str, Contact] = {}
        """By user: what waits for the next write, `PENDING_LIMIT` at most."""
        self._leaving: dict[str, Contact] = {}
        """The contacts that are on their way to the store; empty while no write is under way."""
        self._forgotten: set[str] = set()
        """Users who were forgotten while their contacts were on the way: they are to be taken out of the store again."""
        self._heard: dict[str, tuple[Contact, float]] = {}
        """What requests said lately, and when by the loop's clock. It is emptied as a whole when it is full:
        that costs writes alone.
        """
        self._news = asyncio.Event()
        self._tasks = Tasks()

    def start(self) -> None:
        """Begin to write. Without, as in a process that only looks up, `remember` collects and nothing is stored."""
        self._tasks.start(self._flush_forever, name="contact book")

    async def stop(self) -> None:
        """Store what is still collected, if the store is there."""
        if self._tasks:
            await self._tasks.stop()
            await self._flush()

    def remember(self, contact: Contact) -> None:
        """Take what a token has said, to be stored soon; never waits, raises nothing.

        An address that no mail can go to counts as none: better found out at an emit than by a dead letter.
        Of a user who waits already the two are put together, field by field. When the book is full, news of
        further users are dropped.
        """
        if contact.email is not None and not _is_address(contact.email):
            contact = replace(contact, email=None)
        known = self._pending.get(contact.user)
        if known is None and len(self._pending) >= PENDING_LIMIT:
            return
        self._pending[contact.user] = _newer(contact, known)
        self._news.set()
        self.announce(contact)

    def announce(self, contact: Contact) -> None:
        """Have the listeners hear what is stored already, or will be.

        Also for who stores by another way: `Profiles.tell`.
        """
        for listen in self.listeners:
            listen(contact)

    def hear(self, contact: Contact) -> None:
        """As `remember`, of what a single request said: the same words again are not worth a write."""
        now = asyncio.get_running_loop().time()
        said, at = self._heard.get(contact.user, (None, now))
        if said == contact and now < at + HEARD_SECONDS:
            return
        if len(self._heard) >= PENDING_LIMIT:
            self._heard.clear()
        self._heard[contact.user] = contact, now
        self.remember(contact)

    async def contact(self, user: str) -> Contact | None:
        """As `contacts`, of one user; None for whom nobody has heard of."""
        return (await self.contacts([user])).get(user)

    async def contacts(self, users: Sequence[str]) -> dict[str, Contact]:
        """Those of `users` who are known, in one question to the store.

        What is still on its way counts over what the store has. Raises `StorageError`.
        """
        # Before the store is asked: what reaches it meanwhile is in neither place afterwards.
        news = [
            found
            # In this order: what is pending is newer, and comes over what is leaving.
            for collected in (self._leaving, self._pending)
            for user in users
            if (found := collected.get(user))
        ]
        contacts = await self._contacts.contacts(users)
        for newer in news:
            contacts[newer.user] = _newer(newer, contacts.get(newer.user))
        return contacts

    def forget(self, user: str) -> None:
        """Keep nothing of what was remembered until now, wherever it is on its way to the store.

        For an erasure, on every node: a write that is under way cannot be called back, so what it stores is
        taken out after it.
        """
        self._pending.pop(user, None)
        self._heard.pop(user, None)
        if self._leaving.pop(user, None) is not None:
            self._forgotten.add(user)

    async def _flush_forever(self) -> None:
        """Wait for news, collect a moment longer, and store; cancelled by `stop`, which stores the rest."""
        while True:
            await self._news.wait()
            await asyncio.sleep(FLUSH_SECONDS)
            self._news.clear()
            await self._flush()

    async def _flush(self) -> None:
        """Store what waits. What could not be stored waits on, under what is newer.

        One user's error is none of the others': the store takes them all or raises.
        """
        # In one step, without a wait between: a look-up in the meantime finds each in one of the two.
        self._leaving, self._pending = self._pending, {}
        try:
            # Those left over from a store that was away first: they may be remembered anew meanwhile.
            await self._take_out()
            if self._leaving:
                await self._contacts.remember(list(self._leaving.values()))
            await self._take_out()
        except StorageError:
            logger.info("contacts wait: the store is away", extra={"contacts": len(self._leaving)})
            self._take_back()
            self._news.set()
        except asyncio.CancelledError:
            # Stopped in the middle: they may be stored or not, and storing them twice does no harm.
            self._take_back()
            raise
        finally:
            self._leaving = {}

    async def _take_out(self) -> None:
        """Delete from the store who was forgotten while their news were on the way there. Who is forgotten
        meanwhile stays for the next.
        """
        if self._forgotten:
            users = list(self._forgotten)
            await self._contacts.forget(users)
            self._forgotten.difference_update(users)

    def _take_back(self) -> None:
        """Have what was not stored wait again, under what came since."""
        for contact in self._leaving.values():
            later = self._pending.get(contact.user)
            self._pending[contact.user] = _newer(later, contact) if later else contact


def _is_address(text: str) -> bool:
    """Whether mail could go there."""
    try:
        address.parse(text)
    except ValueError:
        return False
    return True


def _newer(contact: Contact, known: Contact | None) -> Contact:
    """What is known, with what was said since; what a backend has told after it was said stays.

    A field that is None says nothing, and does not take away what is known.
    """
    if known is None:
        return contact
    said = {
        name: getattr(known if _is_overruled(contact, known, name) else contact, name) or getattr(known, name)
        for name in SAID
    }
    return replace(
        known,
        **said,
        last_seen=contact.last_seen or known.last_seen,
        said_at=contact.said_at or known.said_at,
    )


def _is_overruled(contact: Contact, known: Contact, name: str) -> bool:
    """Whether a backend has told this field after the token was issued: a token lives on with what it said."""
    said_at = contact.said_at or contact.last_seen
    told_at = known.told_at.get(name)
    return told_at is not None and said_at is not None and said_at < told_at
