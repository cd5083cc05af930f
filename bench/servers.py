"""The servers under test: how each is started, what it costs, and how clients and emitters address it."""

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import jwt

from tests.support.servers import free_port, node_program

ROOT = Path(__file__).parent.parent
RIVALS = ROOT / "bench" / "rivals"
START_SECONDS = 120
STOP_SECONDS = 60
LISTENING = "0A"

SECRET = "the benchmark signs its tokens with this"
API_KEY = "a-key-of-the-benchmark-of-32-characters-or-more"
SOCKET_IO = "/socket.io/?EIO=4&transport=websocket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a server has used: all its processes together, threads included."""

    cpu_seconds: float
    rss_kb: int


def cost(pid: int) -> Cost:
    """Read from /proc for the process and its living descendants."""
    process = Path("/proc", str(pid))
    # The second field is a name in parentheses that may hold anything; utime and stime are fields 14 and 15.
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    rss_pages = int((process / "statm").read_text().split()[1])
    used = Cost(
        cpu_seconds=ticks / os.sysconf("SC_CLK_TCK"), rss_kb=rss_pages * os.sysconf("SC_PAGE_SIZE") // 1024
    )
    for child in (process / "task" / str(pid) / "children").read_text().split():
        more = cost(int(child))
        used = Cost(cpu_seconds=used.cpu_seconds + more.cpu_seconds, rss_kb=used.rss_kb + more.rss_kb)
    return used


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that runs. `channel`: it is published to as Nchan is, and its clients speak plain websocket."""

    pid: int
    port: int
    internal_port: int
    channel: bool = False

    def target(self, user: int, topics: Sequence[str] = ()) -> str:
        """A line of the load client's file of targets. A plain websocket hears one room: its topic, or its user's."""
        if self.channel:
            room = f"topic:{topics[0]}" if topics else f"user:{user}"
            return f"/sub?id={room}\t"
        expiry = datetime.now(UTC) + timedelta(days=1)
        claims = {"sub": str(user), "exp": expiry, **({"topics": list(topics)} if topics else {})}
        return f"{SOCKET_IO}\t{jwt.encode(claims, SECRET, algorithm='HS256')}"

    def cost(self) -> Cost:
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
def _process(
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
    except BaseException:
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


def _await_answer(process: subprocess.Popen[bytes], url: str, *, ok_only: bool = False) -> None:
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
) -> Iterator[Server]:
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
    with _process(
        [sys.executable, "-m", "gateway", "serve"], folder=folder, environment=environment
    ) as process:
        _await_answer(process, f"http://127.0.0.1:{internal_port}/readyz", ok_only=True)
        yield Server(pid=process.pid, port=port, internal_port=internal_port)


@contextmanager
def _rival(command: Sequence[str | Path], folder: Path, **more: str) -> Iterator[Server]:
    port, internal_port = free_port(), free_port()
    environment = more | {
        "PORT": str(port),
        "INTERNAL_PORT": str(internal_port),
        "JWT_SECRET": SECRET,
        "API_KEY": API_KEY,
    }
    with _process(command, folder=folder, environment=environment) as process:
        _await_answer(process, f"http://127.0.0.1:{internal_port}/")
        yield Server(pid=process.pid, port=port, internal_port=internal_port)


def socketio_on_node(folder: Path) -> AbstractContextManager[Server]:
    return _rival([node_program(), RIVALS / "node" / "server.mjs"], folder)


def bun_program() -> Path | None:
    """Bun, if it was installed with its server (`make bench` does it where npm has Bun for the machine)."""
    program = RIVALS / "bun" / "node_modules" / ".bin" / "bun"
    return program if program.exists() else None


def socketio_on_bun(folder: Path) -> AbstractContextManager[Server]:
    return _rival([bun_program() or "bun", RIVALS / "bun" / "server.mjs"], folder)


def oxide_program() -> Path | None:
    """The server in Rust, if it was built (`make bench` does it where there is cargo)."""
    program = ROOT / "bench" / "build" / "oxide" / "release" / "bellhop-bench-rival-oxide"
    return program if program.exists() else None


def socketioxide(folder: Path) -> AbstractContextManager[Server]:
    return _rival([oxide_program() or "oxide"], folder)


def stock_python_socketio(folder: Path, *, bus_url: str | None = None) -> AbstractContextManager[Server]:
    more = {} if bus_url is None else {"REDIS_URL": bus_url}
    return _rival([sys.executable, "-m", "bench.rivals.stock"], folder, **more)


def nchan_module() -> Path | None:
    """nginx's Nchan module, if both are installed."""
    nginx = shutil.which("nginx")
    if nginx is None:
        return None
    built = subprocess.run([nginx, "-V"], capture_output=True, text=True, check=True).stderr
    folders = [word.partition("=")[2] for word in built.split() if word.startswith("--modules-path=")]
    modules = [Path(folder, "ngx_nchan_module.so") for folder in folders]
    return next((module for module in modules if module.exists()), None)


@contextmanager
def nchan(folder: Path) -> Iterator[Server]:
    """nginx with Nchan: one worker, one channel per client, and nobody is asked for a token."""
    module = nchan_module()
    assert module is not None
    port = free_port()
    configuration = (RIVALS / "nchan.conf").read_text()
    given = {"MODULE": str(module), "PORT": str(port), "USER": "user root;" if os.geteuid() == 0 else ""}
    for name, value in given.items():
        configuration = configuration.replace(f"@{name}@", value)
    (folder / "nginx.conf").write_text(configuration)
    command: list[str | Path] = [str(shutil.which("nginx")), "-p", folder, "-c", "nginx.conf", "-e", "stderr"]
    with _process(command, folder=folder) as process:
        _await_answer(process, f"http://127.0.0.1:{port}/")
        yield Server(pid=process.pid, port=port, internal_port=port, channel=True)
