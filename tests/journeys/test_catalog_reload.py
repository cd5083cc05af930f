"""A catalog in the hands of its operator: it stops a start that it would spoil, and SIGHUP reads it anew."""

import asyncio
import shutil
import signal
import sys
from pathlib import Path

import pytest

from gateway.catalog import folder as folders
from tests.support.gateway import GatewayProcess, environment, gateway_process

SHOP = Path(folders.__file__).parent / "shop"
DEADLINE_SECONDS = 40


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHOP, tmp_path / "shop"))


async def logged(process: GatewayProcess, text: str) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while text not in process.log.read_text():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("command", ["serve", "mail", "config"])
async def test_a_catalog_with_mistakes_stops_the_start_and_all_are_told(
    tmp_path: Path, shop: Path, command: str
):
    with (shop / "catalog.toml").open("a", encoding="utf-8") as file:
        file.write("\n[types.FIRST]\n[types.SECOND]\n")

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", command, cwd=tmp_path,
        env=environment(tmp_path, CATALOG=str(shop)), stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    _, told = await asyncio.wait_for(process.communicate(), DEADLINE_SECONDS)

    assert process.returncode == 2
    lines = [line for line in told.decode().splitlines() if not line.startswith("{")]
    assert [line.partition(" ")[2] for line in lines[:-1]] == [
        f"types.{name}: category is missing: the row of the preferences that it belongs to"
        for name in ("FIRST", "SECOND")
    ]
    assert all(line.startswith("catalog.toml:") for line in lines[:-1])
    assert lines[-1] == f"bellhop: 2 mistakes in {shop}"


@pytest.mark.parametrize("command", ["serve", "mail"])
async def test_sighup_reads_the_catalog_anew_and_a_bad_one_changes_nothing(
    tmp_path: Path, shop: Path, command: str
):
    file = shop / "catalog.toml"
    good = file.read_text("utf-8")
    # Without a secret for its links a node warns of the newsletter's clicks.
    links = {"BASE_URL": "https://shop.example", "LINK_SECRET": "a-secret-for-the-links-that-is-long-enough"}
    async with gateway_process(tmp_path, command=command, CATALOG=str(shop), **links) as process:
        here = process.gateway
        file.write_text(good + "\n[types.FIRST]\n", "utf-8")
        process.signal(signal.SIGHUP)
        await logged(process, '"message":"the catalog is refused')

        ready = await here.request("GET", here.internal + "/readyz")
        assert ready.status == 200
        assert ready.body["warnings"][0].startswith(f"catalog: 1 mistake in {shop}; ")
        metrics = await here.request("GET", here.internal + "/metrics")
        assert "\nbellhop_catalog_refused 1.0\n" in metrics.body

        file.write_text(good + '\n[types.FIRST]\ncategory = "orders"\n', "utf-8")
        process.signal(signal.SIGHUP)
        await logged(process, '"types":8')
        assert "warnings" not in (await here.request("GET", here.internal + "/readyz")).body
        assert await process.terminate() == 0
