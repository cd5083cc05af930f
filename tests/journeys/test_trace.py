"""The trace of one notification: what happened to it, from whichever node one asks."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.ground import encoding
from tests.journeys.test_mailing import mail_in
from tests.support.gateway import gateway, gateways, token
from tests.support.node import NodeProcess
from tests.support.smtp import Reply, SMTPRelay

UNKNOWN = "01900000-0000-7000-8000-000000000000"


def told(trace: dict[str, Any], via: str) -> list[str]:
    """What happened by one way, in the order of the line."""
    return [point["what"] for point in trace["line"] if point["via"] == via]


async def test_a_node_tells_who_called_and_which_sessions_at_another_were_written_to(
    tmp_path: Path, store: dict[str, str], redis_url: str, node: NodeProcess
):
    async with gateways(2, tmp_path, bus_url=redis_url, **store) as (near, far):
        ann = await node.open(far.public, auth={"token": token("ann")})
        await ann.event("ready")
        answered = await near.ask(
            "POST", "/internal/emit", body={"to": "user:ann", "type": "SALE", "title": "x"},
            Idempotency_Key="order-1", X_Request_Id="req-77",
        )  # fmt: skip
        [sent] = answered.body["notifications"]
        await ann.event("notification")
        await ann.call("read", {"ids": [sent["id"]]})

        trace = (await near.ask("GET", f"/internal/notifications/{sent['id']}/trace")).body
        found = await near.ask("GET", "/internal/notifications?service=shop&key=order-1")
        of_user = await far.ask("GET", "/internal/notifications?user=ann&type=SALE&request_id=req-77")

        assert trace["call"] == {
            "by": "shop", "request_id": "req-77", "idempotency_key": "order-1", "scheduled": None,
        }  # fmt: skip
        assert (told(trace, "call"), told(trace, "inbox")) == (["called"], ["stored", "written"])
        # A read counts as seen.
        assert told(trace, "reader")[-1] == "read"
        [written] = [point for point in trace["line"] if point["what"] == "written"]
        assert (written["by"], written["count"]) == ("node-1", 1)
        views = {view["node"]: view for view in trace["nodes"]}
        assert (views["node-1"]["here"], views["node-1"]["has_come"]) == (1, True)
        assert (views["node-0"]["reached"], trace["silent"]) == (0, [])
        assert [item["id"] for item in found.body["notifications"]] == [sent["id"]]
        [item] = of_user.body["notifications"]
        assert (item["id"], item["by"], item["request_id"]) == (sent["id"], "shop", "req-77")
        assert (await near.ask("GET", f"/internal/notifications/{UNKNOWN}/trace")).status == 404
        refused = await near.ask("GET", "/internal/notifications?key=order-1")
        assert (refused.status, refused.body["code"]) == (422, "validation_failed")


async def test_each_attempt_of_a_mail_is_told_in_the_words_of_the_relay_and_who_revived_it(
    tmp_path: Path, store: dict[str, str], node: NodeProcess
):
    async with (
        SMTPRelay() as relay,
        gateway(tmp_path, MAIL_URL=relay.url(query="starttls=never"), MAIL_RETRY="100ms", **store) as here,
    ):
        admin = await node.open(
            here.public, auth={"token": token("root", roles=("admin",))}, namespace="/admin"
        )
        await admin.event("ready")
        relay.on("RCPT", Reply("450 4.2.0 greylisted"), Reply("550 5.1.1 no such mailbox"))
        sent = (await here.emit("user:ann", email={"to": "ann@shop.example"}))["notification"]
        await mail_in(here, sent["id"], "dead")
        await here.ask("DELETE", "/internal/suppressions?address=ann@shop.example")
        await admin.call("revive", {"ids": [sent["id"]]})
        await mail_in(here, sent["id"], "sent")
        body = {"event": "delivered", "mail": sent["id"]}
        await here.ask("POST", "/internal/mail/reports/generic", body=body)

        answer = await admin.call("trace", {"id": sent["id"]})

        trace = answer["trace"]
        way = [point for point in trace["line"] if point["via"] == "mail"]
        assert [(point["what"], point["count"], point["code"]) for point in way] == [
            ("postponed", 1, 450), ("buried", 2, 550), ("revived", None, None), ("sent", 1, None),
            ("delivered", None, None),
        ]  # fmt: skip
        assert "greylisted" in way[0]["detail"]
        assert "no such mailbox" in way[1]["detail"]
        [mail] = trace["mails"]
        assert (mail["id"], mail["kind"], mail["state"]) == (sent["id"], "notification", "delivered")
        assert {gate["said"] for gate in mail["gates"]} == {"passed"}
        [deed] = [point for point in trace["line"] if point["via"] == "deed"]
        assert (deed["what"], deed["by"], deed["detail"]) == ("revive", "user:root", None)


async def test_what_waited_for_its_time_and_what_a_rule_stopped_is_told(
    tmp_path: Path, store: dict[str, str]
):
    async with gateway(tmp_path, **store) as here:
        later = await here.ask(
            "POST",
            "/internal/emit",
            body={
                "to": "user:ann",
                "type": "T",
                "title": "x",
                "send_at": encoding.time(datetime.now(UTC) + timedelta(days=1)),
            },
        )
        [waiting] = later.body["scheduled"]
        await here.ask("POST", f"/internal/scheduled/{waiting['id']}/send")
        emitted = await _emitted(here, "user:ann")
        email = {"to": "bob@shop.example", "after": 3600}
        held = (await here.emit("user:bob", email=email))["notification"]
        await here.ask("DELETE", f"/internal/mail/{held['id']}")
        await here.ask("DELETE", f"/internal/notifications/{held['id']}")

        came = (await here.ask("GET", f"/internal/notifications/{emitted}/trace")).body
        stopped = (await here.ask("GET", f"/internal/notifications/{held['id']}/trace")).body

        assert (came["call"]["scheduled"], came["call"]["idempotency_key"]) == (waiting["id"], None)
        [skipped] = [point for point in stopped["line"] if point["via"] == "mail"]
        assert (skipped["what"], skipped["rule"]) == ("skipped", "cancelled")
        assert {gate["said"] for gate in stopped["mails"][0]["gates"]} == {"unknown"}
        assert told(stopped, "inbox") == ["stored", "recalled"]
        assert told(stopped, "deed") == ["drop_mail", "recall"]


async def _emitted(here: Any, room: str) -> str:
    """The id of what is in the user's room, once something is."""
    async with asyncio.timeout(40):
        while True:
            page = (await here.ask("GET", f"/internal/notifications?user={room[5:]}")).body
            if page["notifications"]:
                return str(page["notifications"][0]["id"])
            await asyncio.sleep(0.05)
