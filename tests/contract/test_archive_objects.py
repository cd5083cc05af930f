"""The archive in an object store: a real server that speaks S3."""

from collections.abc import Iterator

import pytest

from gateway.ground.values import masked_url
from gateway.notify.archive.depot import DepotUnavailable
from gateway.notify.archive.reading import DepotReader
from tests.contract.store_cases import NOW, fill, later, notification, put, sequences
from tests.support.archives import TOMORROW, Hour, archivist, depot, everything, put_all_away, quietly
from tests.support.objects import SECRET, Objects, objects


@pytest.fixture(scope="session")
def server() -> Iterator[Objects]:
    with objects() as started:
        yield started


async def test_all_goes_to_a_bucket_and_comes_back_equal(store, server):
    """Written, listed, verified, read and put back; and of an erased user nothing can be read."""
    told = await put(
        store,
        notification("user:ann", body="of ann", data={"n": 2**70}),
        notification("topic:deals"),
        *(notification(f"user:{n}") for n in range(7)),
    )
    files = depot(server.url(server.bucket()), "a-store")

    assert await put_all_away(store, files, Hour(), rows=4) == 9
    reader = DepotReader(store.archive, files, progress=quietly)
    names = await reader.pieces()
    read = await everything(store, files, ["ann"], ["topic:deals"])
    back = await reader.restore(names, now=NOW)
    await store.people.erase_user("ann", "user:ann", now=later(1))
    checked = await reader.verify(names)

    assert names == [f"notifications-2026-11-000{number}" for number in (1, 2, 3)]
    assert [kept.notification for kept in read] == told[:2]
    assert back.rows == 9
    assert await store.streams.span("topic:deals", after=0, limit=9) == [told[1]]
    assert (checked.rows, checked.sealed, checked.faults) == (9, 1, {})
    assert await everything(store, files, ["ann"], []) == []
    content = await files.get(f"{names[1]}.jsonl.gz")
    assert content is not None
    await files.put(f"{names[1]}.jsonl.gz", bytes([content[0] ^ 1]) + content[1:])
    assert set((await reader.verify(names)).faults) == {names[1]}
    assert await files.get("not-there") is None


async def test_what_keeps_from_writing_is_told_without_the_secret_and_nothing_is_deleted(store, server):
    """No such bucket, and nobody there."""
    await fill(store, "user:ann", 2)
    away = server.url("b").replace(server.endpoint, "http://127.0.0.1:1")
    for url in (server.url("no-such-bucket"), away):
        files = depot(url)
        one = archivist(store.archive, files, Hour())

        assert await one.prune(before=TOMORROW) == 0
        (told,) = one.concerns()
        assert told.startswith("archive: it cannot be written, and nothing old is deleted: the bucket: ")
        assert len(told) < 300
        assert SECRET not in told
        assert await sequences(store, "user:ann") == [1, 2]
        with pytest.raises(DepotUnavailable, match="the bucket: "):
            await files.get("a")
        with pytest.raises(DepotUnavailable, match="the bucket: "):
            _ = [name async for name in files.names()]


def test_the_url_is_shown_without_its_secret(server):
    assert SECRET not in masked_url(server.url("b"))
