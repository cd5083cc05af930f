"""What bulk mail costs the mail that somebody waits for, and whether its rate is held: three nodes on Redis and MongoDB.

The two lanes leave by a mail server each, on loopback. Ten receipts a second are emitted all the time, to each node in turn, in phases with bulk mail beside
them and without, by turns. Measured is from the moment at which a mail is due to the mail server's 250. Then bulk mail meets a server that refuses
it, throttles it or does not answer, and is paused by an operator (`make bench-mail`). With fewer mails, as by `ARGS="--mails 12000"`, there is one phase
without bulk mail and one beside it, which takes two and a half minutes.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench import machine
from bench.command import BenchCommand, run
from bench.mailing import (
    MACHINE,
    NODES,
    RECEIPTS_A_SECOND,
    SETTLE_SECONDS,
    USERS,
    MailCluster,
    RelayProcess,
    Taken,
    cluster,
)

RESULTS = Path(__file__).parent / "RESULTS-mail.md"
WINDOW_SECONDS = 10.0
EDGE_SECONDS = 5.0
"""At both ends of a phase what is not counted for the rate: nodes do not begin in one moment."""
TROUBLES = {
    "answers 421 to every recipient": "421 4.7.0 too many connections",
    "throttles: 450 4.7.1 to every recipient": "450 4.7.1 too much at once",
    "does not answer": "hang",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mails:
    rounds: int
    bulk: int
    """Mails of a phase with bulk mail."""
    alone_seconds: float
    """Of a phase without."""
    trouble_seconds: float
    """Of a phase in which bulk mail cannot leave; 0: there is none of these."""
    rate: int = 200


FULL = Mails(rounds=2, bulk=25_000, alone_seconds=60, trouble_seconds=20)
QUICK = Mails(rounds=1, bulk=1_000, alone_seconds=5, trouble_seconds=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    name: str
    delays: Sequence[float]
    rate: float | None = None
    worst: float | None = None
    """How far the rate of ten seconds was from the one that is set, at most: a part of 1."""
    shares: Mapping[str, int] = field(default_factory=dict)
    cores: Mapping[str, float] = field(default_factory=dict)
    """By whom they were used, as `MailCluster.cpu_seconds` tells them apart."""

    bulk: int = 0
    used_seconds: float = 0.0
    """Of cores by the first three of those, until the last bulk mail had left."""
    lasted_seconds: float = 0.0
    """Until then."""

    @property
    def own_cores(self) -> float:
        return _own(self.cores)

    def row(self) -> str:
        marks = [quantile(self.delays, share) * 1000 for share in (0.5, 0.99)] + [max(self.delays) * 1000]
        figures = " | ".join(f"{mark:.0f} ms" for mark in marks)
        rate = "" if self.rate is None else f"{self.rate:.1f}/s"
        worst = "" if self.worst is None else f"{self.worst * 100:.1f} %"
        shares = " + ".join(str(count) for _, count in sorted(self.shares.items()))
        cores = " | ".join(f"{self.cores[name]:.2f}" for name in USERS)
        return f"| {self.name} | {len(self.delays)} | {figures} | {rate} | {worst} | {shares} | {cores} |"


def say(text: str) -> None:
    """How far it is, for whoever waits."""
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)


def _own(cpu: Mapping[str, float]) -> float:
    """Without whoever else is on the machine."""
    return sum(cpu[name] for name in USERS if name != MACHINE)


def quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def phase(
    here: MailCluster, name: str, until: float, *, bulk: set[str] | None = None, rate: int = 0
) -> Phase:
    say(f"{name}: {until - time.time():.0f} s")
    before, began = here.cpu_seconds(), time.time()
    ids = here.emit_receipts(until)
    after, seconds = here.cpu_seconds(), time.time() - began
    cores = {name: (after[name] - before[name]) / seconds for name in USERS}
    if not bulk:
        return Phase(name=name, delays=here.delays(ids), cores=cores)
    taken = _all_taken(here.bulk, bulk)
    used, lasted = _own(here.cpu_seconds()) - _own(before), time.time() - began
    times = sorted(each.at for each in taken.values())
    shares: dict[str, int] = {}
    for each in taken.values():
        shares[each.node] = shares.get(each.node, 0) + 1
    held, worst = _rate(times, rate)
    return Phase(
        name=name,
        delays=here.delays(ids),
        rate=held,
        worst=worst,
        shares=shares,
        cores=cores,
        bulk=len(bulk),
        used_seconds=used,
        lasted_seconds=lasted,
    )


def _all_taken(bulk: RelayProcess, ids: set[str]) -> dict[str, Taken]:
    """What was taken of these mails, once all were: for as long as one more comes, however busy the machine is."""
    count, since = 0, time.time()
    while True:
        taken = {id_: each for id_, each in bulk.taken().items() if id_ in ids}
        if len(taken) == len(ids):
            return taken
        if len(taken) > count:
            count, since = len(taken), time.time()
        assert time.time() < since + SETTLE_SECONDS, f"{len(ids) - len(taken)} bulk mails have not left"
        say(f"{len(taken):,} of {len(ids):,} bulk mails have left")
        time.sleep(2)


def _rate(times: Sequence[float], rate: int) -> tuple[float, float]:
    """Mails a second, and how far those of `WINDOW_SECONDS` were from that at most."""
    inner = [at for at in times if times[0] + EDGE_SECONDS <= at <= times[-1] - EDGE_SECONDS] or list(times)
    held = (len(inner) - 1) / (inner[-1] - inner[0])
    window = min(WINDOW_SECONDS, (inner[-1] - inner[0]) / 2)
    counts = []
    start = inner[0]
    while start + window <= inner[-1]:
        counts.append(sum(start <= at < start + window for at in inner) / window)
        start += window
    return held, max(abs(count - rate) / rate for count in counts)


def measure(amount: Mails) -> list[Phase]:
    with tempfile.TemporaryDirectory() as folder, cluster(Path(folder), rate=amount.rate) as here:
        here.emit_receipts(time.time() + 2)  # what is new to a process is slow the first time
        phases = []
        for _ in range(amount.rounds):
            phases.append(phase(here, "receipts alone", time.time() + amount.alone_seconds))
            # All of it is owed before the first leaves: what an emit costs is not measured here.
            here.pause_bulk()
            say(f"{amount.bulk:,} bulk mails are being owed")
            bulk = here.owe_bulk(amount.bulk)
            here.resume_bulk()
            name = f"beside {amount.bulk:,} bulk mails at {amount.rate}/s"
            end = time.time() + amount.bulk / amount.rate
            phases.append(phase(here, name, end, bulk=bulk, rate=amount.rate))
        if not amount.trouble_seconds:
            return phases
        phases.append(phase(here, "receipts alone", time.time() + amount.alone_seconds))
        return phases + troubled(here, amount)


def troubled(here: MailCluster, amount: Mails) -> list[Phase]:
    """Bulk mail is owed that its mail server does not take, or that is paused."""
    phases = []
    here.pause_bulk()
    here.owe_bulk(amount.rate * 10)
    phases.append(phase(here, "bulk mail is paused", time.time() + amount.trouble_seconds))
    for name, answer in TROUBLES.items():
        here.bulk.mode.write_text(answer)
        here.resume_bulk()
        here.owe_bulk(amount.rate * 2)
        phases.append(phase(here, f"bulk mail, whose server {name}", time.time() + amount.trouble_seconds))
    return phases


def report(phases: Sequence[Phase], amount: Mails, line: str) -> str:
    alone = [delay for each in phases if each.name == "receipts alone" for delay in each.delays]
    beside = [delay for each in phases if each.rate is not None for delay in each.delays]
    ratio = quantile(beside, 0.99) / quantile(alone, 0.99)
    rates = [each.rate for each in phases if each.rate is not None]
    held = statistics.mean(rates)
    quiet = statistics.mean(each.own_cores for each in phases if each.name == "receipts alone")
    with_bulk = [each for each in phases if each.bulk]
    apiece = sum(each.used_seconds - quiet * each.lasted_seconds for each in with_bulk) / sum(
        each.bulk for each in with_bulk
    )
    rows = "\n".join(each.row() for each in phases)
    return f"""# Two lanes of mail, {NODES} nodes

`{line}`, {datetime.now(UTC):%Y-%m-%d}, on {machine.description()}; nodes, MongoDB, Redis, both mail servers and the one who emits share it.

{RECEIPTS_A_SECOND} receipts a second go out all the time; measured is from the moment a mail is due to its 250. The rate of bulk mail is that of all nodes
together, without the first and last {EDGE_SECONDS:.0f} seconds; beside it how far {WINDOW_SECONDS:.0f} seconds were from it at most, and how many mails each node has sent.
Then the cores that were used: where those of the whole machine are many more than the others together, somebody else has disturbed it.

| phase | receipts | median | p99 | longest | bulk mail | off by | by node | {" | ".join(USERS)} |
|---|---|---|---|---|---|---|---|{"---|" * len(USERS)}
{rows}

All receipts alone: p99 {quantile(alone, 0.99) * 1000:.0f} ms; beside bulk mail: {quantile(beside, 0.99) * 1000:.0f} ms, {ratio:.2f} times as much. Bulk mail was set to {amount.rate}/s and left at {held:.1f}/s, {abs(held / amount.rate - 1) * 100:.1f} % off.
Each bulk mail took {apiece * 1000:.1f} ms of a core, of nodes, MongoDB, Redis and mail servers together.
"""


def main() -> None:
    command = BenchCommand("bench-mail", __doc__, rounds=FULL.rounds, results=RESULTS)
    command.number("--mails", FULL.bulk * FULL.rounds)
    given = command.parse()
    is_whole = given.mails >= FULL.bulk * FULL.rounds
    # Fewer mails are for who wants to know soon: one phase without them and one with them.
    rounds = given.rounds if is_whole else 1
    amount = Mails(
        rounds=rounds,
        bulk=given.mails // rounds,
        alone_seconds=FULL.alone_seconds,
        trouble_seconds=FULL.trouble_seconds if is_whole else 0,
    )
    amount = QUICK if given.quick else amount
    command.tell(report(measure(amount), amount, command.line), given)


if __name__ == "__main__":
    run(main)
