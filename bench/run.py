"""Bellhop beside its rivals: all in one run, taking turns, medians of the rounds, in one table (`make bench`)."""

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bench import machine
from bench.command import BenchCommand, run
from bench.measuring import QUICK, Contestant, Figures, Scale
from bench.rivals.servers import (
    bun_program,
    centrifugo,
    centrifugo_program,
    nchan,
    nchan_module,
    oxide_program,
    socketio_on_bun,
    socketio_on_node,
    socketioxide,
    stock_python_socketio,
)
from bench.scenarios import FIGURES, SCENARIOS
from bench.servers import bellhop

RESULTS = Path(__file__).parent / "RESULTS.md"
READY = ("--ready",)  # a client has come when it has got the event `ready`: after its replay
NOTHING = "-"
TRANSIENT = ',"store":false'


def contestants() -> dict[str, Contestant]:
    found = {
        "bellhop": Contestant(
            name="Bellhop, stored", start=bellhop, options=READY, scenarios=frozenset(SCENARIOS)
        ),
        "transient": Contestant(
            name="Bellhop, `store: false`",
            start=bellhop,
            extra=TRANSIENT,
            options=READY,
            connects=False,
        ),
        "node": Contestant(
            name="Socket.IO on Node.js",
            start=socketio_on_node,
            scenarios=frozenset({"room", "users", "connect"}),
        ),
        "stock": Contestant(name="python-socketio", start=stock_python_socketio),
    }
    optional = {
        "bun": (bun_program(), Contestant(name="Socket.IO on Bun", start=socketio_on_bun)),
        "oxide": (oxide_program(), Contestant(name="socketioxide (Rust)", start=socketioxide)),
        "nchan": (nchan_module(), Contestant(name="nginx + Nchan", start=nchan, batches=False)),
        "centrifugo": (centrifugo_program(), Contestant(name="Centrifugo", start=centrifugo)),
        "centrifugo-history": (
            centrifugo_program(),
            Contestant(name="Centrifugo, history", start=partial(centrifugo, history=True), connects=False),
        ),
        "centrifugo-redis": (
            centrifugo_program(),
            Contestant(
                name="Centrifugo, history in Redis",
                start=partial(centrifugo, history=True, redis=True),
                connects=False,
            ),
        ),
    }
    return found | {name: contestant for name, (program, contestant) in optional.items() if program}


def _missing() -> str:
    """The rivals that need a program which is not here, as a line of the results."""
    wanted = {
        "Bun": bun_program(),
        "a server on socketioxide": oxide_program(),
        "Nchan": nchan_module(),
        "Centrifugo": centrifugo_program(),
    }
    missing = [name for name, program in wanted.items() if program is None]
    return f"\n- Not measured, because not installed here: {', '.join(missing)}." if missing else ""


def measure(
    chosen: Sequence[Contestant], scenarios: Sequence[str], scale: Scale, rounds: int
) -> dict[str, list[Figures]]:
    """The figures of each contestant by round. Each round begins with another one, so that none has the best place."""
    found: dict[str, list[Figures]] = {contestant.name: [] for contestant in chosen}
    for number in range(rounds):
        first = number % len(chosen)
        for contestant in [*chosen[first:], *chosen[:first]]:
            figures: Figures = {}
            for scenario in [name for name in scenarios if name in contestant.scenarios]:
                began = time.monotonic()
                with tempfile.TemporaryDirectory(prefix="bellhop-bench-") as folder:
                    more = SCENARIOS[scenario](contestant, Path(folder), scale)
                shares = [each.get(FIGURES[-1], 0.0) for each in (figures, more)]
                figures |= more | {FIGURES[-1]: max(shares)}
                seconds = time.monotonic() - began
                print(f"round {number + 1}: {contestant.name}, {scenario}: {seconds:.0f} s", file=sys.stderr)
            found[contestant.name].append(figures)
    return found


def _shown(values: Sequence[float]) -> str:
    if not values:
        return NOTHING
    median = statistics.median(values)
    return f"{median:,.0f}" if median >= 100 else f"{median:.1f}"


def table(found: dict[str, list[Figures]]) -> str:
    """The medians, as Markdown."""
    lines = ["| | " + " | ".join(found) + " |", "|---|" + "---:|" * len(found)]
    for figure in FIGURES:
        cells = [
            _shown([round_[figure] for round_ in rounds if figure in round_]) for rounds in found.values()
        ]
        if any(cell != NOTHING for cell in cells):
            lines.append(f"| {figure} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _spread(found: dict[str, list[Figures]]) -> str:
    """The least and the most of each figure over the rounds: how far the medians can be trusted."""
    lines = []
    for name, rounds in found.items():
        for figure in FIGURES:
            values = [round_[figure] for round_ in rounds if figure in round_]
            if values:
                lines.append(f"| {name} | {figure} | {_shown([min(values)])} | {_shown([max(values)])} |")
    return "\n".join(["| | figure | least | most |", "|---|---|---:|---:|", *lines])


def results(found: dict[str, list[Figures]], *, command: str, rounds: int, scale: Scale) -> str:
    programs = ", ".join(f"{name} {version}" for name, version in machine.versions().items())
    return f"""# Results

Made by `{command}` on {datetime.now(UTC):%Y-%m-%d}: medians of {rounds} rounds in one run, the servers taking turns.

{table(found)}

- Machine: {machine.description()}. Servers, load client and emitter share it. To have 4 KB on its disk takes
  {machine.commit()}: so long a commit waits at the least.
- Versions: {programs}.
- Crowd of {scale.crowd:,} in one room: `burst` is {scale.burst_events} events as fast as they are taken, as a POST each from one
  caller or from eight, or as batches of {scale.batch_items}; `paced` is an event every {1000 // scale.paced_rate} ms.
- `A room each` is {scale.users:,} users and {scale.batch_rate * scale.batch_items:,} events a second in batches of {scale.batch_items}. `One by one` is one
  user per event. Latency runs from when an event was due to when the client has read it.
- A connect is the websocket, the token check and the rooms, and with Bellhop the look for what was missed as well.
- `Stock client connects` is `io(url)` until `connect`, in one Node.js process, one after the other: its default is to begin by
  polling and to upgrade. `Frames swallowed`: the same behind a proxy that opens websockets and carries none of their frames.
- `Stalled` is the crowd again, one in ten reading no more, half of these still sending PONGs; only Bellhop bounds what it
  keeps for them. From the mark on: until process and kernel have let go of all.
- CPU is the server's alone, all its processes. Bellhop stores in SQLite where it says `stored`; nobody else stores.
- Nchan checks no token, has one room per client and takes no batches: there its events go over 64 connections.
- Centrifugo's clients speak its own protocol in JSON, subscribe to a channel each, and are proven by the same token. What goes to many users is one
  event broadcast to their channels; `history` keeps the last 100 of each in memory, or in a Redis whose CPU is not counted.{_missing()}

## Spread over the rounds

{_spread(found)}
"""


def main() -> None:
    known = contestants()
    command = BenchCommand("bench", __doc__, rounds=5, results=RESULTS)
    command.choice("--only", known)
    command.choice("--scenarios", SCENARIOS)
    options = command.parse()
    machine.raise_file_limit()
    scale = QUICK if options.quick else Scale()
    chosen = [known[name] for name in options.only.split(",")]
    found = measure(chosen, options.scenarios.split(","), scale, options.rounds)
    command.tell(results(found, command=command.line, rounds=options.rounds, scale=scale), options)


if __name__ == "__main__":
    run(main)
