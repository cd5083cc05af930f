"""The sentences of `storage/trials.py`, and of what a notification says of its trial, held against every store."""

import asyncio
from typing import Any

from storage.notifications import Entry
from storage.streams import Placed, Tried
from storage.trials import ArmCount, Converted, Participant, Participation, Reached, Reported
from tests.contract.store_cases import NOW, later, notification, put


def ann(user: str = "$ann", **fields: Any) -> Participant:
    return Participant(**{"trial": "t", "user": user, "variant": "a", "at": NOW, **fields})


async def test_a_person_takes_part_once_in_the_arm_of_the_first_time(store, other):
    await asyncio.gather(
        *(each.trials.enrol([ann(), ann("bob", variant="b")]) for each in (store, other) for _ in range(4))
    )
    await other.trials.enrol([ann(variant="b", at=later(5), reached=True), ann(at=later(6), reached=True)])
    await store.trials.enrol([ann(trial="other", at=later(7), reached=True), ann("\ud800")])

    assert await store.trials.counts("t") == {"a": ArmCount(assigned=1, reached=1), "b": ArmCount(assigned=1)}
    assert await store.trials.counts("none") == {}
    assert (await store.trials.begun_at("t"), await store.trials.begun_at("none")) == (NOW, None)
    [newest, first] = await store.trials.of_user("$ann", limit=9)
    assert first == Participation(
        trial="t", variant="a", enrolled_at=NOW, reached_at=later(5), converted_at=None
    )
    assert newest.trial == "other"
    assert await store.trials.of_user("\ud800", limit=9) == []
    assert len(await store.trials.of_user("$ann", limit=1)) == 1


async def test_what_becomes_of_a_person_counts_the_first_time_and_once_they_are_reached(store, other):
    await store.trials.enrol(
        [ann(reached=True), ann("bob", variant="b"), ann("cem", variant="b", reached=True)]
    )
    for each in (store, other):
        await each.trials.note(
            [Converted(trial="t", user="cem", at=later(1)), Converted(trial="t", user="bob", at=later(2)),
             Converted(trial="t", user="nobody", at=later(2)), Converted(trial="t", user="\ud800", at=later(2))]
        )  # fmt: skip
    await store.trials.note(
        [Converted(trial="t", user="cem", at=later(9)), Converted(trial="t", user="$ann", at=later(3))]
    )

    assert await store.trials.conversions("t", limit=9) == ["b", "a"]
    await store.trials.note(
        [Reached(trial="t", user="bob", at=later(4)), Reached(trial="t", user="cem", at=later(4))]
    )

    assert await other.trials.conversions("t", limit=9) == ["b", "b", "a"]
    assert await other.trials.conversions("t", limit=2) == ["b", "b"]
    assert await other.trials.counts("t") == {
        "a": ArmCount(assigned=1, reached=1, converted=1), "b": ArmCount(assigned=2, reached=2, converted=2)
    }  # fmt: skip


async def test_what_somebody_else_reports_counts_of_those_who_were_reached_before(store, other):
    await store.trials.enrol([ann(reached=True), ann("bob", variant="b")])
    reports = [Reported(trial="t", user=user, at=later(1)) for user in ("$ann", "bob", "nobody", "\ud800")]
    for each in (store, other):
        await each.trials.note(reports)
    await store.trials.note([Reached(trial="t", user="bob", at=later(2))])

    assert await other.trials.conversions("t", limit=9) == ["a"]
    await other.trials.note([Reported(trial="t", user=user, at=later(3)) for user in ("$ann", "bob")])
    assert await store.trials.conversions("t", limit=9) == ["a", "b"]
    assert (await store.trials.of_user("$ann", limit=1))[0].converted_at == later(1)


async def test_of_who_is_erased_the_count_stays_and_who_is_old_is_forgotten(store):
    await store.trials.enrol([ann(reached=True), ann("bob"), ann("cem", at=later(60))])
    for user in ("$ann", "bob"):
        await store.people.erase_user(user, f"user:{user}", now=later(1))

    assert await store.trials.of_user("$ann", limit=9) == []
    assert await store.trials.counts("t") == {"a": ArmCount(assigned=3, reached=1)}
    await store.trials.enrol([ann()])
    assert (await store.trials.counts("t"))["a"].assigned == 4

    await store.trials.enrol([ann("dan", trial=trial) for trial in ("s", "u", "v")])
    kept = {"s", "v", "w"}
    assert [await store.trials.prune(before=later(60), keep=kept, limit=2) for _ in range(4)] == [2, 2, 0, 0]
    assert await store.trials.counts("t") == {"a": ArmCount(assigned=1)}
    assert {each.trial for each in await store.trials.of_user("dan", limit=9)} == {"v", "s"}
    assert await store.trials.prune(before=later(61), keep=(), limit=9) == 3
    assert await store.trials.prune(before=later(61), keep=(), limit=9) == 0


async def test_a_notification_tells_its_trial_and_its_variant(store):
    tried, chosen, plain, unseen = await put(
        store,
        notification("user:ann", entry=Entry(variant="b", trial="t")),
        notification("user:ann", entry=Entry(variant="c", category="news")),
        notification("user:ann"),
        notification("user:ann", entry=Entry(variant="b", trial="t"), in_app=False),
    )
    ids = [each.id for each in (tried, chosen, plain, unseen)]

    assert await store.streams.tried([*ids, "x", "\ud800"]) == {
        id_: Tried("user:ann", "t", "b") for id_ in (tried.id, unseen.id)
    }
    assert await store.streams.placed(ids) == {
        id_: Placed("user:ann", tried.type, variant)
        for id_, variant in ((tried.id, "b"), (chosen.id, "c"), (plain.id, ""))
    }
    assert (await store.streams.notification(tried.id)).entry == Entry(variant="b", trial="t")
