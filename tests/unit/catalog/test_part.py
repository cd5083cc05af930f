"""The catalog of a process: loaded before anything is served, and kept when what comes after it has mistakes."""

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.catalog import folder as folders
from gateway.catalog.live import LiveCatalog
from gateway.catalog.part import MISTAKES_LOGGED, CatalogPart
from gateway.catalog.problems import CatalogError
from gateway.catalog.settings import CatalogSettings
from gateway.observe.metrics import Metrics
from tests.unit.catalog.bad import HEAD, TYPE

SHOP = Path(folders.__file__).parent / "shop"
OTHER = TYPE.replace("T]", "U]")
ROOT = Path(folders.__file__).parents[2]


class Running:
    """A catalog part that has started, of a folder that may be written to."""

    def __init__(self, folder: Path, *, strict: bool | None = None) -> None:
        self.folder = folder
        self.live = LiveCatalog()
        self.told: asyncio.Queue[str] = asyncio.Queue()
        self.live.on_change.append(lambda catalog: self.told.put_nowait(catalog.version if catalog else ""))
        self.part = CatalogPart(CatalogSettings(folder=folder, strict=strict), self.live)

    def write(self, text: str) -> None:
        (self.folder / "catalog.toml").write_text(text, "utf-8")


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    one = Running(tmp_path)
    one.write(HEAD + TYPE)
    await one.part.start()
    yield one
    await one.part.stop()


async def logged(caplog: pytest.LogCaptureFixture, message: str) -> logging.LogRecord:
    """The first line with this message, once there is one."""
    async with asyncio.timeout(20):
        while not (found := [record for record in caplog.records if record.message == message]):
            await asyncio.sleep(0.01)
    return found[0]


def measured(part: CatalogPart) -> str:
    metrics = Metrics()
    part.measure(metrics)
    return str(
        next(family for family in metrics.collect() if family.name == "bellhop_catalog_refused").samples
    )


async def test_a_start_puts_the_catalog_in_force_and_tells_who_uses_it(running: Running):
    assert running.live.current is not None
    assert "T" in running.live.current.types
    assert running.told.get_nowait() == running.live.current.version
    assert running.live.in_use
    assert running.part.concerns() == []


async def test_a_start_with_mistakes_tells_all_of_them_and_puts_nothing_in_force(tmp_path: Path):
    one = Running(tmp_path)
    one.write(HEAD + TYPE + "chanels = {}\nlane = 'slow'\n")

    with pytest.raises(CatalogError) as caught:
        await one.part.start()

    assert [mistake.line for mistake in caught.value.mistakes] == [8, 9]
    assert caught.value.summary == f"2 mistakes in {tmp_path}"
    assert one.live.current is None
    assert one.told.empty()
    await one.part.stop()


async def test_a_reload_puts_what_has_changed_in_force(running: Running):
    before = await running.told.get()
    running.write(HEAD + OTHER)

    assert running.part.reload()

    async with asyncio.timeout(20):
        assert await running.told.get() != before
    assert running.live.current is not None
    assert list(running.live.current.types) == ["U"]


async def test_a_reload_with_mistakes_changes_nothing_and_is_complained_of_until_a_good_one(
    running: Running, caplog: pytest.LogCaptureFixture
):
    version = await running.told.get()
    good = (running.folder / "catalog.toml").read_text("utf-8")
    running.write(good + "\n[types.U]\n")
    caplog.set_level(logging.INFO)

    running.part.reload()

    refused = await logged(caplog, "the catalog is refused: the one before stays in force")
    assert (refused.levelname, refused.version, refused.mistakes) == ("ERROR", version, 1)
    mistake = await logged(caplog, "the catalog has a mistake")
    assert mistake.file == "catalog.toml"
    assert "category is missing" in mistake.problem
    assert running.live.current is not None
    assert running.live.current.version == version
    assert running.part.concerns() == [f"catalog: 1 mistake in {running.folder}; {version} stays in force"]
    assert "value=1" in measured(running.part)

    running.write(good)
    running.part.reload()
    await logged(caplog, "the catalog is the same")

    assert running.part.concerns() == []
    assert "value=0" in measured(running.part)
    assert running.told.empty()


async def test_of_many_mistakes_some_are_logged_and_all_are_counted(
    running: Running, caplog: pytest.LogCaptureFixture
):
    running.write(HEAD + "".join(f"[types.T{number}]\n" for number in range(MISTAKES_LOGGED + 20)))

    running.part.reload()

    refused = await logged(caplog, "the catalog is refused: the one before stays in force")
    assert refused.mistakes == MISTAKES_LOGGED + 20
    assert [r.message for r in caplog.records].count("the catalog has a mistake") == MISTAKES_LOGGED


async def test_a_reload_that_fails_as_nobody_foresaw_ends_neither_the_catalog_nor_the_next_reload(
    running: Running, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    version = await running.told.get()
    with monkeypatch.context() as patched:
        patched.setattr("gateway.catalog.part._loaded", lambda folder: 1 // 0)
        running.part.reload()
        await logged(caplog, "the catalog cannot be read")

    assert running.part.concerns() == [
        f"catalog: {running.folder} cannot be read: ZeroDivisionError; {version} stays in force"
    ]
    running.write(HEAD + OTHER)
    running.part.reload()
    async with asyncio.timeout(20):
        assert await running.told.get() != version
    assert running.part.concerns() == []


@pytest.mark.parametrize(("said", "in_force"), [(None, True), (True, True), (False, False)])
async def test_the_setting_has_the_say_over_the_file(tmp_path: Path, said: bool | None, in_force: bool):
    one = Running(tmp_path, strict=said)
    one.write("strict = true\n" + HEAD + TYPE)

    await one.part.start()

    assert one.live.current is not None
    assert one.live.current.strict is in_force
    await one.part.stop()


async def test_without_a_folder_there_is_nothing_to_load_or_to_reload():
    live = LiveCatalog()
    part = CatalogPart(CatalogSettings(), live)

    await part.start()

    assert not part.reload()
    assert (live.current, live.in_use, part.concerns()) == (None, False, [])
    assert "value=0" in measured(part)
    await part.stop()


NODE = """
import asyncio, sys
from gateway.process import node
from gateway.process.settings import load

async def serve():
    async with node.running(load(serving=True)) as (started, _):
        print(started.catalog.current is not None)
        print([name for name in ("jsonschema_rs", "babel", "gateway.catalog.loading", "pymongo", "obstore", "openfeature", "gateway.catalog.flag_service") if name in sys.modules])

asyncio.run(serve())
"""


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., list[str]]:
    def serve(**settings: str) -> list[str]:
        own = {
            "BELLHOP_PORT": "0", "BELLHOP_INTERNAL_PORT": "0", "BELLHOP_API_KEYS": f"shop:{'k' * 32}",
            "BELLHOP_JWT_SECRET": "s" * 32, "BELLHOP_STORE_URL": f"sqlite:///{tmp_path}/b.db", "BELLHOP_MAIL_URL": f"spool:///{tmp_path}/mail",
        }  # fmt: skip
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BELLHOP_")}
        done = subprocess.run(
            [sys.executable, "-c", NODE], env=environment | own | settings, cwd=ROOT,
            capture_output=True, text=True, timeout=100, check=True,
        )  # fmt: skip
        return done.stdout.splitlines()

    return serve


def test_a_node_on_a_file_without_a_catalog_loads_nothing_of_what_those_with_more_take(
    serve: Callable[..., list[str]],
):
    assert serve() == ["False", "[]"]
    assert serve(BELLHOP_CATALOG=str(SHOP)) == [
        "True", "['jsonschema_rs', 'babel', 'gateway.catalog.loading']",
    ]  # fmt: skip
