"""From an emit to the mailbox: under its conditions, with retries, and with a dead letter where it fails."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from tests.support.gateway import Gateway, environment, gateway, token
from tests.support.node import NodeProcess
from tests.support.smtp import Reply, SMTPRelay

DEADLINE_SECONDS = 40


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await holds():
            await asyncio.sleep(0.02)


async def mail_in(here: Gateway, notification_id: str, state: str) -> dict[str, object]:
    """The mail of a notification, once it is in `state`."""
    found: dict[str, object] = {}

    async def is_there() -> bool:
        answered = await here.ask("GET", f"/internal/notifications/{notification_id}")
        found.update(answered.body["mail"])
        return found["state"] == state

    await until(is_there)
    return found


def spooled(folder: Path) -> list[EmailMessage]:
    files = sorted((folder / "mail").glob("*.eml"))
    return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]  # type: ignore[arg-type]


async def test_a_mail_goes_to_the_address_of_the_users_token(
    gateway: Gateway, node: NodeProcess, tmp_path: Path
):
    refused = await gateway.ask(
        "POST", "/internal/emit", body={"to": "user:ann", "type": "T", "title": "x", "email": True}
    )
    assert (refused.status, refused.body["code"]) == (422, "validation_failed")
    client = await node.open(gateway.public, auth={"token": token("ann", email="ann@shop.example")})
    await client.event("ready")

    sent = await gateway.emit("user:ann", "Shipped", email=True)

    await mail_in(gateway, sent["notification"]["id"], "sent")
    [mail] = spooled(tmp_path)
    assert (mail["To"], mail["Subject"]) == ("ann@shop.example", "Shipped")
    assert sent["notification"]["id"] in mail["Message-ID"]


async def test_a_mail_that_is_not_needed_any_more_is_skipped(
    gateway: Gateway, node: NodeProcess, tmp_path: Path
):
    client = await node.open(gateway.public, auth={"token": token("ann")})
    await client.event("ready")

    def email(unless: str) -> dict[str, object]:
        return {"to": "ann@shop.example", "unless": unless, "after": 0.5}

    online = await gateway.emit("user:ann", email=email("online"))
    read = await gateway.emit("user:ann", email=email("read"))
    seen = await gateway.emit("user:ann", email=email("seen"))
    unread = await gateway.emit("user:ann", "unread", email=email("read"))
    away = await gateway.emit("user:bob", "away", email=email("online"))
    await client.call("read", {"ids": [read["notification"]["id"]]})
    await client.call("seen", {"ids": [seen["notification"]["id"]]})

    for sent in (online, read, seen):
        assert (await mail_in(gateway, sent["notification"]["id"], "skipped"))["reason"]
    for sent in (unread, away):
        await mail_in(gateway, sent["notification"]["id"], "sent")
    assert sorted(mail["Subject"] for mail in spooled(tmp_path)) == ["away", "unread"]


async def test_a_recalled_notification_is_not_mailed(gateway: Gateway, tmp_path: Path):
    email = {"to": "ann@shop.example", "after": 3600}
    sent = (await gateway.emit("user:ann", email=email))["notification"]

    await gateway.ask("DELETE", f"/internal/notifications/{sent['id']}")

    assert (await mail_in(gateway, sent["id"], "skipped"))["reason"]
    assert spooled(tmp_path) == []


async def test_a_refused_mail_is_a_dead_letter_until_it_is_revived(tmp_path: Path):
    async with SMTPRelay() as relay, gateway(tmp_path, MAIL_URL=relay.url(query="starttls=never")) as here:
        relay.on("RCPT", Reply("550 5.1.1 no such mailbox"))
        sent = (await here.emit("user:ann", email={"to": "ann@shop.example"}))["notification"]

        dead = await mail_in(here, sent["id"], "dead")
        page = (await here.ask("GET", "/internal/mail?state=dead")).body
        # It refused for good: somebody has to say that the address is well now.
        await here.ask("DELETE", "/internal/suppressions?address=ann@shop.example")
        revived = await here.ask("POST", f"/internal/mail/{sent['id']}/revive")

        assert dead["code"] == 550
        assert "no such mailbox" in str(dead["reason"])
        assert [item["id"] for item in page["mail"]] == [sent["id"]]
        assert (revived.status, revived.body) == (200, {"revived": [sent["id"]]})
        await relay.until_received(1)
        await mail_in(here, sent["id"], "sent")


async def test_a_relay_that_says_later_gets_it_later(tmp_path: Path):
    async with (
        SMTPRelay() as relay,
        gateway(tmp_path, MAIL_URL=relay.url(query="starttls=never"), MAIL_RETRY="100ms") as here,
    ):
        relay.on("RCPT", Reply("450 4.2.0 greylisted"), Reply("451 4.3.0 still"))
        sent = (await here.emit("user:ann", email={"to": "ann@shop.example"}))["notification"]

        mail = await mail_in(here, sent["id"], "sent")

        assert mail["attempts"] == 3
        assert len(relay.received) == 1


async def test_the_worker_can_be_a_process_of_its_own(tmp_path: Path):
    """`bellhop mail` empties what a gateway without a worker leaves, and stops calmly."""
    async with gateway(tmp_path, MAIL_WORKER="false") as here:
        sent = (await here.emit("user:ann", email={"to": "ann@shop.example"}))["notification"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "mail", env=environment(tmp_path), cwd=tmp_path,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            await mail_in(here, sent["id"], "sent")
            process.terminate()
            _, errors = await asyncio.wait_for(process.communicate(), DEADLINE_SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

        assert process.returncode == 0
        assert b"Traceback" not in errors
        assert len(spooled(tmp_path)) == 1
