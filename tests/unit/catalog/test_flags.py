"""The shop's own flag service: what it says holds below admins' switches, and its silence changes nothing."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from openfeature.exception import GeneralError
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

from gateway.catalog import flags
from gateway.catalog.catalog import Catalog
from gateway.catalog.flag_settings import FlagSettings
from gateway.catalog.flags import FlagPart
from gateway.catalog.kinds import NotificationType
from gateway.catalog.live import LiveCatalog
from gateway.catalog.problems import FlagsError
from gateway.catalog.switches import Flag, Switch
from gateway.ground.settings import SettingsError, load
from gateway.observe.metrics import Metrics


class Provider(InMemoryProvider):
    """The SDK's own, whose flags may be changed, and which may fail or hang."""

    def __init__(self) -> None:
        super().__init__({})
        self.broken: BaseException | None = None
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.begun, self.ended, self.threads = 0, threading.Event(), set[str]()

    def set(self, key: str, value: Any) -> None:
        self._flags[key] = InMemoryFlag("said", {"said": value})

    def forget(self, key: str) -> None:
        del self._flags[key]

    def give_back_the_default(self, key: str) -> None:
        """As a service does whose flag is there, and not in use."""
        self._flags[key] = InMemoryFlag("said", {"said": True}, flag_metadata={"off": True})

    def initialize(self, evaluation_context: Any) -> None:
        self.begun += 1
        if self.broken is not None:
            raise self.broken

    def shutdown(self) -> None:
        self.ended.set()

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: Any = None
    ) -> FlagResolutionDetails[bool]:
        self.threads.add(threading.current_thread().name)
        assert self.goes_on.wait(20)
        if self.broken is not None:
            raise self.broken
        assert evaluation_context.targeting_key == "bellhop"
        if flag_key in self._flags and self._flags[flag_key].flag_metadata.get("off"):
            return FlagResolutionDetails(default_value, reason=Reason.DISABLED)
        return super().resolve_boolean_details(flag_key, default_value, evaluation_context)


MADE: list[Provider] = []


def make() -> Provider:
    """What BELLHOP_FLAGS names here."""
    return MADE[-1]


def fail() -> Provider:
    raise ValueError("no key")


def leave() -> Provider:
    raise SystemExit(3)


def make_nothing() -> None:
    """Returns no provider."""


def wait_forever() -> None:
    threading.Event().wait(2)


def catalog(*types: str) -> Catalog:
    kinds = {name: NotificationType(name=name, category="c") for name in types}
    return Catalog(default_locale="en", categories={}, types=kinds, templates={}, version=" ".join(types))


class Running:
    def __init__(self, provider: Provider, maker: str = f"{__name__}:make") -> None:
        self.provider = provider
        self.live = LiveCatalog()
        self.live.replace(catalog("T", "U"))
        self.part = FlagPart(FlagSettings(maker=maker, every=0.02), self.live)

    def flag(self, type_: str = "T") -> Flag:
        return self.live.flag(type_, "email")

    async def until(self, type_on: bool, channel_on: bool = True, type_: str = "T") -> None:
        async with asyncio.timeout(20):
            while (self.flag(type_).type_on, self.flag(type_).channel_on) != (type_on, channel_on):
                await asyncio.sleep(0.005)

    async def concern(self) -> str:
        async with asyncio.timeout(20):
            while not (found := self.part.concerns()):
                await asyncio.sleep(0.005)
        return found[0]

    async def content(self) -> None:
        async with asyncio.timeout(20):
            while self.part.concerns():
                await asyncio.sleep(0.005)

    def measured(self) -> str:
        metrics = Metrics()
        self.part.measure(metrics)
        return str([each.samples for each in metrics.collect() if each.name == "bellhop_flags_stale"])


@pytest.fixture
def provider() -> Iterator[Provider]:
    MADE.append(Provider())
    yield MADE[-1]
    MADE.pop().goes_on.set()


@pytest.fixture
async def running(provider: Provider) -> AsyncIterator[Running]:
    one = Running(provider)
    yield one
    await one.part.stop()


async def test_what_is_switched_off_is_known_when_the_start_is_over(running: Running):
    running.provider.set("bellhop.T", False)
    running.provider.set("bellhop.U.email", False)

    await running.part.start()

    assert running.live.flags == {
        "T": Switch(enabled=False),
        "U": Switch.of({"channels": {"email": {"enabled": False}}}),
    }
    assert (running.flag().type_on, running.flag().by_flag) == (False, True)
    assert running.live.flag("U", "in_app").channel_on
    assert (running.part.concerns(), "value=0" in running.measured()) == ([], True)
    assert running.provider.threads == {"flags"}


async def test_a_change_is_in_force_a_round_later_below_what_admins_have_set(running: Running):
    await running.part.start()
    assert running.live.flags == {}

    running.provider.set("bellhop.T", False)
    await running.until(False)
    running.live.switches = {"T": Switch(enabled=True)}
    await running.until(True)
    running.live.switches = {}
    await running.until(False)
    running.provider.set("bellhop.T", True)
    await running.until(True)


async def test_a_flag_that_is_there_and_not_in_use_says_nothing(running: Running):
    running.provider.give_back_the_default("bellhop.T")

    await running.part.start()

    assert (running.live.flags, running.part.concerns()) == ({}, [])


async def test_a_flag_that_is_known_no_more_stays_as_it_was_and_is_told(
    running: Running, caplog: pytest.LogCaptureFixture
):
    running.provider.set("bellhop.T", False)
    await running.part.start()

    running.provider.forget("bellhop.T")

    assert await running.concern() == (
        "flags: 1 are known no more, such as bellhop.T; their last words stay in force"
    )
    assert "value=1" in running.measured()
    assert not running.flag().type_on
    await asyncio.sleep(0.2)
    said = [each for each in caplog.records if each.levelname == "WARNING"]
    assert len(said) == 1, "once a minute"
    running.provider.set("bellhop.T", True)
    await running.until(True)
    await running.content()


async def test_a_flag_of_another_kind_fails_by_itself(running: Running):
    running.provider.set("bellhop.T", "no boolean")
    running.provider.set("bellhop.U", False)

    await running.part.start()

    assert not running.flag("U").type_on
    assert running.flag().type_on
    assert "1 cannot be evaluated, such as bellhop.T: TYPE_MISMATCH" in await running.concern()


async def test_a_service_that_fails_changes_nothing_until_it_is_back(
    running: Running, caplog: pytest.LogCaptureFixture
):
    running.provider.set("bellhop.T", False)
    await running.part.start()

    running.provider.broken = OSError("away")
    assert "6 cannot be evaluated, such as bellhop.T: GENERAL: away" in await running.concern()
    assert not running.flag().type_on

    running.provider.broken = None
    await running.content()
    assert "openfeature" not in {each.name for each in caplog.records}


async def test_a_service_that_cannot_begin_does_not_stop_a_start_and_is_tried_again(running: Running):
    running.provider.set("bellhop.T", False)
    running.provider.broken = GeneralError("no connection")

    await running.part.start()

    assert running.flag().type_on
    assert "GeneralError" in await running.concern()
    running.provider.broken = None
    await running.until(False)
    assert running.provider.begun > 1


async def test_a_provider_that_would_end_the_process_ends_its_round_only(running: Running):
    running.provider.set("bellhop.T", False)
    await running.part.start()

    running.provider.broken = SystemExit(3)

    assert "Error: " in await running.concern()
    assert not running.flag().type_on
    running.provider.broken = None
    await running.content()


async def test_a_failure_that_comes_when_it_is_too_late_is_not_told(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(flags, "ANSWER_SECONDS", 0.02)
    one = Running(provider)
    one.part = FlagPart(FlagSettings(maker=f"{__name__}:make", every=600), one.live)
    provider.goes_on.clear()
    await one.part.start()
    provider.broken = SystemExit(3)
    provider.goes_on.set()
    while "flags" in [each.name for each in threading.enumerate()]:
        await asyncio.sleep(0.005)

    await asyncio.sleep(0)
    await one.part.stop()
    del one
    gc.collect()

    assert "never retrieved" not in caplog.text


async def test_nothing_waits_for_a_slow_service_and_it_is_asked_once_at_a_time(
    running: Running, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(flags, "ANSWER_SECONDS", 0.02)
    running.provider.set("bellhop.T", False)
    running.provider.goes_on.clear()

    await running.part.start()

    assert running.flag().type_on
    assert "no answer within 0.02 seconds" in await running.concern()
    await asyncio.sleep(0.2)
    assert [each.name for each in threading.enumerate()].count("flags") == 1
    running.provider.goes_on.set()
    await running.until(False)
    await running.content()


async def test_a_stop_waits_for_no_answer_and_lets_the_provider_go(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(flags, "ANSWER_SECONDS", 0.02)
    one = Running(provider)
    provider.goes_on.clear()
    await one.part.start()

    async with asyncio.timeout(2):
        await one.part.stop()

    assert await asyncio.to_thread(provider.ended.wait, 20)
    provider.goes_on.set()
    while "flags" in [each.name for each in threading.enumerate()]:
        await asyncio.sleep(0.005)
    await asyncio.sleep(0)
    assert one.live.flags == {}


async def test_another_catalogs_types_are_asked_for_at_once(provider: Provider):
    one = Running(provider)
    one.part = FlagPart(FlagSettings(maker=f"{__name__}:make", every=600), one.live)
    for key in ("bellhop.T", "bellhop.V"):
        provider.set(key, False)
    await one.part.start()

    one.live.replace(catalog("V"))

    await one.until(False, type_="V")
    assert list(one.live.flags) == ["V"]
    one.live.replace(None)
    async with asyncio.timeout(20):
        while one.live.flags:
            await asyncio.sleep(0.005)
    await one.part.stop()


@pytest.mark.parametrize(
    ("maker", "told"),
    [
        ("no_such_module:make", "failed with ModuleNotFoundError: No module named 'no_such_module'; it must"),
        (f"{__name__}:no_such", "failed with AttributeError"),
        (f"{__name__}:fail", "failed with ValueError: no key; it must be a function"),
        (f"{__name__}:leave", "failed with SystemExit: 3; it must be a function"),
        (f"{__name__}:make_nothing", "returned NoneType; it must be a function"),
        (f"{__name__}:wait_forever", "did not return within 0.2 seconds"),
    ],
)
async def test_a_wrong_function_ends_the_start_with_what_to_do(
    maker: str, told: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(flags, "MAKE_SECONDS", 0.2)
    one = Running(Provider(), maker)

    with pytest.raises(FlagsError) as caught:
        await one.part.start()

    assert str(caught.value).startswith(f"BELLHOP_FLAGS: {maker} ")
    assert told in str(caught.value)
    await one.part.stop()


async def test_without_a_catalog_there_is_nothing_to_switch():
    with pytest.raises(FlagsError, match="set BELLHOP_CATALOG as well"):
        await FlagPart(FlagSettings(maker="a:b"), LiveCatalog()).start()


async def test_without_the_setting_nothing_is_asked():
    one = FlagPart(FlagSettings(), LiveCatalog())
    metrics = Metrics()
    one.measure(metrics)

    await one.start()

    assert one.concerns() == []
    assert "bellhop_flags_stale" not in {each.name for each in metrics.collect()}
    await one.stop()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"BELLHOP_FLAGS": "shop.flags"}, "as in `shop.flags:provider`"),
        ({"BELLHOP_FLAGS": "shop/flags.py:provider"}, "as in `shop.flags:provider`"),
        ({"BELLHOP_FLAGS_EVERY": "500ms"}, "from 1s to 10m"),
        ({"BELLHOP_FLAGS_EVERY": "11m"}, "from 1s to 10m"),
    ],
)
def test_what_the_settings_must_be(settings: dict[str, str], told: str):
    with pytest.raises(SettingsError, match=told):
        load([FlagSettings], settings)


def test_a_flag_service_without_the_extra_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gateway.catalog.flag_settings.find_spec", lambda _: None)

    with pytest.raises(SettingsError, match=r"pip install 'bellhop-gateway\[flags\]'"):
        load([FlagSettings], {"BELLHOP_FLAGS": "shop.flags:provider"})
    assert load([FlagSettings], {})[FlagSettings].every == 10
