"""A person whose mailbox refuses us is told so in the app, in their language, once; another address has mail arrive again."""

from pathlib import Path

from mailer.envelope import ReturnPath
from tests.journeys.test_mailing import mail_in, until
from tests.journeys.test_returns import LINKS, bounce_office
from tests.support.corpus import SAMPLES
from tests.support.gateway import Gateway, gateway, token
from tests.support.node import NodeProcess
from tests.support.smtp import Reply, SMTPRelay

UNKNOWN = Reply("550 5.1.1 user unknown")
PATH = ReturnPath(domain=LINKS["BOUNCE_DOMAIN"], secrets=(LINKS["LINK_SECRET"],))


async def tell(here: Gateway, user: str, **fields: object) -> None:
    answered = await here.ask("PATCH", f"/internal/users/{user}", body=fields)
    assert answered.status == 200, answered


async def hints(here: Gateway, user: str) -> list[str]:
    held = (await here.ask("GET", f"/internal/users/{user}/data")).body["notifications"]
    return [each["title"] for each in held if each["type"] == "MAILBOX_REFUSED" and not each["recalled_at"]]


async def test_who_is_refused_at_the_door_is_told_once_and_a_new_address_takes_it_away(
    tmp_path: Path, node: NodeProcess
):
    async with SMTPRelay() as relay, gateway(tmp_path, MAIL_URL=relay.url(query="starttls=never")) as here:
        relay.refuse["Ann@gone.example"] = UNKNOWN
        await tell(here, "ann", email="Ann@gone.example", locale="de-AT")
        client = await node.open(here.public, auth={"token": token("ann")})
        await client.event("ready")

        first = await here.emit("user:ann", "Hello", email=True)
        assert (await client.event("notification"))["title"] == "Hello"
        await mail_in(here, first["notification"]["id"], "dead")
        hint = await client.event("notification")
        second = await here.emit("user:ann", "Again", email=True)
        skipped = await mail_in(here, second["notification"]["id"], "skipped")
        assert (await client.event("notification"))["title"] == "Again"

        assert hint["type"] == "MAILBOX_REFUSED"
        assert hint["title"] == "Ihr Postfach nimmt unsere E-Mails nicht an"
        assert "ann@gone.example" in hint["body"]
        assert skipped["decided_by"] == "suppression"
        assert len(await hints(here, "ann")) == 1

        await tell(here, "ann", email="ann@home.example")

        assert (await client.event("recalled"))["id"] == hint["id"]
        third = await here.emit("user:ann", "There again", email=True)
        await mail_in(here, third["notification"]["id"], "sent")
        assert await hints(here, "ann") == []
        assert [mail.recipients for mail in relay.received] == [("ann@home.example",)]


async def test_what_another_process_hears_is_told_by_a_node(tmp_path: Path):
    """`bellhop bounces` has no clients of its own."""
    async with SMTPRelay() as relay, gateway(tmp_path, MAIL_URL=relay.url(query="starttls=never")) as here:
        await tell(here, "ann", email="ann@dest.example")
        sent = await here.emit("user:ann", email=True)
        id_ = sent["notification"]["id"]
        await mail_in(here, id_, "sent")
        async with bounce_office(tmp_path) as office:
            report = next(each for each in SAMPLES if each.says == "failed" and each.severity == "hard")
            await office.returns.take(report.raw(path=PATH.address(id_) or "", to="ann@dest.example"))
        await mail_in(here, id_, "bounced")
        assert here.node is not None

        await here.node.users.hints.keep_house()

        async def is_told() -> bool:
            return await hints(here, "ann") == ["Your mailbox refuses our mail"]

        await until(is_told)
