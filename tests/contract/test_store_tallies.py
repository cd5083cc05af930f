"""The sentences of `storage/tallies.py`, held against every store."""

import asyncio

from storage.tallies import TallyKey

SENT, DEAD = TallyKey("ORDER", "email", "sent"), TallyKey("ORDER", "email", "dead")
SHOWN = TallyKey("SALE", "in_app", "sent")


async def test_what_several_nodes_count_is_added_up_by_what_it_is(store, other):
    await asyncio.gather(
        *(node.tallies.add(100, {SENT: 2, SHOWN: 1}) for node in (store, other) for _ in range(5)),
        other.tallies.add(101, {SENT: 1, DEAD: 3}),
    )
    await store.tallies.add(101, {})

    assert await other.tallies.since(100) == {SENT: 21, DEAD: 3, SHOWN: 10}
    assert await other.tallies.since(100, type_="ORDER") == {SENT: 21, DEAD: 3}
    assert await other.tallies.since(101) == {SENT: 1, DEAD: 3}
    assert await other.tallies.since(102) == {}
    assert await other.tallies.since(100, type_="NONE") == {}


async def test_earlier_hours_are_cleared_in_steps(store):
    for hour in range(100, 105):
        await store.tallies.add(hour, {SENT: 1, DEAD: 1})

    assert await store.tallies.clear(before=103, limit=4) == 4
    assert await store.tallies.clear(before=103, limit=4) == 2
    assert await store.tallies.clear(before=103, limit=4) == 0
    assert await store.tallies.since(0) == {SENT: 2, DEAD: 2}
