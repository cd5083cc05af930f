"""Group commit: order, batches, bounds, and callers that go away."""

import asyncio

import pytest

from storage.errors import IdempotencyMismatch, StoreUnavailable, Unstorable
from storage.groupcommit import GroupCommit
from storage.streams import Appended, Emission
from tests.contract.store_cases import emission, key, notification


class Store:
    """A store that appends when the test lets it, notes the batches, and answers pings unless it is away."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = asyncio.Event()
        self.failure: Exception | None = None
        self.away: Exception | None = None
        self.pings = 0
        self.back = asyncio.Event()

    async def ping(self):
        self.pings += 1
        if self.away is not None:
            raise self.away
        self.back.set()

    async def append(self, emissions):
        titles = [e.notifications[0].title for e in emissions]
        self.batches.append(titles)
        self.entered.set()
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        if "poison" in titles:
            raise Unstorable("never")
        return [
            IdempotencyMismatch("other content")
            if t == "mismatch"
            else Appended(notifications=e.notifications)
            for t, e in zip(titles, emissions, strict=True)
        ]


@pytest.fixture
def store():
    return Store()


def titled(title: str, count: int = 1) -> Emission:
    return emission(*(notification(title=title) for _ in range(count)), key=key(title))


async def held(store, commit, *titles):
    """Start appends while a first batch is in flight; answers their tasks."""
    store.gate.clear()
    tasks = [asyncio.create_task(commit.append(titled("first")))]
    await asyncio.wait_for(store.entered.wait(), 5)
    tasks += [asyncio.create_task(commit.append(titled(t))) for t in titles]
    while commit.queued < len(titles):
        await asyncio.sleep(0)
    return tasks


async def test_what_arrives_while_a_batch_is_in_flight_is_the_next_batch_in_order(store):
    commit = GroupCommit(store)
    tasks = await held(store, commit, "a", "b", "c")

    store.gate.set()
    answers = await asyncio.gather(*tasks)

    assert store.batches == [["first"], ["a", "b", "c"]]
    assert [a.notifications[0].title for a in answers] == ["first", "a", "b", "c"]
    await commit.close()


async def test_batches_are_bounded_by_notifications_and_one_may_exceed_alone(store):
    commit = GroupCommit(store, batch_notifications=3)

    await commit.append_many([titled("a", 2), titled("b", 1), titled("c", 5), titled("d", 2), titled("e", 2)])

    assert store.batches == [["a", "b"], ["c"], ["d"], ["e"]]
    await commit.close()


async def test_a_full_queue_turns_callers_away_at_once(store):
    commit = GroupCommit(store, queue_notifications=2)
    tasks = await held(store, commit, "a", "b")

    with pytest.raises(StoreUnavailable) as refused:
        await commit.append(titled("c"))

    assert refused.value.retry_after > 0
    store.gate.set()
    await asyncio.gather(*tasks)
    assert store.batches == [["first"], ["a", "b"]]
    await commit.close()


async def test_a_caller_that_is_cancelled_spoils_nothing_and_is_stored(store):
    commit = GroupCommit(store)
    first, a, b = await held(store, commit, "a", "b")

    first.cancel()
    a.cancel()
    store.gate.set()

    assert (await b).notifications[0].title == "b"
    assert store.batches == [["first"], ["a", "b"]]
    await commit.close()


async def test_one_that_can_never_be_stored_fails_alone(store):
    commit = GroupCommit(store)

    a, poison, mismatch = await commit.append_many([titled("a"), titled("poison"), titled("mismatch")])

    assert isinstance(a, Appended)
    assert isinstance(poison, Unstorable)
    assert isinstance(mismatch, IdempotencyMismatch)
    with pytest.raises(Unstorable):
        await commit.append(titled("poison"))
    with pytest.raises(IdempotencyMismatch):
        await commit.append(titled("mismatch"))
    await commit.close()


async def test_every_caller_of_a_batch_hears_that_the_store_is_away_and_the_next_may_succeed(store):
    commit = GroupCommit(store)
    store.failure = StoreUnavailable("away")

    answers = await commit.append_many([titled("a"), titled("b")])
    assert [type(a) for a in answers] == [StoreUnavailable] * 2

    store.failure = None
    assert isinstance(await commit.append(titled("c")), Appended)
    await commit.close()


async def test_an_error_nobody_thought_of_reaches_the_callers_and_not_the_next_batch(store):
    commit = GroupCommit(store)
    store.failure = RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        await commit.append(titled("a"))
    with pytest.raises(RuntimeError):
        await commit.append_many([titled("a")])

    store.failure = None
    assert isinstance(await commit.append(titled("c")), Appended)
    await commit.close()


async def test_closing_finishes_what_was_accepted_and_accepts_no_more(store):
    commit = GroupCommit(store)
    tasks = await held(store, commit, "a")
    closing = asyncio.create_task(commit.close())
    await asyncio.sleep(0)

    with pytest.raises(StoreUnavailable):
        await commit.append(titled("late"))
    assert not closing.done()
    store.gate.set()
    await closing

    assert [(await t).notifications[0].title for t in tasks] == ["first", "a"]
    await commit.close()


async def test_closing_one_that_was_never_used_is_well(store):
    await GroupCommit(store).close()


async def test_nobody_is_left_waiting_when_the_task_itself_is_cancelled(store):
    commit = GroupCommit(store)
    tasks = await held(store, commit, "a")
    [worker] = [t for t in asyncio.all_tasks() if t.get_name() == "group-commit"]

    worker.cancel()

    assert [type(e) for e in await asyncio.gather(*tasks, return_exceptions=True)] == [
        asyncio.CancelledError
    ] * 2
    with pytest.raises(StoreUnavailable):
        await commit.append(titled("b"))


@pytest.mark.parametrize("problem", [StoreUnavailable("no answer"), RuntimeError("a bug")])
async def test_nobody_waits_for_a_store_that_is_away(store, problem):
    """The batch in flight hangs until its timeout; its callers, and those behind it, hear at once what a ping says."""
    commit = GroupCommit(store, ping=store.ping, suspicious_seconds=0)
    tasks = await held(store, commit, "a", "b")
    store.away = problem

    answers = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)

    assert [type(a) for a in answers] == [StoreUnavailable] * 3
    assert len({id(a) for a in answers}) == 3
    assert commit.queued == 0
    for late in (commit.append(titled("c")), commit.append_many([titled("d")])):
        with pytest.raises(StoreUnavailable):
            await late
    store.gate.set()
    await commit.close()
    assert store.batches == [["first"]]


async def test_a_store_that_answers_again_is_used_again(store):
    commit = GroupCommit(store, ping=store.ping, suspicious_seconds=0)
    tasks = await held(store, commit)
    store.away = StoreUnavailable("no answer")
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)

    store.away = None
    store.back.clear()
    await asyncio.wait_for(store.back.wait(), 40)
    store.gate.set()

    # The batch that nobody waits for any more ends first: the order of what is stored is that of the calls.
    assert isinstance(await commit.append(titled("c")), Appended)
    assert store.batches == [["first"], ["c"]]
    await commit.close()


async def test_what_queues_behind_a_failed_batch_does_not_wait_for_the_next_to_fail(store):
    commit = GroupCommit(store, ping=store.ping, suspicious_seconds=60)
    tasks = await held(store, commit, "a")
    store.away = store.failure = StoreUnavailable("timed out")

    # The first is let through to fail; the second hangs.
    store.gate.set()
    store.gate.clear()
    answers = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)

    assert [type(a) for a in answers] == [StoreUnavailable] * 2
    assert store.batches == [["first"], ["a"]]
    store.gate.set()
    await commit.close()


async def test_a_store_that_is_slow_and_answers_pings_is_waited_for(store):
    commit = GroupCommit(store, ping=store.ping, suspicious_seconds=0)
    tasks = await held(store, commit, "a")
    async with asyncio.timeout(20):
        while store.pings < 3:
            await asyncio.sleep(0)

    store.gate.set()

    assert [type(a) for a in await asyncio.gather(*tasks)] == [Appended] * 2
    await commit.close()
