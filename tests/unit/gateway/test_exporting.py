"""`bellhop export events`: everything once, in lines that can be gone on from."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.process import exporting
from gateway.process.cli import main
from gateway.process.exports import parquet
from gateway.process.exports.lines import line_file
from gateway.process.exports.parquet import ParquetFolder, parquet_folder
from storage.events import Event, Outcome, Series, key_of_many, key_of_one
from storage.ids import uuid7
from storage.sqlite import SQLiteStore

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
READ = uuid7()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BELLHOP_STORE_URL", f"sqlite:///{tmp_path / 'bellhop.db'}")
    monkeypatch.setattr(exporting, "PAGE", 2)
    note(tmp_path)
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
        "cursor": told[0]["cursor"], "id": told[0]["id"], "at": "2026-12-01T12:00:00.000Z", "outcome": "read", "type": "ORDER",
        "channel": "in_app", "about": READ, "count": 1, "lane": None, "campaign": None, "rule": None,
        "variant": None,
    }  # fmt: skip
    assert (told[1]["about"], told[1]["count"]) == (None, 7)
    assert len({each["id"] for each in told}) == 5
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


def test_two_do_not_write_to_one_file_or_folder(folder: Path, capsys: pytest.CaptureFixture[str]):
    file, files = folder / "events.jsonl", folder / "parquet"
    note(folder, sent(1))

    with line_file(file), parquet_folder(files):
        assert main(["export", "events", "--output", str(file)]) == 1
        assert main(["export", "events", "--parquet", str(files)]) == 1

    assert capsys.readouterr().err == "bellhop: another export is writing there\n" * 2
    assert file.read_bytes() == b""
    assert list(files.iterdir()) == []


def rows(folder: Path) -> list[dict[str, Any]]:
    """What anybody reads in a folder of Parquet, file by file."""
    return [row for file in sorted(folder.glob("*.parquet")) for row in pq.read_table(file).to_pylist()]


def test_files_of_parquet_have_what_the_lines_have(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parquet, "GROUP_ROWS", 4)
    monkeypatch.setattr(parquet, "FILE_ROWS", 8)
    files, file = folder / "parquet", folder / "events.jsonl"
    events = [sent(hours) for hours in range(21)]
    note(
        folder,
        *events,
        Event(
            key=key_of_many(b"b", 0), at=NOON, series=Series("A", "in_app"), outcome=Outcome.EMITTED, count=7
        ),
    )
    assert main(["export", "events", "--output", str(file)]) == 0

    assert main(["export", "events", "--parquet", str(files)]) == 0

    found = rows(files)
    assert [len(pq.read_table(each)) for each in sorted(files.iterdir())] == [8, 8, 6]
    assert [each["at"] for each in found] == [*(event.at for event in events), NOON]
    written = lines(file.read_text())
    assert [row | {"at": None} for row in found] == [
        {name: value for name, value in line.items() if name != "cursor"} | {"at": None} for line in written
    ]


def test_a_folder_is_gone_on_with_whatever_cut_it_off(folder: Path):
    files = folder / "parquet"
    asked = ["export", "events", "--parquet", str(files)]
    assert main(asked) == 0
    assert list(files.iterdir()) == []
    note(folder, *(sent(hours) for hours in range(3)))
    assert main(asked) == 0
    assert main(asked) == 0
    note(folder, sent(-5))
    # What a process leaves that is killed while it writes.
    (files / "events.parquet.part").write_bytes(b"PAR1 cut off")

    assert main(asked) == 0

    assert sorted(each.name for each in files.iterdir()) == [
        "events-00000001.parquet",
        "events-00000002.parquet",
    ]
    assert [row["at"] for row in rows(files)] == [NOON + timedelta(hours=hours) for hours in (0, 1, 2, -5)]


def test_what_was_written_until_it_was_stopped_is_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch):
    files = folder / "parquet"
    asked = ["export", "events", "--parquet", str(files)]
    note(folder, *(sent(hours) for hours in range(5)))
    write = ParquetFolder.write

    async def interrupted(to: ParquetFolder, page: Sequence[Any]) -> None:
        await write(to, page)
        if len(page) == 2 and page[-1].event.at == NOON + timedelta(hours=3):
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(ParquetFolder, "write", interrupted)
    assert main(asked) == 130
    assert len(rows(files)) == 4
    monkeypatch.undo()
    monkeypatch.setenv("BELLHOP_STORE_URL", f"sqlite:///{folder / 'bellhop.db'}")

    assert main(asked) == 0

    assert [row["at"] for row in rows(files)] == [NOON + timedelta(hours=hours) for hours in range(5)]


@pytest.mark.parametrize("content", [b"PAR1", b"", b"my letters"])
def test_a_folder_with_a_file_that_is_none_of_ours_is_left_as_it_is(
    folder: Path, content: bytes, capsys: pytest.CaptureFixture[str]
):
    note(folder, sent(1))
    (folder / "events-00000007.parquet").write_bytes(content)

    assert main(["export", "events", "--parquet", str(folder)]) == 1

    assert "events-00000007.parquet is not one that `bellhop export` has written" in capsys.readouterr().err
    assert list(folder.glob("*.part")) == []


def test_a_file_of_parquet_of_anothers_has_no_cursor(folder: Path, capsys: pytest.CaptureFixture[str]):
    pq.write_table(pa.table({"a": [1]}), folder / "events-00000001.parquet")

    assert main(["export", "events", "--parquet", str(folder)]) == 1

    assert "is not one that `bellhop export` has written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "extra"), [(["--parquet", "files"], "parquet"), (["--to", "postgresql://nowhere/"], "postgres")]
)
def test_an_extra_that_is_not_installed_is_named(
    folder: Path,
    asked: list[str],
    extra: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(exporting, "find_spec", lambda name: None if name in ("pyarrow", "psycopg") else name)

    assert main(["export", "events", *asked]) == 2

    assert f"pip install 'bellhop-gateway[{extra}]'" in capsys.readouterr().err
    assert not (folder / "files").exists()


def test_whoever_reads_may_stop_reading(folder: Path, monkeypatch: pytest.MonkeyPatch):
    note(folder, *(sent(hours) for hours in range(3)))
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as nobody:
        monkeypatch.setattr(sys, "stdout", nobody)

        assert main(["export", "events"]) == 0


def test_what_does_not_go_to_parquet_or_postgresql_loads_neither(folder: Path):
    note(folder, sent(1))
    program = (
        "import sys; from gateway.process.cli import main; assert main(['export', 'events']) == 0;"
        " assert not {'pyarrow', 'psycopg'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
