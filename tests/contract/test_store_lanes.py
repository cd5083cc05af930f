"""The sentences of `storage/lanes.py`, held against every store."""

import asyncio

from storage.lanes import LaneCount, LaneOutcome, LaneState, Pause, of_campaign
from storage.mail import LaneName
from tests.contract.store_cases import NOW, later

BULK, TRANSACTIONAL = LaneName.BULK, LaneName.TRANSACTIONAL
BRAKE = Pause(at=NOW, by="brake", reason="6 % came back")


def sent(minute: int, lane: str = BULK) -> LaneCount:
    return LaneCount(lane, minute, LaneOutcome.SENT)


async def test_what_several_processes_count_is_added_up_by_lane_and_outcome(store, other):
    await asyncio.gather(
        *(
            node.lanes.add({sent(100): 2, sent(100, TRANSACTIONAL): 1})
            for node in (store, other)
            for _ in range(5)
        ),
        other.lanes.add({sent(101): 1, LaneCount(BULK, 101, LaneOutcome.BOUNCED): 3}),
    )
    await store.lanes.add({})

    assert await other.lanes.sums(BULK, since=100) == {LaneOutcome.SENT: 21, LaneOutcome.BOUNCED: 3}
    assert await store.lanes.sums(BULK, since=101) == {LaneOutcome.SENT: 1, LaneOutcome.BOUNCED: 3}
    assert await store.lanes.sums(BULK, since=102) == {}
    assert await store.lanes.sums(TRANSACTIONAL, since=0) == {LaneOutcome.SENT: 10}


async def test_the_mail_of_a_campaign_is_counted_apart_and_is_no_lane(store, other):
    one, two = of_campaign("one"), of_campaign("two")
    await store.lanes.add({sent(100): 3, sent(100, one): 2, sent(100, two): 1})
    await other.lanes.add({sent(100): 1, sent(100, one): 1, LaneCount(one, 100, LaneOutcome.REFUSED): 1})

    assert await other.lanes.sums(one, since=100) == {LaneOutcome.SENT: 3, LaneOutcome.REFUSED: 1}
    assert await store.lanes.sums(two, since=0) == {LaneOutcome.SENT: 1}
    assert await store.lanes.sums(BULK, since=0) == {LaneOutcome.SENT: 4}
    assert await store.lanes.states() == {}
    assert await store.lanes.clear(before=101, limit=10) == 4
    assert await store.lanes.sums(one, since=0) == {}


async def test_earlier_minutes_are_cleared_in_steps(store):
    for minute in range(100, 105):
        await store.lanes.add({sent(minute): 1, sent(minute, TRANSACTIONAL): 1})

    assert await store.lanes.clear(before=103, limit=4) == 4
    assert await store.lanes.clear(before=103, limit=4) == 2
    assert await store.lanes.clear(before=103, limit=4) == 0
    assert await store.lanes.sums(BULK, since=0) == {LaneOutcome.SENT: 2}


async def test_a_lane_is_paused_once_and_for_all_processes(store, other):
    assert await store.lanes.states() == {}

    answers = await asyncio.gather(
        *(node.lanes.pause(BULK, BRAKE, judged=None) for node in (store, other) for _ in range(3))
    )

    assert sorted(answers) == [False] * 5 + [True]
    assert not await store.lanes.pause(BULK, Pause(at=NOW, by="user:ann", reason="mine"), judged=None)
    assert await other.lanes.states() == {BULK: LaneState(paused=BRAKE)}


async def test_who_resumes_a_lane_is_not_overruled_by_what_was_judged_before(store):
    assert not await store.lanes.resume(BULK, at=NOW)
    await store.lanes.pause(BULK, BRAKE, judged=None)

    assert await store.lanes.resume(BULK, at=later(5))
    assert not await store.lanes.resume(BULK, at=later(6))
    assert not await store.lanes.pause(BULK, BRAKE, judged=None)

    assert await store.lanes.states() == {BULK: LaneState(since=later(5))}
    assert await store.lanes.pause(BULK, BRAKE, judged=later(5))
    assert await store.lanes.states() == {BULK: LaneState(paused=BRAKE, since=later(5))}


async def test_what_was_judged_of_a_lane_that_was_never_resumed_as_if_it_was_pauses_nothing(store):
    assert not await store.lanes.pause(BULK, BRAKE, judged=later(5))
    assert not (await store.lanes.states()).get(BULK, LaneState()).paused


async def test_an_admin_who_was_erased_has_paused_nothing_by_name(store):
    await store.lanes.pause(BULK, Pause(at=NOW, by="user:ann", reason="because"), judged=None)

    await store.people.erase_user("ann", "user:ann", now=NOW)

    assert (await store.lanes.states())[BULK].paused == Pause(at=NOW, by="erased", reason="because")
