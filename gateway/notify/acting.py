"""Acting: what a reader does with notifications beyond reading them: putting away, putting off, pressing a button."""

from collections.abc import Callable, Sequence
from datetime import datetime

from gateway.ground.clock import Clock
from gateway.ground.encoding import Json, time
from gateway.notify.muting import Mutes
from gateway.notify.reading import Reading
from gateway.notify.requests import Unfit
from storage.inboxes import Acted, Chosen, Inboxes, Marked
from storage.stats import Outcome
from storage.streams import Notification, Streams

# What of each is different then, as its reader's history has it.
UNREAD: Json = {"read": False, "archived": False, "snoozed_until": None}
ARCHIVED: Json = {"read": True, "archived": True, "snoozed_until": None}
TAKEN_BACK: Json = {"archived": False}


def _did(event: str, ids: Sequence[str], item: Json) -> Json:
    return {"event": event, "ids": ids, "item": item}


class UnknownAction(Unfit):
    """The notification has no such button."""

    def __init__(self) -> None:
        super().__init__({"action": ["The notification has no such action."]})


class Acting:
    """The use cases beyond reading. They raise `StoreUnavailable` when the store is away.

    Every connection of the user is told what was done, with what is unread then. `rooms` are those that the reader is in.
    """

    def __init__(
        self,
        *,
        reading: Reading,
        inboxes: Inboxes,
        streams: Streams,
        mutes: Mutes,
        clock: Clock,
        snoozed: Callable[[], None],
    ) -> None:
        """`snoozed` is called when something was put off, and so may be due sooner than anything before."""
        self._reading = reading
        self._inboxes = inboxes
        self._streams = streams
        self._mutes = mutes
        self._clock = clock
        self._snoozed = snoozed

    async def mark_unread(self, user: str, rooms: Sequence[str], ids: Sequence[str]) -> Marked:
        """Have `ids` be unread, and back in the inbox."""
        muted = await self._mutes.of(user)
        marked = await self._inboxes.mark_unread(Chosen(user, rooms, ids, now=self._clock(), muted=muted))
        return await self._reading.counted(user, rooms, marked, muted, did=_did("unread", ids, UNREAD))

    async def archive(self, user: str, rooms: Sequence[str], ids: Sequence[str]) -> Marked:
        """Put `ids` away, as read."""
        muted = await self._mutes.of(user)
        marked = await self._inboxes.archive(Chosen(user, rooms, ids, now=self._clock(), muted=muted))
        self._reading.tell(Outcome.READ, user, rooms, ids, marked)
        return await self._reading.counted(user, rooms, marked, muted, did=_did("archive", ids, ARCHIVED))

    async def unarchive(self, user: str, rooms: Sequence[str], ids: Sequence[str]) -> Marked:
        """Take `ids` back, as read."""
        muted = await self._mutes.of(user)
        marked = await self._inboxes.unarchive(Chosen(user, rooms, ids, now=self._clock(), muted=muted))
        return await self._reading.counted(user, rooms, marked, muted, did=_did("unarchive", ids, TAKEN_BACK))

    async def snooze(self, user: str, rooms: Sequence[str], id_: str, *, until: datetime) -> Marked | None:
        """Hide it until then; None for what the reader is not shown."""
        now = self._clock()
        if await self._shown(rooms, id_, now) is None:
            return None
        muted = await self._mutes.of(user)
        marked = await self._inboxes.snooze(Chosen(user, rooms, [id_], now=now, muted=muted), until=until)
        if not marked.changed and (await self._inboxes.receipt(user, id_)).dismissed_at is not None:
            return None
        self._snoozed()
        did = _did("snooze", [id_], {"read": True, "archived": False, "snoozed_until": time(until)})
        return await self._reading.counted(user, rooms, marked, muted, did=did)

    async def act(self, user: str, rooms: Sequence[str], id_: str, *, action: str) -> Acted | None:
        """Press a button, unless one was pressed; None for what the reader is not shown. Raises `UnknownAction`."""
        now = self._clock()
        notification = await self._shown(rooms, id_, now)
        if notification is None:
            return None
        if action not in _actions(notification):
            raise UnknownAction
        muted = await self._mutes.of(user)
        acted = await self._inboxes.act(Chosen(user, rooms, [id_], now=now, muted=muted), action)
        if acted.acted is None:
            return None
        self._reading.tell(Outcome.READ, user, rooms, [id_], acted)
        did = _did("act", [id_], {"read": True, "acted": acted.acted})
        return await self._reading.counted(user, rooms, acted, muted, did=did)

    async def _shown(self, rooms: Sequence[str], id_: str, now: datetime) -> Notification | None:
        """The notification, if it is one of these rooms and stands in its stream still."""
        found = await self._streams.notification(id_)
        if found is None or found.seq is None or found.room not in rooms:
            return None
        is_gone = found.recalled_at is not None or found.superseded_by is not None
        return None if is_gone or (found.expires_at is not None and found.expires_at <= now) else found


def _actions(notification: Notification) -> frozenset[str]:
    return (
        frozenset()
        if notification.entry is None
        else frozenset(each.id for each in notification.entry.actions)
    )
