"""Who may what: viewers look, support helps, admins do all; over Socket.IO and over HTTP, and it is written down."""

import time

import jwt
import pytest

from tests.support.gateway import SECRET, Gateway, token
from tests.support.node import JSClient, NodeProcess


async def joined(gateway: Gateway, node: NodeProcess, role: str) -> JSClient:
    return await node.open(
        gateway.public, auth={"token": token(f"a-{role}", roles=(role,))}, namespace="/admin"
    )


def code_of(answer: dict[str, object]) -> object:
    error = answer.get("error")
    return error["code"] if isinstance(error, dict) else None


async def test_a_role_may_what_the_table_says_and_is_told_so(gateway: Gateway, node: NodeProcess):
    viewer, support = await joined(gateway, node, "viewer"), await joined(gateway, node, "support")
    ready = await viewer.event("ready")
    supports = await support.event("ready")

    assert (ready["role"], supports["role"]) == ("viewer", "support")
    assert {"trace", "mail", "feed"} <= set(ready["may"])
    assert not {"revive", "recall", "emit", "erase_user"} & set(ready["may"])
    assert set(supports["may"]) - set(ready["may"]) == {"revive", "send_mail", "lift_suppression"}
    assert (await viewer.call("mail"))["ok"] is True
    assert code_of(await viewer.call("revive", {"ids": ["x"]})) == "forbidden"
    # Before what is asked is looked at.
    assert code_of(await viewer.call("emit", {"nonsense": True})) == "forbidden"
    assert (await support.call("revive", {"ids": ["x"]}))["revived"] == []
    assert code_of(await support.call("recall", {"id": "x"})) == "forbidden"


async def test_a_newer_token_gives_the_connection_its_role(gateway: Gateway, node: NodeProcess):
    client = await joined(gateway, node, "admin")
    await client.event("ready")
    await client.call("token", {"token": token("a-admin", roles=("viewer", "editor"))})

    assert code_of(await client.call("type_switch", {"type": "T", "enabled": False})) == "forbidden"
    refused = await client.call("token", {"token": token("a-admin", roles=("editor",))})
    assert code_of(refused) == "validation_failed"


async def test_who_has_none_of_the_roles_is_not_let_in(gateway: Gateway, node: NodeProcess):
    client = await node.open(
        gateway.public, auth={"token": token("ann", roles=("editor",))}, namespace="/admin"
    )

    assert (await client.connect_error())["data"] == {"code": "forbidden", "retry": False}


@pytest.mark.parametrize(
    ("scope", "looks", "revives", "recalls"),
    [
        ("viewer", 200, 403, 403),
        ("support", 200, 404, 403),
        ("admin", 200, 404, 404),
        ("emit", 403, 403, 403),
    ],
)
async def test_a_services_token_may_have_a_role(
    gateway: Gateway, scope: str, looks: int, revives: int, recalls: int
):
    signed = jwt.encode({"sub": "crm", "exp": time.time() + 600, "scope": scope}, SECRET)
    headers = {"Authorization": f"Bearer {signed}"}

    assert (await gateway.ask("GET", "/internal/mail", **headers)).status == looks
    assert (await gateway.ask("POST", "/internal/mail/x/revive", **headers)).status == revives
    assert (await gateway.ask("DELETE", "/internal/notifications/x", **headers)).status == recalls


async def test_what_was_done_is_in_the_audit_with_who_did_it_and_what_came_of_it(
    gateway: Gateway, node: NodeProcess
):
    admin = await joined(gateway, node, "admin")
    await admin.event("ready")
    sent = (await gateway.emit("user:ann"))["notification"]
    await admin.call("emit", {"to": "user:ann", "type": "T", "title": "x"})
    await admin.call("recall", {"id": sent["id"]})
    await admin.call("recall", {"id": "unknown"})
    await admin.call("suppress", {"address": "ann@private.example"})
    await gateway.ask("POST", "/internal/users/ann/disconnect", body={}, X_Request_Id="req-9")
    await gateway.ask("PATCH", "/internal/users/ann/preferences", body={"timezone": "Europe/Berlin"})
    await gateway.ask("DELETE", "/internal/users/ann/data")

    page = (await gateway.ask("GET", "/internal/audit")).body
    by_admin = await admin.call("audit", {"by": "user:a-admin", "operation": "recall"})
    of_ann = (await gateway.ask("GET", "/internal/audit?target=user:ann&limit=2")).body
    data = (await gateway.ask("GET", "/internal/users/ann/data")).body

    deeds = [(d["by"], d["operation"], d["target"], d["outcome"]) for d in reversed(page["deeds"])]
    assert deeds == [
        ("user:a-admin", "emit", "user:ann", "done"),
        ("user:a-admin", "recall", sent["id"], "done"),
        ("user:a-admin", "recall", "unknown", "not_found"),
        ("user:a-admin", "suppress", None, "done"),
        ("service:shop", "disconnect", "user:ann", "done"),
        ("service:shop", "choose_for", "user:ann", "done"),
        ("service:shop", "erase", "user:ann", "done"),
    ]
    details = {d["operation"]: d["detail"] for d in page["deeds"]}
    assert details["suppress"] == {"domain": "private.example", "scope": "*"}
    assert details["choose_for"] == {"fields": ["timezone"]}
    assert [d["target"] for d in by_admin["deeds"]] == ["unknown", sent["id"]]
    assert [d["operation"] for d in of_ann["deeds"]] == ["erase", "choose_for"]
    assert of_ann["next"] is not None
    assert [d["operation"] for d in data["audit"]][:2] == ["user_data", "erase"]
    assert next(d for d in page["deeds"] if d["operation"] == "disconnect")["request_id"] == "req-9"
