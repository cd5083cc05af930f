"""`bellhop archive`, and where it is said to be."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.notify.archive.depot import DepotDamaged
from gateway.notify.archive.files import opened, packed
from gateway.notify.archive.lines import kept_of, line_of
from gateway.notify.archive.opening import folder_of
from gateway.notify.archive.places import DepotPlace, S3Bucket, place
from gateway.notify.archive.sealing import seal
from gateway.notify.archive.settings import ArchiveSettings
from gateway.process.cli import main
from gateway.process.settings import load
from storage.archive import ArchiveKey
from storage.sqlite import SQLiteStore
from storage.store import Store
from tests.contract.store_cases import fill, notification, put
from tests.support.archives import Hour, depot, put_all_away

OLD = datetime.now(UTC) - timedelta(days=200)
PIECE = f"notifications-{OLD:%Y-%m}-0001"

At = Callable[[Callable[[Store], Awaitable[object]]], None]


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[At]:
    """Has something done at a store of which an archive is in force."""
    monkeypatch.setenv("BELLHOP_STORE_URL", f"sqlite:///{tmp_path / 'bellhop.db'}")
    monkeypatch.setenv("BELLHOP_ARCHIVE_URL", f"file://{tmp_path / 'archive'}")

    def done(work: Callable[[Store], Awaitable[object]]) -> None:
        async def run() -> None:
            store = SQLiteStore(tmp_path / "bellhop.db")
            await store.open()
            await work(store)
            await store.close()

        asyncio.run(run())

    yield done


@pytest.fixture
def filled(at: At, tmp_path: Path) -> At:
    """One piece of what was for ann, ben, and many."""

    async def work(store: Store) -> None:
        await put(store, notification("user:ann", title="Ünder way", data={"n": 1}, created_at=OLD))
        await fill(store, "user:ben", 2, created_at=OLD)
        await fill(store, "topic:deals", 3, created_at=OLD)
        files = depot(f"file://{tmp_path / 'archive'}", folder_of(await store.shared_secret()))
        assert await put_all_away(store, files, Hour(), rows=10) == 6

    at(work)
    return at


def piece_file(tmp_path: Path, ending: str) -> Path:
    (found,) = (tmp_path / "archive").glob(f"*/{PIECE}{ending}")
    return found


def test_what_there_is_is_listed_and_verified(filled: At, capsys: pytest.CaptureFixture[str]):
    assert main(["archive", "list"]) == 0
    listed = capsys.readouterr().out
    assert main(["archive", "verify"]) == 0
    verified = capsys.readouterr().out
    assert main(["archive", "list", "2001-01"]) == 2

    name, rows, _, first, last = listed.split()
    assert (name, rows) == (PIECE, "6")
    assert first == last
    assert verified == (
        "1 of 1 pieces are whole, with 6 notifications, of which 0 are of erased users and cannot be read\n"
    )
    assert capsys.readouterr().err == "bellhop: there is no piece or month 2001-01 in the archive\n"


def test_what_is_not_whole_fails(filled: At, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    content = piece_file(tmp_path, ".jsonl.gz")
    content.write_bytes(content.read_bytes()[:-9])
    assert main(["archive", "verify", PIECE]) == 1
    assert f"{PIECE}: it was changed" in capsys.readouterr().out
    assert main(["archive", "read", "--user", "ann"]) == 1
    assert f"bellhop: the archive: {PIECE}: it was changed" in capsys.readouterr().err

    content.unlink()
    assert main(["archive", "verify"]) == 1
    assert f"{PIECE}: it is missing" in capsys.readouterr().out

    piece_file(tmp_path, ".manifest.json").write_text("{}")
    content.write_bytes(b"")
    assert main(["archive", "list"]) == 1
    assert f"{PIECE}  its manifest cannot be read" in capsys.readouterr().out


def test_a_user_is_read_until_erased(filled: At, capsys: pytest.CaptureFixture[str]):
    assert main(["archive", "read", "--user", "ann"]) == 0
    (ann,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert main(["archive", "read", "--room", "topic:deals", PIECE[14:21]]) == 0
    deals = capsys.readouterr().out.splitlines()
    filled(lambda store: store.people.erase_user("ann", "user:ann", now=OLD))
    assert main(["archive", "read", "--user", "ann"]) == 1
    erased = capsys.readouterr()

    assert (ann["room"], ann["seq"], ann["title"], ann["data"]) == ("user:ann", 1, "Ünder way", {"n": 1})
    assert len(deals) == 3
    assert (erased.out, erased.err) == (
        "",
        "bellhop: the archive has nothing of this room that can be read\n",
    )


def test_pieces_are_put_back_where_they_would_stay(
    filled: At, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert main(["archive", "restore", PIECE]) == 2
    refused = capsys.readouterr().err
    monkeypatch.setenv("BELLHOP_HISTORY_DAYS", "0")
    assert main(["archive", "restore", PIECE]) == 0
    assert main(["archive", "restore", PIECE[14:21]]) == 0
    said = capsys.readouterr().out.splitlines()

    assert "first set BELLHOP_HISTORY_DAYS on every node to more than 200, or to 0" in refused
    none = "0 are of erased users and cannot be read"
    assert said == [
        f"6 notifications are back; 0 were there, or have no place there; {none}",
        f"0 notifications are back; 6 were there, or have no place there; {none}",
    ]


def test_without_an_archive_there_is_nothing_to_do(at: At, monkeypatch: pytest.MonkeyPatch, capsys: Any):
    at(lambda store: store.epochs.current())
    assert main(["archive", "list"]) == 0
    monkeypatch.delenv("BELLHOP_ARCHIVE_URL")
    assert main(["archive", "list"]) == 2
    assert "set BELLHOP_ARCHIVE_URL" in capsys.readouterr().err


def test_the_place_is_read_from_its_url():
    assert place("file:///srv/old%20ones") == DepotPlace(folder=Path("/srv/old ones"))
    assert place("s3://shop/a/b/") == DepotPlace(folder=Path("a/b"), bucket=S3Bucket(name="shop"))
    assert place("s3://id:se%2Fcret@shop?endpoint=https://s3.example&region=eu-1") == DepotPlace(
        folder=Path(),
        bucket=S3Bucket(
            name="shop", endpoint="https://s3.example", region="eu-1", key_id="id", secret="se/cret"
        ),
    )
    assert "se/cret" not in repr(place("s3://id:se%2Fcret@shop"))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("/srv/old", "must be file:///folder or s3://bucket/folder"),
        ("file://srv/old", "must be file:///folder, with the whole path"),
        ("file:///srv?a=b", "must be file:///folder, with the whole path"),
        ("file:///srv#a", "has a #"),
        ("s3:///folder", "must be file:///folder or s3://bucket/folder"),
        ("s3://shop:9000/a", "must be file:///folder or s3://bucket/folder"),
        ("s3://[shop", "is not a URL"),
        ("s3://id@shop", "must have both"),
        ("s3://shop?acl=public", "has an option that there is not"),
        ("s3://shop?endpoint=s3.example", "must have an endpoint"),
    ],
)
def test_another_url_is_refused_without_being_quoted(url: str, told: str):
    with pytest.raises(ValueError, match=told.replace("?", r"\?")) as refused:
        place(url)

    assert url not in str(refused.value)


LINE = {"id": "1", "at": "2026-05-01T00:00:00Z", "type": "NOTE"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it is cut off"),
        (b"not packed", "it cannot be unpacked"),
        (packed([b"{}\n"])[:-1], "it is cut off"),
        (packed([b"{}\n"]) + b"more", "something stands behind its end"),
        (packed([]), "there is nothing in it"),
        (packed([b"{}\n"]), "a line of it cannot be read"),
        (packed([b"\xff\n"]), "a line of it cannot be read"),
        (packed([json.dumps(LINE).encode()]), "neither sealed nor open"),
        (packed([json.dumps(LINE | {"sealed": "AA=="}).encode()]), "neither sealed nor open"),
    ],
)
def test_what_is_no_file_of_ours_is_told(content: bytes, told: str):
    with pytest.raises(DepotDamaged, match=told):
        opened(PIECE, content)


@pytest.mark.parametrize("content", [{"notification": {}}, {"notification": {"id": "1"}, "data": "{"}])
def test_what_is_no_notification_is_told(content: Any):
    line = line_of(json.dumps(LINE | {"content": content}).encode())

    with pytest.raises(DepotDamaged, match="a notification in it cannot be read"):
        kept_of(line, {})


def test_what_is_sealed_and_no_notification_is_told():
    key = ArchiveKey(user="ann", id="7", secret=bytes(32))
    for sealed, told in ((seal(key, "1", b"[]"), "cannot be read"), ("%%%", "was changed")):
        line = line_of(json.dumps(LINE | {"key": "7", "sealed": sealed}).encode())

        with pytest.raises(DepotDamaged, match=told):
            kept_of(line, {"7": key})


def test_a_bucket_wants_the_extra(monkeypatch: pytest.MonkeyPatch):
    in_force = load({"BELLHOP_ARCHIVE_URL": "s3://shop"})[ArchiveSettings]
    monkeypatch.setattr("gateway.notify.archive.settings.find_spec", lambda name: None)

    assert in_force.contradictions() == [
        "BELLHOP_ARCHIVE_URL: s3:// wants the extra `s3`, which is not installed"
    ]
    assert load({"BELLHOP_ARCHIVE_URL": "file:///srv"})[ArchiveSettings].contradictions() == []
