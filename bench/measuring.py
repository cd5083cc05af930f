"""How a server is measured: whom it is asked of, how much, and what one stream of events, its connections and its rest cost.

A delivery is one event read by one client; CPU is the server's alone, all its processes together; latencies run from the
moment an event was due to be emitted to its reading by a client.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from bench.command import Amount
from bench.programs import ClientReport, Clients, EmitLoad, clients, post
from bench.servers import ServerProcess

LOAD_SHARE = "load client: most of its core, %"
MOST_REPEATS = 20

Figures = dict[str, float]
"""What was measured, by name."""


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


def fan_out(
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


def _share(heard: Sequence[ClientReport]) -> float:
    """How much of a core the load client used while events came, in per cent."""
    span = sum(one.span_seconds for one in heard)
    return 100 * sum(one.cpu_seconds for one in heard) / max(span, 0.01)


def together(figures: Iterable[Figures]) -> Figures:
    """All of them; of the load client's shares the greatest."""
    found: Figures = {}
    for more in figures:
        found |= more | {LOAD_SHARE: max(found.get(LOAD_SHARE, 0.0), more.get(LOAD_SHARE, 0.0))}
    return found


def latency(server: ServerProcess, crowd: Clients, contestant: Contestant, scale: Scale) -> Figures:
    """Emit to one user after the other, at a steady rate, and say how long that took to reach each."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """A server with clients that have nothing to do."""

    connect_cpu_seconds: float
    rss_kb: int


def at_rest(server: ServerProcess, *, seconds: int) -> Rest:
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
    return Rest(connect_cpu_seconds=connected.cpu_seconds, rss_kb=sizes[-1])


def warm(server: ServerProcess, contestant: Contestant, folder: Path) -> None:
    """Let a few in and out, so that what is loaded at the first use is not counted as theirs."""
    with clients(server, [server.target(user) for user in range(50)], folder, *contestant.options):
        pass
    time.sleep(1)
