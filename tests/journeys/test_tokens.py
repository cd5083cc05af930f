"""A token's end is the connection's end, unless a newer one came in time."""

from tests.support.gateway import Gateway, token
from tests.support.node import NodeProcess


async def test_an_expired_token_ends_its_connection_and_a_refreshed_one_does_not(
    gateway: Gateway, node: NodeProcess
):
    auth = {"token": token("ann", ttl_seconds=2)}
    lazy, careful = await node.open(gateway.public, auth=auth), await node.open(gateway.public, auth=auth)
    await lazy.event("ready")
    await careful.event("ready")

    answer = await careful.call("token", {"token": token("ann")})

    assert answer["ok"] is True
    closing = await lazy.event("closing")
    assert (closing["reason"], closing["reconnect"]) == ("token_expired", False)
    assert (await lazy.disconnected())["active"] is False
    await gateway.emit("user:ann")
    await careful.event("notification")
    assert careful.received("closing") == []


async def test_a_client_is_told_before_its_token_ends(gateway: Gateway, node: NodeProcess):
    client = await node.open(gateway.public, auth={"token": token("ann", ttl_seconds=61)})
    ready = await client.event("ready")

    assert await client.event("token:expiring") == {"expires_at": ready["expires_at"]}


async def test_a_client_that_begins_with_little_left_is_told_at_once_and_after_ready(
    gateway: Gateway, node: NodeProcess
):
    client = await node.open(gateway.public, auth={"token": token("ann", ttl_seconds=30)})
    ready = await client.event("ready")

    assert await client.event("token:expiring") == {"expires_at": ready["expires_at"]}
    told = [name for name, _ in client.log if name in ("ready", "token:expiring")]
    assert told == ["ready", "token:expiring"]


async def test_a_newer_token_with_little_left_is_told_of_too_and_once(gateway: Gateway, node: NodeProcess):
    client = await node.open(gateway.public, auth={"token": token("ann", ttl_seconds=90)})
    await client.event("ready")

    short = token("ann", ttl_seconds=20)
    answer = await client.call("token", {"token": short})
    assert await client.event("token:expiring") == {"expires_at": answer["expires_at"]}

    await client.call("token", {"token": short})
    await client.call("token", {"token": token("ann")})
    await gateway.emit("user:ann")
    await client.event("notification")
    assert len(client.received("token:expiring")) == 1


async def test_a_token_of_another_user_is_not_taken(gateway: Gateway, node: NodeProcess):
    client = await node.open(gateway.public, auth={"token": token("ann")})
    await client.event("ready")

    answer = await client.call("token", {"token": token("bob")})

    assert (answer["ok"], answer["error"]["code"]) == (False, "validation_failed")
    assert (await client.call("token", {"token": "nonsense"}))["error"]["code"] == "invalid_token"
    await gateway.emit("user:bob")
    assert (await client.call("history"))["notifications"] == []
    assert client.received("notification") == []


async def test_a_newer_token_brings_and_takes_topics(gateway: Gateway, node: NodeProcess):
    client = await node.open(gateway.public, auth={"token": token("ann", topics=("old", "kept"))})
    await client.event("ready")

    await client.call("token", {"token": token("ann", topics=("kept", "new"))})
    for topic in ("old", "kept", "new"):
        await gateway.emit(f"topic:{topic}", topic)

    assert [n["title"] for n in await client.events("notification", 2)] == ["kept", "new"]
    titles = [n["title"] for n in (await client.call("history"))["notifications"]]
    assert titles == ["new", "kept"]
    assert len(client.received("notification")) == 2
