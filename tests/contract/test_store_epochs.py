"""The epoch names the line that sequences are of; when it turns, nothing that comes then is born read."""

import asyncio

from storage.inboxes import Selection
from storage.mongo import MongoStore
from tests.contract.store_cases import NOW, fill, later, sequences


async def test_a_store_keeps_its_epoch_and_turns_it_once_for_all_who_saw_the_same(store, other):
    epoch = await store.epochs.current()
    assert 0 < len(epoch) <= 64
    assert await other.epochs.current() == epoch

    began = await asyncio.gather(*(node.epochs.turn(seen=epoch) for node in (store, other, store, other)))

    assert len(set(began)) == 1
    assert began[0] != epoch
    assert await other.epochs.current() == began[0]
    assert await store.epochs.turn(seen=epoch) == began[0]
    assert await store.epochs.turn() != began[0]


async def test_what_was_counted_in_another_epoch_is_put_into_resync(store):
    await fill(store, "a", 5)
    await fill(store, "b", 5)
    epoch = await store.epochs.current()

    async def opened(epoch: str | None):
        return await store.inboxes.opening(
            "1", ["a", "b", "c"], since={"a": 3, "c": 0}, limit=10, now=NOW, epoch=epoch
        )

    for same in (epoch, None):
        opening = await opened(same)
        assert (opening.epoch, opening.resync, [n.seq for n in opening.missed]) == (epoch, (), [4, 5])
    other = await opened("another")
    assert (other.epoch, other.resync, other.missed) == (epoch, ("a", "c"), ())


async def test_a_sequence_beyond_the_head_is_put_into_resync_within_the_same_epoch(store):
    await fill(store, "a", 2)

    opening = await store.inboxes.opening(
        "1", ["a"], since={"a": 3}, limit=10, now=NOW, epoch=await store.epochs.current()
    )

    assert (opening.resync, opening.unread) == (("a",), 2)


async def _put_back(store, room: str, head: int) -> None:
    """Notifications as they were; what users did, as it is: a dump takes one collection after the other."""
    if isinstance(store, MongoStore):
        await store._operations.collections["notifications"].delete_many({"room": room, "seq": {"$gt": head}})
    else:
        await store._threads.write(
            lambda c: c.execute("DELETE FROM notifications WHERE room = ? AND seq > ?", (room, head))
        )
    store.streams.unlearn()


async def test_what_was_read_beyond_the_head_of_a_store_that_was_put_back_is_not_read(store, other):
    stored = await fill(store, "a", 10)
    await store.inboxes.read_all("all-read", ["a"], now=later(1))
    await store.inboxes.read(Selection("some-read", ["a"], [n.id for n in stored[4:9]], now=later(1)))
    await store.inboxes.dismiss(Selection("dismissed", ["a"], [n.id for n in stored], now=later(1)))
    for notification in stored:
        await store.streams.recall(notification.id, now=later(2))
    await _put_back(store, "a", 6)

    assert (await store.inboxes.unread("all-read", ["a"], now=later(3))).unread == 0
    await other.epochs.turn()

    for user in ("all-read", "some-read", "dismissed", "new"):
        assert (await store.inboxes.unread(user, ["a"], now=later(3))).unread == 0
    assert [n.seq for n in await fill(store, "a", 4)] == [7, 8, 9, 10]
    for user in ("all-read", "some-read", "dismissed", "new"):
        assert (await store.inboxes.unread(user, ["a"], now=later(4))).unread == 4
    assert await sequences(store, "a") == [7, 8, 9, 10]
