"""What a node costs while nothing happens: 20,000 clients by websocket, and 5,000 that poll, each in a room of its own (`make bench-idle`).

The clients answer pings and are told nothing else. The CPU is the gateway's over two intervals of pings, when the connecting is
long over. It needs some 22,000 open files in the gateway and as many in the load client: where fewer are allowed and nobody may
raise that, it measures as many clients as there can be, and says so.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import machine
from bench.command import BenchCommand, run
from bench.polling import pollers
from bench.programs import clients
from bench.servers import ResourceUsage, ServerProcess, bellhop, token

RESULTS = Path(__file__).parent / "RESULTS-idle.md"
ADDRESSES = 4
"""That the clients come from: one has ports for 28,000 at most, and others use some of them."""
OTHER_FILES = 2100
"""What a gateway opens, and keeps back, beside its clients."""
WARM = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    websockets: int = 20_000
    pollers: int = 5000
    settle_seconds: float = 35
    """Longer than the interval of pings, and of looking whether rooms have a hole."""
    seconds: float = 50
    """Two intervals of pings."""


QUICK = Amounts(websockets=500, pollers=100, settle_seconds=2, seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """What a crowd costs that does nothing."""

    clients: int
    cpu_percent: float
    """Of one core."""
    rss_mb: float
    kb_each: float


def by_websocket(server: ServerProcess, folder: Path, count: int, amounts: Amounts) -> Idle:
    before = server.cost()
    targets = [server.target(user) for user in range(count)]
    with clients(server, targets, folder, "--ready", f"--addresses={ADDRESSES}") as crowd:
        time.sleep(amounts.settle_seconds)
        begun = server.cost()
        time.sleep(amounts.seconds)
        found = _idle(count, before, begun, server.cost(), amounts)
        if (heard := crowd.tell("report")).live != count:
            raise RuntimeError(f"{count - heard.live} of {count} clients have gone")
        return found


def by_polling(server: ServerProcess, folder: Path, count: int, amounts: Amounts) -> Idle:
    del folder

    async def measured() -> Idle:
        before = server.cost()
        async with pollers(server, [token(user) for user in range(count)], ADDRESSES):
            await asyncio.sleep(amounts.settle_seconds)
            begun = server.cost()
            await asyncio.sleep(amounts.seconds)
            return _idle(count, before, begun, server.cost(), amounts)

    return asyncio.run(measured())


def _idle(
    count: int, before: ResourceUsage, begun: ResourceUsage, ended: ResourceUsage, amounts: Amounts
) -> Idle:
    return Idle(
        clients=count,
        cpu_percent=100 * (ended.cpu_seconds - begun.cpu_seconds) / amounts.seconds,
        rss_mb=ended.rss_kb / 1024,
        kb_each=(ended.rss_kb - before.rss_kb) / max(count, 1),
    )


CROWDS: dict[str, Callable[[ServerProcess, Path, int, Amounts], Idle]] = {
    "none": lambda server, folder, count, amounts: by_websocket(server, folder, 0 * count, amounts),
    "websocket": by_websocket,
    "polling": by_polling,
}


def measure(crowd: str, amounts: Amounts, files: int) -> Idle:
    """One crowd at a gateway that has just been started, as many as files allow."""
    wanted = amounts.pollers if crowd == "polling" else amounts.websockets
    count = min(wanted, files - OTHER_FILES)
    with tempfile.TemporaryDirectory(prefix="bellhop-bench-") as text:
        folder = Path(text)
        with bellhop(folder, settings={"MAX_CONNECTIONS": str(max(count, WARM))}) as server:
            # So that what is loaded at the first use is not counted as theirs.
            with clients(server, [server.target(user) for user in range(WARM)], folder, "--ready"):
                pass
            time.sleep(1)
            return CROWDS[crowd](server, folder, count, amounts)


def results(found: dict[str, list[Idle]], *, command: str, amounts: Amounts, load: float, files: int) -> str:
    lines = ["| idle | clients | CPU, % of a core | RSS, MB | KB each |", "|---|---:|---:|---:|---:|"]
    for crowd, rounds in found.items():
        cpu, rss, each = (
            statistics.median(values)
            for values in zip(*((one.cpu_percent, one.rss_mb, one.kb_each) for one in rounds), strict=True)
        )
        lines.append(f"| {crowd} | {rounds[0].clients:,} | {cpu:.1f} | {rss:.0f} | {each:.1f} |")
    shown = "\n".join(lines)
    short = files - OTHER_FILES < amounts.websockets
    fewer = (
        f"\n- No more than {files:,} open files are allowed here, so there are fewer clients."
        if short
        else ""
    )
    return f"""# Results of doing nothing

Made by `{command}` on {datetime.now(UTC):%Y-%m-%d}.

{shown}

- Machine: {machine.description()}; the load average before the run was {load:.1f}. Gateway and clients share it.
- Each client is another user, in a room of its own; pings go out every 25 s. The CPU is the gateway's alone, over {amounts.seconds:.0f} s, from {amounts.settle_seconds:.0f} s
  after the last has come; all else that a gateway does by itself is in it, and is what `none` shows.{fewer}
"""


def main() -> None:
    command = BenchCommand("bench-idle", __doc__, rounds=1, results=RESULTS)
    command.choice("--crowds", CROWDS)
    options = command.parse()
    amounts = QUICK if options.quick else Amounts()
    chosen: Sequence[str] = options.crowds.split(",")
    files = machine.raise_file_limit(amounts.websockets + OTHER_FILES)
    load = os.getloadavg()[0]
    found: dict[str, list[Idle]] = {}
    for number in range(options.rounds):
        for crowd in chosen:
            idle = measure(crowd, amounts, files)
            print(f"round {number + 1}: {crowd}: {idle}", file=sys.stderr)
            found.setdefault(crowd, []).append(idle)
    text = results(found, command=command.line, amounts=amounts, load=load, files=files)
    command.tell(text, options)


if __name__ == "__main__":
    run(main)
