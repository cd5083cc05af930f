"""Backends say who a user is and which topics the user has: on every node, at once, for who is there and who is not."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from auth.signing import Signer
from storage.errors import StoreUnavailable
from tests.support.gateway import SECRET, Gateway, gateways, token
from tests.support.node import NodeProcess

MEMBERS = "/internal/topics/deals/members"


@pytest.fixture
async def nodes(store: dict[str, str], tmp_path: Path, redis_url: str) -> AsyncIterator[list[Gateway]]:
    """Three nodes on one store."""
    async with gateways(3, tmp_path, bus_url=redis_url, **store) as nodes:
        yield nodes


async def _told(gateway: Gateway, method: str, path: str, body: Any = None) -> Any:
    answered = await gateway.ask(method, path, body=body)
    assert answered.status == 200, answered
    return answered.body


async def test_a_user_who_is_put_into_a_topic_hears_of_it_on_every_node_and_no_more_when_taken_out(
    nodes: list[Gateway], node: NodeProcess
):
    one, two, three = nodes
    await one.emit("topic:deals", "before")
    clients = [await node.open(each.public, auth={"token": token("ann")}) for each in (two, three)]
    for client in clients:
        await client.event("ready")

    assert await _told(one, "PUT", f"{MEMBERS}/ann") == {"added": 1, "removed": 0}

    for client in clients:
        assert await client.event("rooms") == {
            "joined": ["topic:deals"],
            "left": [],
            "heads": {"topic:deals": 1},
        }
        assert (await client.event("inbox"))["unread"] == 0
    await two.emit("topic:deals", "heard")
    for client in clients:
        assert (await client.event("notification"))["title"] == "heard"

    assert await _told(two, "DELETE", f"{MEMBERS}/ann") == {"added": 0, "removed": 1}

    for client in clients:
        assert (await client.event("rooms"))["left"] == ["topic:deals"]
    await three.emit("topic:deals", "unheard")
    await three.emit("user:ann", "last")
    for client in clients:
        assert (await client.event("notification"))["title"] == "last"


async def test_who_was_away_finds_the_topic_with_what_came_since_and_not_what_came_before(
    nodes: list[Gateway], node: NodeProcess
):
    one, two, three = nodes
    await one.emit("topic:deals", "before")
    await _told(one, "POST", MEMBERS, {"add": ["ann", "bob"]})
    await two.emit("topic:deals", "since")

    client = await node.open(three.public, auth={"token": token("ann", topics=("mine",))})
    ready = await client.event("ready")

    assert set(ready["heads"]) == {"user:ann", "topic:mine", "topic:deals", "all"}
    assert ready["unread"] == 1
    history = (await client.call("history"))["notifications"]
    assert [(n["title"], n["read"]) for n in history] == [("since", False), ("before", True)]
    over_http = await two.request(
        "GET", two.public + "/api/notifications", headers={"Authorization": f"Bearer {token('ann')}"}
    )
    assert [n["title"] for n in over_http.body["notifications"]] == ["since", "before"]


async def test_a_topic_of_both_token_and_store_stays_until_both_have_let_go(
    nodes: list[Gateway], node: NodeProcess
):
    one, two, _ = nodes
    client = await node.open(two.public, auth={"token": token("ann", topics=("deals",))})
    await client.event("ready")
    await _told(one, "PUT", f"{MEMBERS}/ann")
    await _told(one, "PUT", "/internal/topics/news/members/ann")
    assert (await client.event("rooms"))["joined"] == ["topic:news"]

    await client.call("token", {"token": token("ann")})
    await one.emit("topic:deals", "still")
    assert (await client.event("notification"))["title"] == "still"
    await _told(one, "DELETE", f"{MEMBERS}/ann")

    assert (await client.event("rooms"))["left"] == ["topic:deals"]


async def test_a_node_that_the_bus_has_told_nothing_finds_out_when_it_keeps_house(
    nodes: list[Gateway], node: NodeProcess, monkeypatch: pytest.MonkeyPatch
):
    one, two, _ = nodes
    assert one.node is not None
    assert two.node is not None
    client = await node.open(two.public, auth={"token": token("ann")})
    await client.event("ready")

    async def lost(command: object) -> None:
        del command

    with monkeypatch.context() as patched:
        patched.setattr(one.node.bus, "order_all", lost)
        await _told(one, "PUT", f"{MEMBERS}/ann")
    assert client.received("rooms") == []
    await two.node.sessions.namespaces.memberships.keep_house()

    assert (await client.event("rooms"))["joined"] == ["topic:deals"]


async def test_a_change_that_comes_while_the_store_is_away_is_made_good(
    nodes: list[Gateway], node: NodeProcess, monkeypatch: pytest.MonkeyPatch
):
    one, two, _ = nodes
    assert two.node is not None
    client = await node.open(two.public, auth={"token": token("ann")})
    await client.event("ready")
    asked = asyncio.Event()

    async def away(*args: object, **options: object) -> None:
        asked.set()
        raise StoreUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(two.node.store.inboxes, "opening", away)
        await _told(one, "PUT", f"{MEMBERS}/ann")
        async with asyncio.timeout(20):
            await asked.wait()
    await two.node.sessions.namespaces.memberships.keep_house()

    assert (await client.event("rooms"))["joined"] == ["topic:deals"]


async def test_a_user_who_comes_while_put_into_a_topic_is_in_it(
    nodes: list[Gateway], node: NodeProcess, monkeypatch: pytest.MonkeyPatch
):
    """The topics were read before the change, and the change came before the session was all the way in."""
    one, two, _ = nodes
    assert two.node is not None
    await _told(one, "PUT", "/internal/topics/news/members/bob")
    opening = two.node.store.inboxes.opening
    changed = asyncio.Event()

    async def slow(user: str, *args: Any, **options: Any) -> Any:
        if user == "ann" and not changed.is_set():
            changed.set()
            await _told(two, "PUT", f"{MEMBERS}/ann")
        return await opening(user, *args, **options)

    monkeypatch.setattr(two.node.store.inboxes, "opening", slow)
    client = await node.open(two.public, auth={"token": token("ann")})

    assert "topic:deals" not in (await client.event("ready"))["heads"]
    assert (await client.event("rooms"))["joined"] == ["topic:deals"]


async def test_members_and_topics_are_told_and_wrong_changes_are_refused(nodes: list[Gateway]):
    one, two, _ = nodes
    await _told(one, "POST", MEMBERS, {"add": ["ann", "bob", "cid"], "remove": ["dan"]})

    page = await _told(two, "GET", f"{MEMBERS}?limit=2")
    assert ([m["user"] for m in page["members"]], page["next"]) == (["ann", "bob"], "bob")
    rest = await _told(two, "GET", f"{MEMBERS}?limit=2&after=bob")
    assert ([m["user"] for m in rest["members"]], rest["next"]) == (["cid"], None)
    topics = await _told(two, "GET", "/internal/users/ann/topics")
    assert [t["topic"] for t in topics["topics"]] == ["deals"]
    for body in (
        {},
        {"add": ["ann"], "remove": ["ann"]},
        {"add": [" "]},
        {"add": [f"u{n}" for n in range(1001)]},
    ):
        assert (await one.ask("POST", MEMBERS, body=body)).status == 422, body
    assert (await one.ask("PUT", "/internal/topics/a%20b/members/ann")).status == 422
    for number in range(100):
        await _told(one, "PUT", f"/internal/topics/t{number}/members/eve")
    refused = await one.ask("POST", MEMBERS, body={"add": ["eve", "fay"]})
    assert (refused.status, "eve" in refused.body["errors"]["add"][0]) == (422, True)


async def test_what_a_backend_tells_of_a_user_is_kept_shown_and_mailed_to(
    nodes: list[Gateway], node: NodeProcess
):
    one, two, three = nodes
    assert (await one.ask("GET", "/internal/users/ann")).status == 404
    whole = {
        "email": "ann@example.org",
        "name": "Ann",
        "locale": "de",
        "timezone": "Europe/Berlin",
        "attributes": {"plan": "gold", "since": {"year": 2024}},
    }

    told = await _told(one, "PUT", "/internal/users/ann", whole)
    assert told == {"user": "ann", "last_seen": None, **whole}
    assert await _told(two, "PATCH", "/internal/users/ann", {"name": None}) == {**told, "name": None}
    emitted = await three.emit("user:ann", email=True)
    record = await _told(one, "GET", f"/internal/notifications/{emitted['notification']['id']}")
    assert record["mail"]["to"] == "ann@example.org"

    # A token that was issued before knows less.
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    old = Signer(SECRET, clock=lambda: an_hour_ago).sign(
        "ann", ttl=timedelta(hours=2), email="old@example.org", name="Old"
    )
    client = await node.open(two.public, auth={"token": old})
    await client.event("ready")
    assert (await _told(two, "GET", "/internal/users/ann"))["email"] == "ann@example.org"

    batch = {"users": [{"user": "ann", "email": None}, {"user": "bob", "attributes": {"n": 1}}]}
    assert await _told(three, "POST", "/internal/users/batch", batch) == {"users": 2}
    assert (await _told(one, "GET", "/internal/users/bob"))["attributes"] == {"n": 1}
    data = await _told(one, "GET", "/internal/users/ann/data")
    assert (data["email"], data["timezone"], data["attributes"]["plan"]) == (None, "Europe/Berlin", "gold")
    await _told(one, "DELETE", "/internal/users/bob")
    assert (await one.ask("GET", "/internal/users/bob")).status == 404


async def test_what_is_no_sound_profile_is_refused_with_the_field(nodes: list[Gateway]):
    one, *_ = nodes
    wrong = {
        "email": "nobody",
        "timezone": "Europe/Atlantis",
        "name": "a\nb",
        "attributes": {"text": "x" * 4096},
    }
    for name, value in wrong.items():
        refused = await one.ask("PUT", "/internal/users/ann", body={name: value})
        assert (refused.status, list(refused.body["errors"])) == (422, [name])
    for zone in ("../etc/passwd", "Europe", "/etc/localtime", "Europe/Berlin "):
        assert (await one.ask("PATCH", "/internal/users/ann", body={"timezone": zone})).status == 422
    batch = await one.ask("POST", "/internal/users/batch", body={"users": [{"user": "ann", "email": "x"}]})
    assert list(batch.body["errors"]) == ["users.0.email"]
    assert (await one.ask("GET", "/internal/users/ann")).status == 404
