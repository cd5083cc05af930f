"""What bulk mail costs the mail that somebody waits for, and whether its rate is held: three nodes on Redis and MongoDB.

The two lanes leave by a mail server each, on loopback. Ten receipts a second are emitted all the time, to each node in turn, in phases with bulk mail beside
them and without, by turns. Measured is from the moment at which a mail is due to the mail server's 250. Then bulk mail meets a server that refuses
it, throttles it or does not answer, and is paused by an operator (`make bench-mail`).
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench import machine
from bench.command import Command
from bench.servers import API_KEY, ROOT, Server, bellhop
from tests.support import servers as machines
from tests.support.servers import free_port

RESULTS = Path(__file__).parent / "RESULTS-mail.md"
CATALOG = Path(__file__).parent / "mails"
NODES = 3
RECEIPTS_A_SECOND = 10
BATCH = 500
WINDOW_SECONDS = 10.0
EDGE_SECONDS = 5.0
"""At both ends of a phase what is not counted for the rate: nodes do not begin in one moment."""
SETTLE_SECONDS = 60.0
TROUBLES = {
    "answers 421 to every recipient": "421 4.7.0 too many connections",
    "throttles: 450 4.7.1 to every recipient": "450 4.7.1 too much at once",
    "does not answer": "hang",
}
TAKEN = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    rounds: int
    bulk: int
    """Mails of a phase with bulk mail."""
    alone_seconds: float
    """Of a phase without."""
    trouble_seconds: float
    rate: int = 200


FULL = Amount(rounds=2, bulk=25_000, alone_seconds=60, trouble_seconds=20)
QUICK = Amount(rounds=1, bulk=1_000, alone_seconds=5, trouble_seconds=3)


@dataclass(frozen=True, slots=True)
class Taken:
    """A mail, as the mail server saw it."""

    at: float
    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """A mail server in a process of its own."""

    port: int
    log: Path
    mode: Path

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}?starttls=never"

    def taken(self) -> dict[str, Taken]:
        """What it has taken, by id; of what came twice, the first."""
        found: dict[str, Taken] = {}
        for line in self.log.read_text().splitlines():
            at, id_, node = line.split(" ")
            found.setdefault(id_, Taken(float(at), node))
        return found


@contextmanager
def relay(folder: Path, name: str) -> Iterator[Relay]:
    made = Relay(port=free_port(), log=folder / f"{name}.log", mode=folder / f"{name}.mode")
    made.mode.write_text(TAKEN)
    made.log.touch()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.relay", str(made.port), str(made.log), str(made.mode)], cwd=ROOT
    )
    try:
        yield made
    finally:
        process.terminate()
        process.wait()


@dataclass(slots=True)
class Cluster:
    nodes: Sequence[Server]
    receipts: Relay
    bulk: Relay
    turn: int = 0
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(32))

    def ask(self, method: str, path: str, body: object = None) -> dict[str, object]:
        """Of each node in turn."""
        self.turn += 1
        node = self.nodes[self.turn % len(self.nodes)]
        request = urllib.request.Request(
            f"http://127.0.0.1:{node.internal_port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, object] = json.load(answer)
        return found

    def owe_bulk(self, count: int, due_at: float) -> set[str]:
        """So many bulk mails that are due then; answers their ids."""
        ids: set[str] = set()
        for start in range(0, count, BATCH):
            after = max(0.0, due_at - time.time())
            items = [
                {
                    "to": f"user:b{number}", "type": "NEWS", "data": {}, "in_app": False,
                    "email": {"to": f"b{number}@d{number % 50}.example", "after": round(after, 3)},
                }
                for number in range(start, min(start + BATCH, count))
            ]  # fmt: skip
            answer = self.ask("POST", "/internal/emit/batch", {"notifications": items})
            results = answer["results"]
            assert isinstance(results, list)
            ids |= {result["notifications"][0]["id"] for result in results}
        return ids

    def emit_receipts(self, until: float) -> list[str]:
        """Ten a second, evenly, until then; answers their ids."""
        emitting = []
        at = time.time()
        number = 0
        while at < until:
            time.sleep(max(0.0, at - time.time()))
            body = {
                "to": f"user:{number}",
                "type": "RECEIPT",
                "email": {"to": f"{number}@shop.example"},
                "data": {},
            }
            emitting.append(self.pool.submit(self.ask, "POST", "/internal/emit", body))
            number += 1
            at += 1 / RECEIPTS_A_SECOND
        answers = [each.result() for each in emitting]
        return [answer["notifications"][0]["id"] for answer in answers]  # type: ignore[index]  # as an emit is answered

    def delays(self, ids: Sequence[str]) -> list[float]:
        """Of each of these mails the seconds from when it was due to its 250."""
        deadline = time.time() + SETTLE_SECONDS
        while (taken := self.receipts.taken()) and not set(ids) <= taken.keys() and time.time() < deadline:
            time.sleep(0.1)

        def due(id_: str) -> float:
            mail = self.ask("GET", f"/internal/notifications/{id_}")["mail"]
            assert isinstance(mail, dict)
            return datetime.fromisoformat(mail["due_at"]).timestamp()

        return [taken[id_].at - at for id_, at in zip(ids, self.pool.map(due, ids), strict=True)]


@contextmanager
def cluster(folder: Path, amount: Amount) -> Iterator[Cluster]:
    with ExitStack() as stack:
        redis = stack.enter_context(machines.redis())
        mongod = stack.enter_context(machines.mongod())
        receipts = stack.enter_context(relay(folder, "receipts"))
        bulk = stack.enter_context(relay(folder, "bulk"))
        nodes = []
        for number in range(NODES):
            own = folder / f"node{number}"
            own.mkdir()
            settings = {
                "MAIL_URL": receipts.url,
                "BULK_URL": bulk.url,
                "BULK_RATE": str(amount.rate),
                "BULK_CONCURRENCY": "8",
                "MAIL_HELO": f"node{number}.example",
            }
            nodes.append(
                stack.enter_context(
                    bellhop(own, store_url=mongod.url, bus_url=redis.url, catalog=CATALOG, settings=settings)
                )
            )
        yield Cluster(nodes, receipts, bulk)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    name: str
    delays: Sequence[float]
    rate: float | None = None
    worst: float | None = None
    """How far the rate of ten seconds was from the one that is set, at most: a part of 1."""
    shares: Mapping[str, int] = field(default_factory=dict)
    cpu: float = 0.0
    """Of all nodes together, cores."""

    def row(self) -> str:
        marks = [quantile(self.delays, share) * 1000 for share in (0.5, 0.99)] + [max(self.delays) * 1000]
        figures = " | ".join(f"{mark:.0f} ms" for mark in marks)
        rate = "" if self.rate is None else f"{self.rate:.1f}/s"
        worst = "" if self.worst is None else f"{self.worst * 100:.1f} %"
        shares = " + ".join(str(count) for _, count in sorted(self.shares.items()))
        return (
            f"| {self.name} | {len(self.delays)} | {figures} | {rate} | {worst} | {shares} | {self.cpu:.2f} |"
        )


def quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def phase(here: Cluster, name: str, until: float, *, bulk: set[str] | None = None, rate: int = 0) -> Phase:
    before, began = [node.cost().cpu_seconds for node in here.nodes], time.time()
    ids = here.emit_receipts(until)
    cpu = sum(node.cost().cpu_seconds - was for node, was in zip(here.nodes, before, strict=True))
    cores = cpu / (time.time() - began)
    delays = here.delays(ids)
    if not bulk:
        return Phase(name=name, delays=delays, cpu=cores)
    taken = _all_taken(here.bulk, bulk)
    times = sorted(each.at for each in taken.values())
    shares: dict[str, int] = {}
    for each in taken.values():
        shares[each.node] = shares.get(each.node, 0) + 1
    held, worst = _rate(times, rate)
    return Phase(name=name, delays=delays, rate=held, worst=worst, shares=shares, cpu=cores)


def _all_taken(bulk: Relay, ids: set[str]) -> dict[str, Taken]:
    deadline = time.time() + SETTLE_SECONDS
    while True:
        taken = {id_: each for id_, each in bulk.taken().items() if id_ in ids}
        if len(taken) == len(ids) or time.time() > deadline:
            assert len(taken) == len(ids), f"{len(ids) - len(taken)} bulk mails have not left"
            return taken
        time.sleep(0.5)


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


def measure(amount: Amount) -> list[Phase]:
    with tempfile.TemporaryDirectory() as folder, cluster(Path(folder), amount) as here:
        here.emit_receipts(time.time() + 2)  # what is new to a process is slow the first time
        phases = []
        for _ in range(amount.rounds):
            phases.append(phase(here, "receipts alone", time.time() + amount.alone_seconds))
            due_at = time.time() + amount.bulk / 2_000 + 2
            bulk = here.owe_bulk(amount.bulk, due_at)
            time.sleep(max(0.0, due_at - time.time()))
            name = f"beside {amount.bulk:,} bulk mails at {amount.rate}/s"
            end = time.time() + amount.bulk / amount.rate
            phases.append(phase(here, name, end, bulk=bulk, rate=amount.rate))
        phases.append(phase(here, "receipts alone", time.time() + amount.alone_seconds))
        return phases + troubled(here, amount)


def troubled(here: Cluster, amount: Amount) -> list[Phase]:
    """Bulk mail is owed that its mail server does not take, or that is paused."""
    phases = []
    here.owe_bulk(amount.rate * 10, time.time())
    here.ask("POST", "/internal/lanes/bulk/pause", {"reason": "the benchmark"})
    phases.append(phase(here, "bulk mail is paused", time.time() + amount.trouble_seconds))
    for name, answer in TROUBLES.items():
        here.bulk.mode.write_text(answer)
        here.ask("POST", "/internal/lanes/bulk/resume")
        here.owe_bulk(amount.rate * 2, time.time())
        phases.append(phase(here, f"bulk mail, whose server {name}", time.time() + amount.trouble_seconds))
    return phases


def report(phases: Sequence[Phase], amount: Amount, line: str) -> str:
    alone = [delay for each in phases if each.name == "receipts alone" for delay in each.delays]
    beside = [delay for each in phases if each.rate is not None for delay in each.delays]
    ratio = quantile(beside, 0.99) / quantile(alone, 0.99)
    rates = [each.rate for each in phases if each.rate is not None]
    rows = "\n".join(each.row() for each in phases)
    return f"""# Two lanes of mail, {NODES} nodes

`{line}`, {datetime.now(UTC):%Y-%m-%d}, on {machine.description()}; nodes, MongoDB, Redis, both mail servers and the one who emits share it.

{RECEIPTS_A_SECOND} receipts a second go out all the time; measured is from the moment a mail is due to its 250. The rate of bulk mail is that of all nodes
together, without the first and last {EDGE_SECONDS:.0f} seconds; beside it how far {WINDOW_SECONDS:.0f} seconds were from it at most, and how many mails each node has sent.

| phase | receipts | median | p99 | longest | bulk mail | off by | by node | cores of the nodes |
|---|---|---|---|---|---|---|---|---|
{rows}

All receipts alone: p99 {quantile(alone, 0.99) * 1000:.0f} ms; beside bulk mail: {quantile(beside, 0.99) * 1000:.0f} ms, {ratio:.2f} times as much. Bulk mail was set to {amount.rate}/s and left at {statistics.mean(rates):.1f}/s.
"""


def main() -> None:
    command = Command("bench-mail", __doc__, rounds=FULL.rounds, results=RESULTS)
    given = command.parse()
    full = Amount(
        rounds=given.rounds,
        bulk=FULL.bulk * FULL.rounds // given.rounds,
        alone_seconds=FULL.alone_seconds,
        trouble_seconds=FULL.trouble_seconds,
    )
    amount = QUICK if given.quick else full
    command.tell(report(measure(amount), amount, command.line), given)


if __name__ == "__main__":
    main()
