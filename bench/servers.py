"""The servers under test: what each costs, how clients and emitters address it, and how Bellhop is started."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

import jwt

from tests.support.servers import free_port

ROOT = Path(__file__).parent.parent
RIVALS = ROOT / "bench" / "rivals"
START_SECONDS = 120
STOP_SECONDS = 60
LISTENING = "0A"

SECRET = "the benchmark signs its tokens with this"
API_KEY = "a-key-of-the-benchmark-of-32-characters-or-more"
SOCKET_IO = "/socket.io/?EIO=4&transport=websocket"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceUsage:
    """What a server has used: all its processes together, threads included."""

    cpu_seconds: float
    rss_kb: int


def cost(pid: int) -> ResourceUsage:
    """Of the process and its living descendants."""
    process = Path("/proc", str(pid))
    rss_pages = int((process / "statm").read_text().split()[1])
    used = ResourceUsage(
        cpu_seconds=time.clock_gettime(_cpu_clock(pid)),
        rss_kb=rss_pages * os.sysconf("SC_PAGE_SIZE") // 1024,
    )
    for child in (process / "task" / str(pid) / "children").read_text().split():
        more = cost(int(child))
        used = ResourceUsage(
            cpu_seconds=used.cpu_seconds + more.cpu_seconds, rss_kb=used.rss_kb + more.rss_kb
        )
    return used


def _cpu_clock(pid: int) -> int:
    """What clock_getcpuclockid(3) says: to the nanosecond, where /proc counts in hundredths of a second. Linux only."""
    return ~pid << 3 | 2


def token(user: int, topics: Sequence[str] = ()) -> str:
    """What proves a user to every server here."""
    expiry = datetime.now(UTC) + timedelta(days=1)
    claims = {"sub": str(user), "exp": expiry, **({"topics": list(topics)} if topics else {})}
    return jwt.encode(claims, SECRET, algorithm="HS256")


class Dialect(StrEnum):
    """How a server is spoken to, by its clients and by those who emit."""

    SOCKET_IO = "socket-io"
    """Socket.IO, and Bellhop's HTTP."""
    CHANNEL = "channel"
    """Plain websockets, and what is published is what they get, as with Nchan."""
    CENTRIFUGO = "centrifugo"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProcess:
    """A server that runs."""

    pid: int
    port: int
    internal_port: int
    dialect: Dialect = Dialect.SOCKET_IO

    def target(self, user: int, topics: Sequence[str] = ()) -> str:
        """A line of the load client's file of targets. But for Socket.IO's, a client hears one room: its topic, or its user's."""
        if self.dialect is Dialect.CHANNEL:
            room = f"topic:{topics[0]}" if topics else f"user:{user}"
            return f"/sub?id={room}\t"
        if self.dialect is Dialect.CENTRIFUGO:
            # Behind `#` is who may subscribe.
            room = f"topic:{topics[0]}" if topics else f"user:#{user}"
            return f"/connection/websocket\t{token(user)}\t{room}"
        return f"{SOCKET_IO}\t{token(user, topics)}"

    def cost(self) -> ResourceUsage:
        return cost(self.pid)

    def metrics(self) -> dict[str, float]:
        """What it counts for itself, but for what has labels; Bellhop only."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.internal_port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        plain = [line.split() for line in lines if not line.startswith("#") and "{" not in line]
        return {name: float(value) for name, value in plain}

    def sockets(self) -> int:
        """How many TCP sockets of its clients the kernel keeps, those that its process has let go of included."""
        local = f":{self.port:04X}"
        rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(row[1].endswith(local) and row[3] != LISTENING for row in rows)


@contextmanager
def running(
    command: Sequence[str | Path], *, folder: Path, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server; its output goes to `server.log` in its folder, and is shown when it fails."""
    log = folder / "server.log"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BELLHOP_")}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=folder,
            env=inherited | {"PYTHONPATH": str(ROOT)} | (environment or {}),
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    except Exception:
        sys.stderr.write(
            f"--- the end of the log of {command[0]}:\n{log.read_text(errors='replace')[-3000:]}\n"
        )
        raise
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def await_answer(process: subprocess.Popen[bytes], url: str, *, ok_only: bool = False) -> None:
    """Return when the URL answers: with anything, or with a 2xx."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except urllib.error.HTTPError:
            if not ok_only:
                return
        except OSError:
            pass
        else:
            return
        time.sleep(0.05)
    raise RuntimeError(f"{url} did not answer")


@contextmanager
def bellhop(
    folder: Path,
    *,
    store_url: str | None = None,
    bus_url: str | None = None,
    catalog: Path | None = None,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[ServerProcess]:
    """`bellhop serve` as documented, but for the limits per address: all the clients come from one here.

    `settings` are further ones, without the prefix.
    """
    port, internal_port = free_port(), free_port()
    environment = {
        "BELLHOP_PORT": str(port),
        "BELLHOP_INTERNAL_PORT": str(internal_port),
        "BELLHOP_STORE_URL": store_url or f"sqlite:///{folder}/bellhop.db",
        "BELLHOP_MAIL_URL": f"spool:///{folder}/mail",
        "BELLHOP_JWT_SECRET": SECRET,
        "BELLHOP_API_KEYS": f"bench:{API_KEY}",
        "BELLHOP_CONNECT_RATE": "0",
        "BELLHOP_LOG_LEVEL": "warning",
    }
    if bus_url is not None:
        environment["BELLHOP_BUS_URL"] = bus_url
    if catalog is not None:
        environment["BELLHOP_CATALOG"] = str(catalog)
    environment |= {f"BELLHOP_{name}": value for name, value in settings.items()}
    with running(
        [sys.executable, "-m", "gateway", "serve"], folder=folder, environment=environment
    ) as process:
        await_answer(process, f"http://127.0.0.1:{internal_port}/readyz", ok_only=True)
        yield ServerProcess(pid=process.pid, port=port, internal_port=internal_port)
