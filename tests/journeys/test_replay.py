"""What a client missed while it was away comes once, in order, and before what is new."""

from tests.support.gateway import Gateway, gateway, token
from tests.support.node import NodeProcess


def seqs(notifications: list[dict[str, object]], room: str) -> list[object]:
    return [notification["seq"] for notification in notifications if notification["room"] == room]


async def test_what_was_missed_in_a_tunnel_is_replayed_once_and_in_order(gateway: Gateway, node: NodeProcess):
    """A lost connection delays notifications, and repeats none."""
    client = await node.open(gateway.public, auth={"token": token("ann")}, follow_since=True)
    await client.event("ready")
    await gateway.emit("user:ann", "1")
    await client.event("notification")

    await client.disconnect()
    for number in range(2, 6):
        await gateway.emit("user:ann" if number % 2 else "all", str(number))
    await client.connect()

    ready = await client.event("ready")
    assert (ready["replayed"], ready["unread"]) == (4, 5)
    await gateway.emit("user:ann", "6")
    await client.events("notification", 5)
    titles = [notification["title"] for notification in client.received("notification")]
    assert sorted(titles) == ["1", "2", "3", "4", "5", "6"]
    assert titles[-1] == "6"
    assert seqs(client.received("notification"), "user:ann") == [1, 2, 3, 4]
    assert seqs(client.received("notification"), "all") == [1, 2]


async def test_the_replay_comes_before_ready_on_the_very_first_connect(gateway: Gateway, node: NodeProcess):
    """A page that was reloaded remembers `since`, and gets what came meanwhile with its first connect."""
    for number in range(1, 4):
        await gateway.emit("user:ann", str(number))

    client = await node.open(gateway.public, auth={"token": token("ann"), "since": {"user:ann": 1}})
    ready = await client.event("ready")

    assert [name for name, _ in client.log if name in ("notification", "ready")] == [
        "notification", "notification", "ready",
    ]  # fmt: skip
    assert seqs(client.received("notification"), "user:ann") == [2, 3]
    assert ready["heads"]["user:ann"] == 3


async def test_without_since_nothing_is_replayed_and_history_has_it_all(gateway: Gateway, node: NodeProcess):
    await gateway.emit("user:ann")
    client = await node.open(gateway.public, auth={"token": token("ann")})

    ready = await client.event("ready")

    assert (ready["replayed"], ready["unread"]) == (0, 1)
    assert len((await client.call("history"))["notifications"]) == 1


async def test_too_much_missed_asks_for_a_resync_and_replays_none_of_that_room(tmp_path, node: NodeProcess):
    """Never a silent partial replay."""
    async with gateway(tmp_path, REPLAY_LIMIT="3") as here:
        for number in range(5):
            await here.emit("user:ann", str(number))
        await here.emit("all", "for all")

        since = {"user:ann": 0, "all": 0}
        client = await node.open(here.public, auth={"token": token("ann"), "since": since})
        ready = await client.event("ready")

        assert ready["resync"] == ["user:ann"]
        assert [n["title"] for n in client.received("notification")] == ["for all"]
        await here.emit("user:ann", "live")
        assert (await client.event("notification"))["title"] == "for all"
        assert (await client.event("notification"))["seq"] == 6


async def test_since_of_a_room_the_user_is_not_in_gives_nothing(gateway: Gateway, node: NodeProcess):
    await gateway.emit("user:bob", "private")

    since = {"user:bob": 0, "admins": 0, "topic:vip": 0}
    client = await node.open(gateway.public, auth={"token": token("ann"), "since": since})
    ready = await client.event("ready")

    assert ready["replayed"] == 0
    assert set(ready["heads"]) == {"user:ann", "all"}


async def test_replay_can_be_asked_for_on_the_open_connection(gateway: Gateway, node: NodeProcess):
    for number in range(3):
        await gateway.emit("user:ann", str(number))
    client = await node.open(gateway.public, auth={"token": token("ann")})
    await client.event("ready")

    answer = await client.call("replay", {"since": {"user:ann": 1}})

    assert answer["ok"] is True
    assert (seqs(answer["notifications"], "user:ann"), answer["resync"]) == ([2, 3], [])


async def test_a_recalled_notification_is_not_replayed(gateway: Gateway, node: NodeProcess):
    first = await gateway.emit("user:ann", "a mistake")
    await gateway.emit("user:ann", "right")
    deleted = await gateway.ask("DELETE", f"/internal/notifications/{first['notification']['id']}")
    assert deleted.status in (200, 204)

    client = await node.open(gateway.public, auth={"token": token("ann"), "since": {"user:ann": 0}})
    ready = await client.event("ready")

    assert [n["title"] for n in client.received("notification")] == ["right"]
    assert ready["unread"] == 1
    await gateway.emit("user:ann", "next")
    await client.event("notification")
    assert (await client.event("notification"))["seq"] == 3


async def test_a_gateway_that_was_killed_gives_back_all_it_had_answered(tmp_path, node: NodeProcess):
    """An answered notification survives `kill -9`, and the stock client finds back by itself."""
    from tests.support.gateway import gateway_process

    async with gateway_process(tmp_path) as process:
        here = process.gateway
        client = await node.open(here.public, auth={"token": token("ann")}, follow_since=True)
        await client.event("ready")
        await here.emit("user:ann", "before")
        await client.event("notification")

        await process.kill()
        await client.disconnected()
        await process.start()
        await here.emit("user:ann", "after")

        ready = await client.event("ready")
        assert (await client.event("notification"))["title"] == "after"
        assert ready["heads"]["user:ann"] in (1, 2)
        assert seqs(client.received("notification"), "user:ann") == [1, 2]


async def test_a_since_that_was_overwritten_with_null_asks_for_a_resync(gateway: Gateway, node: NodeProcess):
    """A client that noted the null of what is not stored has lost its place, and is told so."""
    await gateway.emit("user:ann")

    client = await node.open(gateway.public, auth={"token": token("ann"), "since": {"user:ann": None}})

    assert (await client.event("ready"))["resync"] == ["user:ann"]
