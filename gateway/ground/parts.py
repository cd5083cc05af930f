"""What a process of Bellhop is made of: parts, each of which says for itself what it counts, answers and keeps.

The composition (`gateway.process.node`) knows the order of the parts and what each needs, and nothing of what is in them. A
part's settings stand beside it, in a `Group` of `gateway.ground.settings`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    # Only the types: settings are read without it.
    from aiohttp.web import AbstractRouteDef

CarryOut = Callable[[Any], None]
"""Takes a command of the bus, a value of the kind that it was given for; never waits."""

Ask = Callable[[Any, Mapping[str, Any]], Awaitable[dict[str, Any]]]
"""Answers what a session asks, with an object for its client: takes the session and the payload."""

CountOne = Callable[..., None]
"""Counts one more, under the values of the labels in their order; neither waits nor raises."""

Observe = Callable[[float], None]
"""Notes a value; neither waits nor raises."""

ObserveBy = Callable[[tuple[str, ...], float], None]
"""The same, under the values of the labels in their order."""

AskGauges = Callable[[], Awaitable[Mapping[str, float]]]
"""Finds out what gauges are at, by name. What it leaves out is not known."""

TIME_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Bounds of buckets for times."""


def unmeasured(*values: object) -> None:
    """What a part counts with until it is asked to `measure`: nothing is counted."""


class Meters(Protocol):
    """Who shows the operators what a part counts: `gateway.observe.metrics.Metrics`.

    What a part counts anyway is read at the scrape (`watch_…`), or asked for (`ask_gauges`). The rest it tells, by what
    it is given to call. Names are declared once in a process; values of labels are few, and never those that a caller chooses.
    """

    def watch_counter(self, name: str, help: str, read: Callable[[], float | None]) -> None:  # noqa: A002 - the word Prometheus uses
        """Show what only grows; the name is given without `_total`."""
        ...

    def watch_gauge(
        self,
        name: str,
        help: str,  # noqa: A002 - as above
        read: Callable[[], float | None],
        **labels: str,
    ) -> None:
        """Show what goes up and down; None while it is not known. Once for each of several `labels`."""
        ...

    def watch_counts(self, name: str, help: str, label: str, counts: Mapping[str, int]) -> None:  # noqa: A002 - as above
        """Show what only grows, by a label whose values are few."""
        ...

    def ask_gauges(self, gauges: Mapping[str, str], ask: AskGauges) -> None:
        """Show, of these by name and help, what is answered when it is asked for before each scrape; not known is NaN."""
        ...

    def counter(self, name: str, help: str, labels: Sequence[str]) -> CountOne:  # noqa: A002 - as above
        """Show how often what it answers was called, by labels; the name is given without `_total`."""
        ...

    def histogram(self, name: str, help: str, bounds: Sequence[float]) -> Observe:  # noqa: A002 - as above
        """Show how many values were at most each of `bounds`, which rise."""
        ...

    def histogram_by(
        self,
        name: str,
        help: str,  # noqa: A002 - as above
        labels: Sequence[str],
        bounds: Sequence[float],
    ) -> ObserveBy:
        """The same by labels, for what happens thousands of times a second. It is told on the loop alone."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """A user who is to be told, or to have forgotten, what is kept of them."""

    user: str
    room: str
    """The user's own."""
    addresses: tuple[str, ...]
    """Where the user's mail goes or went, but for what another known user has; in the form that addresses are compared by."""
    at: datetime
    """When it is asked."""


Tell = Callable[[Whose, int], Awaitable[dict[str, Any]]]
"""Answers what is kept of a user, by name; takes how many things of a kind may be told at most."""


class Part:
    """One part of a process. A part overrides what it has; whatever it does not, is nothing.

    `measure`, the routes, `events` and `commands` are asked once, before the start. `start` is called once, after the
    parts before this one have started; `drain` at most once; `stop` once if the start succeeded, after the parts behind
    this one have stopped. A start that fails or is cancelled leaves nothing behind.
    """

    def measure(self, meters: Meters) -> None:
        """Tell `meters` what this part counts."""

    def public_routes(self) -> "Sequence[AbstractRouteDef]":
        """What browsers may ask; who is asking, the handler finds out."""
        return ()

    def internal_routes(self) -> "Sequence[AbstractRouteDef]":
        """What services and operators may ask; who is asking, the handler finds out."""
        return ()

    def events(self) -> Mapping[tuple[str, str], Ask]:
        """What Socket.IO sessions may ask, by namespace and event."""
        return {}

    def commands(self) -> Mapping[type[Any], CarryOut]:
        """Who carries out which commands of the bus, by their kind."""
        return {}

    def unready(self) -> list[str]:
        """Why this process cannot do its job now, for the readiness probe; empty when it can."""
        return []

    def concerns(self) -> list[str]:
        """What an operator should look at, and what keeps nobody waiting."""
        return []

    async def keep_house(self) -> None:
        """Do a bounded step of what is to be done now and then; called every half minute or so, by every node.

        May raise `StorageError`: it is called again.
        """

    async def held(self, whose: Whose, limit: int) -> dict[str, Any]:  # noqa: ARG002 - for those that keep something of users
        """Tell what this part keeps of a user beside the store's shelves, under names that nobody else uses.

        Of each kind the newest `limit` at most. One node is asked, and answers for all. May raise `StorageError`.
        """
        return {}

    async def erase(self, whose: Whose) -> None:
        """Keep nothing of that any more.

        One node is asked, before the shelves forget the user. May raise `StorageError`: then none of them has, and it is
        asked again.
        """

    def start(self) -> Awaitable[None] | None:
        """Begin to work."""
        return None

    def reload(self) -> bool:
        """Begin to read anew what an operator may change while the process runs; whether there is such. Never waits.

        Called after the start, as often as it is asked for.
        """
        return False

    async def drain(self, *, seconds: float) -> None:
        """Finish calmly what is under way, within `seconds`, and begin nothing new."""

    async def stop(self) -> None:
        """Let go of everything."""


class Running:
    """The parts that have started, in their order."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._stops = AsyncExitStack()

    async def start(self, parts: Iterable[Part]) -> None:
        """Start one after the other. What has started by the time one fails is stopped by `stop`."""
        for part in parts:
            started = part.start()
            if started is not None:
                await started
            self._parts.append(part)
            self._stops.push_async_callback(part.stop)

    def reload(self) -> bool:
        """Have all parts read anew what they can; whether there is anything."""
        reloading = [part.reload() for part in self._parts]
        return any(reloading)

    async def drain(self, *, seconds: float) -> None:
        """Have all parts drain at the same time."""
        async with asyncio.TaskGroup() as group:
            for part in self._parts:
                group.create_task(part.drain(seconds=seconds), name=f"drain {type(part).__name__}")

    async def stop(self) -> None:
        """Stop all, the last first, each also when another fails to; idempotent."""
        self._parts.clear()
        await self._stops.aclose()
