"""`bellhop export events --to`: every event once in a table of a real PostgreSQL, from either store, whatever cuts it off."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from gateway.process import exporting
from gateway.process.cli import main
from gateway.process.exports.postgres import table
from gateway.process.exports.rows import SinkError, id_of
from gateway.process.exports.schema import SCHEMA
from storage.events import Event, Outcome, Series, key_of_many, key_of_one
from storage.ids import uuid7
from storage.store import Store
from tests.support.postgres import database, postgres
from tests.support.servers import Server, free_port

NOW = datetime.now(UTC).replace(microsecond=123456)
DEADLINE_SECONDS = 30


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with postgres() as started:
        yield started


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    """Of an empty database."""
    with database(server) as empty:
        yield empty


@pytest.fixture
async def there(url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """The tests' own way to it."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture(autouse=True)
def settings(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELLHOP_STORE_URL", store_url)
    monkeypatch.setattr(exporting, "PAGE", 3)
    # What is noted here has settled at once.
    monkeypatch.setattr("storage.mongo.stats.SETTLING", timedelta(minutes=-1))


def happened(minutes: int, *, outcome: Outcome = Outcome.SENT) -> Event:
    key = key_of_one(uuid7(), outcome)
    series = Series("NEWS", "email", "bulk", "autumn")
    return Event(key=key, at=NOW + timedelta(minutes=minutes), series=series, outcome=outcome)


async def export(url: str, *more: str) -> int:
    return await asyncio.to_thread(main, ["export", "events", "--to", url, *more])


Rows = list[tuple[Any, ...]]


async def asked(there: psycopg.AsyncConnection[Any], query: str) -> Rows:
    return await (await there.execute(query.encode())).fetchall()


async def ids(there: psycopg.AsyncConnection[Any]) -> list[str]:
    return [str(id_) for (id_,) in await asked(there, "SELECT id FROM bellhop_events ORDER BY at")]


def ids_of(events: Sequence[Event]) -> list[str]:
    return [id_of(event) for event in sorted(events, key=lambda event: event.at)]


async def test_a_table_has_every_event_once_however_often_it_is_exported(store: Store, url, there, capsys):
    many = Event(
        key=key_of_many(b"b", 0), at=NOW, series=Series("ORDER", "shared"), outcome=Outcome.EMITTED, count=7
    )
    skipped = Event(
        key=key_of_one("a name", Outcome.SKIPPED), at=NOW + timedelta(days=1), outcome=Outcome.SKIPPED,
        series=Series("ORDER", "email", "transactional", rule="quiet", variant="b"),
    )  # fmt: skip
    first = [happened(minutes) for minutes in range(1, 6)]
    await store.stats.note([many, *first])
    assert await export(url) == 0
    late = happened(-60)
    await store.stats.note([late, skipped])

    assert await export(url) == 0
    assert await export(url) == 0

    assert capsys.readouterr().out.split("\n")[:3] == [f"{n} events written" for n in (6, 2, 0)]
    assert await ids(there) == ids_of([many, *first, late, skipped])
    rows = await asked(
        there,
        "SELECT at, outcome, count, about::text, type, channel, lane, campaign, rule, variant FROM bellhop_events ORDER BY at",
    )
    assert rows[1] == (NOW, "emitted", 7, None, "ORDER", "shared", None, None, None, None)
    assert rows[2] == (first[0].at, "sent", 1, first[0].about, "NEWS", "email", "bulk", "autumn", None, None)
    assert rows[-1][3:] == (None, "ORDER", "email", "transactional", None, "quiet", "b")
    # Where it has come to is lost, or the store was put back from a backup: the events are there once all the same.
    await there.execute("DELETE FROM bellhop_exports")
    assert await export(url) == 0
    await store.epochs.turn()
    assert await export(url) == 0
    assert await ids(there) == ids_of([many, *first, late, skipped])
    assert await asked(there, "SELECT count(*) FROM bellhop_exports") == [(2,)]


async def test_it_begins_with_the_time_or_behind_the_cursor_that_is_given(store: Store, url, there):
    events = [happened(minutes) for minutes in range(-200, 0, 20)]
    await store.stats.note(events)

    assert await export(url, "--since", events[4].at.isoformat()) == 0
    assert await ids(there) == ids_of(events[4:])

    await there.execute("TRUNCATE bellhop_events, bellhop_exports")
    told = await store.stats.told(after=None, since=None, limit=10, now=datetime.now(UTC))
    assert await export(url, "--after", told[6].cursor) == 0
    assert await ids(there) == ids_of([each.event for each in told[7:]])
    assert await export(url, "--after", "no cursor") == 0, "it goes on with what is there"
    await there.execute("TRUNCATE bellhop_events, bellhop_exports")
    assert await export(url, "--after", "no cursor") == 2


async def test_what_fails_in_the_middle_is_not_half_there(store: Store, url, there, capsys):
    events = [happened(minutes) for minutes in range(8)]
    for event in events:
        await store.stats.note([event])
    await there.execute(SCHEMA)
    await there.execute(f"ALTER TABLE bellhop_events ADD CHECK (id <> '{id_of(events[4])}')".encode())

    assert await export(url) == 1

    assert "PostgreSQL: " in capsys.readouterr().err
    assert await ids(there) == ids_of(events[:3])
    await there.execute("ALTER TABLE bellhop_events DROP CONSTRAINT bellhop_events_id_check")
    assert await export(url) == 0
    assert await ids(there) == ids_of(events)


ON_SQLITE = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)


@ON_SQLITE
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
async def test_one_that_is_stopped_while_it_writes_is_gone_on_with(store: Store, url, there, sent, code):
    """`kill -9`, or Ctrl-C, in the middle of a transaction."""
    first, then = [happened(1), happened(2)], [happened(3), happened(4)]
    await store.stats.note(first)
    assert await export(url) == 0
    await store.stats.note(then)
    async with await psycopg.AsyncConnection.connect(url) as blocking:
        await blocking.execute("LOCK TABLE bellhop_events IN EXCLUSIVE MODE")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "export", "events", "--to", url,
            env=os.environ, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(DEADLINE_SECONDS):
            while await asked(there, "SELECT count(*) FROM pg_locks WHERE NOT granted") == [(0,)]:
                await asyncio.sleep(0.02)
            process.send_signal(sent)
            _, error = await process.communicate()

    assert process.returncode == code
    assert error == (b"bellhop: stopped, with 0 events written\n" if sent is signal.SIGINT else b"")
    assert await ids(there) == ids_of(first)
    assert await export(url) == 0
    assert await ids(there) == ids_of([*first, *then])


@ON_SQLITE
async def test_of_two_exports_at_the_same_time_one_stops(store: Store, url, there):
    await store.stats.note([happened(minutes) for minutes in range(3)])
    told = await store.stats.told(after=None, since=None, limit=10, now=datetime.now(UTC))
    async with table(url, "a store") as one, table(url, "a store") as other, table(url, "another") as third:
        await one.write(told[:1])
        with pytest.raises(SinkError, match="another export"):
            await other.write(told)
        await one.write(told[1:2])
        # What two stores tell of one event is one event.
        await third.write(told)

    assert await ids(there) == [id_of(each.event) for each in told]


@ON_SQLITE
async def test_who_may_only_write_needs_tables_that_are_made_before(store: Store, server, url, there, capsys):
    event = happened(1)
    await store.stats.note([event])
    role = f"writer_{os.getpid()}_{uuid7()[:8]}"
    await there.execute(f"CREATE ROLE {role} LOGIN".encode())
    own = url.replace("bellhop@", f"{role}@")
    assert await export(own) == 1
    assert "permission denied" in capsys.readouterr().err
    assert await asyncio.to_thread(main, ["export", "events", "--print-schema"]) == 0
    printed = capsys.readouterr().out
    for _ in range(2):
        await there.execute(printed.encode())
    await there.execute(f"GRANT SELECT, INSERT, UPDATE ON bellhop_exports TO {role}".encode())
    await there.execute(f"GRANT SELECT, INSERT ON bellhop_events TO {role}".encode())

    assert await export(own) == 0

    assert await ids(there) == [id_of(event)]
    await there.execute(f"DROP OWNED BY {role}".encode())
    await there.execute(f"DROP ROLE {role}".encode())


@ON_SQLITE
async def test_what_is_wrong_with_the_database_is_said_without_its_password(store: Store, url, capsys):
    closed = f"postgresql://bellhop:hush-hush@127.0.0.1:{free_port()}/events"
    assert await export(closed) == 1
    assert "refused" in capsys.readouterr().err
    assert await export(f"{url}_that_is_not_there") == 1
    assert "does not exist" in capsys.readouterr().err
    for wrong in (
        "postgresql://bellhop:hush-hush@127.0.0.1:port/",
        "postgresql://a:hush-hush@b/?no=hush-hush",
    ):
        assert await export(wrong) == 1
        said = capsys.readouterr().err
        assert said.startswith("bellhop: ")
        assert "hush" not in said
    with pytest.raises(SystemExit):
        main(["export", "events", "--to", "mysql://a:hush-hush@b/"])
    said = capsys.readouterr().err
    assert "such as postgresql://" in said
    assert "hush" not in said
