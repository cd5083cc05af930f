"""What is measured: two crowds, each connected to a server that has just been started.

A scenario answers figures by name (`FIGURES`). A delivery is one event read by one client; CPU is the server's alone, all
its processes together; latencies run from the moment an event was due to be emitted to its reading by a client.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from bench.programs import Clients, Heard, clients, post
from bench.servers import Server

TOPIC = "deals"
ROOM = f"topic:{TOPIC}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A server, and what is emitted to it."""

    name: str
    start: Callable[[Path], AbstractContextManager[Server]]
    extra: str = ""
    """Fields added to every body that is emitted."""
    batches: bool = True
    """Whether it takes many events in one request; if not, they go one by one over several connections."""
    ready: bool = False
    """Whether a client counts as connected at the event `ready` only: after its replay."""
    connects: bool = True
    """Whether its connects and its memory are worth a column: not where another contestant is the same server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much of everything; the quick scale shows that it runs, not how fast."""

    crowd: int = 1000
    burst_events: int = 200
    bursts: int = 3
    paced_events: int = 200
    paced_rate: int = 20
    users: int = 5000
    batch_items: int = 100
    batch_rate: int = 25
    batches: int = 200
    single_rate: int = 500
    single_events: int = 4000
    settle_seconds: int = 40


QUICK = Scale(
    crowd=200,
    burst_events=50,
    bursts=1,
    paced_events=20,
    users=500,
    batches=20,
    single_events=500,
    settle_seconds=5,
)

Figures = dict[str, float]


def _share(heard: Heard) -> float:
    """How much of a core the load client used while events came, in per cent."""
    return 100 * heard.cpu_seconds / max(heard.span_seconds, 0.01)


def _fan_out(
    server: Server,
    crowd: Clients,
    *,
    deliveries: int,
    label: str,
    times: int = 1,
    extra: str,
    **options: object,
) -> Figures:
    """Emit, await all deliveries, and say what they cost."""
    cpu, worst_share, heard = 0.0, 0.0, None
    for _ in range(times):
        crowd.tell("reset")
        before = server.cost()
        post(server, extra=extra, **options)
        heard = crowd.await_deliveries(deliveries, within_seconds=60)
        cpu += server.cost().cpu_seconds - before.cpu_seconds
        worst_share = max(worst_share, _share(heard))
    assert heard is not None
    return {
        f"{label}: deliveries per CPU-second": times * deliveries / max(cpu, 0.01),
        f"{label}: p99 ms": heard.p99_ms,
        "load client: most of its core, %": worst_share,
    }


def in_one_room(contestant: Contestant, folder: Path, scale: Scale) -> Figures:
    """A crowd in one topic: bursts, then a paced stream, then events for one user each."""
    figures: Figures = {}

    def note(more: Figures) -> None:
        key = "load client: most of its core, %"
        more[key] = max(more.get(key, 0), figures.get(key, 0))
        figures.update(more)

    with contestant.start(folder) as server:
        targets = [server.target(user, [TOPIC]) for user in range(scale.crowd)]
        with clients(server, targets, folder, *_options(contestant)) as crowd:
            burst = {
                "room": ROOM,
                "count": scale.burst_events,
                "deliveries": scale.burst_events * scale.crowd,
                "times": scale.bursts,
                "extra": contestant.extra,
            }
            note(_fan_out(server, crowd, label="burst, one by one", connections=8, **burst))
            together = {"items": scale.batch_items} if contestant.batches else {"connections": 64}
            note(_fan_out(server, crowd, label="burst, in batches", **together, **burst))
            note(
                _fan_out(
                    server,
                    crowd,
                    label="paced",
                    deliveries=scale.paced_events * scale.crowd,
                    room=ROOM,
                    count=scale.paced_events,
                    rate=scale.paced_rate,
                    connections=8,
                    extra=contestant.extra,
                )
            )
        users = [server.target(user) for user in range(scale.crowd)]
        with clients(server, users, folder, *_options(contestant)) as crowd:
            crowd.tell("reset")
            post(
                server,
                users=scale.crowd,
                count=scale.single_events,
                rate=scale.single_rate,
                connections=64,
                extra=contestant.extra,
            )
            heard = crowd.await_deliveries(scale.single_events, within_seconds=60)
            figures |= {
                "one by one at 500/s: p50 ms": heard.p50_ms,
                "one by one at 500/s: p99 ms": heard.p99_ms,
            }
    return figures


def a_room_each(contestant: Contestant, folder: Path, scale: Scale) -> Figures:
    """Many users, each in a room of their own: what it costs to let them in, to keep them, and to reach them."""
    figures: Figures = {}
    with contestant.start(folder) as server:
        _warm(server, contestant, folder)
        before = server.cost()
        targets = [server.target(user) for user in range(scale.users)]
        with clients(server, targets, folder, *_options(contestant)) as crowd:
            after = _at_rest(server, seconds=scale.settle_seconds)
            if contestant.connects:
                cpu = after.connect_cpu_seconds - before.cpu_seconds
                figures["connects per CPU-second"] = scale.users / max(cpu, 0.01)
                figures["KB per idle connection"] = (after.rss_kb - before.rss_kb) / scale.users
            figures |= _fan_out(
                server,
                crowd,
                label="a room each",
                deliveries=scale.batches * scale.batch_items,
                users=scale.users,
                count=scale.batches * scale.batch_items,
                extra=contestant.extra,
                **(
                    {"items": scale.batch_items, "rate": scale.batch_rate, "connections": 8}
                    if contestant.batches
                    else {"rate": scale.batch_rate * scale.batch_items, "connections": 64}
                ),
            )
    return figures


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rest:
    connect_cpu_seconds: float
    rss_kb: int


def _at_rest(server: Server, *, seconds: int) -> _Rest:
    """The CPU used when the connecting is over, and the memory when it no longer changes, or after `seconds`."""
    time.sleep(1)
    connected = server.cost()
    sizes = [connected.rss_kb]
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(1)
        sizes.append(server.cost().rss_kb)
        if len(sizes) > 10 and max(sizes[-10:]) - min(sizes[-10:]) < 0.002 * sizes[-1]:
            break
    return _Rest(connect_cpu_seconds=connected.cpu_seconds, rss_kb=sizes[-1])


def _warm(server: Server, contestant: Contestant, folder: Path) -> None:
    """Let a few in and out, so that what is loaded at the first use is not counted as theirs."""
    with clients(server, [server.target(user) for user in range(50)], folder, *_options(contestant)):
        pass
    time.sleep(1)


def _options(contestant: Contestant) -> list[str]:
    return ["--ready"] if contestant.ready else []


FIGURES = (
    "burst, one by one: deliveries per CPU-second",
    "burst, one by one: p99 ms",
    "burst, in batches: deliveries per CPU-second",
    "burst, in batches: p99 ms",
    "paced: deliveries per CPU-second",
    "paced: p99 ms",
    "a room each: deliveries per CPU-second",
    "a room each: p99 ms",
    "connects per CPU-second",
    "KB per idle connection",
    "one by one at 500/s: p50 ms",
    "one by one at 500/s: p99 ms",
    "load client: most of its core, %",
)
SCENARIOS: dict[str, Callable[[Contestant, Path, Scale], Figures]] = {
    "room": in_one_room,
    "users": a_room_each,
}
