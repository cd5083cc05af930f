"""The table of operations is what the gateway answers: every admin's event, and an operation that is added to it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from marshmallow import Schema, fields, post_load

from gateway.cluster.settings import ClusterSettings
from gateway.ground import encoding
from gateway.http import descriptions, internal
from gateway.protocol.fields import UserId
from gateway.protocol.offered import campaigns
from gateway.protocol.operation import USER, Operation, Route
from gateway.protocol.operations import OPERATIONS
from gateway.protocol.telling import ADMIN_EVENTS, EVENTS
from gateway.protocol.use_cases import Caller, UseCases
from gateway.sockets import operation_events
from tests.support.gateway import Gateway, token
from tests.support.gateway import gateway as start_gateway
from tests.support.node import JSClient, NodeProcess

MAILED = {"to": "ann@shop.example", "after": 3600}


async def admin_of(gateway: Gateway, node: NodeProcess) -> JSClient:
    client = await node.open(
        gateway.public, auth={"token": token("root", roles=("admin",), name="Root")}, namespace="/admin"
    )
    await client.event("ready")
    return client


async def test_every_event_of_admins_answers_in_the_shape_that_the_table_gives_it(
    gateway: Gateway, node: NodeProcess
):
    """The types of the dashboard are made of these shapes: what they leave out, or name otherwise, would be a lie."""
    assert gateway.node is not None
    ann = await node.open(gateway.public, auth={"token": token("ann", topics=("deals",), name="Ann")})
    await ann.event("ready")
    # One connection alone would say more in a moment than a client may.
    admins = [await admin_of(gateway, node) for _ in range(2)]
    emitted = await gateway.emit("user:ann", email=MAILED)
    await ann.event("notification")
    known = {"id": emitted["notification"]["id"]}
    waiting = [(await gateway.emit("user:ann", email=MAILED))["notification"]["id"] for _ in range(2)]
    await gateway.ask("PUT", "/internal/users/ann", body={"name": "Ann", "attributes": {"plan": "gold"}})
    await gateway.ask("PATCH", "/internal/users/ann/preferences", body={"channels": {"email": True}})
    await ann.call("read", {"ids": [known["id"]]})
    gateway.node.views.trends.sample()
    gateway.node.views.trends.sample()
    send_at = encoding.time(datetime.now(UTC) + timedelta(days=1))
    put_off = await gateway.ask(
        "POST",
        "/internal/emit",
        body={"to": ["user:ann", "user:bob"], "type": "T", "title": "Later", "send_at": send_at},
    )
    later = [item["id"] for item in put_off.body["scheduled"]]
    emit = {"to": ["user:ann", "topic:deals", "all"], "type": "T", "title": "x"}
    # It would end the process of the tests.
    gateway.node.views.nodes.leave = lambda: None
    payloads: dict[str, dict[str, Any]] = {
        "emit": {"to": "user:bob", "type": "T", "title": "x", "email": {"if_known": True}},
        "preview": emit | {"to": "user:ann", "email": MAILED},
        "notification": known,
        "history": {"user": "ann"},
        "mail": {},
        "mail_counts": {},
        "preview_mail": known,
        "held": {},
        "send_mail": {"id": waiting[0]},
        "cancel_mail": {"id": waiting[1]},
        "revive": {"ids": [known["id"]]},
        "revive_all": {},
        "presence": {},
        "user": {"user": "ann"},
        "find_users": {"text": "ann"},
        "profile": {"user": "ann"},
        "user_preferences": {"user": "ann"},
        "change_members": {"topic": "deals", "add": ["ann"]},
        "user_topics": {"user": "ann"},
        "topics": {},
        "members": {"topic": "deals"},
        "types": {},
        "type": {"type": "COMPLAINT"},
        "type_switch": {"type": "T", "enabled": True},
        "overview": {},
        "alerts": {},
        "feed": {"on": False},
        "scheduled": {},
        "send_scheduled": {"id": later[0]},
        "cancel_scheduled": {"id": later[1]},
        "suppress": {"address": "eve@shop.example"},
        "suppress_many": {"suppressions": [{"address": "eve@shop.example"}]},
        "suppressions": {},
        "lift_suppression": {"address": "eve@shop.example"},
        "lanes": {},
        "pause_lane": {"lane": "bulk", "reason": "the list is old"},
        "resume_lane": {"lane": "bulk"},
        "strays": {},
        "find_notifications": {"user": "ann"},
        "trace": known,
        "audit": {},
        "stats": {"by": "type,channel", "step": "hour"},
        "nodes": {},
        "drain_node": {"node": gateway.node.settings[ClusterSettings].node_id},
        "recall": known,
        "disconnect_user": {"user": "ann"},
        "digests": {"user": "ann"},
        "erase_user": {"user": "ann"},
    }
    by_event = {each.event: each for each in OPERATIONS if each.event is not None and each.scope != USER}

    # Without a catalog there is no type to be previewed, nor to be sent to many.
    of_catalogs = {"preview_type", *(each.event for each in campaigns.OPERATIONS)}
    assert payloads.keys() == by_event.keys() - of_catalogs
    for admin, (event, payload) in zip(cycle(admins), payloads.items(), strict=False):
        answer = await admin.call(event, payload)

        assert answer.pop("ok") is True, answer
        operation = by_event[event]
        shown = answer if operation.under is None else answer[operation.under]
        assert operation.answers().validate(shown) == {}, event


async def test_every_event_of_the_own_inbox_answers_in_the_shape_that_the_table_gives_it(
    gateway: Gateway, node: NodeProcess
):
    admin = await admin_of(gateway, node)
    ann = await node.open(gateway.public, auth={"token": token("ann", name="Ann")})
    await ann.event("ready")
    actions = [{"id": "yes", "label": "Yes"}]
    emitted = await gateway.emit("user:ann", actions=actions)
    await ann.event("notification")
    known = {"id": emitted["notification"]["id"]}
    payloads: dict[str, dict[str, Any]] = {
        "history": {},
        "preferences": {"set": {"tracking": False}},
        "read": {"all": True},
        "seen": {"ids": [known["id"]]},
        "unread": {"ids": [known["id"]]},
        "act": known | {"action": "yes"},
        "click": known,
        "snooze": known | {"until": encoding.time(datetime.now(UTC) + timedelta(days=1))},
        "archive": {"ids": [known["id"]]},
        "unarchive": {"ids": [known["id"]]},
        "dismiss": {"ids": [known["id"]]},
        "undismiss": {"ids": [known["id"]]},
    }
    own = {each.event: each for each in OPERATIONS if each.event is not None and each.scope == USER}

    assert payloads.keys() == own.keys()
    for event, payload in payloads.items():
        answer = await ann.call(event, payload)

        assert answer.pop("ok") is True, answer
        assert own[event].answers().validate(answer) == {}, event
    for event, operation in own.items():
        if operation.in_both:
            answer = await admin.call(event, {"all": True} if event == "read" else {"ids": []})
            # Known there, and judged by the same schema.
            assert answer["ok"] is (event == "read"), event
            assert event == "read" or answer["error"]["code"] == "validation_failed"


async def test_every_event_tells_in_the_shape_that_the_table_gives_it(gateway: Gateway, node: NodeProcess):
    admin = await admin_of(gateway, node)
    await admin.call("feed", {"on": True})
    # Its token is near its end from the beginning, which it is told at once.
    ann = await node.open(
        gateway.public, auth={"token": token("ann", topics=("deals",), name="Ann", ttl_seconds=50)}
    )
    told = {name: await ann.event(name) for name in ("ready", "token:expiring")}
    emitted = await gateway.emit(["user:ann", "admins"])
    told["notification"] = await ann.event("notification")
    await ann.call("read", {"ids": [told["notification"]["id"]]})
    told["inbox"] = await ann.event("inbox")
    await admin.call("recall", {"id": emitted["notification"]["id"]})
    told["recalled"] = await ann.event("recalled")
    await ann.call("token", {"token": token("ann", topics=("news",), name="Ann")})
    told["rooms"] = await ann.event("rooms")
    await ann.call("preferences", {"set": {"tracking": False}})
    told["preferences"] = await ann.event("preferences")
    await admin.call("disconnect_user", {"user": "ann"})
    told["closing"] = await ann.event("closing")
    told_admins = {
        name: await admin.event(name) for name in ("presence:joined", "presence:left", "notification", "feed")
    }
    again = await node.open(
        gateway.public, auth={"token": token("root", roles=("admin",))}, namespace="/admin"
    )
    told_admins["ready"] = await again.event("ready")

    assert told.keys() == EVENTS.keys()
    for name, payload in told.items():
        assert EVENTS[name]().validate(payload) == {}, name
    for name, payload in told_admins.items():
        assert ADMIN_EVENTS[name]().validate(payload) == {}, name
    assert told_admins.keys() | EVENTS.keys() == ADMIN_EVENTS.keys()


async def test_admins_are_told_which_types_need_an_answer(gateway: Gateway, node: NodeProcess):
    admin = await admin_of(gateway, node)

    types = (await admin.call("types"))["types"]

    assert {name: type_["urgent"] for name, type_ in types.items()} == {"COMPLAINT": True}


class GreetingSchema(Schema):
    user = UserId(required=True)
    words = fields.List(fields.String(), load_default=("Hello",))

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> tuple[str, str]:
        return data["user"], " ".join(data["words"])


class GreetingAnswer(Schema):
    greeting = fields.String(required=True)


async def greet(use: UseCases, caller: Caller, asked: tuple[str, str]) -> str:
    user, words = asked
    return f"{words}, {user}, says {caller.scope}; {(await use.people.find(user)).online is not None}"


GREET = Operation(
    name="greet",
    summary="Greet a user",
    asks=GreetingSchema,
    answers=GreetingAnswer,
    use=greet,
    shape=lambda greeting: {"greeting": greeting},
    route=Route(method="POST", path="/internal/users/{user}/greeting", status=201, body_required=False),
    event="greet",
    under="said",
)


@pytest.fixture
def table_with_greeting(monkeypatch: pytest.MonkeyPatch) -> None:
    for reader in (internal, operation_events):
        monkeypatch.setattr(reader, "OPERATIONS", (*OPERATIONS, GREET))


@pytest.mark.usefixtures("table_with_greeting")
async def test_a_new_operation_is_an_entry_and_its_use_case(tmp_path: Path, node: NodeProcess):
    path = "/internal/users/ann/greeting"
    async with start_gateway(tmp_path) as gateway:
        admin = await admin_of(gateway, node)

        plain = await gateway.ask("POST", path)
        worded = await gateway.ask("POST", path, body={"words": ["Good", "day"]})
        twice = await gateway.ask("POST", path, body={"user": "bob"})
        stranger = await gateway.ask("POST", path, Authorization="Bearer nobody")
        said = await admin.call("greet", {"user": "ann", "words": ["Hi"]})
        wrong = await admin.call("greet", {"user": " "})

    assert (plain.status, plain.body) == (201, {"greeting": "Hello, ann, says shop; False"})
    assert worded.body == {"greeting": "Good day, ann, says shop; False"}
    assert (twice.status, twice.body["errors"]) == (422, {"user": ["Unknown field."]})
    assert stranger.status == 401
    assert said == {"ok": True, "said": {"greeting": "Hi, ann, says admin:root; False"}}
    assert wrong["error"]["code"] == "validation_failed"


def described(operation: Operation, key: Callable[[descriptions.Description], Any]) -> Any:
    assert operation.route is not None
    return key(descriptions.described(operation, operation.route))


def test_a_new_operation_is_described_by_its_entry_alone():
    assert described(GREET, lambda it: (it.method, it.path, it.scope, list(it.answers))) == (
        "post", "/internal/users/{user}/greeting", "admin", [201]
    )  # fmt: skip
    assert described(GREET, lambda it: list(it.body.fields)) == ["words"]
    assert "validation_failed" in described(GREET, lambda it: it.problems)
