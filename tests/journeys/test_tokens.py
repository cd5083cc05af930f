"""A token's end is the connection's end, unless a newer one came in time."""

from storage.errors import StoreUnavailable
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


async def test_a_client_is_told_of_the_rooms_a_newer_token_brings_and_takes(
    gateway: Gateway, node: NodeProcess
):
    await gateway.emit("topic:new", "before")
    client = await node.open(gateway.public, auth={"token": token("ann", topics=("old", "kept"))})
    await client.event("ready")

    await client.call("token", {"token": token("ann", topics=("kept", "new"))})

    assert await client.event("rooms") == {
        "joined": ["topic:new"],
        "left": ["topic:old"],
        "heads": {"topic:new": 1},
    }
    count = await client.event("inbox")
    assert set(count["heads"]) == {"user:ann", "topic:kept", "topic:new", "all"}


async def test_a_token_with_the_same_topics_tells_of_no_rooms(gateway: Gateway, node: NodeProcess):
    client = await node.open(gateway.public, auth={"token": token("ann", topics=("kept",))})
    await client.event("ready")

    await client.call("token", {"token": token("ann", topics=("kept",))})
    await gateway.emit("topic:kept")

    await client.event("notification")
    assert client.received("rooms") == []


async def test_a_newer_token_whose_topics_could_not_be_opened_can_be_given_again(
    gateway: Gateway, node: NodeProcess, monkeypatch
):
    """The store went away in the middle: the topic must not count as had, or nothing of it would ever come."""
    assert gateway.node is not None
    client = await node.open(gateway.public, auth={"token": token("ann")})
    await client.event("ready")
    newer = {"token": token("ann", topics=("new",))}
    with monkeypatch.context() as patched:

        async def away(*args, **options):
            raise StoreUnavailable("away")

        patched.setattr(gateway.node.store.inboxes, "opening", away)
        assert (await client.call("token", newer))["error"]["code"] == "unavailable"

    assert (await client.call("token", newer))["ok"] is True
    await gateway.emit("topic:new", "heard")

    assert (await client.event("notification"))["title"] == "heard"


async def test_a_session_that_falls_out_of_its_rooms_is_back_before_it_misses_anything(
    gateway: Gateway, node: NodeProcess
):
    """What takes it out is not asked: all rooms of the engine are emptied here."""
    assert gateway.node is not None
    server = gateway.node.server
    clients = [await node.open(gateway.public, auth={"token": token(user)}) for user in ("ann", "bob")]
    for client in clients:
        await client.event("ready")

    for room in ("all", "user:ann", "user:bob"):
        await server.close_room(room, namespace="/")
    for room in ("user:ann", "all", "user:bob", "all"):
        await gateway.emit(room, room)
    await gateway.emit("all", "unstored", store=False)

    for client, own in zip(clients, ("user:ann", "user:bob"), strict=True):
        titles = [n["title"] for n in await client.events("notification", 4)]
        assert sorted(titles) == sorted([own, "all", "all", "unstored"])
    for session in [
        each for user in ("ann", "bob") for each in gateway.node.sessions.namespaces.sessions.of_user(user)
    ]:
        assert server.manager.sessions[session.sid].rooms == set(session.rooms)
