"""Reading: a user's history over the rooms of that user, its marks, and the badge that counts what is unread.

Sessions, the HTTP API and the admins come here, each with the rooms that they have found out; `acting` and
`clicks` borrow `counted` and `tell`. What is stored is `storage.inboxes`'; here is the order of each use
case: mark, tell the listeners of this process, bring the badge up to date.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from gateway.ground.clock import Clock
from gateway.ground.rooms import membership, user_room
from gateway.notify.delivery import events
from gateway.notify.delivery.fanout import Fanout
from gateway.notify.delivery.translations import page_spoken
from gateway.notify.inboxes.muting import Mutes
from gateway.notify.requests import HistoryRequest
from storage.events import Outcome
from storage.histories import HistoryPage, HistoryQuery, Muted
from storage.inboxes import Count, Inboxes, Marked, Selection

ReadingListener = Callable[[Outcome, str, Sequence[str], Sequence[str] | None, Marked, Muted | None], None]
"""Takes what a user did, with which ids (None: all), in which rooms, what the store has answered to it, and what of all
the user was not shown. It must neither wait nor raise.
"""

M = TypeVar("M", bound=Marked)


class Reading:
    """The use cases of a reader. They raise `StoreUnavailable` when the store is away.

    `rooms` are those that the reader is in; which they are is for the caller to know.

    Marks are idempotent: what changes nothing is told to nobody. A crash after the mark leaves connections
    with an old badge, which the next count puts right: by its turn and heads a client knows the newer of two.
    """

    def __init__(self, *, inboxes: Inboxes, fanout: Fanout, clock: Clock, mutes: Mutes) -> None:
        self._inboxes = inboxes
        self._mutes = mutes
        self._fanout = fanout
        self._clock = clock
        self.listeners: list[ReadingListener] = []
        """Statistics, and experiments while there are any; told after the store has it, whether or not anything changed."""

    async def begin(self, user: str, rooms: Sequence[str]) -> None:
        """The user has come, with these rooms: those that have never begun for the user begin here.

        For users who come by HTTP alone: a session begins as it opens. Idempotent.
        """
        await self._inboxes.begin(user, rooms, membership=membership(user), now=self._clock())

    async def history(
        self,
        user: str,
        rooms: Sequence[str],
        page: HistoryRequest,
        *,
        locale: str | None = None,
        whole: bool = False,
        begins: bool = False,
    ) -> HistoryPage:
        """A page of what `user` is shown of `rooms`, in the language as far as there is one. Raises `InvalidCursor`.

        With `whole`, what the user has muted is shown too. With `begins` it is the user who has come, as for `begin`.
        """
        query = HistoryQuery(
            user=user, rooms=rooms, before=page.before, limit=page.limit, types=page.types,
            categories=page.categories, unread_only=page.unread_only, place=page.place,
            muted=None if whole else await self._mutes.of(user), membership=membership(user) if begins else None,
        )  # fmt: skip
        found = await self._inboxes.history(query, now=self._clock())
        # Translated after the page was read: filters are about what was emitted, not about a language.
        return found if locale is None else page_spoken(found, locale)

    async def unread(self, user: str, rooms: Sequence[str]) -> Count:
        """How much of what the user is shown of `rooms` is unread.

        It is asked for at each connect and each change, and costs one question beside the mutes, which most
        users have none of.
        """
        return await self._inboxes.unread(user, rooms, now=self._clock(), muted=await self._mutes.of(user))

    async def read(self, user: str, rooms: Sequence[str], ids: Sequence[str] | None) -> Marked:
        """Mark `ids` as read, or everything when there are none."""
        muted, now = await self._mutes.of(user), self._clock()
        if ids is None:
            # Without the mutes: what is muted is read with all else, and is not unread later when somebody
            # wants it again.
            marked = await self._inboxes.read_all(user, rooms, now=now)
        else:
            marked = await self._inboxes.read(Selection(user, rooms, ids, now=now, muted=muted))
        self.tell(Outcome.READ, user, rooms, ids, marked, muted)
        return await self.counted(user, rooms, marked, muted)

    async def seen(self, user: str, rooms: Sequence[str], ids: Sequence[str]) -> Marked:
        """Note that `ids` were on the user's screen; the badge stays as it is.

        No badge is told, so it may come often: clients tell it as people scroll.
        """
        marked = await self._inboxes.seen(Selection(user, rooms, ids, now=self._clock()))
        self.tell(Outcome.SEEN, user, rooms, ids, marked)
        return marked

    async def click(self, user: str, rooms: Sequence[str], ids: Sequence[str]) -> Marked:
        """Note that the user has followed the links of `ids`, which reads them too.

        The first time counts. The store notes it, statistics hear of it; where the link leads is none of
        this.
        """
        muted = await self._mutes.of(user)
        marked = await self._inboxes.click(Selection(user, rooms, ids, now=self._clock(), muted=muted))
        self.tell(Outcome.CLICKED, user, rooms, ids, marked)
        return await self.counted(user, rooms, marked, muted)

    async def counted(
        self,
        user: str,
        rooms: Sequence[str],
        marked: M,
        muted: Muted | None,
        *,
        did: Mapping[str, Any] | None = None,
    ) -> M:
        """Bring the badge up to date in every connection of the user, and tell what was done beyond reading.

        `marked` is answered with the count that holds: the caller's client and the other connections are told
        the same. `muted` is what was muted as the store was asked.
        """
        if await self._mutes.of(user) != muted:
            # What is muted has changed meanwhile, and every connection has been told the count of that.
            count = await self.unread(user, rooms)
            marked = replace(marked, unread=count.unread, heads=count.heads, turn=count.turn)
        # Only then: most marks repeat what is so already, from another tab.
        if marked.changed:
            told = events.count(marked) if did is None else {**events.count(marked), "did": did}
            await self._fanout.transient(user_room(user), "inbox", told)
        return marked

    def tell(
        self,
        outcome: Outcome,
        user: str,
        rooms: Sequence[str],
        ids: Sequence[str] | None,
        marked: Marked,
        muted: Muted | None = None,
    ) -> None:
        """Tell the listeners what a user did; `muted` is asked where it was done with all, without ids."""
        for listen in self.listeners:
            listen(outcome, user, rooms, ids, marked, muted)
