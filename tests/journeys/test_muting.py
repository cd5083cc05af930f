"""A type that a person does not want is not shown to that person in shared rooms either, and stays in their streams for all others."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.catalog.loading import load
from storage.errors import StoreUnavailable
from tests.support.gateway import Gateway, gateways, token, with_catalog
from tests.support.node import JSClient, NodeProcess

CATALOG = """
default_locale = "en"

[categories.offers]
name = { en = "Offers" }

[categories.account]
name = { en = "Account" }

[types.SALE_OFFER]
category = "offers"

[types.TIP]
category = "offers"

[types.TERMS]
category = "account"
critical = true
"""
NO_OFFERS = {"categories": {"offers": {"in_app": False}}}
OFFERS = {"categories": {"offers": None}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "catalog"


@pytest.fixture
async def nodes(
    store: dict[str, str], tmp_path: Path, folder: Path, redis_url: str
) -> AsyncIterator[list[Gateway]]:
    """Three nodes on one store, with a catalog."""
    async with gateways(
        3, tmp_path, bus_url=redis_url, extend=with_catalog(folder, CATALOG), **store
    ) as nodes:
        yield nodes


async def come(
    node: NodeProcess, gateway: Gateway, user: str = "ann", since: Mapping[str, int] | None = None
) -> tuple[JSClient, Any]:
    """A connection of the user, who has the topic deals, and what it was told as it began."""
    auth = {"token": token(user, topics=("deals",)), "since": since or {}}
    client = await node.open(gateway.public, auth=auth)
    return client, await client.event("ready")


async def muted(client: JSClient) -> Any:
    """The next count that says what is muted now."""
    while "muted" not in (told := await client.event("inbox")):
        pass
    return told


async def titles(client: JSClient) -> list[str]:
    return [n["title"] for n in (await client.call("history"))["notifications"]]


async def test_a_type_that_is_switched_off_is_gone_from_shared_rooms_in_every_tab_at_once_and_comes_back(
    nodes: list[Gateway], node: NodeProcess
):
    one, two, three = nodes
    tabs = [(await come(node, each))[0] for each in nodes]
    bob, _ = await come(node, two, "bob")
    await one.emit("topic:deals", "offer", type="SALE_OFFER")
    await two.emit("all", "tip", type="TIP")
    await three.emit("all", "terms", type="TERMS")
    await one.emit("user:ann", "own", type="TIP")
    for tab in tabs:
        await tab.events("notification", 4)

    await tabs[0].call("preferences", {"set": NO_OFFERS})

    for tab in tabs:
        told = await muted(tab)
        assert (told["muted"], told["unread"]) == (["SALE_OFFER", "TIP"], 2)
        assert await titles(tab) == ["own", "terms"]
    over_http = await three.request(
        "GET",
        three.public + "/api/notifications",
        headers={"Authorization": f"Bearer {token('ann', topics=('deals',))}"},
    )
    assert [n["title"] for n in over_http.body["notifications"]] == ["own", "terms"]

    # The room stays one stream: what is muted has its sequence, and all others get it.
    await two.emit("topic:deals", "another", type="SALE_OFFER")
    await two.emit("topic:deals", "note")
    assert sorted(n["seq"] for n in await bob.events("notification", 5)) == [1, 1, 2, 2, 3]
    assert bob.received("inbox") == []
    assert (await tabs[1].call("replay", {"since": {}}))["unread"] == 3
    back, ready = await come(node, three, since={"topic:deals": 0, "all": 0})
    assert (ready["muted"], ready["unread"], ready["replayed"]) == (["SALE_OFFER", "TIP"], 3, 2)
    assert {n["title"] for n in await back.events("notification", 2)} == {"terms", "note"}
    replayed = await back.call("replay", {"since": {"topic:deals": 1}})
    assert ([n["title"] for n in replayed["notifications"]], replayed["unread"]) == (["note"], 3)
    assert replayed["heads"]["topic:deals"] == 3

    await tabs[2].call("preferences", {"set": OFFERS})

    for tab in (*tabs, back):
        told = await muted(tab)
        assert (told["muted"], told["unread"]) == ([], 6)
        assert await titles(tab) == ["note", "another", "own", "terms", "tip", "offer"]
    assert "muted" not in (await come(node, one))[1]


async def test_what_is_marked_is_counted_without_what_is_muted_and_for_no_one_else(
    nodes: list[Gateway], node: NodeProcess
):
    one, two, _ = nodes
    ann, _ = await come(node, one)
    other, _ = await come(node, two)
    bob, _ = await come(node, two, "bob")
    for title in ("first", "second"):
        await one.emit("all", title, type="TIP")
        await one.emit("all", title)
    await ann.call("preferences", {"set": NO_OFFERS})
    for tab in (ann, other):
        assert (await muted(tab))["unread"] == 2

    note = (await ann.call("history"))["notifications"][0]
    assert (await ann.call("dismiss", {"ids": [note["id"]]}))["unread"] == 1
    assert (await other.event("inbox"))["unread"] == 1
    admin = await node.open(one.public, auth={"token": token("root", roles=("admin",))}, namespace="/admin")
    await admin.event("ready")
    assert (await admin.call("user", {"user": "ann"}))["unread"] == 1
    seen = await admin.call("history", {"user": "ann"})
    assert [n["title"] for n in seen["notifications"]] == ["first"]
    assert len((await admin.call("history", {"room": "all"}))["notifications"]) == 4
    assert len(await titles(bob)) == 4

    # Of who looks at a room by its name nothing is left out, and recalls are counted by what is shown.
    await one.ask("DELETE", f"/internal/notifications/{note['id']}")
    assert (await ann.call("read", {"all": True}))["unread"] == 0
    explained = await one.ask("GET", "/internal/users/ann/explain?type=TIP")
    in_app = next(each for each in explained.body["channels"] if each["channel"] == "in_app")
    assert (in_app["verdict"], in_app["rule"]) == ("skip", "preferences")


async def test_a_node_that_the_bus_has_told_nothing_mutes_when_it_keeps_house(
    nodes: list[Gateway], node: NodeProcess, monkeypatch: pytest.MonkeyPatch
):
    one, two, _ = nodes
    assert one.node is not None
    assert two.node is not None
    tab, _ = await come(node, two)
    await two.emit("all", "tip", type="TIP")

    async def lost(*_: object) -> None:
        """Neither the order nor the event."""

    with monkeypatch.context() as patched:
        patched.setattr(one.node.bus, "order_all", lost)
        patched.setattr(one.node.bus, "publish", lost)
        answered = await one.ask("PATCH", "/internal/users/ann/preferences", body=NO_OFFERS)
        assert answered.status == 200
    assert tab.received("inbox") == []
    await two.node.preferences.keep_house()

    told = await muted(tab)
    assert (told["muted"], told["unread"]) == (["SALE_OFFER", "TIP"], 0)


async def test_a_change_that_comes_while_the_store_is_away_is_made_good(
    nodes: list[Gateway], node: NodeProcess, monkeypatch: pytest.MonkeyPatch
):
    one, two, _ = nodes
    assert two.node is not None
    tab, _ = await come(node, two)
    asked = asyncio.Event()

    async def away(*_: object, **__: object) -> None:
        asked.set()
        raise StoreUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(two.node.store.inboxes, "unread", away)
        await one.ask("PATCH", "/internal/users/ann/preferences", body=NO_OFFERS)
        async with asyncio.timeout(40):
            await asked.wait()
    await two.node.sessions.namespaces.mutes.keep_house()

    assert (await muted(tab))["muted"] == ["SALE_OFFER", "TIP"]


async def test_who_comes_while_it_changes_is_told_what_holds(
    nodes: list[Gateway], node: NodeProcess, monkeypatch: pytest.MonkeyPatch
):
    """What is muted was read before the change, and the change came before the session was all the way in."""
    one, two, _ = nodes
    assert two.node is not None
    inboxes = two.node.store.inboxes
    opening = inboxes.opening

    async def changed(*args: Any, **options: Any) -> Any:
        answer = await opening(*args, **options)
        await one.ask("PATCH", "/internal/users/ann/preferences", body=NO_OFFERS)
        async with asyncio.timeout(40):
            while not (await two.node.preferences.of("ann")).version:
                await asyncio.sleep(0.01)
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(inboxes, "opening", changed)
        tab, ready = await come(node, two)

    assert "muted" not in ready
    assert (await muted(tab))["muted"] == ["SALE_OFFER", "TIP"]


async def test_a_new_catalog_mutes_what_it_adds_to_a_muted_category(
    nodes: list[Gateway], node: NodeProcess, folder: Path
):
    one, two, _ = nodes
    assert two.node is not None
    tab, _ = await come(node, two)
    await tab.call("preferences", {"set": NO_OFFERS})
    await muted(tab)
    await one.emit("all", "new", type="BARGAIN")

    (folder / "catalog.toml").write_text(CATALOG + '[types.BARGAIN]\ncategory = "offers"\n', encoding="utf-8")
    two.node.catalog.replace(load(folder))

    told = await muted(tab)
    assert (told["muted"], told["unread"]) == (["BARGAIN", "SALE_OFFER", "TIP"], 0)
    assert await titles(tab) == []
