"""Acting: what a reader does with notifications beyond reading them: dismissing, putting away, putting off, pressing a button.

It stands beside `reading`, and borrows its badge: each use case here marks in the store, tells the listeners
of `Reading` where it counts as read, and has `Reading.counted` bring the user's connections up to date.
Operations call it (`gateway.protocol.uses.inboxes`). What has been put off comes back by `snoozing`, not from
here.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from gateway.ground.clock import Clock
from gateway.ground.encoding import Json, time
from gateway.notify.inboxes.muting import Mutes
from gateway.notify.inboxes.reading import Reading
from gateway.notify.requests import Unfit
from storage.events import Outcome
from storage.inboxes import Acted, Inboxes, Marked, Selection
from storage.notifications import Notification
from storage.streams import Streams

# What of each is different then, as its reader's history has it.
UNREAD: Json = {"read": False, "archived": False, "snoozed_until": None}
"""What the item of an inbox looks like after `mark_unread`. The three are sent as `did.item`, so that a
client may change the items that it shows without asking for the history again.
"""
ARCHIVED: Json = {"read": True, "archived": True, "snoozed_until": None}
TAKEN_BACK: Json = {"archived": False}
DISMISSED: Json = {"read": True, "dismissed": True}
THERE_AGAIN: Json = {"dismissed": False}


def _did(event: str, ids: Sequence[str], item: Json) -> Json:
    """The part `did` of the event `inbox`: `event` is the name of what the user has asked, `item` what differs by it."""
    return {"event": event, "ids": list(ids), "item": item}


class UnknownAction(Unfit):
    """The notification has no such button.

    It is an answer for one caller, who has sent an id that is none of the notification's `actions`; nothing
    is marked then.
    """

    def __init__(self) -> None:
        super().__init__({"action": ["The notification has no such action."]})


class Acting:
    """The use cases beyond reading. They raise `StoreUnavailable` when the store is away.

    Every connection of the user is told what was done, with what is unread then. `rooms` are those that the reader is in.

    All of it is idempotent: what is done again changes nothing, is told to nobody, and answers the same
    count. Each asks the mutes first and hands them on to the store and to `Reading.counted`, which so sees
    when they change in between. Ids that are in none of `rooms`, or unknown, are passed over without an
    error, but for `snooze` and `act`, which are about one.

    A crash between the mark and the badge leaves connections with an old count; the next count that they are
    told is right, for it is read from the store and says up to which heads it holds.
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
        """Have `ids` be unread, and back in the inbox: what was archived or snoozed is there again, what was
        dismissed stays so.

        It is the one thing here by which a count grows without a new notification. So the store raises the
        user's turn with it: by the turn a client tells this count from an older one that was smaller.
        """
        muted = await self._mutes.of(user)
        marked = await self._inboxes.mark_unread(Selection(user, rooms, ids, now=self._clock(), muted=muted))
        return await self._reading.counted(user, rooms, marked, muted, did=_did("unread", marked.ids, UNREAD))

    async def archive(self, user: str, rooms: Sequence[str], ids: Sequence[str]) -> Marked:
        """Put `ids` away, as read. A snooze of them ends by that: they come back from nowhere."""
        muted = await self._mutes.of(user)
        marked = await self._inboxes.archive(Selection(user, rooms, ids, now=self._clock(), muted=muted))
        self._reading.tell(Outcome.READ, user, rooms, ids, marked)
        return await self._reading.counted(
            user, rooms, marked, muted, did=_did("archive", marked.ids, ARCHIVED)
        )

    async def unarchive(self, user: str, rooms: Sequence[str], ids: Sequence[str]) -> Marked:
        """Take `ids` back from the archive, as read: the count of what is unread stays as it is."""
        muted = await self._mutes.of(user)
        marked = await self._inboxes.unarchive(Selection(user, rooms, ids, now=self._clock(), muted=muted))
        return await self._reading.counted(
            user, rooms, marked, muted, did=_did("unarchive", marked.ids, TAKEN_BACK)
        )

    async def dismiss(self, user: str, rooms: Sequence[str], ids: Sequence[str]) -> Marked:
        """Take `ids` out of this user's history. It comes back by `undismiss` alone, whatever else is done later."""
        muted = await self._mutes.of(user)
        marked = await self._inboxes.dismiss(Selection(user, rooms, ids, now=self._clock(), muted=muted))
        # What is dismissed counts as read, here as everywhere.
        self._reading.tell(Outcome.READ, user, rooms, ids, marked)
        return await self._reading.counted(user, rooms, marked, muted, did=_did("dismiss", ids, DISMISSED))

    async def undismiss(self, user: str, rooms: Sequence[str], ids: Sequence[str]) -> Marked:
        """Take `ids` back that were dismissed, as read: the count of what is unread stays as it is."""
        muted = await self._mutes.of(user)
        marked = await self._inboxes.undismiss(Selection(user, rooms, ids, now=self._clock(), muted=muted))
        did = _did("undismiss", marked.ids, THERE_AGAIN)
        return await self._reading.counted(user, rooms, marked, muted, did=did)

    async def snooze(self, user: str, rooms: Sequence[str], id_: str, *, until: datetime) -> Marked | None:
        """Hide it until then, and count it as read meanwhile; None for what the reader is not shown.

        Not shown is what is unknown, in another room, recalled, superseded or expired, and what the reader
        has dismissed. The same time again changes nothing, and is answered as if it had.
        """
        now = self._clock()
        if await self._shown(rooms, id_, now) is None:
            return None
        muted = await self._mutes.of(user)
        try:
            marked = await self._inboxes.snooze(
                Selection(user, rooms, [id_], now=now, muted=muted), until=until
            )
        finally:
            # After the store has it: the snoozer looks when the next is due, and must find this one. Also when the
            # answer was lost: it may have it all the same.
            self._snoozed()
        # Nothing changed: either the same snooze again, which is fine, or it was dismissed, which only the
        # receipt tells.
        if not marked.changed and (await self._inboxes.receipt(user, id_)).dismissed_at is not None:
            return None
        did = _did("snooze", [id_], {"read": True, "archived": False, "snoozed_until": time(until)})
        return await self._reading.counted(user, rooms, marked, muted, did=did)

    async def act(self, user: str, rooms: Sequence[str], id_: str, *, action: str) -> Acted | None:
        """Press a button, unless one was pressed; None for what the reader is not shown. Raises `UnknownAction`.

        Of several presses, on whichever connection or node, the store keeps the first, and all are answered
        with that one. Pressing
        reads.
        """
        now = self._clock()
        notification = await self._shown(rooms, id_, now)
        if notification is None:
            return None
        if action not in _actions(notification):
            raise UnknownAction
        muted = await self._mutes.of(user)
        acted = await self._inboxes.act(Selection(user, rooms, [id_], now=now, muted=muted), action)
        if acted.acted is None:
            return None
        self._reading.tell(Outcome.READ, user, rooms, [id_], acted)
        did = _did("act", [id_], {"read": True, "acted": acted.acted})
        return await self._reading.counted(user, rooms, acted, muted, did=did)

    async def _shown(self, rooms: Sequence[str], id_: str, now: datetime) -> Notification | None:
        """The notification, if it is one of these rooms and stands in its stream still.

        `superseded_by` is looked at as well: a newer one stands for it, and is what the reader has before the
        eyes.
        """
        found = await self._streams.notification(id_)
        if found is None or found.seq is None or found.room not in rooms:
            return None
        is_gone = found.recalled_at is not None or found.superseded_by is not None
        return None if is_gone or (found.expires_at is not None and found.expires_at <= now) else found


def _actions(notification: Notification) -> frozenset[str]:
    """The ids of the buttons that it was emitted with; an entry is written once, so a reload of the catalog changes none."""
    return (
        frozenset()
        if notification.entry is None
        else frozenset(each.id for each in notification.entry.actions)
    )
