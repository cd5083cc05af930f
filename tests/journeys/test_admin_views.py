"""What the dashboard asks beyond the first needs of an admin: previews, records, erasure, trends and the feed."""

import asyncio
from pathlib import Path

import pytest

from gateway.cluster.settings import ClusterSettings
from gateway.notify import mailroom
from storage.endings import Buried
from storage.mail import LaneName
from tests.support.gateway import Gateway, token
from tests.support.gateway import gateway as start_gateway
from tests.support.node import JSClient, NodeProcess


@pytest.fixture
async def admin(gateway: Gateway, node: NodeProcess) -> JSClient:
    client = await node.open(
        gateway.public, auth={"token": token("root", roles=("admin",))}, namespace="/admin"
    )
    await client.event("ready")
    return client


async def joined(admin: JSClient, user: str) -> None:
    while (await admin.event("presence:joined"))["user"] != user:
        pass


async def test_an_admin_sees_a_user_with_contact_and_unread(
    gateway: Gateway, node: NodeProcess, admin: JSClient
):
    await gateway.emit("user:ann", "one")
    await gateway.emit("all", "two")
    ann = await node.open(gateway.public, auth={"token": token("ann", name="Ann", email="ann@shop.example")})
    await ann.event("ready")
    await joined(admin, "ann")

    known = await admin.call("user", {"user": "ann"})

    assert (known["name"], known["email"], known["unread"]) == ("Ann", "ann@shop.example", 2)
    assert known["online"]["connections"] == 1
    unknown = await admin.call("user", {"user": "nobody"})
    assert (unknown["online"], unknown["last_seen"], unknown["unread"]) == (None, None, 1)
    assert (await admin.call("user", {}))["error"]["code"] == "validation_failed"


async def test_a_users_history_has_the_topics_while_the_user_is_there(
    gateway: Gateway, node: NodeProcess, admin: JSClient
):
    for room in ("user:ann", "topic:deals", "topic:other", "all"):
        await gateway.emit(room, room)
    away = await admin.call("history", {"user": "ann"})
    assert [n["title"] for n in away["notifications"]] == ["all", "user:ann"]

    ann = await node.open(gateway.public, auth={"token": token("ann", topics=("deals",))})
    await ann.event("ready")
    await joined(admin, "ann")

    there = await admin.call("history", {"user": "ann"})
    assert [n["title"] for n in there["notifications"]] == ["all", "topic:deals", "user:ann"]
    known = await admin.call("user", {"user": "ann"})
    # The topic began for Ann as she came with it.
    assert (known["online"]["topics"], known["unread"]) == (["deals"], 2)


async def test_a_users_history_tells_what_became_of_the_mail(gateway: Gateway, admin: JSClient):
    await gateway.emit("user:ann", "mailed", email={"to": "ann@shop.example", "after": 3600})
    await gateway.emit("user:ann", "not mailed")

    plain, mailed = (await admin.call("history", {"user": "ann"}))["notifications"]

    assert (mailed["mail"]["state"], mailed["mail"]["to"]) == ("pending", "ann@shop.example")
    assert plain["mail"] is None


async def test_a_preview_shows_whom_an_emit_reaches_and_sends_nothing(
    gateway: Gateway, node: NodeProcess, admin: JSClient
):
    ann = await node.open(gateway.public, auth={"token": token("ann", email="ann@shop.example")})
    await ann.event("ready")
    await joined(admin, "ann")
    body = {"to": ["user:ann", "user:bob"], "type": "HELLO", "title": "Hi <b>", "email": True}

    preview = await admin.call("preview", body)

    to_ann, to_bob = preview["rooms"]
    assert (to_ann["connections"], to_ann["mail_to"], to_ann["problem"]) == (1, "ann@shop.example", None)
    assert (to_bob["connections"], to_bob["mail_to"]) == (0, None)
    assert "no address is known" in to_bob["problem"]
    assert preview["mail"]["subject"] == "Hi <b>"
    assert "Hi &lt;b&gt;" in preview["mail"]["html"]
    assert (await ann.call("history"))["notifications"] == []
    assert ann.received("notification") == []


async def test_a_preview_names_what_is_wrong_by_field(admin: JSClient):
    wrong = await admin.call("preview", {"to": "nowhere", "type": "small", "title": ""})

    assert wrong["error"]["code"] == "validation_failed"
    assert sorted(wrong["error"]["errors"]) == ["title", "to", "type"]


async def test_a_preview_of_other_rooms_counts_what_can_be_counted(admin: JSClient):
    everyone = await admin.call("preview", {"to": ["all", "topic:deals"], "type": "HELLO", "title": "Hi"})

    assert [room["connections"] for room in everyone["rooms"]] == [1, None]
    many = await admin.call("preview", {"to": [f"user:{n}" for n in range(25)], "type": "T", "title": "t"})
    assert (len(many["rooms"]), many["more"]) == (20, 5)


async def test_an_address_no_mail_can_reach_is_told_before_it_is_sent(admin: JSClient):
    body = {
        "to": "user:ann",
        "type": "HELLO",
        "title": "Hi",
        "email": {"to": "a..b@" + "x" * 70 + ".example"},
    }

    preview = await admin.call("preview", body)

    assert preview["error"]["code"] == "validation_failed"
    assert list(preview["error"]["errors"]) == ["email.to"]


async def test_a_stored_mail_can_be_looked_at(gateway: Gateway, admin: JSClient):
    sent = await gateway.emit(
        "user:ann", "Your order", email={"to": "ann@shop.example", "subject": "Shipped", "after": 3600}
    )
    plain = await gateway.emit("user:ann", "no mail")
    id_ = sent["notification"]["id"]

    shown = await admin.call("preview_mail", {"id": id_})

    assert (shown["to"], shown["subject"]) == ("ann@shop.example", "Shipped")
    assert "Your order" in shown["html"]
    assert "Your order" in shown["text"]
    for missing in (plain["notification"]["id"], "unknown"):
        assert (await admin.call("preview_mail", {"id": missing}))["error"]["code"] == "not_found"
    await admin.call("recall", {"id": id_})
    assert (await admin.call("preview_mail", {"id": id_}))["error"]["code"] == "not_found"


async def test_an_admin_reads_a_record_and_recalls_it(gateway: Gateway, node: NodeProcess, admin: JSClient):
    sent = (await gateway.emit("user:ann", "wrong"))["notification"]
    ann = await node.open(gateway.public, auth={"token": token("ann")})
    await ann.event("ready")
    await ann.call("read", {"ids": [sent["id"]]})

    record = (await admin.call("notification", {"id": sent["id"]}))["notification"]
    recalled = (await admin.call("recall", {"id": sent["id"]}))["notification"]

    assert (record["title"], record["mail"]) == ("wrong", None)
    assert record["receipts"]["ann"]["read_at"] is not None
    assert recalled["recalled_at"] is not None
    assert (await ann.event("recalled"))["id"] == sent["id"]
    for event in ("notification", "recall"):
        assert (await admin.call(event, {"id": "unknown"}))["error"]["code"] == "not_found"


async def test_an_admin_erases_a_user(gateway: Gateway, node: NodeProcess, admin: JSClient):
    await gateway.emit("user:ann", "private")
    ann = await node.open(gateway.public, auth={"token": token("ann", email="ann@shop.example")})
    await ann.event("ready")

    assert (await admin.call("erase_user", {"user": "ann"}))["erased"] == 1

    assert (await ann.event("closing"))["reason"] == "revoked"
    assert (await admin.call("history", {"user": "ann"}))["notifications"] == []
    # Nor does the end of the connection leave anything behind.
    assert (await admin.event("presence:left"))["user"] == "ann"
    assert await gateway.node.contacts.contact("ann") is None


async def bury_three(gateway: Gateway) -> None:
    for number in range(3):
        await gateway.emit(f"user:{number}", "t", email={"to": "x@shop.example", "after": 3600})
    store = gateway.node.store
    due = gateway.node.clock().replace(year=2100)
    for lease in await store.outbox.lease(lane=LaneName.TRANSACTIONAL, limit=10, lease_seconds=60, now=due):
        await store.outbox.end(lease, Buried(reason="no such mailbox", code=550), now=due)


async def test_all_dead_mail_is_revived_by_one_order(gateway: Gateway, admin: JSClient):
    await bury_three(gateway)
    assert (await admin.call("mail_counts"))["counts"]["dead"] == 3

    assert await admin.call("revive_all") == {"ok": True, "revived": 3, "more": False}

    counts = (await admin.call("mail_counts"))["counts"]
    assert counts["dead"] == 0
    assert sum(counts.values()) == 3
    assert await admin.call("revive_all") == {"ok": True, "revived": 0, "more": False}


async def test_one_order_revives_no_more_than_its_bound(gateway: Gateway, admin: JSClient, monkeypatch):
    monkeypatch.setattr(mailroom, "REVIVE_PAGE", 2)
    monkeypatch.setattr(mailroom, "REVIVE_PAGES", 1)
    await bury_three(gateway)

    assert await admin.call("revive_all") == {"ok": True, "revived": 2, "more": True}


async def test_the_overview_tells_what_this_node_did(gateway: Gateway, admin: JSClient):
    gateway.node.views.trends.sample()
    await admin.call("emit", {"to": "all", "type": "HELLO", "title": "Hi"})
    await gateway.emit("all", "by HTTP")
    await admin.call("emit", {"to": "nowhere"})
    gateway.node.views.trends.sample()

    overview = await admin.call("overview", {"minutes": 60})

    assert overview["node"] == gateway.node.settings[ClusterSettings].node_id
    assert overview["nodes"] == [overview["node"]]
    assert overview["emits"]["accepted"][-1] == 2
    assert overview["emits"]["validation_failed"][-1] == 1
    assert overview["connections"][-1] == 1
    assert overview["append_p99_ms"][-1] > 0
    assert overview["emit_p99_ms"][-1] > 0
    assert len(overview["at"]) == len(overview["deliveries"])
    assert (await admin.call("overview", {"minutes": 61}))["error"]["code"] == "validation_failed"


async def test_the_feed_shows_what_is_emitted_to_whoever_asked(
    gateway: Gateway, node: NodeProcess, admin: JSClient
):
    other = await node.open(
        gateway.public, auth={"token": token("other", roles=("admin",))}, namespace="/admin"
    )
    await other.event("ready")
    await gateway.emit("user:ann", "before")
    begins = await admin.call("feed", {"on": True})
    assert [item["title"] for item in begins["notifications"]] == ["before"]

    await gateway.emit("user:ann", "stored", key="once")
    await gateway.emit("user:ann", "stored", key="once")
    await gateway.emit("user:ann", "fleeting", store=False)
    await gateway.batch([
        {"to": "topic:deals", "type": "T", "title": "in a batch"},
        {"to": "all", "type": "T", "title": "fleeting in a batch", "store": False},
    ])  # fmt: skip

    shown: list[str] = []
    while len(shown) < 4:
        shown += [item["title"] for item in (await admin.event("feed"))["notifications"]]
    assert sorted(shown) == sorted(["stored", "fleeting", "in a batch", "fleeting in a batch"])
    assert other.received("feed") == []
    assert await admin.call("feed", {"on": False}) == {"ok": True, "notifications": []}


async def test_nobody_else_may_ask_what_admins_ask(gateway: Gateway, node: NodeProcess):
    refused = await node.open(gateway.public, auth={"token": token("ann")}, namespace="/admin")

    assert (await refused.connect_error())["data"]["code"] == "forbidden"


async def test_the_feed_shows_what_other_nodes_take_in(tmp_path: Path, redis_url: str, node: NodeProcess):
    """The bus carries the feed between the nodes of a store."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    shared = {
        "BUS_URL": redis_url,
        "BUS_PREFIX": tmp_path.name,
        "STORE_URL": f"sqlite:///{tmp_path / 'shared.db'}",
    }
    async with (
        start_gateway(tmp_path / "one", NODE_ID="one", **shared) as one,
        start_gateway(tmp_path / "two", NODE_ID="two", **shared) as two,
    ):
        admin = await node.open(
            one.public, auth={"token": token("root", roles=("admin",))}, namespace="/admin"
        )
        await admin.event("ready")
        await admin.call("feed", {"on": True})
        async with asyncio.timeout(40):
            while not two.node.telling.emitter.listeners:
                await asyncio.sleep(0)

        await two.emit("user:ann", "Taken in by two")

        shown = await admin.event("feed")
        assert (shown["node"], [item["title"] for item in shown["notifications"]]) == (
            "two",
            ["Taken in by two"],
        )
