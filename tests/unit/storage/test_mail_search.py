"""Which index a search for mail goes by: what is looked through is bounded by what is asked for."""

import sqlite3
from pathlib import Path

import pytest

from storage.mail import MailState
from storage.outbox import ANY, MailSearch
from storage.sqlite import SQLiteStore

BY_ADDRESS = MailSearch(addresses=("ann@example.org", "Ann@example.org"))
BY_ROOM = MailSearch(room="user:ann")
BY_SUBJECT = MailSearch(of="n1")


def narrowed(search: MailSearch) -> MailSearch:
    """The same, of one state: most mail has it."""
    return MailSearch(addresses=search.addresses, room=search.room, of=search.of, state=MailState.SENT)


@pytest.mark.parametrize(
    ("search", "index"),
    [
        (ANY, "mails_newest"),
        (MailSearch(state=MailState.DEAD), "mails_state"),
        *((each, "obligations_recipient") for each in (BY_ADDRESS, narrowed(BY_ADDRESS))),
        *((each, "obligations_reader") for each in (BY_ROOM, narrowed(BY_ROOM))),
        *((each, "obligations_of") for each in (BY_SUBJECT, narrowed(BY_SUBJECT))),
    ],
)
async def test_a_search_goes_by_the_index_of_what_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, search: MailSearch, index: str
):
    store = SQLiteStore(tmp_path / "bellhop.db")
    await store.open()
    asked: list[str] = []
    real = store.outbox._threads.read

    async def traced(work):
        def run(connection: sqlite3.Connection):
            connection.set_trace_callback(asked.append)
            try:
                return work(connection)
            finally:
                connection.set_trace_callback(None)

        return await real(run)

    monkeypatch.setattr(store.outbox._threads, "read", traced)

    await store.outbox.mail_page(search, before=None, limit=10)

    [statement] = [each for each in asked if each.startswith("SELECT")]
    with sqlite3.connect(tmp_path / "bellhop.db") as connection:
        plan = " / ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}"))
    assert f"SEARCH m USING INDEX {index}" in plan
    assert "SCAN" not in plan
    await store.close()
