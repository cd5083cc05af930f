"""Mail that comes back: through real Postfixes, by LMTP and by a pipe, to the address that is not written to any more."""

import asyncio
import re
import shutil
import smtplib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from gateway.mail.seals import return_path_of
from gateway.process.bounce_office import BounceOffice
from gateway.process.settings import load
from tests.journeys.test_lanes import owe_bulk
from tests.journeys.test_mailing import mail_in, until
from tests.journeys.test_preferences import CATALOG as PEOPLE
from tests.support.corpus import SAMPLES
from tests.support.gateway import API_KEY, Gateway, environment, gateway, gateway_process, with_catalog
from tests.support.postfix import postfix
from tests.support.servers import free_port
from tests.support.smtp import SMTPRelay

ROOT = Path(__file__).parents[2]
REPORTS = "/internal/mail/reports"
LINKS = {"BOUNCE_DOMAIN": "bounces.shop.example", "LINK_SECRET": "s" * 32}
DESTINATION = {
    # Who is not there is not there for this server either: it asks nobody else.
    "virtual_mailbox_domains": "dest.example",
    "virtual_mailbox_maps": "inline:{ ann@dest.example=x, full@dest.example=x, spam@dest.example=x, slow@dest.example=x }",
    "smtpd_recipient_restrictions": "check_recipient_access inline:{"
    " {full@dest.example=552 5.2.2 mailbox full},"
    " {spam@dest.example=554 5.7.1 we do not want your kind},"
    " {slow@dest.example=450 4.7.1 greylisted} }, reject_unlisted_recipient, permit",
}


def sample(name: str) -> bytes:
    return next(each for each in SAMPLES if each.name == name).raw()


async def report(here: Gateway, raw: bytes, **headers: str) -> dict[str, object]:
    answered = await here.ask("POST", REPORTS, raw=raw, **({"Content_Type": "message/rfc822"} | headers))
    assert answered.status == 200, answered
    return answered.body


async def listed(here: Gateway) -> list[tuple[str, str, str]]:
    body = (await here.ask("GET", "/internal/suppressions")).body
    return [(each["address"], each["reason"], each["source"]) for each in body["suppressions"]]


async def metric(here: Gateway, line: str) -> bool:
    return line in (await here.request("GET", here.internal + "/metrics")).body


async def sent(here: Gateway, to: str) -> str:
    """A mail that the relay took; answers its id."""
    id_ = str((await here.emit("user:ann", email={"to": to}))["notification"]["id"])

    async def was_taken() -> bool:
        # It may have come back by now.
        return (await here.ask("GET", f"/internal/notifications/{id_}")).body["mail"]["sent_at"] is not None

    await until(was_taken)
    return id_


@asynccontextmanager
async def bounce_office(folder: Path) -> AsyncIterator[BounceOffice]:
    office = BounceOffice(load(environment(folder, BOUNCE_LISTEN="lmtp://127.0.0.1:0", **LINKS)))
    try:
        await office.start()
        yield office
    finally:
        await office.stop()


@asynccontextmanager
async def network(folder: Path, transport: str, **relay: str) -> AsyncIterator[tuple[Gateway, SMTPRelay]]:
    """Bellhop, a Postfix that relays, and one that has some mailboxes; what comes back goes by `transport`."""
    async with (
        SMTPRelay() as mailboxes,
        postfix(
            mailboxes.port, virtual_transport=f"smtp:[127.0.0.1]:{mailboxes.port}", **DESTINATION
        ) as destination,
        postfix(
            destination,
            transport_maps=f"inline:{{ bounces.shop.example={transport} }}",
            maximal_queue_lifetime="0",
            **relay,
        ) as relaying,
        gateway(
            folder,
            MAIL_URL=f"smtp://127.0.0.1:{relaying}?starttls=never",
            MAIL_HELO="node.shop.example",
            **LINKS,
        ) as here,
    ):
        yield here, mailboxes


async def test_through_a_network_of_mail_servers_each_mail_ends_as_its_mailbox_is(tmp_path: Path):
    async with (
        bounce_office(tmp_path) as office,
        network(tmp_path, f"lmtp:[127.0.0.1]:{office.receiver.port}") as (here, mailboxes),
    ):
        ids = {
            name: await sent(here, f"{name}@dest.example") for name in ("ann", "gone", "full", "spam", "slow")
        }

        for name in ("gone", "full", "spam", "slow"):
            mail = await mail_in(here, ids[name], "bounced")
            assert str(mail["reason"]).startswith("came back: ")
        await mailboxes.until_received(1)

        assert [mail.recipients for mail in mailboxes.received] == [("ann@dest.example",)]
        assert (await mail_in(here, ids["ann"], "sent"))["attempts"] == 1
        assert await listed(here) == [("gone@dest.example", "hard_bounce", "report")]
        codes = {
            name: str((await mail_in(here, ids[name], "bounced"))["reason"]).split()[2]
            for name in ids
            if name != "ann"
        }
        assert codes == {"gone": "5.1.1", "full": "5.2.2", "spam": "5.7.1", "slow": "4.7.1"}

        again = await here.emit("user:ann", email={"to": "Gone@dest.example"})
        skipped = await mail_in(here, again["notification"]["id"], "skipped")
        assert skipped["decided_by"] == "suppression"
        assert str(skipped["verdict"]).startswith("not sent: the address refused mail for good (5.1.1)")


def pipe_script(folder: Path, url: str) -> str:
    """The one that the page tells of, with this test's key and address."""
    page = (ROOT / "docs" / "mail.md").read_text(encoding="utf-8")
    found = re.search(r"```sh\n(#!/bin/sh\n# bellhop-report.*?)```", page, re.DOTALL)
    assert found is not None
    key = folder / "key"
    key.write_text(API_KEY)
    key.chmod(0o644)
    script = found[1].replace("/etc/bellhop/key", str(key)).replace("http://127.0.0.1:8081", url)
    path = folder / "bellhop-report"
    path.write_text(script)
    path.chmod(0o755)
    return str(path)


async def test_the_pipe_that_the_page_tells_of_brings_a_report(tmp_path: Path):
    import tempfile

    assert shutil.which("curl") is not None
    with tempfile.TemporaryDirectory(prefix="bh-pipe-") as name:
        # Where user nobody can read it.
        folder = Path(name)
        folder.chmod(0o755)
        port = free_port()
        script = pipe_script(folder, f"http://127.0.0.1:{port}")
        service = f"bellhop unix - n n - 10 pipe\n  flags=DROhu user=nobody argv={script}\n"
        async with (
            SMTPRelay() as mailboxes,
            postfix(mailboxes.port, **DESTINATION) as destination,
            postfix(
                destination, services=service, transport_maps="inline:{ bounces.shop.example=bellhop: }"
            ) as relaying,
            gateway(
                tmp_path,
                MAIL_URL=f"smtp://127.0.0.1:{relaying}?starttls=never",
                INTERNAL_PORT=str(port),
                **LINKS,
            ) as here,
        ):
            id_ = await sent(here, "gone@dest.example")

            await mail_in(here, id_, "bounced")
            assert await listed(here) == [("gone@dest.example", "hard_bounce", "report")]
            assert await metric(here, 'bellhop_mail_returned_total{fate="bounced",lane="transactional"} 1.0')


async def test_the_command_takes_reports_beside_a_node(tmp_path: Path):
    port = free_port()
    async with (
        SMTPRelay() as relay,
        gateway(tmp_path, MAIL_URL=relay.url(query="starttls=never"), **LINKS) as here,
        gateway_process(
            tmp_path, command="bounces", BOUNCE_LISTEN=f"smtp://127.0.0.1:{port}", **LINKS
        ) as office,
    ):
        id_ = await sent(here, "gone@dest.example")
        [mail] = relay.received
        assert re.fullmatch(r"b-[a-z2-7]{26}-[a-z2-7]{16}@bounces\.shop\.example", mail.sender)

        import aiosmtplib

        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, use_tls=False, start_tls=False)
        async with client:
            await client.sendmail("", [mail.sender], sample("postfix-user-unknown"))

        await mail_in(here, id_, "bounced")
        assert await office.terminate() == 0
        log = office.log.read_text()
        assert '"fate":"bounced"' in log
        assert mail.sender.partition("@")[0] not in log


async def test_a_reader_who_can_only_write_leaves_by_a_letter(tmp_path: Path):
    """By the node's own door, and by the command, which asks the public site to do it."""
    site, port = free_port(), free_port()
    links = {**LINKS, "BASE_URL": f"http://127.0.0.1:{site}"}
    async with (
        SMTPRelay() as relay,
        gateway(
            tmp_path, extend=with_catalog(tmp_path / "catalog", PEOPLE), PORT=str(site),
            MAIL_URL=relay.url(query="starttls=never"), **links,
        ) as here,
        gateway_process(
            tmp_path, command="bounces", BOUNCE_LISTEN=f"lmtp://127.0.0.1:{port}", **links
        ) as office,
    ):  # fmt: skip
        for user in ("ann", "bob"):
            told = await here.ask("PUT", f"/internal/users/{user}", body={"email": f"{user}@example.org"})
            assert told.status == 200, told
            await here.emit(f"user:{user}", "Sale", type="SALE_OFFER")
        await relay.until_received(2)
        ways = {mail.recipients[0].partition("@")[0]: _way_out(mail.content) for mail in relay.received}

        answer = await report(
            here, b"From: ann@example.org\r\nSubject: unsubscribe\r\nTo: %s\r\n\r\n." % ways["ann"].encode()
        )
        assert answer == {"fate": "unsubscribed", "mail": None, "suppressed": False}
        for _ in range(2):
            await _hand_in(port, ways["bob"], b"From: bob@example.org\r\nSubject: unsubscribe\r\n\r\n.")

        for user in ("ann", "bob"):
            kept = (await here.ask("GET", f"/internal/users/{user}/preferences")).body
            assert kept["categories"] == {"offers": {"email": False}}
            assert [each["by"] for each in kept["changes"]] == ["link"]
        assert await office.terminate() == 0


def _way_out(raw: bytes) -> str:
    """The address by which the reader of a mail leaves."""
    said = message_from_bytes(raw, policy=policy.default)["List-Unsubscribe"]
    found = re.search(r"<mailto:(u-[a-z2-7]{37}@bounces\.shop\.example)\?subject=unsubscribe>", said)
    assert found is not None, said
    return found[1]


async def _hand_in(port: int, to: str, raw: bytes) -> None:
    """By LMTP, as a mail server does."""

    def hand_in() -> None:
        with smtplib.LMTP("127.0.0.1", port) as door:
            door.sendmail("bob@example.org", [to], raw)

    await asyncio.to_thread(hand_in)


@pytest.mark.parametrize(
    ("settings", "said"),
    [({}, "set BELLHOP_BOUNCE_DOMAIN"), ({"BOUNCE_DOMAIN": "b.shop.example"}, "needs BELLHOP_LINK_SECRET")],
)
async def test_without_what_it_needs_it_does_not_start(tmp_path: Path, settings: dict[str, str], said: str):
    from tests.unit.gateway.test_cli import bellhop

    code, _, complained = await bellhop(
        "bounces", folder=tmp_path, STORE_URL=f"sqlite:///{tmp_path}/b.db", **settings
    )

    assert code == 2
    assert said in complained


async def test_a_report_that_is_of_no_mail_is_kept_for_people_to_look_at(gateway: Gateway, node):
    from tests.support.gateway import token

    answer = await report(gateway, sample("qmail"))
    admin = await node.open(
        gateway.public, namespace="/admin", auth={"token": token("eve", roles=("admin",))}
    )
    await admin.event("ready")

    assert answer == {"fate": "unattributed", "mail": None, "suppressed": False}
    [kept] = (await gateway.ask("GET", REPORTS)).body["reports"]
    assert (kept["subject"], kept["kind"], kept["mail"]) == ("failure notice", "other", None)
    assert "This is the qmail-send program" in kept["text"]
    assert (await admin.call("strays", {}))["reports"] == [kept]
    assert await metric(gateway, 'bellhop_mail_returned_total{fate="unattributed",lane="unknown"} 1.0')


async def test_a_complaint_about_bulk_mail_ends_it_there(tmp_path: Path):
    async with gateway(tmp_path, **LINKS) as here:
        [id_] = await owe_bulk(here, "ann")

        async def was_sent() -> bool:
            page = (await here.ask("GET", "/internal/mail?state=sent")).body["mail"]
            return [each["id"] for each in page] == [id_]

        await until(was_sent)
        assert here.node is not None
        path = return_path_of(here.node.settings)
        assert path is not None
        arf = next(each for each in SAMPLES if each.name == "arf-yahoo")

        answer = await report(here, arf.raw(path=path.address(id_) or ""))

        assert answer == {"fate": "complained", "mail": id_, "suppressed": True}
        body = (await here.ask("GET", "/internal/suppressions")).body["suppressions"]
        assert [(each["address"], each["scope"]) for each in body] == [("ann@bulk.example", "lane:bulk")]
        counts = (await here.ask("GET", "/internal/mail?state=complained")).body["mail"]
        assert [each["id"] for each in counts] == [id_]


async def test_what_a_provider_tells_is_handed_in_as_json(gateway: Gateway):
    id_ = await sent(gateway, "ann@dest.example")
    path = f"{REPORTS}/generic"

    wrong = [
        await gateway.ask("POST", path, body=body)
        for body in (
            {"event": "bounced"},
            {"event": "bounced", "mail": id_, "message_id": "<x@y>"},
            {"event": "opened", "mail": id_},
            {"event": "bounced", "mail": id_, "status": "550"},
        )
    ]
    answered = await gateway.ask("POST", path, body={"event": "bounced", "mail": id_, "status": "5.1.1"})

    assert [(each.status, set(each.body["errors"])) for each in wrong] == [
        (422, {""}), (422, {""}), (422, {"event"}), (422, {"status"}),
    ]  # fmt: skip
    assert answered.body == {"fate": "bounced", "mail": id_, "suppressed": True}
    assert (await mail_in(gateway, id_, "bounced"))["reason"] == "came back: 5.1.1"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Content_Type": "application/json"}, 415, "unsupported_media_type"),
        ({"Content_Type": "text/plain"}, 415, "unsupported_media_type"),
        ({"Content_Type": "message/rfc822; x=" + "y" * 300}, 415, "unsupported_media_type"),
        ({"Content_Type": "message/rfc822", "Authorization": "Bearer wrong"}, 401, "unauthorized"),
    ],
)
async def test_what_is_no_report_is_refused(
    gateway: Gateway, headers: dict[str, str], status: int, code: str
):
    answered = await gateway.ask("POST", REPORTS, raw=sample("qmail"), **headers)

    assert (answered.status, answered.body["code"]) == (status, code)


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_a_report_has_a_size(gateway: Gateway):
    answered = await gateway.ask("POST", REPORTS, raw=b"x" * (16 * 2**20 + 1), Content_Type="message/rfc822")
    assert (answered.status, answered.body["code"]) == (413, "too_large")
    assert (await report(gateway, b"Subject: x\r\n\r\n" + b"x" * (15 * 2**20)))["fate"] == "unattributed"


async def test_reports_that_come_at_once_are_dealt_with_side_by_side(gateway: Gateway):
    answers = await asyncio.gather(*(report(gateway, each.raw()) for each in SAMPLES[:40]))

    assert {answer["fate"] for answer in answers} <= {"unattributed", "ignored"}
