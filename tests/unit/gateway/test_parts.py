"""Parts: in which order they live, and what is left of one that fails."""

from collections.abc import Awaitable

import pytest

from gateway.ground.parts import Part, Running
from storage.errors import StoreUnavailable


class Noted(Part):
    """Notes what it is asked to do."""

    def __init__(self, name: str, notes: list[str], *, fails: Exception | None = None) -> None:
        self._name = name
        self._notes = notes
        self._fails = fails

    def start(self) -> Awaitable[None]:
        return self._start()

    async def drain(self, *, seconds: float) -> None:
        self._notes.append(f"drain {self._name} in {seconds}")

    async def stop(self) -> None:
        self._notes.append(f"stop {self._name}")
        if self._fails is not None:
            raise self._fails

    async def _start(self) -> None:
        self._notes.append(f"start {self._name}")


class Broken(Part):
    async def start(self) -> None:
        raise StoreUnavailable("away")

    async def stop(self) -> None:
        raise AssertionError("it has never started")


async def test_parts_start_in_order_and_stop_in_reverse():
    notes: list[str] = []
    running = Running()

    await running.start([Noted("a", notes), Noted("b", notes)])
    await running.drain(seconds=2)
    await running.stop()
    await running.stop()

    assert notes == ["start a", "start b", "drain a in 2", "drain b in 2", "stop b", "stop a"]


async def test_what_has_started_before_a_failure_is_stopped_and_nothing_else():
    notes: list[str] = []
    running = Running()

    with pytest.raises(StoreUnavailable):
        await running.start([Noted("a", notes), Broken(), Noted("c", notes)])
    await running.stop()

    assert notes == ["start a", "stop a"]


async def test_a_part_that_fails_to_stop_keeps_no_other_from_it():
    notes: list[str] = []
    running = Running()
    await running.start([Noted("a", notes), Noted("b", notes, fails=OSError("stuck"))])

    with pytest.raises(OSError, match="stuck"):
        await running.stop()

    assert notes[-2:] == ["stop b", "stop a"]


class Reloading(Part):
    def __init__(self) -> None:
        self.times = 0

    def reload(self) -> bool:
        self.times += 1
        return True


async def test_all_that_have_started_read_anew_and_whether_there_is_such_is_told():
    notes: list[str] = []
    running, parts = Running(), [Reloading(), Noted("a", notes), Reloading()]

    assert not running.reload()
    await running.start([Noted("b", notes)])
    assert not running.reload()
    await running.start(parts)

    assert running.reload()
    assert [part.times for part in parts if isinstance(part, Reloading)] == [1, 1]
    await running.stop()
