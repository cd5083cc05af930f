"""Bellhop's rivals: which of them can be had here, and how each is started."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from bench.servers import API_KEY, RIVALS, ROOT, SECRET, Dialect, ServerProcess, await_answer, running
from tests.support import servers as machines
from tests.support.servers import free_port, node_program


@contextmanager
def _rival(command: Sequence[str | Path], folder: Path, **more: str) -> Iterator[ServerProcess]:
    port, internal_port = free_port(), free_port()
    environment = more | {
        "PORT": str(port),
        "INTERNAL_PORT": str(internal_port),
        "JWT_SECRET": SECRET,
        "API_KEY": API_KEY,
    }
    with running(command, folder=folder, environment=environment) as process:
        await_answer(process, f"http://127.0.0.1:{internal_port}/")
        yield ServerProcess(pid=process.pid, port=port, internal_port=internal_port)


def socketio_on_node(folder: Path) -> AbstractContextManager[ServerProcess]:
    return _rival([node_program(), RIVALS / "node" / "server.mjs"], folder)


def bun_program() -> Path | None:
    """Bun, if it was installed with its server (`make bench` does it where npm has Bun for the machine)."""
    program = RIVALS / "bun" / "node_modules" / ".bin" / "bun"
    return program if program.exists() else None


def socketio_on_bun(folder: Path) -> AbstractContextManager[ServerProcess]:
    return _rival([bun_program() or "bun", RIVALS / "bun" / "server.mjs"], folder)


def oxide_program() -> Path | None:
    """The server in Rust, if it was built (`make bench` does it where there is cargo)."""
    program = ROOT / "bench" / "build" / "oxide" / "release" / "bellhop-bench-rival-oxide"
    return program if program.exists() else None


def socketioxide(folder: Path) -> AbstractContextManager[ServerProcess]:
    return _rival([oxide_program() or "oxide"], folder)


def stock_python_socketio(
    folder: Path, *, bus_url: str | None = None
) -> AbstractContextManager[ServerProcess]:
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
def nchan(folder: Path) -> Iterator[ServerProcess]:
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
    with running(command, folder=folder) as process:
        await_answer(process, f"http://127.0.0.1:{port}/")
        yield ServerProcess(pid=process.pid, port=port, internal_port=port, dialect=Dialect.CHANNEL)


def centrifugo_program() -> Path | None:
    """Centrifugo, if it is on the PATH."""
    found = shutil.which("centrifugo")
    return None if found is None else Path(found)


@contextmanager
def centrifugo(folder: Path, *, history: bool = False, redis: bool = False) -> Iterator[ServerProcess]:
    """Centrifugo with channels that a user alone may subscribe to; with `history` it keeps the last 100 of each for five minutes.

    With `redis` a server of its own holds that and carries what is published; its CPU is not Centrifugo's.
    """
    port, internal_port = free_port(), free_port()
    kept = {"history_size": 100, "history_ttl": "300s"} if history else {}
    configuration = {
        "http_server": {
            "address": "127.0.0.1",
            "port": str(port),
            "internal_address": "127.0.0.1",
            "internal_port": str(internal_port),
        },
        "http_api": {"key": API_KEY},
        "health": {"enabled": True},
        "client": {"token": {"hmac_secret_key": SECRET}},
        "channel": {
            "namespaces": [
                {"name": "user", "allow_user_limited_channels": True, **kept},
                {"name": "topic", "allow_subscribe_for_client": True, **kept},
            ]
        },
        "log": {"level": "warn"},
        "usage_stats": {"disabled": True},
    }
    with ExitStack() as stack:
        if redis:
            address = stack.enter_context(machines.redis()).url
            configuration["engine"] = {"type": "redis", "redis": {"address": [address]}}
        (folder / "centrifugo.json").write_text(json.dumps(configuration))
        process = stack.enter_context(
            running([centrifugo_program() or "centrifugo", "-c", "centrifugo.json"], folder=folder)
        )
        await_answer(process, f"http://127.0.0.1:{internal_port}/health", ok_only=True)
        yield ServerProcess(
            pid=process.pid, port=port, internal_port=internal_port, dialect=Dialect.CENTRIFUGO
        )
