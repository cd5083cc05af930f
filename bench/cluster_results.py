"""How much `bench.cluster` does, and the tables of what it has found."""

import statistics
from dataclasses import dataclass
from datetime import UTC, datetime

from bench import machine
from bench.command import Amount
from bench.measuring import Figures

SIZES = (1, 2, 4)
"""Of a cluster, in nodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAmount(Amount):
    """How much of everything, of each node. With four nodes and all that they need, two cores have some time left."""

    crowd: int = 500
    users: int = 2000
    batch_rate: int = 10
    burst_items: int = 25
    events_each: int = 4
    foreign_frames: int = 40_000
    cpu_seconds: float = 1.0
    """A burst is repeated until each node has used about that much: CPU is counted in ticks of 10 ms."""


QUICK = NodeAmount(
    crowd=100,
    burst_events=100,
    paced_events=20,
    users=200,
    foreign_frames=2000,
    cpu_seconds=0,
)


FIGURES = (
    *(
        f"{size}: {figure}"
        for figure in (
            "one room, burst: deliveries per CPU-second",
            "one room, paced: deliveries per CPU-second",
            "one room, paced: p99 ms",
            "a room each: deliveries per CPU-second",
            "a room each: µs of Redis an event",
            "a room each: µs of MongoDB an event",
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


def results(
    found: dict[str, list[Figures]], *, command: str, rounds: int, scale: NodeAmount, noise: str
) -> str:
    programs = ", ".join(f"{name} {version}" for name, version in machine.versions().items())
    return f"""# Results of a cluster

Made by `{command}` on {datetime.now(UTC):%Y-%m-%d}: medians of {rounds} rounds in one run, the contestants taking turns; in brackets the least
and the most.

{table(found)}

- Machine: {machine.description()}. Nodes, Redis, MongoDB, load clients and emitters share it, so that nothing is said here
  of deliveries per second of the clock, and latency is that of a crowded machine. {noise}
- Versions: {programs}.
- CPU is that of all nodes together; what Redis and MongoDB use beside it is told of `a room each` alone. All contestants have the same nodes, clients and emitters.
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
