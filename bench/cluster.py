"""Bellhop's nodes on Redis beside python-socketio's: what a second and a fourth node cost, and what a bystander pays.

All in one run, taking turns, medians of the rounds, in one table (`make bench-cluster`). Each node has as many clients,
however many nodes there are, and users are dealt out evenly; events are posted to all nodes. CPU is that of all nodes
together, without Redis and MongoDB.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from bench import machine
from bench.cluster_results import QUICK, SIZES, NodeAmount, results
from bench.command import BenchCommand, run
from bench.measuring import Figures
from bench.programs import Clients, EmitLoad, clients, post
from bench.rivals.servers import stock_python_socketio
from bench.scenarios import ROOM, TOPIC
from bench.servers import ServerProcess, bellhop, cost
from tests.support import servers as machines

RESULTS = Path(__file__).parent / "RESULTS-cluster.md"
MOST_REPEATS = 100


class Start(Protocol):
    def __call__(
        self, folder: Path, *, bus_url: str, store_url: str
    ) -> AbstractContextManager[ServerProcess]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterContestant:
    name: str
    start: Start
    extra: str = ""
    """Fields added to every body that is emitted."""
    options: tuple[str, ...] = ()
    """The load client's, for this server."""


def _stock(folder: Path, *, bus_url: str, store_url: str) -> AbstractContextManager[ServerProcess]:
    del store_url  # it keeps nothing
    return stock_python_socketio(folder, bus_url=bus_url)


CONTESTANTS = {
    "bellhop": ClusterContestant(name="Bellhop, stored", start=bellhop, options=("--ready",)),
    "transient": ClusterContestant(
        name="Bellhop, `store: false`", start=bellhop, extra=',"store":false', options=("--ready",)
    ),
    "stock": ClusterContestant(name="python-socketio", start=_stock),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Nodes, and the process ids of what they stand on."""

    nodes: list[ServerProcess]
    redis_pid: int
    mongodb_pid: int

    def below_seconds(self) -> tuple[float, float]:
        """The CPU that Redis and MongoDB have used."""
        return cost(self.redis_pid).cpu_seconds, cost(self.mongodb_pid).cpu_seconds


@contextmanager
def cluster(contestant: ClusterContestant, size: int, folder: Path) -> Iterator[Cluster]:
    """So many nodes on a Redis and a MongoDB of their own."""
    with ExitStack() as stack:
        redis = stack.enter_context(machines.redis())
        mongod = stack.enter_context(machines.mongod())
        head, _, query = mongod.url.partition("?")
        nodes = []
        for number in range(size):
            node_folder = folder / f"node-{number}"
            node_folder.mkdir()
            nodes.append(
                stack.enter_context(
                    contestant.start(node_folder, bus_url=redis.url, store_url=f"{head}bench?{query}")
                )
            )
        yield Cluster(nodes=nodes, redis_pid=redis.pid, mongodb_pid=mongod.pid)


@contextmanager
def spread(
    contestant: ClusterContestant,
    nodes: Sequence[ServerProcess],
    users: int,
    folder: Path,
    topics: Sequence[str] = (),
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


def cpu_seconds(nodes: Sequence[ServerProcess]) -> float:
    return sum(node.cost().cpu_seconds for node in nodes)


def dealt_out(stream: EmitLoad, nodes: int) -> list[EmitLoad]:
    """The stream in as many shares, for all nodes at once."""
    share = replace(
        stream,
        count=stream.count // nodes,
        rate=stream.rate / nodes,
        connections=max(1, stream.connections // nodes),
    )
    return [share] * nodes


def _post_in_turn(nodes: Sequence[ServerProcess], streams: Sequence[EmitLoad]) -> None:
    """Post each node its stream. What has a rate falls due evenly over all nodes, and not at all in the same moment."""

    def post_one(number: int) -> None:
        stream = streams[number]
        if stream.rate:
            time.sleep(number / (stream.rate * len(nodes)))
        post(nodes[number], stream)

    with ThreadPoolExecutor(len(nodes)) as posters:
        list(posters.map(post_one, range(len(nodes))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    deliveries: int
    per_cpu_second: float
    p99_ms: float
    """The worst of the crowds' own."""


def _measured(
    nodes: Sequence[ServerProcess],
    crowds: Sequence[Clients],
    streams: Sequence[EmitLoad],
    *,
    of_each: int,
    cpu: float = 0.0,
) -> Measured:
    """Emit until the nodes have used `cpu` seconds.

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
    return Measured(deliveries=deliveries, per_cpu_second=deliveries / max(used, 0.01), p99_ms=p99)


def spread_evenly(contestant: ClusterContestant, size: int, folder: Path, scale: NodeAmount) -> Figures:
    """One room that everybody is in, and then a room each."""
    one_room = EmitLoad(room=ROOM, count=0, connections=8, extra=contestant.extra)
    burst = dealt_out(replace(one_room, count=scale.burst_events, items=scale.burst_items), size)
    paced = dealt_out(replace(one_room, count=scale.paced_events, rate=scale.paced_rate), size)
    users = scale.users * size
    own = [
        EmitLoad(
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
    with cluster(contestant, size, folder) as group:
        nodes = group.nodes
        with spread(contestant, nodes, scale.crowd * size, folder, [TOPIC]) as crowds:
            to_all = scale.crowd * scale.burst_events
            _measured(nodes, crowds, burst, of_each=to_all)
            in_room = _measured(nodes, crowds, burst, of_each=to_all, cpu=scale.cpu_seconds * size)
            at_a_pace = _measured(nodes, crowds, paced, of_each=scale.crowd * scale.paced_events)
        with spread(contestant, nodes, users, folder) as crowds:
            to_users = scale.users * scale.events_each
            _measured(nodes, crowds, own, of_each=to_users)
            below = group.below_seconds()
            by_user = _measured(nodes, crowds, own, of_each=to_users, cpu=scale.cpu_seconds * size)
            # Each event has one reader here.
            redis, mongodb = (
                1e6 * (now - before) / by_user.deliveries
                for now, before in zip(group.below_seconds(), below, strict=True)
            )
    return {
        f"{size}: one room, burst: deliveries per CPU-second": in_room.per_cpu_second,
        f"{size}: one room, paced: deliveries per CPU-second": at_a_pace.per_cpu_second,
        f"{size}: one room, paced: p99 ms": at_a_pace.p99_ms,
        f"{size}: a room each: deliveries per CPU-second": by_user.per_cpu_second,
        f"{size}: a room each: µs of Redis an event": redis,
        f"{size}: a room each: µs of MongoDB an event": mongodb,
    }


def bystander(contestant: ClusterContestant, folder: Path, scale: NodeAmount) -> Figures:
    """What a node spends on frames of rooms that only another node has members of."""
    stream = EmitLoad(
        users=scale.users,
        count=scale.foreign_frames,
        items=scale.batch_items,
        connections=4,
        extra=contestant.extra,
    )
    with cluster(contestant, 2, folder) as group, ExitStack() as stack:
        one, two = group.nodes
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


def _settle(node: ServerProcess) -> None:
    """Return when the node has nothing left to do from its start, or after a while."""
    for _ in range(20):
        before = node.cost().cpu_seconds
        time.sleep(1)
        if node.cost().cpu_seconds - before <= 0.01:
            return


def main() -> None:
    command = BenchCommand("bench-cluster", __doc__, rounds=3, results=RESULTS)
    command.choice("--only", CONTESTANTS)
    options = command.parse()
    machine.raise_file_limit()
    scale = QUICK if options.quick else NodeAmount()
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
    run(main)
