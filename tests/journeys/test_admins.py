"""Admins see who is online, what is addressed to them, and may act."""

from tests.support.gateway import Gateway, token
from tests.support.node import JSClient, NodeProcess


async def open_admin(gateway: Gateway, node: NodeProcess, **auth: object) -> JSClient:
    given = {"token": token("root", roles=("admin",), name="Root")} | auth
    return await node.open(gateway.public, auth=given, namespace="/admin")


async def test_an_admin_sees_users_come_and_go(gateway: Gateway, node: NodeProcess):
    admin = await open_admin(gateway, node)
    ready = await admin.event("ready")
    assert ready["heads"] == {"admins": 0}

    ann = await node.open(gateway.public, auth={"token": token("ann", name="Ann", roles=("vip",))})
    await ann.event("ready")
    joined = await admin.event("presence:joined")
    while joined["user"] != "ann":
        joined = await admin.event("presence:joined")
    assert (joined["name"], joined["roles"]) == ("Ann", ["vip"])
    roster = await admin.call("presence", {"prefix": "a"})
    assert [(user["user"], user["connections"]) for user in roster["online"]] == [("ann", 1)]
    assert roster["users"] == 2

    await ann.disconnect()

    left = await admin.event("presence:left")
    assert left["user"] == "ann"
    assert (await admin.call("presence"))["users"] == 1


async def test_a_reload_is_not_a_departure(gateway: Gateway, node: NodeProcess):
    admin = await open_admin(gateway, node)
    await admin.event("ready")
    ann = await node.open(gateway.public, auth={"token": token("ann")})
    await ann.event("ready")

    await ann.drop()
    await ann.event("ready")
    bob = await node.open(gateway.public, auth={"token": token("bob")})
    await bob.event("ready")
    await bob.disconnect()

    assert (await admin.event("presence:left"))["user"] == "bob"
    assert [p["user"] for p in admin.received("presence:joined")].count("ann") == 1


async def test_a_complaint_lights_up_the_admins_and_waits_for_those_who_are_away(
    gateway: Gateway, node: NodeProcess
):
    admin = await open_admin(gateway, node)
    await admin.event("ready")
    ann = await node.open(gateway.public, auth={"token": token("ann")})
    await ann.event("ready")

    await gateway.emit("admins", "Broken jar", type="COMPLAINT")

    assert (await admin.event("notification"))["room"] == "admins"
    late = await open_admin(gateway, node, since={"admins": 0})
    assert (await late.event("ready"))["unread"] == 1
    assert [n["title"] for n in late.received("notification")] == ["Broken jar"]
    assert (await ann.call("history"))["notifications"] == []
    assert ann.received("notification") == []


async def test_an_admin_reads_the_history_of_a_user_and_of_a_room(gateway: Gateway, node: NodeProcess):
    admin = await open_admin(gateway, node)
    await admin.event("ready")
    sent = await gateway.emit("user:ann", "for ann")
    await gateway.emit("topic:deals", "a deal")
    ann = await node.open(gateway.public, auth={"token": token("ann")})
    await ann.call("read", {"ids": [sent["notification"]["id"]]})

    of_user = await admin.call("history", {"user": "ann"})
    of_room = await admin.call("history", {"room": "topic:deals"})

    assert [(n["title"], n["read"]) for n in of_user["notifications"]] == [("for ann", True)]
    assert [n["title"] for n in of_room["notifications"]] == ["a deal"]
    both = await admin.call("history", {"user": "ann", "room": "all"})
    assert both["error"]["code"] == "validation_failed"
    assert (await admin.call("history", {"room": "nowhere"}))["ok"] is False


async def test_an_admin_disconnects_a_user(gateway: Gateway, node: NodeProcess):
    admin = await open_admin(gateway, node)
    await admin.event("ready")
    tabs = [await node.open(gateway.public, auth={"token": token("ann")}) for _ in range(2)]
    for tab in tabs:
        await tab.event("ready")

    assert await admin.call("disconnect_user", {"user": "ann"}) == {"ok": True, "disconnected": 2}

    for tab in tabs:
        assert (await tab.event("closing"))["reason"] == "revoked"
        assert (await tab.disconnected())["active"] is False


async def test_an_admin_emits_and_sees_the_mail(gateway: Gateway, node: NodeProcess):
    admin = await open_admin(gateway, node)
    await admin.event("ready")
    ann = await node.open(gateway.public, auth={"token": token("ann", email="ann@shop.example")})
    await ann.event("ready")

    body = {
        "to": "user:ann",
        "type": "HELLO",
        "title": "Hi",
        "email": {"to": "ann@shop.example", "after": 3600},
    }
    sent = await admin.call("emit", body)

    assert sent["ok"] is True
    assert (await ann.event("notification"))["id"] == sent["notifications"][0]["id"]
    mail = await admin.call("mail", {"state": "pending"})
    assert [item["id"] for item in mail["mail"]] == [sent["notifications"][0]["id"]]
    assert await admin.call("revive", {"ids": [sent["notifications"][0]["id"]]}) == {
        "ok": True,
        "revived": [],
    }
    assert (await admin.call("emit", {"to": "nowhere"}))["error"]["code"] == "validation_failed"
