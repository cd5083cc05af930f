"""What came of notifications and mails: told by every node, counted by one, and asked for by services and admins."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.protocol.stats import StatsAnswer
from tests.journeys.news import catalog, ended, fill, make
from tests.journeys.test_inbox import open_tab
from tests.journeys.test_mailing import mail_in, until
from tests.support.gateway import Gateway, gateway, gateways, token, with_catalog
from tests.support.node import NodeProcess
from tests.support.smtp import Reply, SMTPRelay

OFFERS = """
default_locale = "en"

[categories.offers]
name = { en = "Offers" }

[types.SALE]
category = "offers"
"""


@pytest.fixture
async def here(tmp_path: Path, store: dict[str, str]) -> AsyncIterator[Gateway]:
    async with gateway(tmp_path, **store) as started:
        yield started


async def count(*nodes: Gateway) -> None:
    """Have every node tell what it knows, and all of it counted."""
    for each in nodes:
        assert each.node is not None
        assert each.node.noter is not None
        await each.node.noter.flush()
    for each in nodes:
        assert each.node is not None
        while not await each.node.keeping.recounter.round():
            pass


async def look(here: Gateway, query: str = "by=type,channel") -> Any:
    answered = await here.ask("GET", f"/internal/stats?{query}")
    assert answered.status == 200, answered
    assert StatsAnswer().validate(answered.body) == {}
    return answered.body


def counted(body: Any) -> Mapping[tuple[str, str], Mapping[str, int]]:
    return {(row["type"], row["channel"]): row["counts"] for row in body["rows"]}


async def test_what_a_person_was_told_has_seen_and_read_is_counted_once_however_many_tabs(
    here: Gateway, node: NodeProcess
):
    tabs = [await open_tab(here, node) for _ in range(2)]
    ids = [(await here.emit("user:ann", type="ORDER"))["notification"]["id"] for _ in range(3)]
    await here.emit("user:out", type="ORDER")
    for tab in tabs:
        await tab.events("notification", 3)
    for tab in (*tabs, tabs[0]):
        await tab.call("seen", {"ids": ids[:2]})
        await tab.call("read", {"ids": [ids[0], "none-such"]})

    await count(here)

    body = await look(here)
    assert counted(body) == {("ORDER", "in_app"): {"emitted": 4, "delivered": 3, "seen": 2, "read": 1}}
    assert body["totals"]["rates"] == {
        "in_app": {"delivered": 0.75, "seen": 0.5, "read": 0.25, "clicked": 0},
        "email": None,
    }
    await tabs[1].call("read", {"all": True})
    await tabs[0].call("dismiss", {"ids": ids[2:]})
    await count(here)
    assert counted(await look(here))["ORDER", "in_app"] == {
        "emitted": 4,
        "delivered": 3,
        "seen": 3,
        "read": 3,
    }


async def test_a_shared_room_counts_a_notification_once_and_its_readers_each(
    here: Gateway, node: NodeProcess
):
    ann, bob = await open_tab(here, node), await open_tab(here, node, "bob")
    sent = await here.emit("all", type="NEWS")
    for tab in (ann, bob):
        await tab.event("notification")
        await tab.call("read", {"ids": [sent["notification"]["id"]]})

    await count(here)

    body = await look(here)
    assert counted(body) == {("NEWS", "shared"): {"emitted": 1, "delivered": 1, "seen": 2, "read": 2}}
    assert body["totals"]["rates"] == {"in_app": None, "email": None}


async def test_what_a_reader_has_muted_is_not_counted_as_read_with_all_else(
    tmp_path: Path, store: dict[str, str], node: NodeProcess
):
    """The reader was not shown it, though it is not unread later either."""
    extend = with_catalog(tmp_path / "catalog", OFFERS)
    async with gateway(tmp_path, extend=extend, **store) as here:
        ann, bob = await open_tab(here, node), await open_tab(here, node, "bob")
        await ann.call("preferences", {"set": {"categories": {"offers": {"in_app": False}}}})
        for to, type_ in (("all", "SALE"), ("all", "NEWS"), ("all", "SALE")):
            await here.emit(to, type=type_)
        for tab in (ann, bob):
            await tab.events("notification", 3)
            assert (await tab.call("read", {"all": True}))["unread"] == 0

        await count(here)

        assert counted(await look(here)) == {
            ("NEWS", "shared"): {"emitted": 1, "delivered": 1, "seen": 2, "read": 2},
            ("SALE", "shared"): {"emitted": 2, "delivered": 2, "seen": 2, "read": 2},
        }


async def test_what_was_missed_counts_as_delivered_when_it_is_replayed(here: Gateway, node: NodeProcess):
    tab = await open_tab(here, node)
    await tab.disconnect()
    await here.emit("user:ann", type="ORDER")
    since = {"user:ann": 0, "all": 0}
    back = await node.open(here.public, auth={"token": token("ann"), "since": since})
    await back.event("ready")

    await count(here)

    assert counted(await look(here)) == {("ORDER", "in_app"): {"emitted": 1, "delivered": 1}}


async def test_mail_is_counted_to_its_end_and_by_what_was_heard_of_it(tmp_path: Path, store: dict[str, str]):
    async with (
        SMTPRelay() as relay,
        gateway(tmp_path, MAIL_URL=relay.url(query="starttls=never"), **store) as here,
    ):
        relay.refuse["nobody@example.org"] = Reply("550 5.1.1 no such mailbox")
        sent, dead = [
            (await here.emit("user:ann", type="BILL", email={"to": to}))["notification"]["id"]
            for to in ("ann@example.org", "nobody@example.org")
        ]
        skipped = await here.ask(
            "POST", "/internal/suppressions", body={"address": "gone@example.org", "reason": "manual"}
        )
        assert skipped.status == 200
        gone = (await here.emit("user:ann", type="BILL", email={"to": "gone@example.org"}))["notification"][
            "id"
        ]
        for id_, state in ((sent, "sent"), (dead, "dead"), (gone, "skipped")):
            await mail_in(here, id_, state)
        for _ in range(2):
            for event in ("delivered", "complained"):
                told = await here.ask(
                    "POST", "/internal/mail/reports/generic", body={"mail": sent, "event": event}
                )
                assert told.status == 200, told

        await count(here)

        assert counted(await look(here))["BILL", "email"] == {
            "accepted": 3, "sent": 1, "delivered": 1, "complained": 1, "skipped": 1, "dead": 1,
        }  # fmt: skip
        by_rule = await look(here, "by=rule,lane&channel=email")
        assert {(row["rule"], row["lane"]): row["counts"].get("skipped") for row in by_rule["rows"]} == {
            ("", "transactional"): None,
            ("suppression", "transactional"): 1,
        }
        assert by_rule["totals"]["rates"]["email"] == {
            "sent": 0.3333, "delivered": 1, "clicked": 0, "bounced": 0, "complained": 1,
        }  # fmt: skip


async def test_the_mail_of_a_campaign_is_counted_under_it(tmp_path: Path, store: dict[str, str]):
    async with gateway(tmp_path, CATALOG=catalog(tmp_path), **store) as here:
        id_ = await make(here)
        await fill(here, id_, [{"address": f"r{number}@example.org"} for number in range(3)])
        assert (await here.ask("POST", f"/internal/campaigns/{id_}/start")).status == 200
        await ended(here, id_)
        await count(here)

        body = await look(here, f"by=lane&campaign={id_}")

        assert [(row["lane"], row["counts"]) for row in body["rows"]] == [
            ("bulk", {"accepted": 3, "sent": 3})
        ]


async def test_several_nodes_tell_and_one_counts(
    tmp_path: Path, redis_url: str, store: dict[str, str], node: NodeProcess
):
    async with gateways(2, tmp_path, bus_url=redis_url, **store) as nodes:
        tabs = [await open_tab(each, node) for each in nodes]
        for each in nodes:
            await each.emit("user:ann", type="ORDER")
        for tab in tabs:
            await tab.events("notification", 2)

        await count(*nodes)

        expected = {("ORDER", "in_app"): {"emitted": 2, "delivered": 2}}
        assert counted(await look(nodes[1])) == counted(await look(nodes[0])) == expected


async def test_steps_and_times_are_whole_and_what_cannot_be_answered_is_said(
    here: Gateway, node: NodeProcess
):
    await here.emit("user:ann", type="ORDER")
    await count(here)

    by_day = await look(here, "step=day&from=2026-01-01T12:00:00Z")

    assert (by_day["from"], by_day["step"], by_day["kept_from"]) == ("2026-01-01T00:00:00.000Z", "day", None)
    [row] = by_day["rows"]
    assert row["at"].endswith("T00:00:00.000Z")
    assert row["counts"] == {"emitted": 1}
    assert (await look(here, "from=2026-01-01T00:00:00Z"))["counted_by"] == "day"
    assert (await look(here))["counted_by"] == "hour"
    minutes = await look(here, "step=minute&by=type&type=NONE")
    assert (minutes["rows"], minutes["totals"]["counts"]) == ([], {})
    for query, field in (
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from"),
        ("step=minute&from=2026-01-01T00:00:00Z", "step"),
        ("by=type,type", "by"),
        ("by=user", "by"),
        ("channel=fax", "channel"),
    ):
        answered = await here.ask("GET", f"/internal/stats?{query}")
        assert (answered.status, list(answered.body["errors"])) == (422, [field]), query
    admin = await node.open(here.public, auth={"token": token("root", roles=("admin",))}, namespace="/admin")
    await admin.event("ready")
    shown = await admin.call("stats", {"by": "type", "step": "hour"})
    assert [(row["type"], row["counts"]) for row in shown["rows"]] == [("ORDER", {"emitted": 1})]


async def test_where_statistics_are_off_nothing_is_told(tmp_path: Path):
    async with gateway(tmp_path, STATS_DAYS="0") as here:
        await here.emit("user:ann", type="ORDER")

        assert here.node is not None
        assert here.node.noter is None
        assert here.node.telling.emitter.listeners == []
        assert (await look(here))["rows"] == []


async def test_what_waits_is_told_before_a_node_stops_and_the_next_counts_it_by_itself(tmp_path: Path):
    async with gateway(tmp_path) as here:
        await here.emit("user:ann", type="ORDER")
    async with gateway(tmp_path) as here:

        async def is_counted() -> bool:
            return counted(await look(here)) == {("ORDER", "in_app"): {"emitted": 1}}

        await until(is_counted)
