"""`bellhop export events`: everything once, in lines that can be gone on from."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.process import exporting
from gateway.process.cli import main
from storage.ids import uuid7
from storage.sqlite import SQLiteStore
from storage.stats import Event, Outcome, Series, key_of_many, key_of_one

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
READ = uuid7()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BELLHOP_STORE_URL", f"sqlite:///{tmp_path / 'bellhop.db'}")
    monkeypatch.setattr(exporting, "PAGE", 2)
    return tmp_path


def note(folder: Path, *events: Event) -> None:
    async def keep() -> None:
        store = SQLiteStore(folder / "bellhop.db")
        await store.open()
        await store.stats.note(events)
        await store.close()

    asyncio.run(keep())


def sent(hours: int) -> Event:
    series = Series("NEWS", "email", "bulk", "autumn")
    key = key_of_one(uuid7(), Outcome.SENT)
    return Event(key=key, at=NOON + timedelta(hours=hours), series=series, outcome=Outcome.SENT)


def lines(text: str) -> Sequence[Any]:
    return [json.loads(line) for line in text.splitlines()]


def test_every_event_is_a_line_with_a_cursor_to_go_on_from(folder: Path, capfdbinary: Any):
    note(
        folder,
        Event(
            key=key_of_one(READ, Outcome.READ),
            at=NOON,
            series=Series("ORDER", "in_app"),
            outcome=Outcome.READ,
        ),
        Event(
            key=key_of_many(b"b", 0),
            at=NOON,
            series=Series("ORDER", "in_app"),
            outcome=Outcome.EMITTED,
            count=7,
        ),
        *(sent(hours) for hours in range(1, 4)),
    )

    assert main(["export", "events"]) == 0

    told = lines(capfdbinary.readouterr().out.decode())
    assert len(told) == 5
    assert told[0] == {
        "cursor": told[0]["cursor"], "at": "2026-12-01T12:00:00.000Z", "outcome": "read", "type": "ORDER",
        "channel": "in_app", "about": READ, "count": 1, "lane": None, "campaign": None, "rule": None,
        "variant": None,
    }  # fmt: skip
    assert (told[1]["about"], told[1]["count"]) == (None, 7)
    assert (told[4]["lane"], told[4]["campaign"]) == ("bulk", "autumn")
    assert main(["export", "events", "--after", told[2]["cursor"]]) == 0
    assert lines(capfdbinary.readouterr().out.decode()) == told[3:]
    assert main(["export", "events", "--since", "2026-12-01T14:00:00"]) == 0
    assert lines(capfdbinary.readouterr().out.decode()) == told[3:]


def test_a_file_is_gone_on_with_whatever_cut_it_off(folder: Path):
    file = folder / "events.jsonl"
    asked = ["export", "events", "--output", str(file)]
    note(folder, *(sent(hours) for hours in range(3)))
    assert main(asked) == 0
    whole = file.read_text()
    assert main(asked) == 0
    assert file.read_text() == whole
    for cut in (0, 5, 20, len(whole) - 30, len(whole) - 1):
        file.write_text(whole[:cut])
        assert main(asked) == 0
        assert file.read_text() == whole
    note(folder, sent(-5))
    assert main(asked) == 0
    assert len(lines(file.read_text())) == 4


@pytest.mark.parametrize("text", ["my letters", "my letters\n", '{"a": 1}\n', "[1]\n", "x" * 200_000])
def test_a_file_of_anothers_is_left_as_it_is(folder: Path, text: str, capsys: pytest.CaptureFixture[str]):
    file = folder / "letters.txt"
    file.write_text(text)

    assert main(["export", "events", "--output", str(file)]) == 1

    assert file.read_text() == text
    assert "not one that `bellhop export` has written" in capsys.readouterr().err


def test_what_is_wrong_is_said(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["export", "events", "--after", "no cursor"]) == 2
    assert "cursor" in capsys.readouterr().err
    assert main(["export", "events", "--output", str(folder)]) == 1
    with pytest.raises(SystemExit):
        main(["export", "events", "--since", "yesterday"])
    assert "must be a time" in capsys.readouterr().err
