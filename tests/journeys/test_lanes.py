"""Two lanes: what bulk mail meets is nothing to the mail that somebody waits for."""

from email import message_from_bytes, policy
from pathlib import Path

from storage.ids import uuid7
from storage.mail import LaneName, Mail, MailOrder, MailState
from storage.notifications import Notification
from storage.obligations import Kind, Obligation, Subject
from tests.journeys.test_mailing import mail_in, until
from tests.support.gateway import Gateway, gateway
from tests.support.smtp import Hang, Reply, SMTPRelay

TOO_MUCH = Reply("421 4.7.0 too much at once")


def url(relay: SMTPRelay) -> str:
    return relay.url(query="starttls=never")


async def owe_bulk(here: Gateway, *users: str, domain: str = "bulk.example") -> list[str]:
    """What a campaign will do: a mail of the bulk lane for each of the users, due now; answers the ids."""
    assert here.node is not None
    now = here.node.clock()
    order = {
        user: MailOrder(to=f"{user}@{domain}", due_at=now, lane=LaneName.BULK, subject="News")
        for user in users
    }
    owed = [
        Obligation(
            id=uuid7(),
            of=Subject(kind=Kind.CAMPAIGN, id="summer"),
            mail=Mail(order=order[user], state=MailState.PENDING, due_at=now, updated_at=now),
            news=Notification(
                id="", room=f"user:{user}", type="NEWS", title="News", created_at=now, data={}, in_app=False
            ),
        )
        for user in users
    ]
    await here.node.store.outbox.owe(owed)
    if here.node.mail is not None:
        here.node.mail.wake([LaneName.BULK])
    return [obligation.id for obligation in owed]


async def emit_mail(here: Gateway, count: int) -> list[str]:
    """Transactional mail to so many users; answers the ids of the notifications."""
    sent = [
        await here.emit(f"user:{n}", f"Receipt {n}", email={"to": f"{n}@shop.example"}) for n in range(count)
    ]
    return [each["notification"]["id"] for each in sent]


def recipients(relay: SMTPRelay) -> list[str]:
    return [received.recipients[0] for received in relay.received]


def users(count: int) -> list[str]:
    return [f"b{n}" for n in range(count)]


async def test_a_bulk_relay_that_throttles_or_hangs_delays_no_other_mail(tmp_path: Path):
    """Its answers are as bad as they can be, and never end: what is emitted after goes out before any of it."""
    async with (
        SMTPRelay() as relay,
        SMTPRelay() as bulk,
        gateway(tmp_path, MAIL_URL=url(relay), BULK_URL=url(bulk), BULK_CONCURRENCY="2") as here,
    ):
        bulk.on("RCPT", *[TOO_MUCH] * 10, Hang(), Hang())
        await owe_bulk(here, *users(40))
        await bulk.until(lambda: bulk.steps.count("RCPT") >= 2)

        ids = await emit_mail(here, 20)

        for id_ in ids:
            await mail_in(here, id_, "sent")
        assert sorted(recipients(relay)) == sorted(f"{n}@shop.example" for n in range(20))
        assert bulk.received == []


async def test_with_one_relay_for_both_its_refusals_of_bulk_mail_are_bulk_mails_own(tmp_path: Path):
    async with SMTPRelay() as relay, gateway(tmp_path, MAIL_URL=url(relay)) as here:
        for user in users(10):
            relay.refuse[f"{user}@bulk.example"] = TOO_MUCH
        await owe_bulk(here, *users(10))
        await relay.until(lambda: "RCPT" in relay.steps)

        ids = await emit_mail(here, 20)

        for id_ in ids:
            assert (await mail_in(here, id_, "sent"))["attempts"] == 1
        assert sorted(recipients(relay)) == sorted(f"{n}@shop.example" for n in range(20))


async def test_a_bulk_lane_that_is_refused_stops_alone_and_says_so(tmp_path: Path):
    async with (
        SMTPRelay() as relay,
        SMTPRelay() as bulk,
        gateway(tmp_path, MAIL_URL=url(relay), BULK_URL=url(bulk)) as here,
    ):
        bulk.on("MAIL", *[Reply("550 5.7.1 sender address rejected")] * 5)
        await owe_bulk(here, *users(3))

        async def is_stopped() -> bool:
            scraped = (await here.request("GET", here.internal + "/metrics")).body
            return 'bellhop_mail_stopped{lane="bulk"} 1.0' in scraped

        await until(is_stopped)
        [id_] = await emit_mail(here, 1)
        await mail_in(here, id_, "sent")

        scraped = (await here.request("GET", here.internal + "/metrics")).body
        assert 'bellhop_mail_stopped{lane="transactional"} 0.0' in scraped
        assert 'bellhop_mail_total{lane="transactional",outcome="sent"} 1.0' in scraped
        assert 'bellhop_mail_total{lane="bulk",outcome="sent"}' not in scraped


async def test_through_the_same_relay_bulk_mail_goes_behind_all_other(tmp_path: Path):
    async with SMTPRelay() as relay:
        async with gateway(tmp_path, MAIL_WORKER="false") as before:
            await owe_bulk(before, *users(10))
            await emit_mail(before, 10)

        async with gateway(tmp_path, MAIL_URL=url(relay), MAIL_CONCURRENCY="1"):
            await relay.until_received(20)

    assert [to.partition("@")[2] for to in recipients(relay)] == ["shop.example"] * 10 + ["bulk.example"] * 10


async def test_bulk_mail_has_a_sender_of_its_own_and_keeps_the_relays_words(tmp_path: Path):
    async with (
        SMTPRelay() as relay,
        gateway(
            tmp_path,
            MAIL_URL=url(relay),
            BULK_FROM="News <news@shop.example>",
            BULK_REPLY_TO="us@shop.example",
        ) as here,
    ):
        relay.closing = "2.0.0 Ok: queued as 4ABC"
        [owed] = await owe_bulk(here, "ann")
        [told] = await emit_mail(here, 1)
        await relay.until_received(2)

        mail = await mail_in(here, told, "sent")

        assert (mail["lane"], mail["relay_id"]) == ("transactional", "2.0.0 Ok: queued as 4ABC")
        by_sender = {received.sender: received for received in relay.received}
        assert by_sender.keys() == {"news@shop.example", "bellhop@localhost"}
        parsed = message_from_bytes(by_sender["news@shop.example"].content, policy=policy.default)
        assert (parsed["From"], parsed["Reply-To"]) == ("News <news@shop.example>", "us@shop.example")
        assert owed in parsed["Message-ID"]


async def test_two_nodes_send_bulk_mail_at_one_rate(tmp_path: Path, redis_url: str):
    settings = {"BUS_URL": redis_url, "BUS_PREFIX": uuid7(), "BULK_RATE": "20", "MAIL_LEASE": "60s"}
    async with SMTPRelay() as relay:
        settings["MAIL_URL"] = url(relay)
        async with gateway(tmp_path, **settings) as here, gateway(tmp_path, **settings) as there:
            await owe_bulk(here, *users(30))
            assert there.node is not None
            assert there.node.mail is not None
            there.node.mail.wake([LaneName.BULK])

            await relay.until_received(30)

            for node in (here, there):
                scraped = (await node.request("GET", node.internal + "/metrics")).body
                assert 'bellhop_mail_total{lane="bulk",outcome="sent"}' in scraped
    times = [received.at for received in relay.received]
    # 30 mails take 1.45 s at 20 a second; at each node's own 20 they would take half of it.
    assert max(times) - min(times) > 1.3


async def test_a_mail_that_was_not_sent_says_by_which_rule_and_why(tmp_path: Path):
    async with gateway(tmp_path) as here:
        email = {"to": "ann@shop.example", "unless": "read", "after": 0.3}
        read = (await here.emit("user:ann", email=email))["notification"]["id"]
        assert here.node is not None
        await here.node.inboxes.reading.read("ann", ["user:ann"], [read])
        nowhere = (await here.emit("user:bob", email={"if_known": True}))["notification"]["id"]

        skipped = await mail_in(here, read, "skipped")
        unknown = await mail_in(here, nowhere, "skipped")

        assert skipped["decided_by"] == "unless"
        assert str(skipped["verdict"]).startswith("not sent: ann read it at ")
        assert (unknown["decided_by"], unknown["verdict"]) == ("address", "not sent: no address is known")
