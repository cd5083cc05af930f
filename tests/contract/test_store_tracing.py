"""What the stores keep for a trace, held against both: by which call, what on the way of a mail, and how it is found again."""

from dataclasses import replace

import pytest

from storage.courses import SAID_CHARACTERS, STEPS_KEPT, CourseStep, StepKind
from storage.endings import Buried, Postponed, Released, Sent
from storage.errors import InvalidCursor
from storage.ids import UUID7Source, uuid7
from storage.mail import LaneName, MailState
from storage.notifications import Origin
from storage.obligations import Kind, Obligation, Subject
from storage.searching import Provenance, Search
from storage.streams import Emission
from tests.contract.store_cases import NOW, emission, key, later, mail, notification, put

SHOP = Origin(by="shop", request_id="req-1")


async def emitted(store, room: str, at=NOW, *, origin: Origin | None = SHOP, text: str = "", **fields) -> str:
    """The id of what was emitted at that time, as its id says too."""
    id_ = UUID7Source(lambda: int(at.timestamp() * 1e9))()
    told = notification(room, id=id_, created_at=at, **fields)
    await store.streams.append(
        [Emission(notifications=(told,), key=key(text) if text else None, origin=origin)]
    )
    return id_


async def found(store, **asked) -> list[str]:
    """The ids of all pages."""
    ids: list[str] = []
    before = None
    while True:
        page = await store.streams.search(Search(**asked), before=before, limit=2)
        ids += [each.notification.id for each in page.items]
        before = page.next
        if before is None:
            return ids


async def leased(store, now=NOW):
    (lease,) = await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=1, lease_seconds=60, now=now)
    return lease


async def test_the_call_by_which_it_was_emitted_is_kept(store):
    with_key = await emitted(store, "user:ann", text="order-1")
    by_admin = await emitted(store, "user:ann", origin=Origin(by="admin"))
    (unknown,) = await put(store, notification("user:ann"))
    (keyed,) = (
        await store.streams.append([emission(notification("user:ann"), key=key("old", scope="a:b"))])
    )[0].notifications

    assert await store.streams.provenance(with_key) == Provenance(origin=SHOP, key="order-1")
    assert await store.streams.provenance(by_admin) == Provenance(origin=Origin(by="admin"), key=None)
    assert await store.streams.provenance(unknown.id) == Provenance(origin=None, key=None)
    # Of what was stored before the call was kept, its key says by whom.
    assert await store.streams.provenance(keyed.id) == Provenance(origin=Origin(by="a:b"), key="old")
    assert await store.streams.provenance(uuid7()) is None
    assert await store.streams.provenance("\ud800") is None


async def test_what_was_emitted_is_found_by_all_that_is_said_of_it_newest_first(store):
    first = await emitted(store, "user:ann", NOW, type="SALE")
    second = await emitted(store, "user:bob", later(60), type="SALE", origin=Origin(by="crm"))
    third = await emitted(store, "user:ann", later(120), type="NOTE", text="order-1")
    fourth = await emitted(store, "topic:deals", later(180), type="SALE", in_app=False)

    assert await found(store) == [fourth, third, second, first]
    assert await found(store, type="SALE") == [fourth, second, first]
    assert await found(store, type="SALE", by="shop") == [fourth, first]
    assert await found(store, room="user:ann") == [third, first]
    assert await found(store, room="user:ann", type="SALE", by="crm") == []
    assert await found(store, by="shop", key="order-1") == [third]
    assert await found(store, by="crm", key="order-1") == []
    assert await found(store, request_id="req-1") == [fourth, third, first]
    assert await found(store, since=later(60), until=later(180)) == [third, second]
    assert await found(store, type="\ud800") == []


async def test_what_is_not_shown_any_more_is_found_too(store):
    recalled = await emitted(store, "user:ann")
    await store.streams.recall(recalled, now=later(1))

    (item,) = (await store.streams.search(Search(by="shop"), before=None, limit=5)).items

    assert (item.notification.id, item.origin) == (recalled, SHOP)


@pytest.mark.parametrize("room", [None, "user:ann"])
async def test_a_page_of_a_search_looks_at_a_bounded_number(store, monkeypatch, room):
    """What is rare takes several pages, some of them empty; nothing is left out, and nothing comes twice."""
    for module in ("storage.sqlite.searching", "storage.mongo.searching"):
        monkeypatch.setattr(f"{module}.LOOKED_AT", 3)
    ids = [
        await emitted(store, "user:ann", later(n), type="RARE" if n in (0, 5) else "NOTE") for n in range(8)
    ]
    await emitted(store, "user:bob", later(-1), type="OTHER")

    first = await store.streams.search(Search(room=room, type="RARE"), before=None, limit=2)

    assert [each.notification.id for each in first.items] == [ids[5]]
    assert await found(store, room=room, type="RARE") == [ids[5], ids[0]]
    assert await found(store, room=room, by="shop", until=later(8), since=later(0)) == ids[::-1]


async def test_of_a_room_is_found_what_is_in_its_stream_and_what_is_not_in_their_order(store, monkeypatch):
    for module in ("storage.sqlite.searching", "storage.mongo.searching"):
        monkeypatch.setattr(f"{module}.LOOKED_AT", 3)
    shown = [True, True, False, True, False, False, False, True, True, True, False]
    ids = [
        await emitted(store, "user:ann", later(hour * 3_600), in_app=in_app)
        for hour, in_app in enumerate(shown)
    ]
    await emitted(store, "user:bob")

    assert await found(store, room="user:ann") == ids[::-1]
    for since, until in ((0, 9), (3, 8), (4, 7), (10, 99)):
        asked = {"since": later(since * 3_600), "until": later(until * 3_600)}
        assert await found(store, room="user:ann", **asked) == ids[since:until][::-1]
        assert await found(store, room="user:cid", **asked) == []
    within = Search(room="user:ann", type="RARE", since=later(9 * 3_600))
    page = await store.streams.search(within, before=None, limit=2)
    assert page.next is None, "what was made before is not looked at"


async def test_no_cursor_but_a_pages_own_is_taken(store):
    with pytest.raises(InvalidCursor):
        await store.streams.search(Search(), before="yesterday", limit=2)


async def test_each_attempt_that_failed_and_what_was_heard_later_stays_in_order(store):
    (told,) = await put(store, notification("user:ann", mail=mail()))
    long = "busy " * 100
    lease = await leased(store)
    await store.outbox.end(lease, Postponed(until=later(60), reason=long, code=451), now=later(1))
    lease = await leased(store, later(60))
    held = Postponed(until=later(120), reason="quiet hours", rule="quiet_hours", counted=False)
    await store.outbox.end(lease, held, now=later(61))
    lease = await leased(store, later(120))
    await store.outbox.end(lease, Buried(reason="no such user", code=550), now=later(121))
    await store.outbox.revive([told.id], now=later(130))
    lease = await leased(store, later(130))
    await store.outbox.end(lease, Released(), now=later(131))
    lease = await leased(store, later(140))
    await store.outbox.end(lease, Sent(relay_id="250 ok"), now=later(141))
    await store.outbox.came_back(told.id, MailState.DELIVERED, reason=None, now=later(150))
    await store.outbox.came_back(told.id, MailState.COMPLAINED, reason="abuse", now=later(160))

    course = (await store.outbox.courses([told.id, uuid7()]))[told.id]

    assert course.of == Subject(kind=Kind.NOTIFICATION, id=told.id)
    assert list(course.steps) == [
        CourseStep(at=later(1), kind=StepKind.POSTPONED, attempt=1, code=451, said=long[:SAID_CHARACTERS]),
        CourseStep(at=later(61), kind=StepKind.HELD, attempt=2, rule="quiet_hours", said="quiet hours"),
        CourseStep(at=later(121), kind=StepKind.BURIED, attempt=2, code=550, said="no such user"),
        CourseStep(at=later(130), kind=StepKind.REVIVED),
        CourseStep(at=later(150), kind=StepKind.DELIVERED),
        CourseStep(at=later(160), kind=StepKind.COMPLAINED, said="abuse"),
    ]


async def test_of_a_mail_that_is_tried_often_the_newest_steps_are_kept(store):
    (told,) = await put(store, notification("user:ann", mail=mail()))
    for attempt in range(STEPS_KEPT + 3):
        lease = await leased(store, later(attempt))
        await store.outbox.end(lease, Postponed(until=later(attempt + 1), reason="busy"), now=later(attempt))

    (course,) = (await store.outbox.courses([told.id])).values()

    assert [step.attempt for step in course.steps] == list(range(4, STEPS_KEPT + 4))


async def test_a_mail_that_leaves_at_once_has_no_steps_and_one_that_stands_by_itself_says_of_what_it_is(
    store,
):
    (told,) = await put(store, notification("user:ann", mail=mail()))
    of = Subject(kind=Kind.CAMPAIGN, id="summer")
    apart = Obligation(id=uuid7(), of=of, mail=mail(due_at=later(60)), news=notification("user:bob"))
    await store.outbox.owe([apart])
    await store.outbox.end(await leased(store), Sent(), now=later(1))

    courses = await store.outbox.courses([told.id, apart.id])

    assert (list(courses[told.id].steps), courses[apart.id].of) == ([], of)


async def test_what_was_said_of_a_mail_goes_with_its_reader(store):
    (told,) = await put(store, notification("user:ann", mail=mail()))
    other = replace(mail(due_at=later(5)), attempts=0)
    apart = Obligation(
        id=uuid7(), of=Subject(kind=Kind.CAMPAIGN, id="summer"), mail=other, news=notification("user:ann")
    )
    await store.outbox.owe([apart])
    for second in (0, 5):
        lease = await leased(store, later(second))
        refusal = Postponed(until=later(3600), reason="ann is away", code=450)
        await store.outbox.end(lease, refusal, now=later(second))

    await store.people.erase_user("ann", "user:ann", now=later(10))

    courses = await store.outbox.courses([told.id, apart.id])
    assert [list(course.steps) for course in courses.values()] == [[], []]
