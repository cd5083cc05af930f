"""Notifications once they are emitted: looking one up with what became of it, and taking it back.

For backends and operators, by id; readers see notifications through `inboxes.reading`. The way of one in full is put
together by `gateway.observe.trace`, from this among others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.cluster.bus.base import Bus
from gateway.cluster.commands import Recount
from gateway.ground.clock import Clock
from gateway.notify.delivery.fanout import Fanout
from storage.clicks import Clicks, Hit
from storage.inboxes import Inboxes
from storage.notifications import Notification
from storage.opens import Open, Opens
from storage.outbox import Outbox
from storage.receipts import Receipt
from storage.searching import Found
from storage.streams import Streams

LATEST = 50
"""How many are shown of those that were emitted last."""
CLICKS = 100
"""How many hits are shown of one notification's mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A notification with the receipts of its readers, by user."""

    notification: Notification
    receipts: Mapping[str, Receipt]
    """Readers who did nothing are absent; a thousand at most."""
    clicks: Sequence[Hit] = ()
    """Hits on the links of its mail, the newest first; `CLICKS` at most."""
    opens: Sequence[Open] = ()
    """Of its mail, as clicks are."""


class Records:
    """The use cases of emitted notifications. They raise `StoreUnavailable` when the store is away."""

    def __init__(
        self,
        *,
        streams: Streams,
        outbox: Outbox,
        inboxes: Inboxes,
        clicks: Clicks,
        opens: Opens,
        fanout: Fanout,
        bus: Bus,
        clock: Clock,
    ) -> None:
        self._streams = streams
        self._outbox = outbox
        self._inboxes = inboxes
        self._clicks = clicks
        self._opens = opens
        self._fanout = fanout
        self._bus = bus
        self._clock = clock

    async def latest(self) -> Sequence[Found]:
        """What is shown of those that were emitted last, anywhere; the newest first."""
        return await self._streams.latest(limit=LATEST, now=self._clock())

    async def find(self, notification_id: str) -> Record | None:
        """The record of this id; None for an unknown one. What a mail tells that stands by itself, as a digest's, has no readers.

        Three reads, one after the other: a receipt may be younger than the notification's mail beside it.
        """
        notification = await self._streams.notification(notification_id)
        told = await self._outbox.find(notification_id) if notification is None else notification
        if told is None:
            return None
        return Record(
            notification=told,
            receipts={} if notification is None else await self._inboxes.receipts(notification_id),
            clicks=await self._clicks.about(notification_id, limit=CLICKS),
            opens=await self._opens.about(notification_id, limit=CLICKS),
        )

    async def recall(self, notification_id: str) -> Notification | None:
        """Take a notification back, from the history and from every screen; None for an unknown id.

        The text is wiped from the store; what is on a screen goes with the event `recalled`. Mail that is
        pending is skipped. Repeated, it answers the same and tells nobody again.

        The event is transient: who is not connected then finds it gone from the history. A crash between the
        store and the telling leaves it on open screens until they read again.
        """
        # Before: whether it was recalled by this call cannot be seen afterwards.
        before = await self._streams.notification(notification_id)
        recalled = await self._streams.recall(notification_id, now=self._clock())
        if recalled is None:
            return None
        if before is not None and before.recalled_at is None and recalled.seq is not None:
            payload = {"id": recalled.id, "room": recalled.room, "seq": recalled.seq}
            await self._fanout.transient(recalled.room, "recalled", payload)
            # Each node knows which rooms its sessions' unread counts are made of.
            await self._bus.order_all(Recount(recalled.room))
        return recalled
