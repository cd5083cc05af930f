"""The inbox is the same in every tab: what is read in one is read in all."""

from tests.support.gateway import Gateway, token
from tests.support.node import JSClient, NodeProcess


async def open_tab(gateway: Gateway, node: NodeProcess, user: str = "ann", **claims: object) -> JSClient:
    tab = await node.open(gateway.public, auth={"token": token(user, **claims)})
    await tab.event("ready")
    return tab


async def test_reading_in_one_tab_brings_the_badge_up_to_date_in_the_other(
    gateway: Gateway, node: NodeProcess
):
    one, two = await open_tab(gateway, node), await open_tab(gateway, node)
    other = await open_tab(gateway, node, "bob")
    ids = [(await gateway.emit("user:ann", str(number)))["notification"]["id"] for number in range(3)]

    answer = await one.call("read", {"ids": ids[:1]})

    count = {"unread": 2, "heads": {"user:ann": 3, "all": 0}}
    assert answer == {"ok": True, **count}
    assert await two.event("inbox") == count
    assert await one.event("inbox") == count
    assert (await two.call("read", {"all": True}))["unread"] == 0
    assert await one.event("inbox") == count | {"unread": 0}
    assert (await other.call("history"))["ok"] is True
    assert other.received("inbox") == []


async def test_reading_again_changes_nothing_and_tells_nobody(gateway: Gateway, node: NodeProcess):
    tab = await open_tab(gateway, node)
    sent = await gateway.emit("user:ann")
    ids = [sent["notification"]["id"]]
    await tab.call("read", {"ids": ids})
    await tab.event("inbox")

    assert (await tab.call("read", {"ids": ids}))["unread"] == 0

    assert len(tab.received("inbox")) == 1


async def test_history_comes_in_pages_newest_first_over_all_rooms(gateway: Gateway, node: NodeProcess):
    tab = await open_tab(gateway, node, topics=("deals",))
    rooms = ["user:ann", "topic:deals", "all", "user:ann", "topic:other"]
    for number, room in enumerate(rooms):
        await gateway.emit(room, str(number), type="SALE" if room == "topic:deals" else "TEST")

    first = await tab.call("history", {"limit": 3})
    second = await tab.call("history", {"limit": 3, "before": first["next"]})

    assert [n["title"] for n in first["notifications"]] == ["3", "2", "1"]
    assert [n["title"] for n in second["notifications"]] == ["0"]
    assert second["next"] is None
    assert [n["title"] for n in (await tab.call("history", {"type": ["SALE"]}))["notifications"]] == ["1"]


async def test_unread_filter_seen_and_dismissed(gateway: Gateway, node: NodeProcess):
    tab = await open_tab(gateway, node)
    ids = [(await gateway.emit("user:ann", str(number)))["notification"]["id"] for number in range(3)]

    assert await tab.call("seen", {"ids": ids[:1]}) == {"ok": True}
    await tab.call("read", {"ids": ids[1:2]})
    dismissed = await tab.call("dismiss", {"ids": ids[2:]})
    assert dismissed == {"ok": True, "unread": 1, "heads": {"user:ann": 3, "all": 0}}

    items = (await tab.call("history"))["notifications"]
    assert [(n["title"], n["read"], n["seen"]) for n in items] == [("1", True, True), ("0", False, True)]
    unread = await tab.call("history", {"unread": True})
    assert [n["title"] for n in unread["notifications"]] == ["0"]


async def test_a_click_is_told_by_the_history_by_its_sender_and_by_every_badge(
    gateway: Gateway, node: NodeProcess
):
    one, two = await open_tab(gateway, node), await open_tab(gateway, node)
    ids = [
        (await gateway.emit("user:ann", str(number), link="/x"))["notification"]["id"] for number in range(2)
    ]

    count = {"unread": 1, "heads": {"user:ann": 2, "all": 0}}
    assert await one.call("click", {"id": ids[0]}) == {"ok": True, "id": ids[0], **count}
    assert await one.call("click", {"id": ids[0]}) == {"ok": True, "id": ids[0], **count}

    assert await two.event("inbox") == count
    items = (await two.call("history"))["notifications"]
    assert [(n["title"], n["read"], n["clicked"]) for n in items] == [("1", False, False), ("0", True, True)]
    record = (await gateway.ask("GET", f"/internal/notifications/{ids[0]}")).body
    receipt = record["receipts"]["ann"]
    assert receipt["clicked_at"] == receipt["read_at"] is not None
    assert len(two.received("inbox")) == 1
    for wrong in ({}, {"id": 7}, {"id": ids[0], "more": 1}):
        assert (await one.call("click", wrong))["error"]["code"] == "validation_failed"


async def test_a_recall_reaches_the_screen_and_the_badge(gateway: Gateway, node: NodeProcess):
    tab = await open_tab(gateway, node)
    sent = (await gateway.emit("user:ann"))["notification"]
    await tab.event("notification")

    await gateway.ask("DELETE", f"/internal/notifications/{sent['id']}")

    assert await tab.event("recalled") == sent
    assert await tab.event("inbox") == {"unread": 0, "heads": {"user:ann": 1, "all": 0}}
    assert (await tab.call("history"))["notifications"] == []


async def test_a_recalled_broadcast_brings_every_badge_up_to_date(gateway: Gateway, node: NodeProcess):
    ann, bob = await open_tab(gateway, node), await open_tab(gateway, node, "bob")
    sent = (await gateway.emit("all"))["notification"]

    await gateway.ask("DELETE", f"/internal/notifications/{sent['id']}")

    for tab, room in ((ann, "user:ann"), (bob, "user:bob")):
        assert await tab.event("recalled") == sent
        assert await tab.event("inbox") == {"unread": 0, "heads": {room: 0, "all": 1}}


async def test_a_recall_counts_for_each_connection_the_rooms_that_it_is_in(
    gateway: Gateway, node: NodeProcess
):
    """A user's tokens need not all have the same topics."""
    wide, narrow = await open_tab(gateway, node, topics=("deals",)), await open_tab(gateway, node)
    await gateway.emit("topic:deals")
    sent = (await gateway.emit("user:ann"))["notification"]

    await gateway.ask("DELETE", f"/internal/notifications/{sent['id']}")

    heads = {"user:ann": 1, "all": 0}
    assert await wide.event("inbox") == {"unread": 1, "heads": heads | {"topic:deals": 1}}
    assert await narrow.event("inbox") == {"unread": 0, "heads": heads}


async def test_a_replay_asked_for_tells_the_count_too(gateway: Gateway, node: NodeProcess):
    tab = await open_tab(gateway, node)
    for number in range(3):
        await gateway.emit("user:ann", str(number))

    answer = await tab.call("replay", {"since": {"user:ann": 1}})

    assert [n["title"] for n in answer["notifications"]] == ["1", "2"]
    assert (answer["unread"], answer["heads"]) == (3, {"user:ann": 3, "all": 0})


async def test_what_is_not_kept_is_delivered_to_who_is_there(gateway: Gateway, node: NodeProcess):
    tab = await open_tab(gateway, node)

    sent = await gateway.emit("user:ann", "now", store=False)
    await gateway.emit("user:ann", "typing", store=False, event="typing")

    assert sent["notification"]["seq"] is None
    assert (await tab.event("notification"))["seq"] is None
    assert (await tab.event("typing"))["title"] == "typing"
    assert (await tab.call("history"))["notifications"] == []


async def test_a_payload_that_makes_no_sense_is_answered_with_its_error(gateway: Gateway, node: NodeProcess):
    tab = await open_tab(gateway, node)
    nonsense = [
        ("history", {"limit": 0}),
        ("history", {"limit": True}),
        ("history", {"before": "no cursor of ours"}),
        ("history", {"what": 1}),
        ("history", [1, 2]),
        ("read", {}),
        ("read", {"ids": "all"}),
        ("seen", {"ids": [1]}),
        ("dismiss", 7),
        ("replay", {"since": {"user:ann": "x"}}),
        ("token", {}),
    ]
    for event, payload in nonsense:
        answer = await tab.call(event, payload)

        assert answer["ok"] is False, (event, payload)
        assert answer["error"]["code"] == "validation_failed", (event, payload)
        assert answer["error"]["message"]
    assert (await tab.call("history"))["ok"] is True


async def test_who_comes_for_the_first_time_begins_with_nothing_unread(gateway: Gateway, node: NodeProcess):
    """Ninety days of offers are in the history, and in nobody's badge who was not there."""
    for number in range(3):
        await gateway.emit("all", f"offer {number}")
        await gateway.emit("topic:deals", f"deal {number}")
    # A backend knows of Bob before he comes, and Ann asks over plain HTTP before she connects.
    await gateway.emit("user:bob", "welcome")
    headers = {"Authorization": f"Bearer {token('ann')}"}
    shown = await gateway.request("GET", gateway.public + "/api/notifications", headers=headers)
    assert [n["read"] for n in shown.body["notifications"]] == [True] * 3
    await gateway.emit("all", "offer 3")

    ann = await node.open(gateway.public, auth={"token": token("ann", topics=("deals",))})
    bob = await node.open(gateway.public, auth={"token": token("bob")})
    cat = await node.open(gateway.public, auth={"token": token("cat")})

    assert (await ann.event("ready"))["unread"] == 1
    assert (await bob.event("ready"))["unread"] == 2
    assert (await cat.event("ready"))["unread"] == 0
    history = (await cat.call("history"))["notifications"]
    assert [(n["title"], n["read"]) for n in history] == [(f"offer {n}", True) for n in (3, 2, 1, 0)]
    assert (await cat.call("history", {"unread": True}))["notifications"] == []
    await gateway.emit("all", "offer 4")
    await cat.event("notification")
    assert (await cat.call("read", {"all": True}))["unread"] == 0
    assert (await ann.call("read", {"all": True}))["unread"] == 0
    assert [n["title"] for n in (await ann.call("history", {"limit": 1}))["notifications"]] == ["offer 4"]
