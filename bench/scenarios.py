"""What is measured: two crowds, each connected to a server that has just been started.

A scenario answers figures by name (`FIGURES`). A delivery is one event read by one client; CPU is the server's alone, all
its processes together; latencies run from the moment an event was due to be emitted to its reading by a client.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.command import Amount
from bench.programs import (
    ClientReport,
    Clients,
    EmitLoad,
    EmitReport,
    clients,
    connect_with_the_stock_client,
    post,
)
from bench.servers import ServerProcess

LOAD_SHARE = "load client: most of its core, %"
MOST_REPEATS = 20
NEVER = float("inf")
TOPIC = "deals"
ROOM = f"topic:{TOPIC}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A server, and what is emitted to it."""

    name: str
    start: Callable[[Path], AbstractContextManager[ServerProcess]]
    extra: str = ""
    """Fields added to every body that is emitted."""
    batches: bool = True
    """Whether it takes many events in one request; if not, they go one by one over several connections."""
    options: tuple[str, ...] = ()
    """The load client's, for this server."""
    connects: bool = True
    """Whether its connects and its memory are worth a column: not where another contestant is the same server."""
    scenarios: frozenset[str] = frozenset({"room", "users"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale(Amount):
    """How much of everything; the quick scale shows that it runs, not how fast."""

    crowd: int = 1000
    users: int = 5000
    batch_rate: int = 25
    bursts: int = 2
    burst_cpu_seconds: float = 0.5
    batches: int = 200
    single_rate: int = 500
    single_events: int = 2000
    stock_connects: int = 100
    settle_seconds: int = 40


QUICK = Scale(
    crowd=200,
    burst_events=50,
    bursts=1,
    burst_cpu_seconds=0,
    paced_events=20,
    users=500,
    batches=20,
    single_events=500,
    stock_connects=20,
    settle_seconds=5,
)

Figures = dict[str, float]


def _share(heard: Sequence[ClientReport]) -> float:
    """How much of a core the load client used while events came, in per cent."""
    span = sum(one.span_seconds for one in heard)
    return 100 * sum(one.cpu_seconds for one in heard) / max(span, 0.01)


def _fan_out(
    server: ServerProcess,
    crowd: Clients,
    stream: EmitLoad,
    *,
    label: str,
    readers: int = 1,
    times: int = 1,
    cpu_seconds: float = 0.0,
) -> Figures:
    """Emit, await every event at each of its readers, and say what it cost.

    It is repeated at least `times`, and until the server has used `cpu_seconds` (it counts in ticks of 10 ms), but
    not for ever.
    """
    cpu, all_heard = 0.0, list[ClientReport]()
    while len(all_heard) < times or (cpu < cpu_seconds and len(all_heard) < MOST_REPEATS):
        crowd.tell("reset")
        before = server.cost()
        post(server, stream)
        heard = crowd.await_deliveries(stream.count * readers, within_seconds=60)
        cpu += server.cost().cpu_seconds - before.cpu_seconds
        all_heard.append(heard)
    return {
        f"{label}: deliveries per CPU-second": len(all_heard) * stream.count * readers / max(cpu, 0.01),
        f"{label}: p99 ms": heard.p99_ms,
        LOAD_SHARE: _share(all_heard),
    }


def _together(figures: Iterable[Figures]) -> Figures:
    """All of them; of the load client's shares the greatest."""
    found: Figures = {}
    for more in figures:
        found |= more | {LOAD_SHARE: max(found.get(LOAD_SHARE, 0.0), more.get(LOAD_SHARE, 0.0))}
    return found


def in_one_room(contestant: Contestant, folder: Path, scale: Scale) -> Figures:
    """A crowd in one topic: bursts from one caller, from several and in batches, and a paced stream; then events for one user each."""
    burst = EmitLoad(room=ROOM, count=scale.burst_events, extra=contestant.extra)
    in_batches = (
        replace(burst, items=scale.batch_items) if contestant.batches else replace(burst, connections=64)
    )
    paced = EmitLoad(room=ROOM, count=scale.paced_events, rate=scale.paced_rate, extra=contestant.extra)
    with contestant.start(folder) as server:
        topic = [server.target(user, [TOPIC]) for user in range(scale.crowd)]
        with clients(server, topic, folder, *contestant.options) as crowd:
            bursts = {
                "burst, one caller": replace(burst, connections=1),
                "burst, 8 callers": burst,
                "burst, in batches": in_batches,
            }
            fanned_out = [
                _fan_out(
                    server,
                    crowd,
                    stream,
                    label=label,
                    readers=scale.crowd,
                    times=scale.bursts,
                    cpu_seconds=scale.burst_cpu_seconds,
                )
                for label, stream in bursts.items()
            ]
            fanned_out.append(_fan_out(server, crowd, paced, label="paced", readers=scale.crowd))
        figures = _together(fanned_out)
        users = [server.target(user) for user in range(scale.crowd)]
        with clients(server, users, folder, *contestant.options) as crowd:
            return figures | _latency(server, crowd, contestant, scale)


def _latency(server: ServerProcess, crowd: Clients, contestant: Contestant, scale: Scale) -> Figures:
    stream = EmitLoad(
        users=scale.crowd,
        count=scale.single_events,
        rate=scale.single_rate,
        connections=64,
        extra=contestant.extra,
    )
    crowd.tell("reset")
    post(server, stream)
    heard = crowd.await_deliveries(stream.count, within_seconds=60)
    return {"one by one at 500/s: p50 ms": heard.p50_ms, "one by one at 500/s: p99 ms": heard.p99_ms}


def a_room_each(contestant: Contestant, folder: Path, scale: Scale) -> Figures:
    """Many users, each in a room of their own: what it costs to let them in, to keep them, and to reach them."""
    stream = EmitLoad(
        users=scale.users,
        count=scale.batches * scale.batch_items,
        items=scale.batch_items,
        rate=scale.batch_rate,
        extra=contestant.extra,
    )
    if not contestant.batches:
        stream = replace(stream, items=1, rate=scale.batch_rate * scale.batch_items, connections=64)
    figures: Figures = {}
    with contestant.start(folder) as server:
        _warm(server, contestant, folder)
        before = server.cost()
        targets = [server.target(user) for user in range(scale.users)]
        with clients(server, targets, folder, *contestant.options) as crowd:
            if contestant.connects:
                after = _at_rest(server, seconds=scale.settle_seconds)
                cpu = after.connect_cpu_seconds - before.cpu_seconds
                figures["connects per CPU-second"] = scale.users / max(cpu, 0.01)
                figures["KB per idle connection"] = (after.rss_kb - before.rss_kb) / scale.users
            return figures | _fan_out(server, crowd, stream, label="a room each")


def with_stalled_clients(contestant: Contestant, folder: Path, scale: Scale) -> Figures:
    """The crowd again, and then with one in ten that reads no more, half of these still sending PONGs."""
    stalled = scale.crowd // 10
    # Long texts, so that a client that does not read passes the mark within seconds.
    stream = EmitLoad(room=ROOM, count=20 * scale.paced_rate, rate=scale.paced_rate, body_bytes=4000)
    manners = [f"--stalled={stalled // 2}", f"--pongs-only={stalled - stalled // 2}"]
    with contestant.start(folder) as server:
        targets = [server.target(user, [TOPIC]) for user in range(scale.crowd)]
        with clients(server, targets, folder, *contestant.options, *manners) as crowd:
            _fan_out(
                server, crowd, replace(stream, count=scale.paced_rate), label="warm", readers=scale.crowd
            )
            before = _fan_out(server, crowd, stream, label="before", readers=scale.crowd)
            rss_kb = server.cost().rss_kb
            crowd.tell("reset")
            crowd.tell("stall")
            with ThreadPoolExecutor(1) as emitter:
                posting = emitter.submit(post, server, stream)
                gone_seconds = _gone_after_the_mark(server, posting, stalled, scale.crowd - stalled)
                posting.result()
            heard = crowd.await_deliveries(stream.count * (scale.crowd - stalled), within_seconds=60)
            rest = _at_rest(server, seconds=scale.settle_seconds)
            return {
                "stalled: p99 ms without": before["before: p99 ms"],
                "stalled: p99 ms with": heard.p99_ms,
                "stalled: gone after the mark, s": gone_seconds,
                "stalled: sockets left too many": server.sockets() - (scale.crowd - stalled),
                "stalled: RSS after, % of before": 100 * rest.rss_kb / rss_kb,
            }


def stock_client_connects(contestant: Contestant, folder: Path, scale: Scale) -> Figures:
    """How long the JavaScript client takes until it is connected, by the transports it is given; one at a time."""
    with contestant.start(folder) as server:
        taken = connect_with_the_stock_client(server, scale.stock_connects)
    return {
        "stock client connects, its default: p50 ms": taken["default"],
        "stock client connects, websocket: p50 ms": taken["websocket"],
        "stock client connects, polling: p50 ms": taken["polling"],
        "stock client connects, frames swallowed: p50 ms": taken["swallowed"],
    }


def _gone_after_the_mark(
    server: ServerProcess, posting: "Future[EmitReport]", stalled: int, left: int
) -> float:
    """The seconds from the first client's passing the mark until the last is gone, from the server and from the kernel."""
    passed = None
    while not posting.done():
        time.sleep(0.05)
        if passed is None and server.metrics()["bellhop_slow_consumers_total"] > 0:
            passed = time.monotonic()
        if passed is not None and server.sockets() <= left:
            found = server.metrics()
            if found["bellhop_connections"] <= left and found["bellhop_slow_consumers_total"] >= stalled:
                return time.monotonic() - passed
    return NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rest:
    connect_cpu_seconds: float
    rss_kb: int


def _at_rest(server: ServerProcess, *, seconds: int) -> _Rest:
    """The CPU used when the connecting is over, and the memory when it no longer changes, or after `seconds`."""
    time.sleep(1)
    connected = server.cost()
    sizes = [connected.rss_kb]
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(1)
        sizes.append(server.cost().rss_kb)
        if len(sizes) > 6 and max(sizes[-6:]) - min(sizes[-6:]) < 0.002 * sizes[-1]:
            break
    return _Rest(connect_cpu_seconds=connected.cpu_seconds, rss_kb=sizes[-1])


def _warm(server: ServerProcess, contestant: Contestant, folder: Path) -> None:
    """Let a few in and out, so that what is loaded at the first use is not counted as theirs."""
    with clients(server, [server.target(user) for user in range(50)], folder, *contestant.options):
        pass
    time.sleep(1)


FIGURES = (
    "burst, one caller: deliveries per CPU-second",
    "burst, one caller: p99 ms",
    "burst, 8 callers: deliveries per CPU-second",
    "burst, 8 callers: p99 ms",
    "burst, in batches: deliveries per CPU-second",
    "burst, in batches: p99 ms",
    "paced: deliveries per CPU-second",
    "paced: p99 ms",
    "a room each: deliveries per CPU-second",
    "a room each: p99 ms",
    "connects per CPU-second",
    "KB per idle connection",
    "stock client connects, its default: p50 ms",
    "stock client connects, websocket: p50 ms",
    "stock client connects, polling: p50 ms",
    "stock client connects, frames swallowed: p50 ms",
    "one by one at 500/s: p50 ms",
    "one by one at 500/s: p99 ms",
    "stalled: p99 ms without",
    "stalled: p99 ms with",
    "stalled: gone after the mark, s",
    "stalled: sockets left too many",
    "stalled: RSS after, % of before",
    LOAD_SHARE,
)
SCENARIOS: dict[str, Callable[[Contestant, Path, Scale], Figures]] = {
    "room": in_one_room,
    "users": a_room_each,
    "connect": stock_client_connects,
    "stalled": with_stalled_clients,
}
