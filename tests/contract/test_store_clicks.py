"""The sentences of `storage/clicks.py`, held against every store."""

import asyncio
from dataclasses import replace
from typing import Any

from pymongo.asynchronous.cursor import AsyncCursor

from storage.clicks import Hit, HitKind
from storage.ids import uuid7
from storage.mongo import MongoStore
from storage.obligations import Kind as Of
from storage.obligations import Obligation, Subject
from tests.contract.store_cases import NOW, later, mail, notification, put

LAMP, RUG = "https://shop.example/lamp", "https://shop.example/$rug"


def hit(mail_id: str = "m1", **fields: Any) -> Hit:
    return Hit(
        **{
            "id": uuid7(), "mail": mail_id, "user": "ann", "type": "NEWS", "notification": None, "room": None,
            "campaign": None, "target": b"lamp", "links": 2, "at": NOW, "network": b"\x00\xff", "signals": (), **fields,
        }
    )  # fmt: skip


async def test_a_target_is_one_users_until_another_is_sent_it(store, other):
    one = await store.clicks.keep({b"lamp": LAMP, b"rug": RUG}, user="$ann", until=later(60))
    again = await other.clicks.keep({b"lamp": LAMP}, user="$ann", until=later(30))
    two = await store.clicks.keep({b"lamp": LAMP}, user="bob", until=later(90))
    three = await store.clicks.keep({b"lamp": LAMP}, user="$ann", until=None)

    assert (one, again, two, three) == (set(), set(), {b"lamp"}, {b"lamp"})
    assert await store.clicks.targets_of("$ann", limit=9) == [RUG]
    assert await store.clicks.targets_of("\ud800", limit=9) == []
    assert [await other.clicks.target(key, now=later(59)) for key in (b"lamp", b"rug", b"x")] == [
        LAMP,
        RUG,
        None,
    ]
    assert [await store.clicks.target(key, now=later(60)) for key in (b"lamp", b"rug")] == [LAMP, None]


async def test_targets_that_many_keep_at_once_are_all_kept(store):
    answers = await asyncio.gather(
        *(store.clicks.keep({b"lamp": LAMP}, user=f"u{n}", until=later(n)) for n in range(1, 9))
    )

    assert [bool(answer) for answer in answers].count(False) == 1
    assert await store.clicks.target(b"lamp", now=later(7)) == LAMP


async def test_hits_are_noted_up_to_so_many_of_a_mail(store):
    noted = [await store.clicks.note(hit(at=later(n)), most=2) for n in range(3)]
    assert await store.clicks.note(hit("m2"), most=2)

    assert noted == [True, True, False]
    assert [each.at for each in await store.clicks.of_mail("m1")] == [NOW, later(1)]


async def test_a_hit_comes_back_as_it_was_noted_and_is_found_by_what_it_is_about(store, other):
    whole = hit(
        notification="n1", room="topic:garden", campaign="c1", signals=("agent",), why=("agent",), kind=HitKind.BOT,
        judged_at=later(1), confirmed_at=later(2),
    )  # fmt: skip
    of_mail = hit("n1", at=later(1))
    for each in (whole, of_mail, hit("m3", user="bob")):
        await store.clicks.note(each, most=9)

    assert await other.clicks.about("n1", limit=9) == [of_mail, whole]
    assert await other.clicks.about("n1", limit=1) == [of_mail]
    assert await other.clicks.of_user("ann", limit=9) == [of_mail, whole]
    assert [await store.clicks.about("\ud800", limit=9), await store.clicks.of_user("\ud800", limit=9)] == [
        [],
        [],
    ]


async def test_one_of_several_judges_judges(store, other):
    first, second = hit(), hit(at=later(5))
    for each in (first, second):
        await store.clicks.note(each, most=9)

    assert await store.clicks.unjudged(before=later(5), limit=9) == [first]
    judged = await asyncio.gather(
        *(each.clicks.judge(first.id, HitKind.HUMAN, ("x",), now=later(60)) for each in (store, other) * 3)
    )

    assert judged.count(True) == 1
    [found] = await store.clicks.unjudged(before=later(9), limit=9)
    assert found == second
    assert (await store.clicks.of_mail("m1"))[0] == replace(
        first, kind=HitKind.HUMAN, why=("x",), judged_at=later(60)
    )
    assert not await store.clicks.judge("unknown", HitKind.HUMAN, (), now=NOW)


async def test_the_newest_hit_on_a_link_is_confirmed_once(store, other):
    for each in (hit(), hit(at=later(1)), hit(target=b"rug", at=later(2))):
        await store.clicks.note(each, most=9)

    confirmed = await store.clicks.confirm("m1", b"lamp", now=later(3))
    again = await other.clicks.confirm("m1", b"lamp", now=later(4))

    assert confirmed is not None
    assert (confirmed.at, confirmed.confirmed_at, confirmed.counts, again) == (later(1), later(3), True, None)
    assert [each.counts for each in await store.clicks.of_mail("m1")] == [False, True, False]
    assert await store.clicks.confirm("m2", b"lamp", now=later(3)) is None


async def test_what_is_old_is_forgotten_a_part_at_a_time(store):
    for n in range(3):
        await store.clicks.note(hit(at=later(n)), most=9)
    await store.clicks.keep({b"a": LAMP, b"b": LAMP}, user="ann", until=later(5))
    await store.clicks.keep({b"c": LAMP}, user="ann", until=None)

    assert await store.clicks.prune(hits_before=None, now=later(4), limit=9) == 0
    assert await store.clicks.prune(hits_before=later(2), now=later(5), limit=1) == 2
    assert await store.clicks.prune(hits_before=later(2), now=later(5), limit=9) == 2
    assert [each.at for each in await store.clicks.of_mail("m1")] == [later(2)]
    assert await store.clicks.target(b"c", now=later(10**9)) == LAMP


async def test_a_target_that_is_kept_for_longer_as_the_old_ones_go_stays(store, other, monkeypatch):
    """Also behind the look at which are old, where they go in a second question."""
    await store.clicks.keep({b"a": LAMP}, user="ann", until=later(5))
    if isinstance(store, MongoStore):
        to_list = AsyncCursor.to_list

        async def look_and_keep(cursor, *args):
            found = await to_list(cursor, *args)
            monkeypatch.undo()
            await other.clicks.keep({b"a": LAMP}, user="ann", until=later(9))
            return found

        monkeypatch.setattr(AsyncCursor, "to_list", look_and_keep)
    else:
        await other.clicks.keep({b"a": LAMP}, user="ann", until=later(9))

    assert await store.clicks.prune(hits_before=None, now=later(6), limit=9) == 0

    assert await store.clicks.target(b"a", now=later(6)) == LAMP


async def test_what_a_mail_is_of_is_told(store):
    (own,) = await put(store, notification("user:ann", mail=mail()))
    news = notification("user:ann", in_app=False)
    of = Subject(kind=Of.CAMPAIGN, id="autumn")
    apart = Obligation(id=uuid7(), of=of, mail=mail(), news=news)
    await store.outbox.owe([apart])
    (mute,) = await put(store, notification("user:ann"))

    assert await store.outbox.subject(own.id) == Subject(kind=Of.NOTIFICATION, id=own.id)
    assert await store.outbox.subject(apart.id) == of
    for unknown in (mute.id, "unknown", "\ud800"):
        assert await store.outbox.subject(unknown) is None
