"""Bellhop's nodes on Redis beside python-socketio's: what a second and a fourth node cost, and what a bystander pays.

All in one run, taking turns, medians of the rounds, in one table (`make bench-cluster`). Each node has as many clients,
however many nodes there are, and users are dealt out evenly; events are posted to all nodes. CPU is that of all nodes
together, without Redis and MongoDB.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from bench import machine
from bench.command import Amount, Command
from bench.programs import Clients, Stream, clients, post
from bench.rivals.servers import stock_python_socketio
from bench.scenarios import ROOM, TOPIC, Figures
from bench.servers import Server, bellhop
from tests.support import servers as machines

RESULTS = Path(__file__).parent / "RESULTS-cluster.md"
SIZES = (1, 2, 4)
MOST_REPEATS = 100


class Start(Protocol):
    def __call__(self, folder: Path, *, bus_url: str, store_url: str) -> AbstractContextManager[Server]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    name: str
    start: Start
    extra: str = ""
    """Fields added to every body that is emitted."""
    options: tuple[str, ...] = ()
    """The load client's, for this server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes(Amount):
    """How much of everything, of each node. With four nodes and all that they need, two cores have some time left."""

    crowd: int = 500
    users: int = 2000
    batch_rate: int = 10
    burst_items: int = 25
    events_each: int = 4
    foreign_frames: int = 40_000
    cpu_seconds: float = 1.0
    """A burst is repeated until each node has used about that much: CPU is counted in ticks of 10 ms."""


QUICK = Nodes(
    crowd=100,
    burst_events=100,
    paced_events=20,
    users=200,
    foreign_frames=2000,
    cpu_seconds=0,
)


def _stock(folder: Path, *, bus_url: str, store_url: str) -> AbstractContextManager[Server]:
    del store_url  # it keeps nothing
    return stock_python_socketio(folder, bus_url=bus_url)


CONTESTANTS = {
    "bellhop": Contestant(name="Bellhop, stored", start=bellhop, options=("--ready",)),
    "transient": Contestant(
        name="Bellhop, `store: false`", start=bellhop, extra=',"store":false', options=("--ready",)
    ),
    "stock": Contestant(name="python-socketio", start=_stock),
}


@contextmanager
def cluster(contestant: Contestant, size: int, folder: Path) -> Iterator[list[Server]]:
    """So many nodes on a Redis and a MongoDB of their own."""
    with ExitStack() as stack:
        redis = stack.enter_context(machines.redis())
        head, _, query = stack.enter_context(machines.mongod()).url.partition("?")
        nodes = []
        for number in range(size):
            node_folder = folder / f"node-{number}"
            node_folder.mkdir()
            nodes.append(
                stack.enter_context(
                    contestant.start(node_folder, bus_url=redis.url, store_url=f"{head}bench?{query}")
                )
            )
        yield nodes


@contextmanager
def spread(
    contestant: Contestant, nodes: Sequence[Server], users: int, folder: Path, topics: Sequence[str] = ()
) -> Iterator[list[Clients]]:
    """A client per user, the users dealt out to the nodes in turn."""
    with ExitStack() as stack:
        crowds = []
        for number, node in enumerate(nodes):
            targets = [node.target(user, topics) for user in range(number, users, len(nodes))]
            own = folder / f"clients-{number}-{time.monotonic_ns()}"
            own.mkdir()
            crowds.append(stack.enter_context(clients(node, targets, own, *contestant.options)))
        yield crowds


def cpu_seconds(nodes: Sequence[Server]) -> float:
    return sum(node.cost().cpu_seconds for node in nodes)


def dealt_out(stream: Stream, nodes: int) -> list[Stream]:
    """The stream in as many shares, for all nodes at once."""
    share = replace(
        stream,
        count=stream.count // nodes,
        rate=stream.rate / nodes,
        connections=max(1, stream.connections // nodes),
    )
    return [share] * nodes


def _post_in_turn(nodes: Sequence[Server], streams: Sequence[Stream]) -> None:
    """Post each node its stream. What has a rate falls due evenly over all nodes, and not at all in the same moment."""

    def post_one(number: int) -> None:
        stream = streams[number]
        if stream.rate:
            time.sleep(number / (stream.rate * len(nodes)))
        post(nodes[number], stream)

    with ThreadPoolExecutor(len(nodes)) as posters:
        list(posters.map(post_one, range(len(nodes))))


def _measured(
    nodes: Sequence[Server],
    crowds: Sequence[Clients],
    streams: Sequence[Stream],
    *,
    of_each: int,
    cpu: float = 0.0,
) -> tuple[float, float]:
    """Emit until the nodes have used `cpu` seconds, and answer deliveries per CPU-second and the worst p99.

    Each node is posted its stream, and each crowd gets `of_each` deliveries of them together.
    """
    used, deliveries, p99, repeats = 0.0, 0, 0.0, 0
    while not repeats or (used < cpu and repeats < MOST_REPEATS):
        for crowd in crowds:
            crowd.tell("reset")
        before = cpu_seconds(nodes)
        _post_in_turn(nodes, streams)
        for crowd in crowds:
            heard = crowd.await_deliveries(of_each, within_seconds=120)
            deliveries += heard.deliveries
            p99 = max(p99, heard.p99_ms)
        used += cpu_seconds(nodes) - before
        repeats += 1
    return deliveries / max(used, 0.01), p99


def spread_evenly(contestant: Contestant, size: int, folder: Path, scale: Nodes) -> Figures:
    """One room that everybody is in, and then a room each."""
    one_room = Stream(room=ROOM, count=0, connections=8, extra=contestant.extra)
    burst = dealt_out(replace(one_room, count=scale.burst_events, items=scale.burst_items), size)
    paced = dealt_out(replace(one_room, count=scale.paced_events, rate=scale.paced_rate), size)
    users = scale.users * size
    own = [
        Stream(
            users=users,
            # Each node begins with other users: nobody emits to one user at all nodes in the same moment.
            first=scale.users * number,
            count=scale.users * scale.events_each,
            items=scale.batch_items,
            connections=4,
            rate=scale.batch_rate,
            extra=contestant.extra,
        )
        for number in range(size)
    ]
    with cluster(contestant, size, folder) as nodes:
        with spread(contestant, nodes, scale.crowd * size, folder, [TOPIC]) as crowds:
            to_all = scale.crowd * scale.burst_events
            _measured(nodes, crowds, burst, of_each=to_all)
            in_room, _ = _measured(nodes, crowds, burst, of_each=to_all, cpu=scale.cpu_seconds * size)
            at_a_pace, p99 = _measured(nodes, crowds, paced, of_each=scale.crowd * scale.paced_events)
        with spread(contestant, nodes, users, folder) as crowds:
            to_users = scale.users * scale.events_each
            _measured(nodes, crowds, own, of_each=to_users)
            by_user, _ = _measured(nodes, crowds, own, of_each=to_users, cpu=scale.cpu_seconds * size)
    return {
        f"{size}: one room, burst: deliveries per CPU-second": in_room,
        f"{size}: one room, paced: deliveries per CPU-second": at_a_pace,
        f"{size}: one room, paced: p99 ms": p99,
        f"{size}: a room each: deliveries per CPU-second": by_user,
    }


def bystander(contestant: Contestant, folder: Path, scale: Nodes) -> Figures:
    """What a node spends on frames of rooms that only another node has members of."""
    stream = Stream(
        users=scale.users,
        count=scale.foreign_frames,
        items=scale.batch_items,
        connections=4,
        extra=contestant.extra,
    )
    with cluster(contestant, 2, folder) as (one, two), ExitStack() as stack:
        for number, (node, users) in enumerate([(one, range(scale.users)), (two, [scale.users])]):
            own = folder / f"clients-{number}"
            own.mkdir()
            targets = [node.target(user) for user in users]
            crowd = stack.enter_context(clients(node, targets, own, *contestant.options))
            if number == 0:
                busy = crowd
        _settle(two)
        began, before = time.monotonic(), two.cost().cpu_seconds
        post(one, stream)
        busy.await_deliveries(stream.count, within_seconds=120)
        time.sleep(1)
        took, used = time.monotonic() - began, two.cost().cpu_seconds - before
        # What it spends anyway, on heartbeats and the like.
        before = two.cost().cpu_seconds
        time.sleep(took)
        idle = two.cost().cpu_seconds - before
    return {"bystander: µs of CPU per foreign frame": max(used - idle, 0.0) * 1e6 / stream.count}


def _settle(node: Server) -> None:
    """Return when the node has nothing left to do from its start, or after a while."""
    for _ in range(20):
        before = node.cost().cpu_seconds
        time.sleep(1)
        if node.cost().cpu_seconds - before <= 0.01:
            return


FIGURES = (
    *(
        f"{size}: {figure}"
        for figure in (
            "one room, burst: deliveries per CPU-second",
            "one room, paced: deliveries per CPU-second",
            "one room, paced: p99 ms",
            "a room each: deliveries per CPU-second",
        )
        for size in SIZES
    ),
    "bystander: µs of CPU per foreign frame",
)


def _name(figure: str) -> str:
    size, colon, rest = figure.partition(": ")
    return f"{rest}, {size} node{'s' * (size != '1')}" if size.isdigit() and colon else figure


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def table(found: dict[str, list[Figures]]) -> str:
    """Medians, and in brackets the least and the most, as Markdown."""
    lines = ["| | " + " | ".join(found) + " |", "|---|" + "---:|" * len(found)]
    for figure in FIGURES:
        cells = []
        for rounds in found.values():
            values = [each[figure] for each in rounds if figure in each]
            cells.append(
                f"{_shown(statistics.median(values))} ({_shown(min(values))} to {_shown(max(values))})"
                if values
                else "-"
            )
        lines.append(f"| {_name(figure)} | " + " | ".join(cells) + " |")
    for figure in ("one room, burst", "one room, paced", "a room each"):
        cells = []
        for rounds in found.values():
            one, four = (
                [each[key] for each in rounds if key in each]
                for key in (f"{size}: {figure}: deliveries per CPU-second" for size in (SIZES[0], SIZES[-1]))
            )
            cells.append(f"{statistics.median(four) / statistics.median(one):.2f}" if one and four else "-")
        lines.append(f"| {figure}: four nodes against one, per CPU-second | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def results(found: dict[str, list[Figures]], *, command: str, rounds: int, scale: Nodes, noise: str) -> str:
    programs = ", ".join(f"{name} {version}" for name, version in machine.versions().items())
    return f"""# Results of a cluster

Made by `{command}` on {datetime.now(UTC):%Y-%m-%d}: medians of {rounds} rounds in one run, the contestants taking turns; in brackets the least
and the most.

{table(found)}

- Machine: {machine.description()}. Nodes, Redis, MongoDB, load clients and emitters share it, so that nothing is said here
  of deliveries per second of the clock, and latency is that of a crowded machine. {noise}
- Versions: {programs}.
- CPU is that of all nodes together; Redis and MongoDB are not in it. All contestants have the same nodes, clients and emitters.
- A cluster of four has four times the clients of one node: each node keeps as many, so that what a node pays for the others
  shows, and not that it has less to do.
- `One room`: {scale.crowd:,} clients on each node. A burst is {scale.burst_events} events in {scale.burst_events // scale.burst_items} requests, dealt out to all nodes at once; `paced` is
  {scale.paced_rate} events a second in that room, dealt out to the nodes in turn, one a request, and its p99 from when an event was due to be emitted to when the client has
  read it; of the nodes the worst.
- `A room each`: {scale.users:,} users on each node, one event for one user, {scale.batch_items} in a request, {scale.batch_rate} requests a second at each
  node, in turn: of four nodes, three of four events go to another node than the one that took them.
- `Bystander`: {scale.foreign_frames:,} events for users of the other node, beside one client of its own; what it spends in the same time
  without them is taken off.
- Bellhop stores in MongoDB where it says `stored`; nobody else stores.
"""


def main() -> None:
    command = Command("bench-cluster", __doc__, rounds=3, results=RESULTS)
    command.choice("--only", CONTESTANTS)
    options = command.parse()
    machine.raise_file_limit()
    scale = QUICK if options.quick else Nodes()
    chosen = [CONTESTANTS[name] for name in options.only.split(",")]
    found: dict[str, list[Figures]] = {contestant.name: [] for contestant in chosen}
    load = os.getloadavg()[0]
    for number in range(options.rounds):
        for contestant in [*chosen[number % len(chosen) :], *chosen[: number % len(chosen)]]:
            figures: Figures = {}
            for size in SIZES:
                with tempfile.TemporaryDirectory(prefix="bellhop-bench-") as folder:
                    figures |= spread_evenly(contestant, size, Path(folder), scale)
            with tempfile.TemporaryDirectory(prefix="bellhop-bench-") as folder:
                figures |= bystander(contestant, Path(folder), scale)
            print(f"round {number + 1}: {contestant.name}: {figures}", file=sys.stderr)
            found[contestant.name].append(figures)
    noise = f"The load average before the run was {load:.1f}."
    text = results(found, command=command.line, rounds=options.rounds, scale=scale, noise=noise)
    command.tell(text, options)


if __name__ == "__main__":
    main()
