"""What an admin is told when something that an answer is made of is away or broken."""

import pytest

from gateway.cluster.presence.errors import PresenceUnavailable
from mailer.errors import RenderFailure
from storage.mail import LaneName
from tests.support.gateway import Gateway, token
from tests.support.node import JSClient, NodeProcess


@pytest.fixture
async def admin(gateway: Gateway, node: NodeProcess) -> JSClient:
    client = await node.open(
        gateway.public, auth={"token": token("root", roles=("admin",))}, namespace="/admin"
    )
    await client.event("ready")
    return client


async def test_a_mail_that_cannot_be_rendered_is_told_in_words(
    gateway: Gateway, admin: JSClient, monkeypatch
):
    mailed = {"to": "ann@shop.example", "after": 3600}
    emitted = await gateway.emit("user:ann", email=mailed)

    async def break_down(*_: object) -> None:
        raise RenderFailure("the template names what is not there")

    monkeypatch.setattr(gateway.node.presses[LaneName.TRANSACTIONAL], "render", break_down)
    preview = await admin.call("preview", {"to": "user:ann", "type": "T", "title": "x", "email": mailed})
    stored = await admin.call("preview_mail", {"id": emitted["notification"]["id"]})

    assert preview["rooms"][0]["problem"] == "the template names what is not there"
    assert preview["rooms"][0]["mail_to"] == "ann@shop.example"
    assert preview["mail"] is None
    assert stored["error"]["code"] == "validation_failed"
    assert "the template names what is not there" in stored["error"]["message"]


async def test_while_presence_is_away_a_users_history_is_without_topics(
    gateway: Gateway, node: NodeProcess, admin: JSClient, monkeypatch
):
    for room in ("user:ann", "topic:deals"):
        await gateway.emit(room, room)
    ann = await node.open(gateway.public, auth={"token": token("ann", topics=("deals",))})
    await ann.event("ready")
    while (await admin.event("presence:joined"))["user"] != "ann":
        pass

    async def away(_: str) -> None:
        raise PresenceUnavailable("away")

    monkeypatch.setattr(gateway.node.presence, "find", away)
    history = await admin.call("history", {"user": "ann"})
    known = await admin.call("user", {"user": "ann"})

    assert [n["title"] for n in history["notifications"]] == ["user:ann"]
    assert known["error"]["code"] == "unavailable"
