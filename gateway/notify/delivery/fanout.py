"""The fan-out: events for whoever is connected to a room, on this node first, then on the others.

It knows the order and nothing of cursors: `cursors` decides on each node whether a frame is new. The emitter
and all use cases that tell something transient go through here, so there is one place that decides whether a
frame is made at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from gateway.cluster.bus.base import TRANSIENT, Bus, Frame
from gateway.cluster.gossip import HeadGossip
from gateway.notify.delivery import events
from gateway.notify.delivery.streams import ToldByFrame
from storage.notifications import Notification


class FrameReceiver(Protocol):
    """Where frames for this node's sessions go: `gateway.notify.delivery.cursors.Delivery`."""

    def hears(self, room: str) -> bool:
        """Whether a frame of the room would be written to anybody here. Asked for each notification: a look-up in a dict."""
        ...

    def receive(self, room: str, seq: int, event: bytes, told: ToldByFrame | None = None) -> None:
        """Take a frame, and deliver it when it is its turn; never waits, raises nothing.

        `told` spares whoever asks what it tells to read that out of its bytes.
        """
        ...


class Fanout:
    """Brings events to the sessions of this node and to the other nodes; raises nothing.

    It has no state. What the bus could not carry is found by the other nodes in the store; what was transient
    is lost for them.
    """

    def __init__(self, *, receiver: FrameReceiver, bus: Bus, gossip: HeadGossip) -> None:
        self._receiver = receiver
        self._bus = bus
        self._gossip = gossip

    def deliver(self, emits: Iterable[tuple[str, Sequence[Notification]]]) -> list[Frame]:
        """Deliver on this node, and answer the frames for the others, which `share` brings there.

        Of each emit the event that it is, and its notifications. This node comes first: its sessions must not wait for a
        bus that is away.

        The frames stand in the order of the notifications, which the bus keeps. Those that are kept unseen
        make none.
        """
        frames: list[Frame] = []
        hears, receive, carries = self._receiver.hears, self._receiver.receive, self._bus.carries
        for event, notifications in emits:
            for notification in notifications:
                room = notification.room
                # Most notifications are for users who are out: without other nodes, their frames are never made.
                if notification.in_app and (carries or hears(room)):
                    encoded = events.frame(event, notification)
                    seq = TRANSIENT if notification.seq is None else notification.seq
                    receive(room, seq, encoded, (notification.id, notification.type))
                    frames.append((room, seq, encoded))
        return frames

    async def share(self, frames: Sequence[Frame]) -> None:
        """Have the other nodes deliver, and know how far the rooms have come.

        First the frames, then how far the rooms have come: a head that is known early makes nobody look for a
        frame that is on its way. It returns within the bus's bound whatever that does.
        """
        if frames:
            await self._bus.publish(frames)
            await self._gossip.tell(frames)

    async def transient(self, room: str, event: str, payload: Mapping[str, Any]) -> None:
        """Deliver an event to who is connected to the room now, on every node; nothing is kept, nothing is repaired.

        For what the next question answers anyway: counts, preferences, that something was recalled.
        """
        if self._is_heard(room):
            encoded = events.encode(event, payload)
            self._receiver.receive(room, TRANSIENT, encoded)
            await self._bus.publish([(room, TRANSIENT, encoded)])

    def _is_heard(self, room: str) -> bool:
        """Whether a frame of the room may find anybody, here or on another node."""
        return self._bus.carries or self._receiver.hears(room)
