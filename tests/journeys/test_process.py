"""The process in the hands of its operator: signals, pipes that nobody reads, threads that never end."""

import asyncio
import os
import pty
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.amounts import AT_LENGTH
from tests.support.gateway import GatewayProcess, environment, gateway_process

DEADLINE_SECONDS = 100


@pytest.fixture
def unread() -> AsyncIterator[int]:
    """The writing end of a pipe that is full, and that nobody reads."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for size in (4096, 1):
        try:
            while True:
                os.write(writer, b"x" * size)
        except BlockingIOError:
            pass
    os.set_blocking(writer, True)
    yield writer
    os.close(reader)
    os.close(writer)


async def draining(process: GatewayProcess) -> None:
    """Wait until its clients and its mail are being sent away."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while "draining" not in process.log.read_text():
            await asyncio.sleep(0.02)


# Pipes


async def test_a_log_that_nobody_reads_stops_neither_answers_nor_the_stop(tmp_path: Path, unread: int):
    async with gateway_process(tmp_path, output=unread) as process:
        here = process.gateway

        process.signal(signal.SIGUSR1)
        await here.emit("user:ann")
        health = await here.request("GET", here.public + "/healthz")
        metrics = await here.request("GET", here.internal + "/metrics")
        code = await process.terminate(DEADLINE_SECONDS)

        assert health.status == 200
        assert "\nbellhop_log_dropped_total 0.0\n" in metrics.body
        assert code == 0


async def test_a_mail_worker_waits_for_no_reader_either(tmp_path: Path, unread: int):
    async with gateway_process(tmp_path, output=unread, command="mail") as process:
        metrics = await process.gateway.request("GET", process.gateway.internal + "/metrics")

        assert "\nbellhop_log_dropped_total 0.0\n" in metrics.body
        assert await process.terminate(DEADLINE_SECONDS) == 0


async def test_settings_that_cannot_work_are_told_to_nobody_and_end_all_the_same(unread: int):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "serve", env=os.environ | {"BELLHOP_PORT": "none"},
        stdout=unread, stderr=unread,
    )  # fmt: skip

    async with asyncio.timeout(DEADLINE_SECONDS):
        assert await process.wait() == 2


async def test_a_demo_prints_its_links_to_nobody_and_serves(tmp_path: Path, unread: int):
    async with demo(tmp_path, stdout=unread, stderr=unread) as process:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not (tmp_path / "bellhop.db").exists():
                await asyncio.sleep(0.02)
            process.send_signal(signal.SIGTERM)

            assert await process.wait() == 0


# Signals


@pytest.mark.parametrize("command", ["serve", "mail"])
async def test_a_signal_without_a_meaning_is_told_and_changes_nothing(tmp_path: Path, command: str):
    async with gateway_process(tmp_path, command=command) as process:
        for name in ("SIGHUP", "SIGUSR1", "SIGUSR2"):
            process.signal(signal.Signals[name])
            async with asyncio.timeout(DEADLINE_SECONDS):
                while f'"signal":"{name}"' not in process.log.read_text():
                    await asyncio.sleep(0.02)

        ready = await process.gateway.request("GET", process.gateway.internal + "/readyz")
        assert ready.status == 200
        assert await process.terminate() == 0


@pytest.mark.parametrize("command", ["serve", pytest.param("mail", marks=AT_LENGTH)])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGQUIT"])
async def test_a_stop_is_calm_by_whatever_signal_it_is_asked_for(tmp_path: Path, name: str, command: str):
    async with gateway_process(tmp_path, command=command) as process:
        process.signal(signal.Signals[name])

        assert await process.ended(DEADLINE_SECONDS) == 0
        assert '"message":"stopped"' in process.log.read_text()


@asynccontextmanager
async def relay_that_says_nothing() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Its URL, and what happens when somebody has come to wait for its greeting."""
    called = asyncio.Event()
    done = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.set()
        await done.wait()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async with await asyncio.start_server(wait, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"smtp://127.0.0.1:{port}?starttls=never", called
        done.set()


async def test_a_second_stop_hurries_and_gives_back_what_is_under_way(tmp_path: Path):
    async with (
        relay_that_says_nothing() as (url, called),
        gateway_process(tmp_path, DRAIN_SECONDS="600", MAIL_URL=url) as process,
    ):
        emitted = await process.gateway.emit("user:ann", email={"to": "ann@example.org"})
        await called.wait()

        process.signal(signal.SIGTERM)
        await draining(process)
        for meaningless in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            process.signal(meaningless)
        process.signal(signal.SIGINT)

        assert await process.ended(DEADLINE_SECONDS) == 0
    async with gateway_process(tmp_path, MAIL_WORKER="false") as later:
        note = await later.gateway.ask("GET", f"/internal/notifications/{emitted['notification']['id']}")
        assert (note.body["mail"]["state"], note.body["mail"]["attempts"]) == ("pending", 0)


@pytest.mark.parametrize("command", ["serve", "mail", "demo"])
async def test_a_signal_in_the_first_moment_is_not_lost_and_kills_nobody(tmp_path: Path, command: str):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", command, cwd=tmp_path, stderr=asyncio.subprocess.PIPE,
        env=os.environ | environment(tmp_path) | {"PYTHONPROFILEIMPORTTIME": "1"},
    )  # fmt: skip
    assert process.stderr is not None
    async with asyncio.timeout(DEADLINE_SECONDS):
        # Long before there is a loop that could be told.
        while b"marshmallow" not in await process.stderr.readline():
            pass

        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGUSR1)
        _, complained = await process.communicate()

    assert process.returncode == 0
    assert b"Traceback" not in complained
    assert b'"message":"listening"' not in complained


def demo_command(folder: Path) -> list[str]:
    return [
        sys.executable, "-m", "gateway", "demo", "--dir", str(folder), "--port", "0", "--internal-port", "0"
    ]  # fmt: skip


@asynccontextmanager
async def demo(
    folder: Path, *, before: Sequence[str] = (), **options: Any
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(*before, *demo_command(folder), **options)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def test_a_demo_whose_terminal_is_closed_ends_calmly(tmp_path: Path):
    master, slave = pty.openpty()
    name = os.ttyname(slave)

    def take_terminal() -> None:
        # The first terminal that the leader of a session opens is the session's own.
        os.close(os.open(name, os.O_RDWR))
        # Tests that were begun by nohup hand down that its end is not to be heard of.
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    process = subprocess.Popen(
        demo_command(tmp_path), stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        preexec_fn=take_terminal,  # noqa: PLW1509 - there are no threads here
    )  # fmt: skip
    os.close(slave)
    try:
        shown = b""
        while b"Ctrl-C ends it" not in shown:
            shown += os.read(master, 4096)

        os.close(master)

        assert process.wait(DEADLINE_SECONDS) == 0
    finally:
        process.kill()
        process.wait()


async def test_what_nohup_has_switched_off_stays_off(tmp_path: Path):
    async with demo(tmp_path, before=("nohup",), stdout=asyncio.subprocess.PIPE) as process:
        assert process.stdout is not None
        async with asyncio.timeout(DEADLINE_SECONDS):
            while b"Ctrl-C ends it" not in await process.stdout.readline():
                pass
            ignored = int(Path(f"/proc/{process.pid}/status").read_text().split("SigIgn:")[1].split()[0], 16)
            process.send_signal(signal.SIGTERM)
            await process.communicate()

        assert ignored & (1 << (signal.SIGHUP - 1))
        assert process.returncode == 0


# The last resort

SERVICE = """
import asyncio, logging, os, signal, sys, threading, time
from gateway.process import lifetime, signals

signals.hold()
logging.basicConfig(stream=sys.stdout, level="INFO")


class Service:
    async def start(self): {start}
    def reload(self): return bool(print("read anew"))
    async def drain(self): {drain}
    async def stop(self): {stop}


async def start(service):
    await service.start()
    os.kill(os.getpid(), signal.SIGTERM)


sys.exit(lifetime.run(Service, start, drain_seconds=0.1))
"""


async def test_what_was_asked_for_during_the_start_is_read_anew_after_it():
    """The start may have read by then what has changed since."""
    program = textwrap.dedent(SERVICE).format(
        start="os.kill(os.getpid(), signal.SIGHUP)", drain="pass", stop="pass"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )

    async with asyncio.timeout(DEADLINE_SECONDS):
        printed, _ = await process.communicate()

    assert process.returncode == 0, printed
    assert printed.count(b"read anew") == 1


@pytest.mark.parametrize(
    ("start", "drain", "stop", "code"),
    [
        pytest.param(
            "asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)", "pass", "pass", 0,
            id="a worker thread",
        ),
        pytest.param(
            "threading.Thread(target=threading.Event().wait).start()", "pass", "pass", 0, id="a thread of its own"
        ),
        pytest.param("pass", "await asyncio.Event().wait()", "pass", 1, id="the drain"),
        pytest.param("pass", "pass", "await asyncio.Event().wait()", 1, id="the stop"),
        pytest.param("pass", "time.sleep(3600)", "pass", 1, id="the loop"),
    ],
)  # fmt: skip
async def test_the_process_ends_whatever_hangs(start: str, drain: str, stop: str, code: int):
    program = textwrap.dedent(SERVICE).format(start=start, drain=drain, stop=stop)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )

    async with asyncio.timeout(DEADLINE_SECONDS):
        printed, _ = await process.communicate()

    assert process.returncode == code, printed
    assert b"Traceback" not in printed
