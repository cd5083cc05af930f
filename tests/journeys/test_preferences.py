"""A person decides what to be told: at once in every tab and on every node, and also for mail that is owed already."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.notify.deciding.verdicts import Skip
from tests.support.gateway import Gateway, gateways, token, with_catalog
from tests.support.node import NodeProcess

CATALOG = """
default_locale = "en"

[categories.orders]
name = { en = "Orders", de = "Bestellungen" }
order = 1

[categories.offers]
name = { en = "Offers", de = "Angebote" }
order = 2

[categories.account]
name = { en = "Account", de = "Konto" }
order = 3

[categories.news]
name = { en = "News", de = "Neues" }
order = 4
opt_in = true

[types.NEWS]
category = "news"
channels = { in_app = true, email = true }

[types.ORDER_UPDATE]
category = "orders"
channels = { in_app = true, email = true }

[types.SALE_OFFER]
category = "offers"
name = { en = "Sales", de = "Rabatte" }
channels = { in_app = true, email = true }

[types.TIP]
category = "offers"
channels = { in_app = true, email = { default = false } }

[types.PASSWORD_RESET]
category = "account"
critical = true
channels = { in_app = true, email = true }
"""


@pytest.fixture
async def nodes(store: dict[str, str], tmp_path: Path, redis_url: str) -> AsyncIterator[list[Gateway]]:
    """Three nodes on one store, with a catalog."""
    async with gateways(
        3, tmp_path, bus_url=redis_url, extend=with_catalog(tmp_path / "catalog", CATALOG), **store
    ) as nodes:
        yield nodes


async def _told(gateway: Gateway, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
    answered = await gateway.ask(method, path, body=body)
    assert answered.status == status, answered
    return answered.body


async def _own(gateway: Gateway, method: str, body: Any = None) -> Any:
    return await gateway.request(
        method,
        gateway.public + "/api/preferences",
        body=body,
        headers={"Authorization": f"Bearer {token('ann')}"},
    )


async def _known(nodes: list[Gateway], user: str, version: int) -> None:
    """Return when every node has heard of this version: the bus tells them a moment after the answer."""
    async with asyncio.timeout(40):
        for each in nodes:
            assert each.node is not None
            while (await each.node.preferences.of(user)).version < version:
                await asyncio.sleep(0.01)


def _cells(shown: Any, channel: str = "email") -> dict[str, tuple[bool, str, bool]]:
    return {
        row["type"]: tuple(row["channels"][channel][name] for name in ("value", "from", "locked"))
        for row in shown["grid"]
    }


async def test_a_choice_shows_in_every_tab_on_every_node_and_to_nobody_else(
    nodes: list[Gateway], node: NodeProcess
):
    one, two, three = nodes
    tabs = [await node.open(each.public, auth={"token": token("ann")}) for each in nodes]
    other = await node.open(two.public, auth={"token": token("bob")})
    for client in (*tabs, other):
        await client.event("ready")
    shown = await tabs[0].call("preferences")
    assert (shown["ok"], shown["version"], shown["types"]) == (True, 0, {})
    assert _cells(shown) == {
        "ORDER_UPDATE": (True, "default", False),
        "SALE_OFFER": (True, "default", False),
        "TIP": (False, "default", False),
        "PASSWORD_RESET": (True, "locked", True),
        "NEWS": (False, "opt_in", False),
    }

    answer = await tabs[0].call(
        "preferences", {"set": {"categories": {"offers": {"email": False}}, "locale": "de"}}
    )

    assert (answer["ok"], answer["version"]) == (True, 1)
    del answer["ok"]
    for tab in tabs:
        assert await tab.event("preferences") == answer
    assert _cells(answer)["SALE_OFFER"] == (False, "category", False)
    assert [row["name"] for row in answer["grid"]] == [
        "Bestellungen", "Angebote", "Angebote", "Konto", "Neues",
    ]  # fmt: skip
    assert {row["type"]: row["type_name"] for row in answer["grid"] if row["type_name"]} == {
        "SALE_OFFER": "Rabatte"
    }
    assert (await _own(three, "GET")).body == answer
    changed = await _own(two, "PATCH", {"types": {"SALE_OFFER": {"email": True}}})
    assert changed.status == 200
    assert _cells(changed.body)["SALE_OFFER"] == (True, "type", False)
    for tab in tabs:
        assert (await tab.event("preferences"))["version"] == 2
    await one.emit("user:bob")
    await other.event("notification")
    assert other.received("preferences") == []


async def test_what_a_person_does_not_want_is_not_mailed_and_what_is_critical_is(nodes: list[Gateway]):
    one, two, three = nodes
    await _told(one, "PUT", "/internal/users/ann", {"email": "ann@example.org"})
    await _told(one, "PATCH", "/internal/users/ann/preferences", {"channels": {"email": False}})
    await _known(nodes, "ann", 1)

    states = {}
    for type_ in ("ORDER_UPDATE", "SALE_OFFER", "PASSWORD_RESET", "NOT_IN_THE_CATALOG"):
        emitted = await two.emit("user:ann", type=type_, email=True)
        record = await _told(three, "GET", f"/internal/notifications/{emitted['notification']['id']}")
        states[type_] = (record["mail"]["state"], record["mail"]["decided_by"])

    critical = states.pop("PASSWORD_RESET")
    assert critical[0] in ("pending", "leased", "sent")
    assert set(states.values()) == {("skipped", "preferences")}


async def test_what_was_chosen_under_an_address_ends_on_every_node_with_the_user_whose_it_was(
    nodes: list[Gateway],
):
    """Whoever is known by the address alone has it for an id."""
    one, two, _ = nodes
    address = "ann@example.org"
    await _told(one, "PATCH", f"/internal/users/{address}/preferences", {"channels": {"email": False}})
    await _known(nodes, address, 1)
    await one.emit("user:ann", email={"to": address})

    await _told(two, "DELETE", "/internal/users/ann/data")

    async with asyncio.timeout(10):
        for each in nodes:
            assert each.node is not None
            while (await each.node.preferences.of(address)).version:
                await asyncio.sleep(0.01)


async def test_what_a_person_does_not_want_is_not_shown_in_app_and_leaves_no_hole(
    nodes: list[Gateway], node: NodeProcess
):
    one, two, three = nodes
    client = await node.open(two.public, auth={"token": token("ann")})
    await client.event("ready")
    await _own(two, "PATCH", {"categories": {"offers": {"in_app": False, "email": False}}})
    await _known(nodes, "ann", 1)

    unwanted = await three.emit("user:ann", "Sale", type="SALE_OFFER")
    await three.emit("user:bob", "Sale", type="SALE_OFFER")
    await one.emit("user:ann", "Reset", type="PASSWORD_RESET", email=False)

    shown = await client.event("notification")
    assert (shown["title"], shown["seq"]) == ("Reset", 1)
    record = await _told(one, "GET", f"/internal/notifications/{unwanted['notification']['id']}")
    assert (record["in_app"], record["skipped"]["rule"]) == (False, "preferences")
    assert (await client.call("history"))["notifications"][0]["title"] == "Reset"
    await one.emit("topic:x", type="SALE_OFFER")


async def test_mail_of_an_opt_in_category_goes_to_who_has_asked_for_it_and_to_nobody_else(
    nodes: list[Gateway],
):
    one, two, _ = nodes
    for user in ("ann", "bob"):
        await _told(one, "PUT", f"/internal/users/{user}", {"email": f"{user}@example.org"})

    nobody = await two.emit(["user:ann", "user:bob"], type="NEWS")
    assert _cells((await _own(one, "GET")).body)["NEWS"] == (False, "opt_in", False)
    await _own(one, "PATCH", {"categories": {"news": {"email": True}}})
    await _known(nodes, "ann", 1)
    some = await two.emit(["user:ann", "user:bob"], type="NEWS", email=True)

    decided = []
    for placed in (*nobody["notifications"], *some["notifications"]):
        record = await _told(one, "GET", f"/internal/notifications/{placed['id']}")
        decided.append((record["in_app"], record["mail"]["decided_by"]))
    assert decided == [(True, "preferences"), (True, "preferences"), (True, None), (True, "preferences")]


async def test_who_asks_for_mail_that_a_type_does_not_send_by_itself_gets_it_and_nobody_else(
    nodes: list[Gateway],
):
    one, two, _ = nodes
    for user in ("ann", "bob"):
        await _told(one, "PUT", f"/internal/users/{user}", {"email": f"{user}@example.org"})
    await _own(one, "PATCH", {"types": {"TIP": {"email": True}}})
    await _told(one, "PATCH", "/internal/users/bob/preferences", {"locale": "de"})
    await _known(nodes, "ann", 1)
    await _known(nodes, "bob", 1)

    emitted = await two.emit(["user:ann", "user:bob", "user:cid"], type="TIP")

    mails = {}
    for placed in emitted["notifications"]:
        record = await _told(one, "GET", f"/internal/notifications/{placed['id']}")
        mails[placed["room"]] = record["mail"] and record["mail"]["to"]
    assert mails == {"user:ann": "ann@example.org", "user:bob": None, "user:cid": None}
    silent = await two.emit("user:ann", type="TIP", email=False)
    record = await _told(one, "GET", f"/internal/notifications/{silent['notification']['id']}")
    assert record["mail"] is None


async def test_mail_in_quiet_hours_is_held_and_its_sender_is_told_until_when(nodes: list[Gateway]):
    one, two, three = nodes
    await _told(one, "PUT", "/internal/users/ann", {"email": "ann@example.org"})
    zone = ZoneInfo("Asia/Kathmandu")
    wall = datetime.now(zone)
    hours = {"start": _clock(wall - timedelta(hours=1)), "end": _clock(wall + timedelta(hours=2))}
    await _own(one, "PATCH", {"timezone": "Asia/Kathmandu", "quiet_hours": hours})
    await _known(nodes, "ann", 1)

    held = await two.emit("user:ann", type="SALE_OFFER", email=True)
    critical = await two.emit("user:ann", type="PASSWORD_RESET", email=True)

    [told] = held["notifications"]
    end = (wall + timedelta(hours=2)).replace(second=0, microsecond=0)
    until = datetime.fromisoformat(told["held_until"])
    assert end <= until <= end + timedelta(minutes=10)
    assert "held_until" not in critical["notifications"][0]
    record = await _told(three, "GET", f"/internal/notifications/{told['id']}")
    assert (record["mail"]["state"], record["mail"]["decided_by"], record["mail"]["due_at"]) == (
        "pending",
        "quiet_hours",
        told["held_until"],
    )
    explained = await _told(three, "GET", "/internal/users/ann/explain?type=SALE_OFFER")
    verdicts = {each["channel"]: (each["verdict"], each["rule"]) for each in explained["channels"]}
    assert verdicts == {"in_app": ("send", None), "email": ("delay", "quiet_hours")}
    spared = await _told(three, "GET", "/internal/users/ann/explain?type=PASSWORD_RESET")
    assert {each["verdict"] for each in spared["channels"]} == {"send"}


def _clock(moment: datetime) -> str:
    return moment.strftime("%H:%M")


async def test_a_change_counts_for_mail_that_is_owed_already(nodes: list[Gateway]):
    one, two, three = nodes
    await _told(one, "PUT", "/internal/users/ann", {"email": "ann@example.org"})
    emitted = await one.emit("user:ann", type="SALE_OFFER", email={"after": 600})
    path = f"/internal/notifications/{emitted['notification']['id']}"
    assert (await _told(two, "GET", path))["mail"]["state"] == "pending"

    await _own(two, "PATCH", {"categories": {"offers": {"email": False}}})
    await _known(nodes, "ann", 1)

    assert three.node is not None
    notification = await three.node.store.streams.notification(emitted["notification"]["id"])
    [lease] = await three.node.store.outbox.lease(
        lane=notification.mail.order.lane, limit=1, lease_seconds=60, now=notification.mail.due_at
    )
    verdict = await three.node.judge.at_lease(lease, notification.mail.due_at)
    assert isinstance(verdict, Skip)
    assert (verdict.rule, verdict.detail) == (
        "preferences",
        "ann wants nothing of its category by this channel",
    )


async def test_who_has_chosen_and_when_is_kept_and_told_and_forgotten_with_the_user(nodes: list[Gateway]):
    one, two, _ = nodes
    await _own(one, "PATCH", {"channels": {"email": False}})
    await _told(two, "PATCH", "/internal/users/ann/preferences", {"channels": {"email": None}})
    shown = await _told(one, "PUT", "/internal/users/ann/preferences", {"tracking": False})

    assert [(change["by"], change["asked"]) for change in shown["changes"]] == [
        ("service:shop", {"tracking": False}),
        ("service:shop", {"channels": {"email": None}}),
        ("user:ann", {"channels": {"email": False}}),
    ]
    assert (shown["tracking"], shown["channels"], shown["version"]) == (False, {}, 3)
    data = await _told(one, "GET", "/internal/users/ann/data")
    assert data["preferences"] == {"tracking": False, "version": 3}
    assert len(data["preference_changes"]) == 3

    await _told(two, "DELETE", "/internal/users/ann/data")

    assert (await _told(one, "GET", "/internal/users/ann/preferences"))["version"] == 0
    assert (await _told(one, "GET", "/internal/users/ann/data"))["preference_changes"] == []


async def test_a_choice_for_another_version_is_refused_and_so_is_one_that_nobody_has(nodes: list[Gateway]):
    one, two, _ = nodes
    await _own(one, "PATCH", {"locale": "de"})

    refused = await _own(two, "PATCH", {"locale": "en", "version": 0})
    assert (refused.status, refused.body["code"]) == (409, "version_mismatch")
    assert (await _own(two, "PATCH", {"locale": "en", "version": 1})).body["version"] == 2
    # What changes nothing is no change.
    assert (await _own(two, "PATCH", {"locale": "en"})).body["version"] == 2
    for patch in (
        {"types": {"PASSWORD_RESET": {"email": False}}},
        {"categories": {"account": {"email": True}}},
    ):
        locked = await _own(one, "PATCH", patch)
        assert (locked.status, locked.body["code"]) == (422, "locked_preference")
    wrong = {
        "types": {"NO_SUCH": {"email": False}},
        "categories": {"no_such": {"email": False}},
        "channels": {"pigeon": True},
        "timezone": "Mars/Olympus",
        "locale": "x",
        "quiet_hours": {"start": "22:00"},
        "tracking": "no",
    }
    for name, value in wrong.items():
        answered = await _own(one, "PATCH", {name: value})
        assert (answered.status, answered.body["code"]) == (422, "validation_failed"), name
        assert next(iter(answered.body["errors"])).startswith(name)
    named = {"types": {"SALE_OFFER": {"in_app": "daily"}, "x" * 70: {"email": False}}}
    assert set((await _own(one, "PATCH", named)).body["errors"]) == {
        "types.SALE_OFFER.in_app",
        f"types.{'x' * 64}",
    }
    for hours in ({"start": "24:00"}, {"days": []}, {"days": ["someday"]}):
        given = {"quiet_hours": {"start": "22:00", "end": "07:00", **hours}}
        assert (await _own(one, "PATCH", given)).status == 422, hours
    assert (await _own(one, "GET")).body["version"] == 2


async def test_an_event_that_makes_no_sense_is_answered_with_its_error(
    nodes: list[Gateway], node: NodeProcess
):
    one, *_ = nodes
    client = await node.open(one.public, auth={"token": token("ann")})
    await client.event("ready")

    for payload, code in (
        ({"set": {"types": {"PASSWORD_RESET": {"email": False}}}}, "locked_preference"),
        ({"set": {"colour": "blue"}}, "validation_failed"),
        ({"get": True}, "validation_failed"),
        ({"set": {"locale": "de", "version": 9}}, "version_mismatch"),
    ):
        answer = await client.call("preferences", payload)
        assert (answer["ok"], answer["error"]["code"]) == (False, code)
