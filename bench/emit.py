"""How fast Bellhop keeps what it is given: emits answered 202 per second over HTTP (`make bench-emit`).

One by one from 100 callers, and in batches of 500 from four; to 200 rooms that nobody is connected to, so that only the
way into the store is measured; with a catalog, the emits bring type and data alone. CPU is the gateway's process alone; that of mongod stands beside it.
What preferences cost is shown by a catalog and 100,000 users, of whom nobody or 5 % have chosen anything.
"""

import asyncio
import platform
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from bench import backing, machine
from bench.command import BenchCommand, run
from bench.programs import EmitLoad, EmitReport, post
from bench.servers import ServerProcess, bellhop, cost
from storage.connect import connect
from storage.preferences import PreferenceChange, Preferences

RESULTS = Path(__file__).parent / "RESULTS-emit.md"
ROOMS = 200
MANY_ROOMS = 100_000
SLICES = 6
"""In so many parts a round is measured."""
CHOOSERS_IN = 20
"""One in so many of them has chosen something."""
A_WHILE = timedelta(days=1)
"""So long ago: what was chosen this minute is read again, by whatever the bus may have lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way to emit."""

    name: str
    items: int
    connections: int
    count: int


WAYS = (
    Way(name="one by one, 100 callers", items=1, connections=100, count=15_000),
    Way(name="batches of 500, 4 callers", items=500, connections=4, count=100_000),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundOutcome:
    """A round's outcome; CPU in microseconds for each emit."""

    posted: EmitReport
    gateway_micros: float
    store_micros: float

    @property
    def per_second(self) -> float:
        return self.posted.accepted / self.posted.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A gateway that is emitted to and, where it is a process of its own, its store."""

    gateway: ServerProcess
    store_pid: int | None
    wordless: bool
    """Whether the emits leave their words to the gateway's catalog."""
    rooms: int = ROOMS


@contextmanager
def on(
    store: str, catalog: Path | None = None, *, rooms: int = ROOMS, chosen: bool = False
) -> Iterator[Target]:
    """A gateway on a store of its own; `chosen`: some of its users have chosen something."""
    with (
        tempfile.TemporaryDirectory(prefix="bellhop-bench-") as folder,
        backing.STORES[store](Path(folder)) as kept,
    ):
        if chosen:
            asyncio.run(choose(kept.url, rooms))
        with bellhop(Path(folder), store_url=kept.url, catalog=catalog) as gateway:
            yield Target(gateway=gateway, store_pid=kept.pid, wordless=catalog is not None, rooms=rooms)


async def choose(store_url: str, users: int) -> None:
    """Have some of the users choose: one in four of these that nothing of orders is shown in the app, the others no mail."""
    store = connect(store_url)
    await store.open()
    try:
        choosers = range(0, users, CHOOSERS_IN)
        for first in range(0, len(choosers), 200):
            some = choosers[first : first + 200]
            await asyncio.gather(*(_choose(store.preferences, str(user), user % 80 == 0) for user in some))
    finally:
        await store.close()


async def _choose(preferences: Preferences, user: str, in_app: bool) -> None:
    asked = {"categories": {"orders": {"in_app": False}}} if in_app else {"channels": {"email": False}}
    change = PreferenceChange(version=1, at=datetime.now(UTC) - A_WHILE, by="bench", asked=asked)
    await preferences.put(user, asked, change)


CATALOG = Path(__file__).parent / "catalog"
STORES = {
    "sqlite": partial(on, "sqlite"),
    "mongodb": partial(on, "mongodb"),
    "sqlite with a catalog": partial(on, "sqlite", CATALOG),
    "mongodb with a catalog": partial(on, "mongodb", CATALOG),
}
PREFERENCES = {
    "sqlite for many": partial(on, "sqlite", CATALOG, rooms=MANY_ROOMS),
    "sqlite for many who choose": partial(on, "sqlite", CATALOG, rooms=MANY_ROOMS, chosen=True),
    "mongodb for many": partial(on, "mongodb", CATALOG, rooms=MANY_ROOMS),
    "mongodb for many who choose": partial(on, "mongodb", CATALOG, rooms=MANY_ROOMS, chosen=True),
}

KNOWN = {**STORES, **PREFERENCES}
BASELINES = {
    "sqlite with a catalog": "sqlite",
    "mongodb with a catalog": "mongodb",
    "sqlite for many who choose": "sqlite for many",
    "mongodb for many who choose": "mongodb for many",
}
"""What each is to be compared with: the same without what it shows the cost of."""

Found = dict[tuple[str, Way], list[RoundOutcome]]


def measure(target: Target, way: Way, *, share: float = 1.0) -> RoundOutcome:
    """Emit a round's worth, or a share of it."""

    def store_cpu_seconds() -> float:
        return cost(target.store_pid).cpu_seconds if target.store_pid else 0.0

    store_before, gateway_before = store_cpu_seconds(), target.gateway.cost().cpu_seconds
    count = max(way.items, int(way.count * share))
    posted = post(
        target.gateway,
        EmitLoad(
            users=target.rooms,
            count=count,
            items=way.items,
            connections=way.connections,
            wordless=target.wordless,
        ),
    )
    gateway = target.gateway.cost().cpu_seconds - gateway_before
    store = store_cpu_seconds() - store_before
    return RoundOutcome(
        posted=posted,
        gateway_micros=1e6 * gateway / posted.accepted,
        store_micros=1e6 * store / posted.accepted,
    )


def row(store: str, way: Way, rounds: Sequence[RoundOutcome]) -> str:
    """The medians, as a line of the table."""

    def median(values: Iterator[float]) -> float:
        return statistics.median(values)

    gateway = median(kept.gateway_micros for kept in rounds)
    cells = (
        f"{store}, {way.name}",
        f"{median(kept.per_second for kept in rounds):,.0f}",
        f"{1e6 / gateway:,.0f}",
        f"{median(kept.posted.p50_ms for kept in rounds):.1f}",
        f"{median(kept.posted.p99_ms for kept in rounds):.1f}",
        f"{gateway:.0f}",
        f"{median(kept.store_micros for kept in rounds):.0f}"
        if store.startswith("mongodb")
        else "in the gateway's",
    )
    return "| " + " | ".join(cells) + " |"


HEAD = """\
| | emits/s | emits per gateway CPU-second | p50 ms | p99 ms | gateway CPU µs/emit | store CPU µs/emit |
|---|---:|---:|---:|---:|---:|---:|"""
BESIDE_HEAD = """\
| emits per gateway CPU-second, as a share of | median of the slices | quartiles |
|---|---:|---|"""


def beside(with_it: str, without: str, found: Found) -> Iterator[str]:
    """What something costs, by each way: the slices that ran one after the other are compared with each other."""
    for way in WAYS:
        pairs = zip(found[with_it, way], found[without, way], strict=True)
        shares = [before.gateway_micros / after.gateway_micros for after, before in pairs]
        low, middle, high = statistics.quantiles(shares, n=4)
        yield f"| {with_it}, of {without}, {way.name} | {middle:.2f} | {low:.2f} to {high:.2f} |"


def one_round(stores: Sequence[str], found: Found, *, share: float, slices: int) -> None:
    """Start all of the stores and their gateways, and let them take turns, there and back: a slow moment is everybody's."""
    with ExitStack() as started:
        targets = {store: started.enter_context(KNOWN[store]()) for store in stores}
        for way in WAYS:
            for target in targets.values():
                measure(target, way, share=0.05)  # warms the gateway and the store; not counted
            for turn in range(slices):
                for store in stores if turn % 2 == 0 else reversed(stores):
                    kept = measure(targets[store], way, share=share / slices)
                    found.setdefault((store, way), []).append(kept)


def main() -> None:
    command = BenchCommand("bench-emit", __doc__, rounds=5, results=RESULTS)
    command.choice("--stores", KNOWN)
    options = command.parse()
    machine.raise_file_limit()
    share, slices = (0.1, 2) if options.quick else (1.0, SLICES)
    found: Found = {}
    stores = options.stores.split(",")
    for number in range(options.rounds):
        machine.start_alike(number)
        for group in (STORES, PREFERENCES):
            some = [store for store in stores if store in group]
            # Whoever is started first has the better place, in memory or with the machine's cores: each is, in turn.
            one_round(some if number % 2 == 0 else some[::-1], found, share=share, slices=slices)
    table = [HEAD, *(row(store, way, found[store, way]) for store in stores for way in WAYS)]
    title = (
        f"# Results of emits\n\nMade by `{command.line}` on {datetime.now(UTC):%Y-%m-%d}: "
        f"medians of {options.rounds} x {slices} slices, in which all took turns.\n"
    )
    said = (
        f"- Machine: {machine.description()}, Python {platform.python_version()}. To have 4 KB on its disk\n"
        f"  takes {machine.commit()}.\n"
        "- Each emit is for one of 200 rooms that nobody is connected to, and with `for many` of 100,000; p50 and p99 are\n"
        "  those of a request. `With a catalog`, emits bring type and data, and the gateway finds the words.\n"
        f"- `Who choose`: one user in {CHOOSERS_IN} has refused mail, and one in four of these orders in the app.\n"
    )
    pairs = [(one, BASELINES[one]) for one in stores if BASELINES.get(one) in stores]
    ratios = [BESIDE_HEAD, *(line for pair in pairs for line in beside(*pair, found)), ""] if pairs else []
    command.tell("\n".join([title, *table, "", *ratios, said]), options)


if __name__ == "__main__":
    run(main)
