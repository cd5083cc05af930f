"""The programs that make the load, two in C and one in JavaScript, and what they report."""

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from bench.servers import API_KEY, RIVALS, ROOT, Dialect, ServerProcess
from tests.support.servers import node_program

BUILD = ROOT / "bench" / "build"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientReport:
    """What the clients report since they were last reset; times from an event's emission to its reading."""

    live: int
    refused: int
    connect_seconds: float
    deliveries: int
    bytes: int
    reads: int
    out_of_order: int
    closed: int
    span_seconds: float
    p50_ms: float
    p99_ms: float
    worst_ms: float
    cpu_seconds: float
    connect_p50_ms: float
    connect_p99_ms: float
    """From when a client was to begin to when it was connected, of all since the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmitReport:
    """What an emitter reports; times are those of its requests."""

    items: int
    accepted: int
    refused: int
    seconds: float
    p50_ms: float
    p99_ms: float
    worst_ms: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EmitLoad:
    """What is emitted: to one room, or in turn to that many users."""

    count: int
    room: str = ""
    users: int = 0
    first: int = 0
    """The user to begin with."""
    items: int = 1
    """In one request."""
    connections: int = 8
    rate: float = 0
    """Requests per second; 0 is as fast as they are answered."""
    body_bytes: int = 0
    """The length of the text, where it is not the usual one."""
    extra: str = ""
    """Fields added to each body."""
    wordless: bool = False
    """Type and data alone: the words are the server's to make, by its catalog."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What is asked of the public site, line after line of a file."""

    file: Path
    count: int
    rate: float
    """Requests per second."""
    connections: int = 64


class Clients:
    """The load client, all its connections made."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.connected = self._hear()

    def tell(self, word: str) -> ClientReport:
        """`reset`, `report` or `stall`."""
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        return self._hear()

    def await_deliveries(self, count: int, *, within_seconds: float) -> ClientReport:
        """Return when that many have come; raise when they do not, or come out of order."""
        deadline = time.monotonic() + within_seconds
        while (heard := self.tell("report")).deliveries < count:
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"{heard.deliveries} of {count} events came within {within_seconds} s: {heard}"
                )
            time.sleep(0.05)
        if heard.out_of_order:
            raise RuntimeError(f"{heard.out_of_order} events came out of order: {heard}")
        return heard

    def _hear(self) -> ClientReport:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the load client ended early")
        return ClientReport(**json.loads(line))


@contextmanager
def clients(server: ServerProcess, targets: Sequence[str], folder: Path, *options: str) -> Iterator[Clients]:
    """Connect a client per target, and keep them until the end."""
    file = folder / "targets"
    file.write_text("".join(f"{target}\n" for target in targets))
    if server.dialect is Dialect.CENTRIFUGO:
        options = ("--centrifugo", *options)
    process = subprocess.Popen(
        [str(BUILD / "load"), str(server.port), str(file), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        crowd = Clients(process)
        if crowd.connected.refused:
            raise RuntimeError(f"{crowd.connected.refused} of {len(targets)} clients were refused")
        yield crowd
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def connect_with_the_stock_client(server: ServerProcess, count: int) -> dict[str, float]:
    """The median milliseconds of a connect, by the manner in which it connects; `count` connects of each."""
    token = server.target(0).partition("\t")[2]
    command = [str(node_program()), str(RIVALS / "node" / "connect.mjs"), str(server.port), token, str(count)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=300, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def post(server: ServerProcess, stream: EmitLoad, *, deadline_seconds: float = 300) -> EmitReport:
    """Run the emitter to its end. Every item has to be accepted."""
    command = [str(server.internal_port), "--key", API_KEY]
    for field in fields(stream):
        value = getattr(stream, field.name)
        if value is True:
            command.append(f"--{field.name}")
        elif value:
            command += [f"--{field.name.replace('_', '-')}", str(value)]
    if server.dialect is not Dialect.SOCKET_IO:
        command.append(f"--{server.dialect}")
    return _run(command, deadline_seconds, strict=True)


def ask(server: ServerProcess, questions: Questions, *, deadline_seconds: float = 300) -> EmitReport:
    """Have the emitter ask instead, to its end; what is answered with anything but 2xx is `refused`."""
    command = [
        str(server.port),
        *("--questions", str(questions.file)),
        *("--count", str(questions.count)),
        *("--rate", str(questions.rate)),
        *("--connections", str(questions.connections)),
    ]
    return _run(command, deadline_seconds, strict=False)


def _run(arguments: Sequence[str], deadline_seconds: float, *, strict: bool) -> EmitReport:
    command = [str(BUILD / "post"), *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=deadline_seconds, check=strict)
    return EmitReport(**json.loads(done.stdout))
