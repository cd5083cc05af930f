"""People whose mailbox refuses us are told so in the app: once, and only as long as it is so.

Which process hears of a refusal is chance, and most processes cannot tell anybody. So it is noted in the
store, and the nodes tell.

`listing` says when an address refuses, by `RefusalBook.note`. `Hints` runs on nodes alone, since only
they emit. The hint itself is a notification like any other (`gateway.process.notices`), and is taken back by
`records.recall`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from gateway.ground.parts import Part
from gateway.ground.rooms import user_of
from gateway.ground.tasks import Tasks
from gateway.notify.suppressions.lookup import forms_of
from storage import mailboxes
from storage.errors import StorageError
from storage.mailboxes import RefusingMailbox
from storage.people import Contact
from storage.suppressions import EVERYTHING, Reason, Suppression

PAGE = 100
"""How many users are looked at in one step, with one question for each kind of fact."""
MOVED_MAX = 10_000
"""How many users whose address was told anew wait to be looked at. Further ones are found by the sweeps."""
_OF_MAILBOX = frozenset({Reason.HARD_BOUNCE, Reason.SOFT_BOUNCE})
"""The reasons that the mailbox itself has given. A complaint is none of them: its reader knows of it."""

TellOfMailbox = Callable[[RefusingMailbox], Awaitable[str]]
"""Tells the user, and answers the notification's id; done twice it is done once. Raises `StorageError`."""
TakeBack = Callable[[str], Awaitable[object]]
"""Takes that notification back; done twice it is done once. Raises `StorageError`."""

logger = logging.getLogger(__name__)


class Contacts(Protocol):
    """What is known of users: `gateway.notify.people.contacts.ContactBook`."""

    async def contacts(self, users: Sequence[str]) -> dict[str, Contact]:
        """Those of `users` who are known, by user. Raises `StorageError`."""
        ...


class Suppressions(Protocol):
    """What stands against addresses: `gateway.notify.suppressions.lookup.SuppressionLookup`."""

    async def matching(self, addresses: Sequence[str]) -> Mapping[str, Sequence[Suppression]]:
        """Those in force, by address as it was given. Raises `StorageError`."""
        ...


class RefusalBook:
    """Where a process notes that a mailbox refuses us.

    Every process has one, also one that only takes mail in. What it notes waits in the store until a node
    tells.
    """

    def __init__(self, shelf: mailboxes.Mailboxes) -> None:
        self.listeners: list[Callable[[], None]] = []
        """They hear that something is noted."""
        self._shelf = shelf

    async def note(self, room: str, address: str, at: datetime) -> None:
        """Mail of this room came back from the address. Raises `StorageError`.

        Only of a user's own room; noted again of the same address, it wakes nobody. `address` is in the form
        that addresses are compared by.
        """
        user = user_of(room)
        if user is not None and await self._shelf.refuse(user, address, at=at):
            for listen in self.listeners:
                listen()


class Hints(Part):
    """Tells whom there is to tell, and takes back what is over: the address is another, or is written to again.

    Several nodes may tell the same user at once: `tell` is idempotent by the refusal, so it is one
    notification. What is missed, by a crash or a full set, is found by the sweep in `keep_house`, a page at
    each.
    """

    def __init__(
        self,
        shelf: mailboxes.Mailboxes,
        *,
        contacts: Contacts,
        suppressions: Suppressions,
        tell: TellOfMailbox,
        take_back: TakeBack,
    ) -> None:
        self._shelf = shelf
        self._contacts = contacts
        self._suppressions = suppressions
        self._tell = tell
        self._take_back = take_back
        self._moved: set[str] = set()
        """Users to be looked at because their address may be another; emptied at each look."""
        self._after: str | None = None
        """Up to which user the sweep has come."""
        self._turn = asyncio.Lock()
        """One look after the other: of two at once both would tell."""
        self._news = asyncio.Event()
        self._tasks = Tasks()

    def start(self) -> None:
        self._tasks.start(self._work, name="hints")

    async def stop(self) -> None:
        await self._tasks.stop()

    def look(self) -> None:
        """Somebody is to be told, or is to be told no more.

        It never waits; called as often as one likes, it makes one look.
        """
        self._news.set()

    def moved(self, users: Sequence[str]) -> None:
        """These users have another address, maybe.

        Of too many at once none is taken, and the sweep finds them. Never waits.
        """
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
        """Look whenever there is news: first whose address is another, so that they are not told of the old
        one, then who is untold.
        """
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
        """Look at those whose address was told anew; they are looked at once, also if the store goes away in the middle."""
        moved, self._moved = list(self._moved), set()
        for start in range(0, len(moved), PAGE):
            await self._settle(await self._shelf.of_many(moved[start : start + PAGE]))

    async def _settle_untold(self) -> None:
        """Tell a page of those who do not know yet; a full page is reason for the next look."""
        untold = await self._shelf.page(after=None, limit=PAGE, untold=True)
        settled = await self._settle(untold)
        # Of a page that nobody can be told, the next look would be the same.
        if len(untold) == PAGE and settled:
            self._news.set()

    async def _settle(self, refusals: Sequence[RefusingMailbox]) -> int:
        """Have each of these users told, or told no more. Answers how many were.

        Whoever has another address by now, or whose suppression was lifted or has expired, is told no more,
        and a hint that was given is taken back.
        """
        if not refusals:
            return 0
        settled = 0
        contacts = await self._contacts.contacts([refusal.user for refusal in refusals])
        found = await self._suppressions.matching([refusal.address for refusal in refusals])
        for refusal in refusals:
            holds = _is_owners(refusal, contacts.get(refusal.user)) and _holds(found.get(refusal.address, ()))
            if holds and refusal.told is None:
                settled += await self._inform(refusal)
            elif not holds:
                # First: a crash in between repeats it, and else the hint would stay for ever.
                if refusal.told is not None:
                    await self._take_back(refusal.told)
                await self._shelf.forget(refusal)
                settled += 1
        return settled

    async def _inform(self, refusal: RefusingMailbox) -> bool:
        """Tell the user. What cannot be told, such as what a catalog's schema refuses, is logged and left for
        the next look: it keeps nobody else from being told. Raises `StorageError`.
        """
        try:
            # Told, then noted: a crash in between tells again, which is the same notification.
            await self._shelf.told(refusal, await self._tell(refusal))
        except StorageError:
            raise
        except Exception:
            logger.exception("a user could not be told that a mailbox refuses mail")
            return False
        return True


def _is_owners(refusal: RefusingMailbox, contact: Contact | None) -> bool:
    """Whether the address is where the user's mail goes; of whom none is known, it is what backends have given."""
    if contact is None or contact.email is None:
        return True
    return refusal.address in forms_of([contact.email])


def _holds(entries: Sequence[Suppression]) -> bool:
    """Whether mail to the address is held back altogether, by what its mailbox said."""
    return any(each.scope == EVERYTHING and each.reason in _OF_MAILBOX for each in entries)
