"""A newer notification takes the place of the older one under its key: in every inbox, in the badge, and in the mailbox."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import Gateway, gateways, token, with_catalog
from tests.support.node import NodeProcess

CATALOG = """
default_locale = "en"

[categories.orders]
name = { en = "Orders" }

[types.ORDER_UPDATE]
category = "orders"
collapse = "order:{{ data.order }}"
schema = { type = "object", required = ["order", "status"], properties = { order = { type = "string" }, status = { type = "string" } } }
channels = { in_app = true, email = { default = true, unless = "read", after = "10m" } }

[types.ORDER_UPDATE.texts.en]
title = "Order {{ data.order }} has {{ data.status }}"

[types.ORDER_UPDATE.texts.de]
title = "Bestellung {{ data.order }}: {{ data.status }}"
"""


@pytest.fixture
async def nodes(store: dict[str, str], tmp_path: Path, redis_url: str) -> AsyncIterator[list[Gateway]]:
    """Two nodes on one store, with a catalog."""
    async with gateways(
        2, tmp_path, bus_url=redis_url, extend=with_catalog(tmp_path / "catalog", CATALOG), **store
    ) as nodes:
        yield nodes


async def order(gateway: Gateway, number: str, status: str, **fields: Any) -> Any:
    body = {"to": "user:ann", "type": "ORDER_UPDATE", "data": {"order": number, "status": status}, **fields}
    answered = await gateway.ask("POST", "/internal/emit", body=body)
    assert answered.status == 202, answered
    return answered.body


async def record(gateway: Gateway, emitted: Any) -> Any:
    notification_id = emitted["notifications"][0]["id"]
    return (await gateway.ask("GET", f"/internal/notifications/{notification_id}")).body


async def test_an_order_is_one_item_that_counts_its_updates_and_has_one_mail(
    nodes: list[Gateway], node: NodeProcess
):
    one, two = nodes
    await one.ask("PUT", "/internal/users/ann", body={"email": "ann@example.org"})
    tab = await node.open(two.public, auth={"token": token("ann")})
    await tab.event("ready")

    placed = await order(one, "7", "placed")
    await order(one, "8", "placed")
    shipped = await order(two, "7", "shipped", locale="de")

    told = await tab.events("notification", 3)
    assert [(n["seq"], n["collapse_key"], n["collapsed"]) for n in told] == [
        (1, "order:7", 1),
        (2, "order:8", 1),
        (3, "order:7", 2),
    ]
    history = await tab.call("history")
    assert [(n["title"], n["collapsed"]) for n in history["notifications"]] == [
        ("Bestellung 7: shipped", 2),
        ("Order 8 has placed", 1),
    ]
    back = await node.open(one.public, auth={"token": token("ann"), "since": {"user:ann": 0}})
    ready = await back.event("ready")
    assert (ready["unread"], ready["replayed"], ready["heads"]["user:ann"]) == (2, 2, 3)
    older, newer = await record(one, placed), await record(two, shipped)
    assert older["superseded_by"] == newer["id"]
    assert (older["mail"]["state"], older["mail"]["decided_by"]) == ("skipped", "superseded")
    assert older["mail"]["verdict"] == "not sent: a newer one has taken its place"
    assert older["title"] == "Order 7 has placed"
    assert (newer["mail"]["state"], newer["superseded_by"], newer["collapsed"]) == ("pending", None, 2)


async def test_a_key_of_the_emit_goes_before_that_of_the_type_and_needs_no_catalog(
    nodes: list[Gateway], node: NodeProcess
):
    one, two = nodes
    tab = await node.open(two.public, auth={"token": token("ann", topics=("game",))})
    await tab.event("ready")
    for goals in range(3):
        await one.emit("topic:game", f"{goals}:0", collapse_key="score")
    await order(two, "7", "placed", collapse_key="mine", email=False)
    await order(one, "8", "placed", collapse_key="mine", email=False)

    shown = (await tab.call("history"))["notifications"]
    assert [(n["title"], n["collapse_key"], n["collapsed"]) for n in shown] == [
        ("Order 8 has placed", "mine", 2),
        ("2:0", "score", 3),
    ]
    assert (await tab.call("read", {"ids": [shown[1]["id"]]}))["unread"] == 1
    results = await one.batch(
        [
            {"to": "topic:game", "type": "TEST", "title": "3:0", "collapse_key": "score"},
            {"to": "topic:game", "type": "TEST", "title": "x", "collapse_key": ""},
            {"to": "topic:game", "type": "TEST", "title": "x", "collapse_key": "score", "store": False},
        ]
    )
    assert [result["status"] for result in results] == [202, 422, 422]
    assert all("collapse_key" in result["errors"] for result in results[1:])
    assert (await tab.call("history"))["notifications"][0]["collapsed"] == 4


async def test_what_is_scheduled_takes_its_place_when_it_is_emitted_and_a_repetition_takes_none(
    nodes: list[Gateway], node: NodeProcess
):
    one, two = nodes
    tab = await node.open(two.public, auth={"token": token("ann")})
    await tab.event("ready")
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    body = {"to": "user:ann", "type": "TEST", "title": "later", "collapse_key": "k", "send_at": later}
    put_off = (await one.ask("POST", "/internal/emit", body=body)).body
    await one.emit("user:ann", "now", collapse_key="k", key="once")
    assert [n["title"] for n in (await tab.call("history"))["notifications"]] == ["now"]

    sent = await two.ask("POST", f"/internal/scheduled/{put_off['scheduled'][0]['id']}/send")
    assert sent.status == 200
    assert [n["title"] for n in await tab.events("notification", 2)] == ["now", "later"]
    again = await two.emit("user:ann", "now", collapse_key="k", key="once")

    assert again["duplicate"]
    shown = (await tab.call("history"))["notifications"]
    assert [(n["title"], n["collapsed"]) for n in shown] == [("later", 2)]


async def test_a_preview_says_whose_place_would_be_taken(nodes: list[Gateway], node: NodeProcess):
    one, _ = nodes
    body = {"data": {"order": "7", "status": "placed"}, "locale": "de"}
    preview = await one.ask("POST", "/internal/types/ORDER_UPDATE/preview", body=body)
    assert preview.body["item"]["collapse_key"] == "order:7"
    admin = await node.open(one.public, auth={"token": token("root", roles=("admin",))}, namespace="/admin")
    await admin.event("ready")

    previewed = await admin.call(
        "preview", {"to": "user:ann", "type": "ORDER_UPDATE", "data": body["data"], "email": False}
    )

    assert [room["collapse_key"] for room in previewed["rooms"]] == ["order:7"]
