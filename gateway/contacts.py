"""The contact book: what users' tokens said of them, written behind in batches.

A storm of connections must not become a storm of writes, so what is remembered is collected for a moment and stored
together. A look-up sees what is still collected.
"""

import asyncio
import logging
from dataclasses import replace

from gateway.tasks import Tasks
from mailer import address
from storage.errors import StorageError
from storage.models import Contact
from storage.store import Contacts

FLUSH_SECONDS = 0.25
PENDING_LIMIT = 10_000
"""Users whose news may wait for the store; more are left out until their next connection."""

logger = logging.getLogger(__name__)


class ContactBook:
    def __init__(self, contacts: Contacts) -> None:
        self._contacts = contacts
        self._pending: dict[str, Contact] = {}
        self._leaving: dict[str, Contact] = {}
        """On their way to the store."""
        self._forgotten: set[str] = set()
        """Of those that were on their way: to be taken out of the store again."""
        self._news = asyncio.Event()
        self._tasks = Tasks()

    def start(self) -> None:
        self._tasks.start(self._flush_forever(), name="contact book")

    async def stop(self) -> None:
        """Store what is still collected, if the store is there."""
        if self._tasks:
            await self._tasks.stop()
            await self._flush()

    def remember(self, contact: Contact) -> None:
        """An address that no mail can go to counts as none: better found out at an emit than by a dead letter."""
        if contact.email is not None and not _is_address(contact.email):
            contact = replace(contact, email=None)
        known = self._pending.get(contact.user)
        if known is None and len(self._pending) >= PENDING_LIMIT:
            return
        self._pending[contact.user] = _newer(contact, known)
        self._news.set()

    async def contact(self, user: str) -> Contact | None:
        # Before the store is asked: what reaches it meanwhile is in neither place afterwards.
        news = [found for collected in (self._leaving, self._pending) if (found := collected.get(user))]
        contact = await self._contacts.contact(user)
        for newer in news:
            contact = _newer(newer, contact)
        return contact

    def forget(self, user: str) -> None:
        """Keep nothing of what was remembered until now, wherever it is on its way to the store."""
        self._pending.pop(user, None)
        if self._leaving.pop(user, None) is not None:
            self._forgotten.add(user)

    async def _flush_forever(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(FLUSH_SECONDS)
            self._news.clear()
            await self._flush()

    async def _flush(self) -> None:
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
        if self._forgotten:
            users = list(self._forgotten)
            await self._contacts.forget(users)
            self._forgotten.difference_update(users)

    def _take_back(self) -> None:
        for contact in self._leaving.values():
            later = self._pending.get(contact.user)
            self._pending[contact.user] = _newer(later, contact) if later else contact


def _is_address(text: str) -> bool:
    try:
        address.parse(text)
    except ValueError:
        return False
    return True


def _newer(contact: Contact, known: Contact | None) -> Contact:
    if known is None:
        return contact
    return Contact(
        user=contact.user,
        email=contact.email or known.email,
        name=contact.name or known.name,
        last_seen=contact.last_seen or known.last_seen,
    )
