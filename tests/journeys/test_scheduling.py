"""What is to be said later is said then: by any node, once, unless it was taken back, and whoever dies meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.ground import encoding
from tests.support.gateway import Gateway, GatewayProcess, gateways, token
from tests.support.node import NodeProcess


@pytest.fixture
async def nodes(store: dict[str, str], tmp_path: Path, redis_url: str) -> AsyncIterator[list[Gateway]]:
    """Three nodes on one store."""
    async with gateways(3, tmp_path, bus_url=redis_url, **store) as nodes:
        yield nodes


def _in(seconds: float) -> str:
    return encoding.time(datetime.now(UTC) + timedelta(seconds=seconds))


async def _told(gateway: Gateway, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
    answered = await gateway.ask(method, path, body=body)
    assert answered.status == status, answered
    return answered.body


async def _later(
    gateway: Gateway, to: Any, title: str, send_at: Any, *, key: str | None = None, **fields: Any
) -> Any:
    headers = {} if key is None else {"Idempotency_Key": key}
    body = {"to": to, "type": "TEST", "title": title, "send_at": send_at, **fields}
    answered = await gateway.ask("POST", "/internal/emit", body=body, **headers)
    assert answered.status == 202, answered
    return answered.body


async def test_what_is_scheduled_comes_when_it_is_due_and_not_before_with_the_next_sequence(
    nodes: list[Gateway], node: NodeProcess
):
    one, two, three = nodes
    client = await node.open(three.public, auth={"token": token("ann")})
    await client.event("ready")
    due = datetime.now(UTC) + timedelta(seconds=2)

    put_off = await _later(one, ["user:ann", "topic:x"], "later", encoding.time(due))
    await two.emit("user:ann", "now")

    assert (put_off["notifications"], [s["room"] for s in put_off["scheduled"]]) == (
        [],
        ["user:ann", "topic:x"],
    )
    first, second = await client.events("notification", 2)
    assert [(n["title"], n["seq"]) for n in (first, second)] == [("now", 1), ("later", 2)]
    assert second["created_at"] >= encoding.time(due)
    # It comes before it is noted that it has come.
    async with asyncio.timeout(40):
        while (await _told(one, "GET", "/internal/scheduled"))["scheduled"]:
            await asyncio.sleep(0.02)


async def test_what_is_due_while_its_node_is_gone_is_emitted_by_another(
    nodes: list[Gateway], node: NodeProcess
):
    one, two, three = nodes
    assert one.node is not None
    client = await node.open(two.public, auth={"token": token("ann")})
    await client.event("ready")

    await _later(one, "user:ann", "later", _in(1))
    await one.node.telling.schedule_runner.stop()

    assert (await client.event("notification"))["title"] == "later"
    del three


async def test_what_was_leased_by_a_node_that_died_comes_once_from_another(
    nodes: list[Gateway], node: NodeProcess
):
    """It has emitted, and died before it could say so."""
    one, two, three = nodes
    client = await node.open(two.public, auth={"token": token("ann")})
    await client.event("ready")
    for each in nodes:
        assert each.node is not None
        await each.node.telling.schedule_runner.stop()
    await _later(one, "user:ann", "later", _in(0))
    dying, living = one.node, three.node
    assert dying is not None
    assert living is not None
    now = datetime.now(UTC) + timedelta(seconds=1)
    _, leased = await dying.store.schedule.lease(limit=9, lease_seconds=0.5, now=now)
    assert await dying.telling.schedule_runner._emit(leased) == ([leased[0].id], [])

    assert (await client.event("notification"))["title"] == "later"
    living.telling.schedule_runner.start()
    async with asyncio.timeout(40):
        while await living.store.schedule.next_due() is not None:
            await asyncio.sleep(0.02)

    await three.emit("user:ann", "last")
    assert (await client.event("notification"))["title"] == "last"
    assert living.telling.schedule_runner.emitted == 0


async def test_what_was_emitted_in_its_time_is_not_missed_because_its_node_died_over_it(
    nodes: list[Gateway], node: NodeProcess
):
    """Else somebody is woken for what has come, and whoever cancels it is told that it has not."""
    one, two, three = nodes
    client = await node.open(two.public, auth={"token": token("ann")})
    await client.event("ready")
    for each in nodes:
        assert each.node is not None
        await each.node.telling.schedule_runner.stop()
    await _later(one, "user:ann", "in time", _in(0), max_lateness=2, cancel_key="flash")
    dying, living = one.node, three.node
    assert dying is not None
    assert living is not None
    now = datetime.now(UTC) + timedelta(seconds=1)
    _, leased = await dying.store.schedule.lease(limit=9, lease_seconds=2, now=now)
    await dying.telling.schedule_runner._emit(leased)

    assert (await client.event("notification"))["title"] == "in time"
    await asyncio.sleep((now + timedelta(seconds=2) - datetime.now(UTC)).total_seconds())
    living.telling.schedule_runner.start()
    async with asyncio.timeout(40):
        while await living.store.schedule.next_due() is not None:
            await asyncio.sleep(0.02)

    assert (await _told(two, "GET", "/internal/scheduled?missed=true"))["scheduled"] == []
    cancelled = await _told(two, "POST", "/internal/cancel", {"cancel_key": "flash"})
    assert cancelled == {"cancelled": 0, "too_late": 1}


async def test_what_is_cancelled_never_comes_and_leaves_no_hole(nodes: list[Gateway], node: NodeProcess):
    one, two, three = nodes
    client = await node.open(three.public, auth={"token": token("ann")})
    await client.event("ready")
    await _later(one, ["user:ann", "user:bob"], "cart", _in(600), cancel_key="cart-1")
    await _later(one, "user:ann", "gone", _in(0), cancel_key="cart-1")
    assert (await client.event("notification"))["title"] == "gone"

    assert await _told(two, "POST", "/internal/cancel", {"cancel_key": "cart-1", "to": "user:ann"}) == {
        "cancelled": 1,
        "too_late": 1,
    }
    assert await _told(two, "POST", "/internal/cancel", {"cancel_key": "cart-1"}) == {
        "cancelled": 1,
        "too_late": 1,
    }
    # It overtook what it is about.
    assert (await _later(three, "user:ann", "cart", _in(600), cancel_key="cart-1"))["scheduled"] != []

    assert (await _told(one, "GET", "/internal/scheduled"))["scheduled"] == []
    await one.emit("user:ann", "now")
    assert (await client.event("notification"))["seq"] == 2


async def test_a_cancellation_stops_what_is_emitted_at_once_a_moment_after_it(
    nodes: list[Gateway], node: NodeProcess
):
    """Nothing of it is stored, on whichever node; what has another key, or none, is emitted as ever."""
    one, two, three = nodes
    client = await node.open(three.public, auth={"token": token("ann")})
    await client.event("ready")
    nothing = {"cancelled": 0, "too_late": 0}
    assert await _told(one, "POST", "/internal/cancel", {"cancel_key": "cart-1"}) == nothing
    assert await _told(one, "POST", "/internal/cancel", {"cancel_key": "cart-2", "to": "user:bob"}) == nothing

    stopped = await two.ask(
        "POST", "/internal/emit", body={"to": "user:ann", "type": "TEST", "title": "gone", "cancel_key": "cart-1"}
    )  # fmt: skip
    assert (stopped.status, stopped.body) == (202, {"notifications": [], "duplicate": False})
    some = await two.emit(["user:ann", "user:bob"], "some", cancel_key="cart-2")
    assert [each["room"] for each in some["notifications"]] == ["user:ann"]
    results = await three.batch(
        [
            {"to": "user:ann", "type": "TEST", "title": "plain"},
            {"to": ["user:ann", "user:cid"], "type": "TEST", "title": "gone", "cancel_key": "cart-1"},
            {"to": "user:ann", "type": "no type", "title": "wrong", "cancel_key": "cart-1"},
            {"to": "user:ann", "type": "TEST", "title": "other", "cancel_key": "cart-3"},
        ]
    )

    assert [(each["status"], len(each.get("notifications", ()))) for each in results] == [
        (202, 1), (202, 0), (422, 0), (202, 1)
    ]  # fmt: skip
    told = await client.events("notification", 3)
    assert [(each["title"], each["seq"]) for each in told] == [("some", 1), ("plain", 2), ("other", 3)]


async def test_each_reader_is_told_at_that_time_on_the_own_wall(nodes: list[Gateway]):
    one, two, _ = nodes
    await _told(one, "PUT", "/internal/users/ann", {"timezone": "Asia/Tokyo"})
    await _told(one, "PATCH", "/internal/users/bob/preferences", {"timezone": "America/New_York"})
    day = (datetime.now(UTC) + timedelta(days=30)).date()

    put_off = await _later(
        two, ["user:ann", "user:bob", "user:cid"], "morning", {"local": "09:00", "date": day.isoformat()}
    )

    nine = datetime.combine(day, datetime.min.time().replace(hour=9))
    assert {s["room"]: s["scheduled_for"] for s in put_off["scheduled"]} == {
        f"user:{user}": encoding.time(nine.replace(tzinfo=ZoneInfo(zone)))
        for user, zone in (("ann", "Asia/Tokyo"), ("bob", "America/New_York"), ("cid", "UTC"))
    }


async def test_the_answer_says_until_when_quiet_hours_will_hold_the_mail(nodes: list[Gateway]):
    one, two, _ = nodes
    quiet = {"quiet_hours": {"start": "22:00", "end": "07:00"}, "timezone": "Asia/Tokyo"}
    for user in ("ann", "bob"):
        await _told(one, "PUT", f"/internal/users/{user}", {"email": f"{user}@example.org"})
    await _told(one, "PATCH", "/internal/users/ann/preferences", quiet)
    day = (datetime.now(UTC) + timedelta(days=30)).date()
    night = datetime.combine(day, time(23, 30), ZoneInfo("Asia/Tokyo")).astimezone(UTC)
    morning = datetime.combine(day + timedelta(days=1), time(7), ZoneInfo("Asia/Tokyo")).astimezone(UTC)

    mailed = await _later(two, ["user:ann", "user:bob"], "night", encoding.time(night), email=True)
    shown = await _later(two, "user:ann", "night", encoding.time(night))
    local = await _later(
        two, "user:ann", "night", {"local": "23:30", "date": day.isoformat()}, email={"after": 60}
    )

    ann, bob = mailed["scheduled"]
    assert morning <= datetime.fromisoformat(ann["held_until"]) < morning + timedelta(minutes=10)
    assert local["scheduled"][0] == ann | {"id": local["scheduled"][0]["id"]}
    assert [set(each) for each in (bob, *shown["scheduled"])] == [{"id", "room", "scheduled_for"}] * 2


async def test_a_time_that_is_over_is_now_and_the_answer_says_so(nodes: list[Gateway], node: NodeProcess):
    one, two, _ = nodes
    client = await node.open(two.public, auth={"token": token("ann")})
    await client.event("ready")

    [told] = (await _later(one, "user:ann", "late", _in(-3600), key="k"))["scheduled"]
    [again] = (await _later(one, "user:ann", "late", told["scheduled_for"], key="k"))["scheduled"]

    assert told["late"] is True
    assert (await client.event("notification"))["title"] == "late"
    assert "late" not in again


async def test_what_was_missed_is_emitted_only_by_somebodys_word(nodes: list[Gateway], node: NodeProcess):
    """Late beyond what its sender allows, or scheduled before the store was put back: nobody knows whether it came."""
    one, two, three = nodes
    client = await node.open(three.public, auth={"token": token("ann")})
    await client.event("ready")
    assert one.node is not None
    put_off = await _later(one, "user:ann", "old", _in(600))
    [waiting] = (await one.node.store.schedule.page(after=None, limit=1)).items
    await _told(one, "DELETE", f"/internal/scheduled/{put_off['scheduled'][0]['id']}")
    now = datetime.now(UTC)
    old = [
        replace(waiting, id="late", due_at=now - timedelta(hours=2), latest_at=now - timedelta(hours=1)),
        replace(waiting, id="restored", due_at=now - timedelta(minutes=5), epoch="another"),
        replace(waiting, id="due", due_at=now - timedelta(seconds=5), epoch="another"),
        replace(waiting, id="in time", due_at=now - timedelta(hours=2)),
    ]
    await one.node.store.schedule.add(old, now=now)
    one.node.telling.schedule_runner._rounds.wake()

    assert [n["title"] for n in await client.events("notification", 2)] == ["old", "old"]
    async with asyncio.timeout(40):
        while len(missed := (await _told(two, "GET", "/internal/scheduled?missed=true"))["scheduled"]) < 2:
            await asyncio.sleep(0.02)
    assert [(each["id"], each["missed"]) for each in missed] == [("late", "late"), ("restored", "restored")]
    assert (await _told(two, "GET", "/internal/users/ann/data"))["scheduled"] == missed
    await _told(two, "DELETE", "/internal/scheduled/restored")
    await _told(two, "POST", "/internal/scheduled/late/send")
    assert (await client.event("notification"))["seq"] == 3
    assert (await _told(two, "GET", "/internal/scheduled?missed=true"))["scheduled"] == []


async def test_a_repeated_request_is_scheduled_once_and_another_under_its_key_is_refused(
    nodes: list[Gateway],
):
    one, two, _ = nodes
    at = _in(600)

    first = await _later(one, "user:ann", "later", at, key="order-7")
    again = await _later(two, "user:ann", "later", at, key="order-7")
    body = {"to": "user:ann", "type": "TEST", "title": "other", "send_at": at}
    other = await two.ask("POST", "/internal/emit", body=body, Idempotency_Key="order-7")

    assert (first["duplicate"], again["duplicate"]) == (False, True)
    assert first["scheduled"] == again["scheduled"]
    assert (other.status, other.body["code"]) == (422, "idempotency_mismatch")
    assert len((await _told(one, "GET", "/internal/scheduled"))["scheduled"]) == 1


async def test_single_ones_are_listed_sent_now_or_cancelled(nodes: list[Gateway], node: NodeProcess):
    one, two, three = nodes
    client = await node.open(three.public, auth={"token": token("ann")})
    await client.event("ready")
    results = await one.batch(
        [
            {"to": "user:ann", "type": "TEST", "title": "a", "send_at": _in(600)},
            {"to": "user:ann", "type": "TEST", "title": "b", "send_at": _in(700), "max_lateness": 60},
            {"to": "user:ann", "type": "TEST", "title": "now"},
        ]
    )
    a, b = (result["scheduled"][0]["id"] for result in results[:2])
    assert (await client.event("notification"))["title"] == "now"

    page = await _told(two, "GET", "/internal/scheduled?limit=1")
    assert [s["title"] for s in page["scheduled"]] == ["a"]
    rest = await _told(two, "GET", f"/internal/scheduled?after={page['next']}")
    assert [(s["title"], s["by"], s["latest_at"] is not None) for s in rest["scheduled"]] == [
        ("b", "shop", True)
    ]
    assert (await _told(two, "GET", "/internal/users/ann/data"))["scheduled"] == [
        *page["scheduled"], *rest["scheduled"]
    ]  # fmt: skip

    assert await _told(two, "DELETE", f"/internal/scheduled/{a}") == {"ids": [a]}
    await _told(two, "DELETE", f"/internal/scheduled/{a}", status=404)
    assert await _told(two, "POST", f"/internal/scheduled/{b}/send") == {"ids": [b]}
    assert (await client.event("notification"))["title"] == "b"
    await _told(two, "POST", f"/internal/scheduled/{b}/send", status=404)


async def test_what_makes_no_sense_is_refused_when_it_is_asked(nodes: list[Gateway]):
    one, *_ = nodes
    year = datetime.now(UTC).year
    wrong: tuple[dict[str, Any], ...] = (
        {"send_at": "tomorrow"},
        {"send_at": f"{year}-12-01T08:00:00"},
        {"send_at": f"{year + 3}-01-01T08:00:00Z"},
        {"send_at": "0001-01-01T00:00:00+01:00"},
        {"send_at": "9999-12-31T23:59:59-01:00"},
        {"send_at": {"local": "00:00", "date": "0001-01-01"}},
        {"send_at": {"local": "25:00", "date": f"{year}-12-01"}},
        {"send_at": {"local": "09:00"}},
        {"send_at": 7},
        {"send_at": _in(60), "store": False},
        {"send_at": _in(60), "max_lateness": 0},
        {"max_lateness": 5},
        {"send_at": _in(60), "title": None},
    )
    for fields in wrong:
        body = {"to": "user:ann", "type": "TEST", "title": "x"} | fields
        answered = await one.ask("POST", "/internal/emit", body=body)
        assert (answered.status, answered.body["code"]) == (422, "validation_failed"), fields
    assert (await one.ask("POST", "/internal/cancel", body={})).status == 422
    answered = await one.ask("GET", "/internal/scheduled?after=nonsense")
    assert (answered.status, set(answered.body["errors"])) == (422, {"after"})


async def test_hundreds_that_are_due_at_once_come_once_each_from_three_nodes(
    nodes: list[Gateway], node: NodeProcess
):
    one, two, three = nodes
    client = await node.open(three.public, auth={"token": token("ann")})
    await client.event("ready")
    due = datetime.now(UTC) + timedelta(seconds=5)
    for each in (one, two):
        items = [
            {"to": "user:ann", "type": "TEST", "title": f"{each.internal} {n}", "send_at": encoding.time(due)}
            for n in range(250)
        ]  # fmt: skip
        await each.batch(items)

    told = await client.events("notification", 500)

    assert len({n["title"] for n in told}) == 500
    assert [n["seq"] for n in told] == list(range(1, 501))
    assert min(n["created_at"] for n in told) >= encoding.time(due)


async def test_what_waits_outlives_the_process_that_was_killed(tmp_path: Path, node: NodeProcess):
    process = GatewayProcess(tmp_path)
    try:
        await process.start()
        await _later(process.gateway, "user:ann", "later", _in(1))
        await process.kill()
        await process.start()

        client = await node.open(process.gateway.public, auth={"token": token("ann")})
        await client.event("ready")
        history = await client.call("history")
        titles = [n["title"] for n in history["notifications"]]
        assert titles == ["later"] or (await client.event("notification"))["title"] == "later"
    finally:
        await process.close()


async def test_what_cannot_be_emitted_as_it_is_due_is_missed_and_comes_by_somebodys_word(
    nodes: list[Gateway], node: NodeProcess
):
    """Nobody waits for an answer any more, so it is kept for who can mend what is wrong."""
    one, two, _ = nodes
    client = await node.open(two.public, auth={"token": token("bob")})
    await client.event("ready")
    await _later(one, "user:bob", "with mail", _in(0.5), email=True)

    async with asyncio.timeout(40):
        while not (missed := (await _told(two, "GET", "/internal/scheduled?missed=true"))["scheduled"]):
            await asyncio.sleep(0.02)
    assert [(each["title"], each["missed"]) for each in missed] == [("with mail", "refused")]
    again = f"/internal/scheduled/{missed[0]['id']}/send"
    await _told(two, "PATCH", "/internal/users/bob", {"email": "bob@shop.example"})
    await _told(two, "POST", again)

    assert (await client.event("notification"))["title"] == "with mail"
    assert (await _told(two, "GET", "/internal/scheduled?missed=true"))["scheduled"] == []
    await _told(two, "POST", again, status=404)
