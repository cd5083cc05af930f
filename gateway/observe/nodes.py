"""The nodes of the cluster, as each tells of itself, and having one of them stop calmly.

Who is a node is known by answers alone: there is no list of them. So a node that is silent may be gone, or
only slow.
"""

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from gateway.cluster.bus.base import Bus
from gateway.cluster.commands import Command
from gateway.ground.parts import CarryOut, Part
from gateway.observe.metrics import release
from gateway.observe.peers import Facts, Peers

STATE = "state"
"""The question to the nodes."""
LOAD_SECONDS = 5.0
"""The shortest time of which a load is told."""


class Leave(Command, frozen=True, tag="leave"):
    """Stop calmly, if it is `node` here."""

    node: str


class Here(Protocol):
    """Who is connected to this node: its sessions."""

    @property
    def users(self) -> int: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """One node, as it tells of itself."""

    name: str
    release: str
    catalog: str | None
    """The version of its catalog."""
    started_at: datetime
    sessions: int
    users: int
    load: float
    """The part of one core that its process has used lately. 1 is a whole core, which is all that a node can use."""
    is_leaving: bool
    """It drains, whoever asked for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodesPage:
    """What an admin is shown of the nodes."""

    nodes: Sequence[NodeState]
    """By name."""
    silent: Sequence[str]
    """Those that did not answer in time, and did before."""
    asked: str
    """The node that was asked."""


def stop_calmly() -> None:
    """Ask this process to stop, as its operator would.

    By a signal, so that it goes the same way as a supervisor's stop.
    """
    os.kill(os.getpid(), signal.SIGTERM)


class Nodes(Part):
    """The use cases of nodes.

    It also answers for this node when another asks.
    """

    def __init__(
        self,
        *,
        peers: Peers,
        bus: Bus,
        node: str,
        started_at: datetime,
        catalog: Callable[[], str | None],
        sessions: Here,
    ) -> None:
        self.leave: Callable[[], None] = stop_calmly
        """What is done when this node is to leave; called once."""
        self._peers = peers
        self._bus = bus
        self._node = node
        self._started_at = started_at
        self._catalog = catalog
        self._sessions = sessions
        self._is_leaving = False
        self._load = Load()
        peers.answers[STATE] = self._own

    def commands(self) -> Mapping[type[Any], CarryOut]:
        return {Leave: self.told_to_leave}

    async def page(self) -> NodesPage:
        """All nodes that answer, by name.

        Waits for the others, half a second at most. One of another release that tells it in another way is
        left out.
        """
        told = await self._peers.ask(STATE, {})
        nodes = [state for name, facts in told.answers.items() if (state := _state(name, facts)) is not None]
        return NodesPage(
            nodes=sorted(nodes, key=lambda each: each.name), silent=told.silent, asked=self._node
        )

    async def send_away(self, name: str) -> bool:
        """Have a node stop calmly: it sends its clients to the others, finishes its mail, and ends. False for
        one that does not answer.

        The order may be lost on the bus; repeating it is safe.
        """
        if name not in (await self._peers.ask(STATE, {})).answers:
            return False
        await self._bus.order_all(Leave(name))
        return True

    async def drain(self, *, seconds: float) -> None:
        """It leaves, whoever has asked for that."""
        del seconds
        self._is_leaving = True

    def told_to_leave(self, command: Leave) -> None:
        """Somebody wants a node to leave; told twice it does not hurry, as a second signal would.

        On the loop, never waits. What was told to another node is passed over.
        """
        if command.node == self._node and not self._is_leaving:
            self._is_leaving = True
            self.leave()

    def _own(self, asked: Facts) -> Facts:
        """This node's answer."""
        del asked
        return {
            "release": release(),
            "catalog": self._catalog(),
            "started_at": self._started_at.timestamp(),
            "sessions": len(self._sessions),
            "users": self._sessions.users,
            "load": self._load.now(),
            "leaving": self._is_leaving,
        }


class Load:
    """How much of a core this process uses, of the time since it was asked last, and of `LOAD_SECONDS` at least.

    Several who ask within `LOAD_SECONDS` are told the same.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        used: Callable[[], float] = time.process_time,
    ) -> None:
        self._monotonic, self._used = monotonic, used
        self._at, self._then = monotonic(), used()
        self._load = 0.0

    def now(self) -> float:
        """Rounded to a thousandth of a core."""
        at, used = self._monotonic(), self._used()
        if at - self._at >= LOAD_SECONDS:
            self._load = (used - self._then) / (at - self._at)
            self._at, self._then = at, used
        return round(self._load, 3)


def _state(name: str, facts: Facts) -> NodeState | None:
    """None for what another release tells in another way.

    Fields that are new are passed over; one that is missing makes it unreadable.
    """
    try:
        catalog = facts["catalog"]
        return NodeState(
            name=name,
            release=str(facts["release"]),
            catalog=None if catalog is None else str(catalog),
            started_at=datetime.fromtimestamp(float(facts["started_at"]), UTC),
            sessions=int(facts["sessions"]),
            users=int(facts["users"]),
            load=float(facts["load"]),
            is_leaving=bool(facts["leaving"]),
        )
    except (LookupError, TypeError, ValueError):
        return None
