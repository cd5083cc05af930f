"""The feed: what is emitted anywhere in the cluster, shown live to the admins who asked for it.

A view, not a record: every node shows at most `SHOWN_PER_SECOND` and counts what it leaves out. While nobody looks, the
feed listens to no emit, and an emit pays nothing. Nodes tell each other by commands of the bus: a node whose
admins look says so every few seconds, and a node that has not heard it for a while stops telling.

Sessions watch by the operation `feed`. What came before they looked is read from the store by that operation,
not here.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from gateway.cluster.bus.base import Bus
from gateway.cluster.commands import Command
from gateway.ground.encoding import Json, time
from gateway.ground.parts import CarryOut, Part
from gateway.ground.tasks import Tasks
from gateway.notify.delivery import events
from gateway.notify.emitting.emitter import EmitListener
from storage.notifications import Notification

SHOWN_PER_SECOND = 20
"""Notifications, of this node's own emits."""
TICK_SECONDS = 0.25
"""How long what is emitted is gathered."""
ASK_SECONDS = 10.0
"""How often a node with watchers asks all to go on."""
WANTED_SECONDS = 25.0
"""How long a node tells after it was asked: one lost command does not matter."""
ROOMS_SHOWN = 5
"""Of one emit to many rooms."""

TOLD_AT_ONCE = 5
"""Notifications in one command, whose size the bus bounds."""


class FeedAsk(Command, frozen=True, tag="feed:ask"):
    """Tell for a while what is emitted at the node: somebody looks."""


class FeedTell(Command, frozen=True, tag="feed:tell"):
    """Show what was emitted at `node` to who looks."""

    node: str
    shown: list[dict[str, Any]]
    left_out: int
    """How many more there were."""


class Emits(Protocol):
    """What is listened to: the `Emitter`."""

    listeners: list[EmitListener]
    """Called for every emit."""


class Watchers(Protocol):
    """Where the feed is shown: the sessions of this node. `gateway.sockets.sessions.Sessions`."""

    def tell(self, sid: str, event: bytes) -> bool:
        """Write to a session; False when it has gone."""
        ...

    def has(self, sid: str) -> bool: ...


class Feed(Part):
    """The feed of one node: of what it takes in for others, and of what it hears for its own admins.

    One for a node. It is lossy everywhere: a command may be lost, and a node that is asked for the first time
    tells from then on.
    """

    def __init__(self, *, emitter: Emits, watchers: Watchers, bus: Bus, node: str) -> None:
        self._emitter = emitter
        self._watchers = watchers
        self._bus = bus
        self._node = node
        self._watching: set[str] = set()
        """Sessions here, by id."""
        self._shown: list[dict[str, Any]] = []
        """What is to be told at the next tick."""
        self._left_out = 0
        """How many more there were."""
        self._allowance = float(SHOWN_PER_SECOND)
        """How many may still be shown."""
        self._wanted_until = 0.0
        """By the loop's clock; until then somebody looks, here or elsewhere."""
        self._ask_at = 0.0
        self._busy = asyncio.Event()
        """Set while there is something to do: else the task sleeps."""
        self._tasks = Tasks()

    def commands(self) -> Mapping[type[Any], CarryOut]:
        return {FeedAsk: self.asked, FeedTell: self.told}

    def start(self) -> None:
        self._tasks.start(self._work, name="feed")

    async def stop(self) -> None:
        self._listen_no_more()
        await self._tasks.stop()

    async def watch(self, sid: str) -> None:
        """Show the feed to this session until it goes, or `unwatch`; when this returns, this node tells.

        Idempotent. Waits for the bus, 50 ms at most.
        """
        self._watching.add(sid)
        self._busy.set()
        await self._ask()

    def unwatch(self, sid: str) -> None:
        """Show the feed to this session no more. Idempotent."""
        self._watching.discard(sid)

    def asked(self, command: FeedAsk) -> None:
        """Somebody looks, at this node or another: tell what is emitted here, for a while."""
        del command
        self._wanted_until = _now() + WANTED_SECONDS
        self._listen()
        self._busy.set()

    def told(self, command: FeedTell) -> None:
        """A node tells what was emitted there: show it to who looks here."""
        facts = {"node": command.node, "notifications": command.shown, "left_out": command.left_out}
        self._show(events.encode("feed", facts))

    def _listen(self) -> None:
        """Have the emitter tell."""
        if self._take not in self._emitter.listeners:
            self._emitter.listeners.append(self._take)

    def _listen_no_more(self) -> None:
        if self._take in self._emitter.listeners:
            self._emitter.listeners.remove(self._take)

    def _take(self, notifications: Sequence[Notification], scope: str) -> None:
        """Note what was emitted; called on the path of every emit while somebody looks.

        It must neither wait nor raise.
        """
        for notification in notifications[:ROOMS_SHOWN]:
            if self._allowance >= 1:
                self._allowance -= 1
                self._shown.append(shown(notification, by=scope))
            else:
                self._left_out += 1
        self._left_out += max(0, len(notifications) - ROOMS_SHOWN)

    def _show(self, event: bytes) -> None:
        """Write to all who watch here; those that have gone are forgotten."""
        self._watching = {sid for sid in self._watching if self._watchers.tell(sid, event)}

    async def _work(self) -> None:
        """Tick while there is anything to do."""
        while True:
            await self._busy.wait()
            await asyncio.sleep(TICK_SECONDS)
            await self._tick()

    async def _tick(self) -> None:
        """Show what has gathered, ask the nodes to go on while somebody watches, and stop when nobody does any more."""
        self._allowance = min(self._allowance + SHOWN_PER_SECOND * TICK_SECONDS, SHOWN_PER_SECOND)
        if self._shown or self._left_out:
            shown, left_out = self._shown, self._left_out
            self._shown, self._left_out = [], 0
            # Once also with nothing to show: that something was left out is told by itself.
            for first in range(0, max(1, len(shown)), TOLD_AT_ONCE):
                some = shown[first : first + TOLD_AT_ONCE]
                await self._bus.order_all(FeedTell(self._node, some, left_out))
                left_out = 0
        if _now() >= self._ask_at:
            self._watching = {sid for sid in self._watching if self._watchers.has(sid)}
            if self._watching:
                await self._ask()
        if _now() >= self._wanted_until:
            self._listen_no_more()
            if not self._watching:
                self._busy.clear()

    async def _ask(self) -> None:
        """Have all nodes tell for a while, this one included."""
        self._ask_at = _now() + ASK_SECONDS
        await self._bus.order_all(FeedAsk())


def _now() -> float:
    return asyncio.get_running_loop().time()


BODY_CHARACTERS = 280
"""Of a body that is shown."""


def shown(value: Notification, *, by: str | None) -> Json:
    """A notification as the feed shows it: without `data`, the body cut, with who emitted it where that is known."""
    return {
        "id": value.id,
        "room": value.room,
        "seq": value.seq,
        "type": value.type,
        "title": value.title,
        "body": value.body[:BODY_CHARACTERS],
        "created_at": time(value.created_at),
        "in_app": value.in_app,
        "mail": value.mail is not None,
        "by": by,
    }
