"""Another user's room is out of reach, by whatever a client sends."""

from tests.support.gateway import Gateway, gateway, token
from tests.support.node import NodeProcess

EVENTS = [
    "history", "read", "seen", "dismiss", "replay", "token", "presence", "disconnect_user", "mail", "revive", "emit",
    "join", "enter_room", "notification", "*",
]  # fmt: skip


async def test_no_event_of_a_user_reaches_another_users_room(tmp_path, node: NodeProcess):
    """None of them is turned away for its haste: the limit on events is off."""
    async with gateway(tmp_path, CLIENT_EVENTS_PER_SECOND="0") as here:
        await try_everything(here, node)


async def try_everything(gateway: Gateway, node: NodeProcess) -> None:
    bob = await node.open(gateway.public, auth={"token": token("bob")})
    await bob.event("ready")
    secret = (await gateway.emit("user:bob", "a secret of bob"))["notification"]
    await gateway.emit("topic:vip", "a secret of vips")
    await gateway.emit("admins", "a secret of admins")
    await bob.event("notification")
    ann = await node.open(gateway.public, auth={"token": token("ann")})
    await ann.event("ready")

    rooms = ["user:bob", "topic:vip", "admins", "", None]
    payloads = [{"room": room} for room in rooms] + [
        {"user": "bob"},
        {"ids": [secret["id"]]},
        {"since": {"user:bob": 0, "topic:vip": 0, "admins": 0}},
        {"to": "user:bob", "type": "X", "title": "forged"},
        {"rooms": ["user:bob"]},
        {},
    ]
    for event in EVENTS:
        for payload in payloads:
            await ann.emit(event, payload)
    history = await ann.call("history", {})

    assert history["notifications"] == []
    assert "secret" not in str(ann.log)
    mine = (await bob.call("history"))["notifications"]
    assert [(item["title"], item["read"], item["seen"]) for item in mine] == [
        ("a secret of bob", False, False)
    ]
    assert len(bob.received("notification")) == 1
    assert bob.received("closing") == []
