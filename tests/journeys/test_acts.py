"""What a person does in the inbox beyond reading: shown at once on every node, undone, put off, and answered once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.ground import encoding
from gateway.protocol.telling import InboxEvent
from tests.support.gateway import Gateway, gateway_process, gateways, token, with_catalog
from tests.support.node import JSClient, NodeProcess

CATALOG = """
default_locale = "en"

[categories.orders]
name = { en = "Orders" }

[types.RETURN_ASKED]
category = "orders"
schema = { type = "object", required = ["order"], properties = { order = { type = "string" } } }
examples = [{ order = "1" }]

[types.RETURN_ASKED.texts.en]
title = "Return order {{ data.order }}?"
image = "https://shop.example/orders/{{ data.order }}.png"
actions = [
  { id = "accept", label = "Accept {{ data.order }}", style = "primary", link = "/returns/{{ data.order }}" },
  { id = "refuse", label = "Refuse", style = "danger" },
]

[types.RETURN_ASKED.texts.de]
title = "Bestellung {{ data.order }} zurücknehmen?"
actions = [{ id = "accept", label = "Annehmen" }, { id = "refuse", label = "Ablehnen" }]
"""


@pytest.fixture
async def nodes(store: dict[str, str], tmp_path: Path, redis_url: str) -> AsyncIterator[list[Gateway]]:
    """Two nodes on one store, with a catalog."""
    extend = with_catalog(tmp_path / "catalog", CATALOG)
    async with gateways(2, tmp_path, bus_url=redis_url, extend=extend, **store) as nodes:
        yield nodes


async def come(node: NodeProcess, gateway: Gateway, user: str = "ann", **claims: Any) -> JSClient:
    client = await node.open(gateway.public, auth={"token": token(user, **claims)})
    await client.event("ready")
    return client


async def told(client: JSClient) -> Any:
    """The next `inbox`, which is as it is described."""
    event = await client.event("inbox")
    assert InboxEvent().validate(event) == {}
    return event


def in_a(seconds: float) -> str:
    return encoding.time(datetime.now(UTC) + timedelta(seconds=seconds))


async def titles(client: JSClient, **asked: Any) -> list[str]:
    return [n["title"] for n in (await client.call("history", asked))["notifications"]]


async def test_a_button_is_answered_once_and_shown_pressed_everywhere(
    nodes: list[Gateway], node: NodeProcess
):
    """On every device, in its reader's words, in the history, and to the backend that asked."""
    one, two = nodes
    phone, desk = await come(node, one), await come(node, two, locale="de")
    sent = await one.ask(
        "POST", "/internal/emit", body={"to": "user:ann", "type": "RETURN_ASKED", "data": {"order": "7"}}
    )
    id_ = sent.body["notifications"][0]["id"]
    shown = await phone.event("notification")
    assert shown["image"] == "https://shop.example/orders/7.png"
    assert shown["actions"] == [
        {"id": "accept", "label": "Accept 7", "style": "primary", "link": "/returns/7"},
        {"id": "refuse", "label": "Refuse", "style": "danger"},
    ]
    await desk.event("notification")

    answers = await asyncio.gather(
        phone.call("act", {"id": id_, "action": "accept"}), desk.call("act", {"id": id_, "action": "refuse"})
    )

    [first] = {answer["acted"] for answer in answers}
    assert [(a["ok"], a["unread"]) for a in answers] == [(True, 0)] * 2
    for client in (phone, desk):
        event = await told(client)
        assert event["did"] == {"event": "act", "ids": [id_], "item": {"read": True, "acted": first}}
        [item] = (await client.call("history"))["notifications"]
        assert (item["acted"], item["read"]) == (first, True)
    record = (await one.ask("GET", f"/internal/notifications/{id_}")).body
    assert record["actions"][0]["id"] == "accept"
    assert (record["receipts"]["ann"]["acted"], record["receipts"]["ann"]["acted_at"]) == (
        first,
        answers[0]["acted_at"],
    )
    unknown = await phone.call("act", {"id": id_, "action": "burn"})
    assert unknown["error"]["code"] == "validation_failed"
    assert list(unknown["error"]["errors"]) == ["action"]
    foreign = await (await come(node, one, "bob")).call("act", {"id": id_, "action": "accept"})
    assert foreign["error"]["code"] == "not_found"


async def test_what_is_put_away_and_taken_back_is_so_on_every_device_with_the_count(
    nodes: list[Gateway], node: NodeProcess
):
    one, two = nodes
    phone, desk = await come(node, one), await come(node, two)
    ids = [(await one.emit("user:ann", str(number)))["notification"]["id"] for number in range(3)]
    heads = {"user:ann": 3, "all": 0}

    assert await phone.call("archive", {"ids": ids[:2]}) == {"ok": True, "unread": 1, "heads": heads}
    did = {
        "event": "archive",
        "ids": ids[:2],
        "item": {"read": True, "archived": True, "snoozed_until": None},
    }
    assert await told(desk) == {"unread": 1, "heads": heads, "did": did}
    assert (await titles(desk), await titles(desk, archived=True)) == (["2"], ["1", "0"])
    own = await one.request(
        "GET", f"{one.public}/api/notifications?archived=true", headers={"Authorization": f"Bearer {token('ann')}"}
    )  # fmt: skip
    assert [n["title"] for n in own.body["notifications"]] == ["1", "0"]
    await desk.call("unarchive", {"ids": ids[:1]})
    assert [(await told(phone))["did"]["event"] for _ in range(2)] == ["archive", "unarchive"]
    await desk.call("read", {"all": True})
    unread = await desk.call("unread", {"ids": ids[1:]})

    assert unread == {"ok": True, "unread": 2, "heads": heads, "turn": 1}
    assert await titles(phone, unread=True) == ["2", "1"]
    late = await node.open(two.public, auth={"token": token("ann")})
    ready = await late.event("ready")
    assert (ready["unread"], ready["turn"]) == (2, 1)
    for event, asked in (
        ("archive", {}),
        ("unread", {"ids": "all"}),
        ("snooze", {"id": ids[0], "until": "tomorrow"}),
        ("snooze", {"id": ids[0], "until": in_a(-1)}),
        ("snooze", {"id": ids[0], "until": in_a(400 * 86400)}),
        ("act", {"id": ids[0]}),
        ("history", {"archived": True, "snoozed": True}),
    ):
        assert (await phone.call(event, asked))["error"]["code"] == "validation_failed", (event, asked)
    assert (await phone.call("snooze", {"id": "none", "until": in_a(9)}))["error"]["code"] == "not_found"


async def test_what_was_dismissed_is_taken_back_on_every_device(nodes: list[Gateway], node: NodeProcess):
    """At once gone for all of them, whatever becomes of the one that has done it; and there again, as read."""
    one, two = nodes
    phone, desk = await come(node, one), await come(node, two)
    ids = [(await one.emit("user:ann", str(number)))["notification"]["id"] for number in range(2)]
    heads = {"user:ann": 2, "all": 0}

    assert await phone.call("dismiss", {"ids": ids[:1]}) == {"ok": True, "unread": 1, "heads": heads}
    did = {"event": "dismiss", "ids": ids[:1], "item": {"read": True, "dismissed": True}}
    assert await told(desk) == {"unread": 1, "heads": heads, "did": did}
    await phone.close()
    assert await titles(desk) == ["1"]

    assert await desk.call("undismiss", {"ids": ids[:1]}) == {"ok": True, "unread": 1, "heads": heads}
    did = {"event": "undismiss", "ids": ids[:1], "item": {"dismissed": False}}
    assert await told(desk) == {"unread": 1, "heads": heads, "did": did}
    assert await titles(desk) == ["1", "0"]
    record = (await one.ask("GET", f"/internal/notifications/{ids[0]}")).body
    assert record["receipts"]["ann"]["dismissed_at"] is None
    assert (await desk.call("undismiss", {}))["error"]["code"] == "validation_failed"
    await desk.call("dismiss", {"ids": ids})
    await one.ask("DELETE", f"/internal/notifications/{ids[1]}")
    await desk.call("undismiss", {"ids": ids})
    told_of = [event["did"] for event in [await told(desk) for _ in range(3)] if "did" in event]
    assert [(did["event"], did["ids"]) for did in told_of] == [("dismiss", ids), ("undismiss", ids[:1])]


async def test_what_is_snoozed_comes_back_on_time_though_its_node_is_gone(
    nodes: list[Gateway], node: NodeProcess
):
    """Whoever is there is shown it, unread, above what is newer; whoever comes later finds it so."""
    one, two = nodes
    desk = await come(node, two)
    id_ = (await one.emit("user:ann", "Later"))["notification"]["id"]
    await one.emit("user:ann", "Newer")
    phone = await come(node, one)
    until = datetime.now(UTC) + timedelta(seconds=1.2)
    slept = await phone.call("snooze", {"id": id_, "until": encoding.time(until)})
    assert slept["unread"] == 1
    assert (await told(desk))["did"]["event"] == "snooze"
    assert (await titles(desk), await titles(desk, snoozed=True)) == (["Newer"], ["Later"])
    assert one.node is not None
    await one.node.inboxes.snoozer.stop()

    back = await told(desk)

    assert datetime.now(UTC) >= until
    assert (back["unread"], back["turn"], back["did"]["event"]) == (2, 1, "back")
    [item] = back["did"]["notifications"]
    assert (item["title"], item["read"]) == ("Later", False)
    page = await desk.call("history")
    assert [n["title"] for n in page["returned"]] == ["Later"]
    await desk.call("read", {"ids": [id_]})
    assert "returned" not in await desk.call("history")
    assert len([e for e in desk.received("inbox") if e.get("did", {}).get("event") == "back"]) == 1
    await one.ask("DELETE", f"/internal/notifications/{id_}")


async def test_much_that_comes_back_at_once_is_told_in_several_events_that_none_is_too_large_for(
    nodes: list[Gateway], node: NodeProcess
):
    one, _ = nodes
    desk = await come(node, one)
    large = {"text": "x" * 40_000}
    ids = [(await one.emit("user:ann", f"No. {n}", data=large))["notification"]["id"] for n in range(12)]
    until = in_a(3)
    for id_ in ids:
        await desk.call("snooze", {"id": id_, "until": until})

    back: list[str] = []
    async with asyncio.timeout(20):
        while len(back) < len(ids):
            event = await told(desk)
            if event["did"]["event"] == "back":
                assert len(encoding.dumps(event)) < 2 * 64 * 1024
                assert [each["id"] for each in event["did"]["notifications"]] == event["did"]["ids"]
                assert event["unread"] == len(ids)
                back += event["did"]["ids"]

    assert sorted(back) == sorted(ids)


async def test_all_that_comes_back_at_once_is_told_on_the_other_node(nodes: list[Gateway], node: NodeProcess):
    """Also to a user whose id is as long as an id may be."""
    one, two = nodes
    user = "🚚" * 128
    desk = await come(node, two, user)
    assert one.node is not None and two.node is not None
    for each in (one.node, two.node):
        await each.inboxes.snoozer.stop()
    items = [{"to": f"user:{user}", "type": "T", "title": str(n)} for n in range(200)]
    ids = [each["notifications"][0]["id"] for each in await one.batch(items)]
    until = datetime.now(UTC) + timedelta(seconds=2)
    for id_ in ids:
        await one.node.inboxes.acting.snooze(user, [f"user:{user}"], id_, until=until)

    one.node.inboxes.snoozer.start()

    back: set[str] = set()
    while len(back) < len(ids):
        event = await told(desk)
        if event["did"]["event"] == "back":
            back.update(event["did"]["ids"])
    assert back == set(ids)


async def test_what_a_node_brought_back_and_died_over_is_told_by_another(
    nodes: list[Gateway], node: NodeProcess
):
    one, two = nodes
    client = await come(node, two)
    id_ = (await one.emit("user:ann", "Later"))["notification"]["id"]
    assert one.node is not None
    assert two.node is not None
    for each in (one.node, two.node):
        await each.inboxes.snoozer.stop()
    await client.call("snooze", {"id": id_, "until": in_a(0.1)})
    await told(client)
    now = datetime.now(UTC) + timedelta(seconds=1)
    _, back = await one.node.store.snoozes.bring_back(limit=9, lease_seconds=0.3, now=now)
    assert [each.id for each in back] == [id_]

    two.node.inboxes.snoozer.start()

    event = await told(client)
    assert (event["did"]["event"], event["did"]["ids"], event["unread"]) == ("back", [id_], 1)
    async with asyncio.timeout(40):
        while await two.node.store.snoozes.next_due() is not None:
            await asyncio.sleep(0.02)


async def test_a_node_killed_as_snoozes_end_loses_none_and_has_none_come_back_twice(
    store: dict[str, str], tmp_path: Path, node: NodeProcess
):
    """Half of them end while it lives, half while it is dead; what was pressed before stays pressed."""
    async with gateway_process(tmp_path, CLIENT_EVENTS_PER_SECOND="0", **store) as process:
        here = process.gateway
        client = await come(node, here)
        buttons = [{"id": "yes", "label": "Yes"}]
        items = [{"to": "user:ann", "type": "T", "title": str(n), "actions": buttons} for n in range(20)]
        ids = [each["notifications"][0]["id"] for each in await here.batch(items)]
        assert (await client.call("act", {"id": ids[0], "action": "yes"}))["acted"] == "yes"
        for number, id_ in enumerate(ids):
            until = in_a(5 if number % 2 else 2)
            assert (await client.call("snooze", {"id": id_, "until": until}))["ok"]
        while (await told(client)).get("did", {}).get("event") != "back":
            pass

        await process.kill()
        await client.close()
        await process.start()

        late = await come(node, here)
        async with asyncio.timeout(40):
            while len((page := await late.call("history")).get("returned", [])) < 20:
                await asyncio.sleep(0.05)
        assert sorted(n["id"] for n in page["returned"]) == sorted(ids)
        assert {n["read"] for n in page["returned"]} == {False}
        assert (await late.call("replay", {"since": {}}))["unread"] == 20
        assert {n["id"]: n.get("acted") for n in page["notifications"]}[ids[0]] == "yes"
        back = [e["did"]["ids"] for e in late.received("inbox") if e.get("did", {}).get("event") == "back"]
        assert len(flat := [id_ for some in back for id_ in some]) == len(set(flat))


async def test_of_buttons_pressed_as_a_node_is_killed_those_answered_stay_and_none_is_pressed_twice(
    store: dict[str, str], tmp_path: Path, node: NodeProcess
):
    """Whoever had no answer presses the other button: one of the two stands, and what was answered stands whatever comes."""
    async with gateway_process(tmp_path, CLIENT_EVENTS_PER_SECOND="0", **store) as process:
        here = process.gateway
        client = await come(node, here)
        buttons = [{"id": "yes", "label": "Yes"}, {"id": "no", "label": "No"}]
        items = [{"to": "user:ann", "type": "T", "title": str(n), "actions": buttons} for n in range(40)]
        ids = [each["notifications"][0]["id"] for each in await here.batch(items)]
        answered: dict[str, str] = {}

        some = asyncio.Event()

        async def press(id_: str) -> None:
            answered[id_] = (await client.call("act", {"id": id_, "action": "yes"}))["acted"]
            if len(answered) >= len(ids) // 4:
                some.set()

        presses = [asyncio.create_task(press(id_)) for id_ in ids]
        async with asyncio.timeout(40):
            await some.wait()
        await process.kill()
        await client.close()
        for each in presses:
            each.cancel()
        await asyncio.gather(*presses, return_exceptions=True)
        await process.start()

        late = await come(node, here)
        said = {id_: (await late.call("act", {"id": id_, "action": "no"}))["acted"] for id_ in ids}
        assert len(answered) >= len(ids) // 4
        assert said.items() >= answered.items()
        page = await late.call("history", {"limit": 100})
        assert {n["id"]: n["acted"] for n in page["notifications"]} == said
        assert (await late.call("replay", {"since": {}}))["unread"] == 0
