"""An import of many recipients whose command is killed, and whose node is: everybody is in once, and memory does not grow.

`BELLHOP_TEST_ROWS` says how many there are.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.news import catalog, make, told
from tests.support import servers
from tests.support.gateway import API_KEY, GatewayProcess

ROWS = int(os.environ.get("BELLHOP_TEST_ROWS", "10000"))
DEADLINE_SECONDS = 120 + ROWS / 200
MOST_MIB = 160
"""That an import adds to a node, and to the command: of any number of rows."""
MIB = 2**20

pytestmark = [pytest.mark.timeout(300 + ROWS / 50)]


@pytest.fixture(params=["sqlite", "mongodb"])
async def node(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    async with AsyncExitStack() as stack:
        settings = {"CATALOG": catalog(tmp_path)}
        if request.param == "mongodb":
            settings["STORE_URL"] = stack.enter_context(servers.mongod()).url
        started = GatewayProcess(tmp_path, **settings)
        stack.push_async_callback(started.close)
        await started.start()
        yield started


class Command:
    """`bellhop campaign import` of one file, as a process of its own."""

    def __init__(self, node: GatewayProcess, id_: str, file: Path) -> None:
        key = file.with_name("key")
        key.write_text(API_KEY)
        self._arguments = ("import", id_, str(file), "--url", node.gateway.internal, "--key-file", str(key))
        self._environment = {n: value for n, value in os.environ.items() if not n.startswith("BELLHOP_")}
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> asyncio.subprocess.Process:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "campaign", *self._arguments,
            env=self._environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        return self.process

    async def finish(self) -> str:
        """Run it to its end, as often as it says that it can be gone on with; answers what it printed."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                process = self.process or await self.start()
                self.process = None
                printed, complained = await process.communicate()
                if process.returncode == 0:
                    return printed.decode()
                assert b"go on with --from-line" in complained, complained


async def test_everybody_is_in_once_whoever_is_killed(
    node: GatewayProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
):
    file = tmp_path / "people.csv"
    with file.open("w") as rows:
        rows.write("user,email,data.first\n")
        rows.writelines(f"u{n},u{n}@example.org,First {n}\n" for n in range(ROWS))
    id_ = await make(node.gateway)
    before = _most_mib(node.pid)
    command = Command(node, id_, file)
    began = time.monotonic()

    process = await command.start()
    worst = await _imported(node, id_, ROWS // 3)
    grown = [_most_mib(process.pid)]
    process.kill()
    await process.communicate()
    process = await command.start()
    worst = max(worst, await _imported(node, id_, ROWS * 2 // 3))
    grown += [_most_mib(process.pid), _most_mib(node.pid) - before]
    await node.kill()
    await node.start()
    first = await command.finish()
    seconds = time.monotonic() - began
    again = await command.finish()

    grown.append(_most_mib(node.pid) - before)
    accounting = (await told(node.gateway, "GET", f"/{id_}"))["accounting"]
    with capsys.disabled():
        print(
            f"\n{request.node.callspec.id}: {ROWS:,} rows in {seconds:.0f} s with two kills; at the most the command had"
            f" {max(grown[:2]):.0f} MiB, and the node {max(grown[2:]):.0f} more than before; meanwhile the campaign was"
            f" answered in {1000 * worst:.0f} ms at worst; {first.strip()}; again: {again.strip()}"
        )
    assert again == f"0 added, {ROWS:,} known before, 0 left out\n"
    assert accounting["imported"] == ROWS
    assert max(grown) < MOST_MIB


async def _imported(node: GatewayProcess, id_: str, wanted: int) -> float:
    """Wait until so many are in; answers the seconds that the campaign's page waited for its answer at the most."""
    worst = 0.0
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            began = time.monotonic()
            found: dict[str, Any] = await told(node.gateway, "GET", f"/{id_}")
            worst = max(worst, time.monotonic() - began)
            if found["accounting"]["imported"] >= wanted:
                return worst
            await asyncio.sleep(0.1)


def _most_mib(pid: int) -> float:
    """The most memory that the process has had so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / MIB
