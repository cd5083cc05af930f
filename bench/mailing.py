"""What the benchmark of mail runs: three nodes on Redis and MongoDB, a mail server for each lane, and the one who emits."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bench import machine
from bench.servers import API_KEY, ROOT, ServerProcess, bellhop, cost
from tests.support import servers as machines
from tests.support.servers import free_port

CATALOG = Path(__file__).parent / "mails"
NODES = 3
RECEIPTS_A_SECOND = 10
BATCH = 500
SETTLE_SECONDS = 60.0
TAKEN = ""
NODES_CPU, MONGODB, MAIL_SERVERS, MACHINE = "nodes", "MongoDB", "Redis, mail servers", "the whole machine"
USERS = (NODES_CPU, MONGODB, MAIL_SERVERS, MACHINE)
"""Whose cores are counted."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A mail, as the mail server saw it."""

    at: float
    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayProcess:
    """A mail server in a process of its own."""

    port: int
    log: Path
    mode: Path
    pid: int

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
def relay(folder: Path, name: str) -> Iterator[RelayProcess]:
    port, log, mode = free_port(), folder / f"{name}.log", folder / f"{name}.mode"
    mode.write_text(TAKEN)
    log.touch()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.relay", str(port), str(log), str(mode)], cwd=ROOT
    )
    try:
        yield RelayProcess(port=port, log=log, mode=mode, pid=process.pid)
    finally:
        process.terminate()
        process.wait()


@dataclass(slots=True)
class MailCluster:
    nodes: Sequence[ServerProcess]
    receipts: RelayProcess
    bulk: RelayProcess
    stores: Mapping[str, int]
    """The processes of MongoDB and Redis."""
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

    def cpu_seconds(self) -> dict[str, float]:
        """What has been used since the start, by whom."""
        aside = (self.stores["redis"], self.receipts.pid, self.bulk.pid)
        return {
            NODES_CPU: sum(node.cost().cpu_seconds for node in self.nodes),
            MONGODB: cost(self.stores["mongod"]).cpu_seconds,
            MAIL_SERVERS: sum(cost(pid).cpu_seconds for pid in aside),
            MACHINE: machine.busy_seconds(),
        }

    def owe_bulk(self, count: int) -> set[str]:
        """So many bulk mails that are due at once; answers their ids."""
        ids: set[str] = set()
        for start in range(0, count, BATCH):
            items = [
                {
                    "to": f"user:b{number}", "type": "NEWS", "data": {}, "in_app": False,
                    "email": {"to": f"b{number}@d{number % 50}.example"},
                }
                for number in range(start, min(start + BATCH, count))
            ]  # fmt: skip
            answer = self.ask("POST", "/internal/emit/batch", {"notifications": items})
            results = answer["results"]
            assert isinstance(results, list)
            ids |= {result["notifications"][0]["id"] for result in results}
        return ids

    def pause_bulk(self) -> None:
        self.ask("POST", "/internal/lanes/bulk/pause", {"reason": "the benchmark"})

    def resume_bulk(self) -> None:
        self.ask("POST", "/internal/lanes/bulk/resume")

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
        while missing := set(ids) - (taken := self.receipts.taken()).keys():
            assert time.time() < deadline, f"{len(missing)} of {len(ids)} receipts have not left"
            time.sleep(0.5)

        def due(id_: str) -> float:
            mail = self.ask("GET", f"/internal/notifications/{id_}")["mail"]
            assert isinstance(mail, dict)
            return datetime.fromisoformat(mail["due_at"]).timestamp()

        return [taken[id_].at - at for id_, at in zip(ids, self.pool.map(due, ids), strict=True)]


@contextmanager
def cluster(folder: Path, *, rate: int) -> Iterator[MailCluster]:
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
                "BULK_RATE": str(rate),
                "BULK_CONCURRENCY": "16",
                "MAIL_HELO": f"node{number}.example",
            }
            nodes.append(
                stack.enter_context(
                    bellhop(own, store_url=mongod.url, bus_url=redis.url, catalog=CATALOG, settings=settings)
                )
            )
        yield MailCluster(nodes, receipts, bulk, {"mongod": mongod.pid, "redis": redis.pid})
