"""People whose mailbox refuses us are told so in the app: once, and only as long as it is so.

Which process hears of a refusal is nobody's choice, and most cannot tell anybody. So it is noted in the store, and the nodes tell.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from gateway.ground.parts import Part
from gateway.ground.rooms import user_of
from gateway.ground.tasks import Tasks
from gateway.notify.suppressions import forms_of
from storage import mailboxes
from storage.errors import StorageError
from storage.mailboxes import Refusal
from storage.people import Contact
from storage.suppressions import EVERYTHING, Reason, Suppression

PAGE = 100
"""Looked at in one step."""
MOVED_MAX = 10_000
"""Users whose address was told anew and who are to be looked at; more are found by the sweeps."""
_OF_MAILBOX = frozenset({Reason.HARD_BOUNCE, Reason.SOFT_BOUNCE})
"""What the mailbox itself has said; of a complaint its reader knows."""

Tell = Callable[[Refusal], Awaitable[str]]
"""Tells the user, and answers the notification's id; done twice it is done once. Raises `StorageError`."""
TakeBack = Callable[[str], Awaitable[object]]
"""Takes that notification back; done twice it is done once. Raises `StorageError`."""

logger = logging.getLogger(__name__)


class Contacts(Protocol):
    async def contacts(self, users: Sequence[str]) -> dict[str, Contact]: ...


class Suppressions(Protocol):
    async def matching(self, addresses: Sequence[str]) -> Mapping[str, Sequence[Suppression]]: ...


class RefusalBook:
    """Where a process notes that a mailbox refuses us."""

    def __init__(self, shelf: mailboxes.Mailboxes) -> None:
        self.listeners: list[Callable[[], None]] = []
        """They hear that something is noted."""
        self._shelf = shelf

    async def note(self, room: str, address: str, at: datetime) -> None:
        """Mail of this room came back from the address. Raises `StorageError`."""
        user = user_of(room)
        if user is not None and await self._shelf.refuse(user, address, at=at):
            for listen in self.listeners:
                listen()


class Hints(Part):
    """Tells whom there is to tell, and takes back what is over: the address is another, or is written to again."""

    def __init__(
        self,
        shelf: mailboxes.Mailboxes,
        *,
        contacts: Contacts,
        suppressions: Suppressions,
        tell: Tell,
        take_back: TakeBack,
    ) -> None:
        self._shelf = shelf
        self._contacts = contacts
        self._suppressions = suppressions
        self._tell = tell
        self._take_back = take_back
        self._moved: set[str] = set()
        self._after: str | None = None
        """Up to which user the sweep has come."""
        self._turn = asyncio.Lock()
        """One look after the other: of two at once both would tell."""
        self._news = asyncio.Event()
        self._tasks = Tasks()

    def start(self) -> None:
        self._tasks.start(self._work(), name="hints")

    async def stop(self) -> None:
        await self._tasks.stop()

    def look(self) -> None:
        """Somebody is to be told, or is to be told no more."""
        self._news.set()

    def moved(self, users: Sequence[str]) -> None:
        """These users have another address, maybe."""
        if len(self._moved) + len(users) <= MOVED_MAX:
            self._moved.update(users)
            self._news.set()

    async def keep_house(self) -> None:
        """Look at a page of those who were told, the next one each time: an address may be lifted, or told by a token."""
        async with self._turn:
            page = await self._shelf.page(after=self._after, limit=PAGE)
            self._after = page[-1].user if len(page) == PAGE else None
            await self._settle(page)

    async def _work(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                async with self._turn:
                    await self._settle_moved()
                    await self._settle_untold()
            except StorageError:
                logger.info("people are told later of their mailboxes: the store is away")
            except Exception:
                logger.exception("people could not be told of their mailboxes")

    async def _settle_moved(self) -> None:
        moved, self._moved = list(self._moved), set()
        for start in range(0, len(moved), PAGE):
            await self._settle(await self._shelf.of_many(moved[start : start + PAGE]))

    async def _settle_untold(self) -> None:
        untold = await self._shelf.page(after=None, limit=PAGE, untold=True)
        await self._settle(untold)
        if len(untold) == PAGE:
            self._news.set()

    async def _settle(self, refusals: Sequence[Refusal]) -> None:
        """Have each of these users told, or told no more."""
        if not refusals:
            return
        contacts = await self._contacts.contacts([refusal.user for refusal in refusals])
        found = await self._suppressions.matching([refusal.address for refusal in refusals])
        for refusal in refusals:
            holds = _is_owners(refusal, contacts.get(refusal.user)) and _holds(found.get(refusal.address, ()))
            if holds and refusal.told is None:
                await self._shelf.told(refusal, await self._tell(refusal))
            elif not holds:
                # First: a crash in between repeats it, and else the hint would stay for ever.
                if refusal.told is not None:
                    await self._take_back(refusal.told)
                await self._shelf.forget(refusal)


def _is_owners(refusal: Refusal, contact: Contact | None) -> bool:
    """Whether the address is where the user's mail goes; of whom none is known, it is what backends have given."""
    if contact is None or contact.email is None:
        return True
    return refusal.address in forms_of([contact.email])


def _holds(entries: Sequence[Suppression]) -> bool:
    return any(each.scope == EVERYTHING and each.reason in _OF_MAILBOX for each in entries)
