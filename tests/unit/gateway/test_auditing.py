"""No deed without its line: the audit comes first, and a store that is away refuses what cannot be written down."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from auth.principal import Role
from gateway.ground.clock import Timekeeper
from gateway.notify.auditing import AuditBook, AuditRequest
from gateway.protocol.auditing import perform
from gateway.protocol.operation import Operation
from gateway.protocol.operations import OPERATIONS
from gateway.protocol.use_cases import Caller
from storage.audit import Deed
from storage.errors import StoreUnavailable
from storage.ids import uuid7
from storage.sqlite import SQLiteStore

ADMIN = Caller(scope="admin:ann", user="ann", role=Role.ADMIN)
BY_NAME = {operation.name: operation for operation in OPERATIONS}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = SQLiteStore(tmp_path / "bellhop.db")
    await opened.open()
    yield opened
    await opened.close()


class Recalls:
    """Takes back what it is asked to, once the store has been told."""

    def __init__(self, meanwhile: Any = None) -> None:
        self.done: list[str] = []
        self._meanwhile = meanwhile

    async def recall(self, notification_id: str) -> str:
        self.done.append(notification_id)
        if self._meanwhile is not None:
            await self._meanwhile()
        return notification_id


def use_of(store: SQLiteStore, records: Recalls) -> Any:
    book = AuditBook(store.audit, Timekeeper(), kept_days=1)
    return SimpleNamespace(audit=book, records=records)


async def test_what_cannot_be_written_down_is_not_done(store: SQLiteStore):
    records = Recalls()
    use = use_of(store, records)
    await store.close()

    with pytest.raises(StoreUnavailable):
        await perform(BY_NAME["recall"], use, ADMIN, "n1")

    assert records.done == []


async def test_an_end_that_cannot_be_written_down_changes_no_answer(
    store: SQLiteStore, caplog: pytest.LogCaptureFixture
):
    records = Recalls(store.close)

    assert await perform(BY_NAME["recall"], use_of(store, records), ADMIN, "n1") == "n1"

    assert "the end of a deed is not written down" in caplog.text


@pytest.mark.parametrize(("caller", "kept"), [(ADMIN, 1), (Caller(scope="shop"), 0)])
async def test_what_backends_do_all_day_is_written_down_of_people_alone(
    store: SQLiteStore, caller: Caller, kept: int
):
    async def emit(*_: Any) -> None:
        return None

    declared = BY_NAME["emit"]
    operation = Operation(
        name="emit", summary="", audit=declared.audit, asks=declared.asks, answers=declared.answers,
        use=emit, shape=declared.shape,
    )  # fmt: skip
    use = use_of(store, Recalls())

    await perform(
        operation, use, caller, declared.parse({"to": ["user:a", "all"], "type": "T", "title": "x"})
    )

    deeds = (await use.audit.page(AuditRequest())).items
    assert [(deed.target, deed.detail) for deed in deeds] == [(None, {"type": "T", "rooms": 2})] * kept


@pytest.mark.parametrize(("days", "left"), [(1, 1), (0, 2)])
async def test_old_deeds_are_forgotten_unless_all_are_to_be_kept(store: SQLiteStore, days: int, left: int):
    clock = Timekeeper()
    book = AuditBook(store.audit, clock, kept_days=days)
    for age in (0, 2):
        await store.audit.begin(
            Deed(
                id=uuid7(), at=clock() - timedelta(days=age), by="user:ann", role="admin", operation="recall"
            )
        )

    await book.keep_house()

    assert len((await book.page(AuditRequest())).items) == left


def test_every_operation_that_is_audited_reads_what_was_asked():
    """What is declared is a function of what the operation's own parser answers: each is tried with something sound."""
    sound: dict[str, Any] = {
        "revive_one": "m", "revive": ["m", "n"], "revive_all": None, "hasten_mail": "m", "drop_mail": "m",
        "recall": "n", "drop_scheduled": "s", "hasten_scheduled": "s", "user_data": "ann", "erase": "ann",
        "start_campaign": "c", "pause_campaign": "c", "resume_campaign": "c", "cancel_campaign": "c",
        "retry_campaign": "c", "drain_node": "node-1", "import_recipients": "c", "resume_lane": "bulk",
    }  # fmt: skip
    asked: dict[str, dict[str, Any]] = {
        "emit": {"to": "user:ann", "type": "T", "title": "x"},
        "suppress": {"address": "a@b.example"},
        "suppress_many": {"suppressions": [{"address": "a@b.example"}]},
        "lift_suppression": {"address": "a@b.example"},
        "pause_lane": {"lane": "bulk"},
        "disconnect": {"user": "ann"},
        "change_members": {"topic": "deals", "add": ["ann"]},
        "choose_for": {"user": "ann", "locale": "de"},
        "choose_anew": {"user": "ann", "locale": "de"},
        "type_switch": {"type": "T", "enabled": False},
        "create_campaign": {"name": "Autumn", "type": "NEWS", "data": {}, "audience": "import"},
        "test_campaign": {"campaign": uuid7(), "to": ["a@b.example"]},
        "choose_variant": {"campaign": uuid7(), "variant": "b"},
    }
    audited = {operation.name: operation for operation in OPERATIONS if operation.audit is not None}
    assert audited.keys() == sound.keys() | asked.keys()

    for name, operation in audited.items():
        value = sound[name] if name in sound else operation.parse(asked[name])
        assert operation.audit is not None
        told = f"{operation.audit.target(value)} {operation.audit.detail(value)}"
        assert "a@" not in told
