"""Mail through a real Postfix that refuses us, or makes us wait: nothing is buried for our sake, nothing sent twice."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest

from gateway.process.node import Node
from storage.obligations import Lease
from tests.support.gateway import Gateway, gateway, gateway_process
from tests.support.postfix import logins, policy_service, postfix
from tests.support.smtp import SMTPRelay, Wait

DEADLINE_SECONDS = 30
MAILS = 5


@asynccontextmanager
async def shop(
    folder: Path, port: int, *, user: str = "", extend: Callable[[Node], None] | None = None, **settings: str
) -> AsyncIterator[Gateway]:
    """A gateway that would bury at the first attempt that counts, and tries again soon."""
    given = {
        "MAIL_URL": f"smtp://{user}127.0.0.1:{port}?starttls=never",
        "MAIL_FROM": "Shop <shop@shop.example>",
        "MAIL_HELO": "node.shop.example",
        "MAIL_ATTEMPTS": "1",
        "MAIL_RETRY": "200ms",
    }
    async with gateway(folder, extend=extend, **(given | settings)) as here:
        yield here


class Prolonged:
    """Counts how often a gateway's worker has prolonged a lease."""

    def __init__(self) -> None:
        self._times = 0
        self._again = asyncio.Event()

    def watch(self, node: Node) -> None:
        real = node.store.outbox.prolong

        async def prolong(lease: Lease, *, lease_seconds: float, now: datetime) -> bool:
            ours = await real(lease, lease_seconds=lease_seconds, now=now)
            self._times += ours
            self._again.set()
            return ours

        node.store.outbox.prolong = prolong  # type: ignore[method-assign]

    async def until(self, times: int) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while self._times < times:
                self._again.clear()
                await self._again.wait()


async def emit_mails(here: Gateway, count: int = MAILS, *, to: str = "user") -> list[str]:
    return [
        (await here.emit(f"user:{to}{n}", email={"to": f"{to}{n}@example.org"}))["notification"]["id"]
        for n in range(count)
    ]


async def mails(here: Gateway, ids: list[str]) -> list[dict[str, object]]:
    return [(await here.ask("GET", f"/internal/notifications/{i}")).body["mail"] for i in ids]


async def until_all_are(here: Gateway, ids: list[str], state: str) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while (states := [mail["state"] for mail in await mails(here, ids)]) != [state] * len(ids):
            assert state == "dead" or "dead" not in states
            await asyncio.sleep(0.05)


async def is_stopped(here: Gateway) -> bool:
    text = (await here.request("GET", here.internal + "/metrics")).body
    return 'bellhop_mail_stopped{lane="transactional"} 1.0' in text


async def until_stopped(here: Gateway) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await is_stopped(here):
            await asyncio.sleep(0.05)


async def until_all_were_refused(here: Gateway, ids: list[str]) -> set[str]:
    """Answers why."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not all(reasons := [mail["reason"] for mail in await mails(here, ids)]):
            await asyncio.sleep(0.05)
    return set(map(str, reasons))


async def until_taken(sink: SMTPRelay, count: int = MAILS) -> None:
    """Wait until the sink has as many mails, and no two of them are the same."""
    await sink.until_received(count)
    taken = Counter(mail.recipients for mail in sink.received)
    assert set(taken.values()) == {1}, taken
    assert len(taken) == count


OLD_NAME = {"MAIL_HELO": "old.shop.example"}
OLD_SENDER = {"MAIL_FROM": "Shop <shop@old.example>"}
HELO_REFUSED = "check_helo_access inline:{ {old.shop.example=504 5.5.2 need fully-qualified hostname} }"
SENDER_REFUSED = "check_sender_access inline:{ {shop@old.example=reject} }"

WRONG_SETTINGS = [
    pytest.param({"smtpd_helo_restrictions": HELO_REFUSED}, OLD_NAME, "504 5.5.2", id="HELO refused"),
    pytest.param({"smtpd_sender_restrictions": SENDER_REFUSED}, OLD_SENDER, "554 5.7.1", id="sender refused"),
    pytest.param(
        {"smtpd_sender_restrictions": SENDER_REFUSED, "smtpd_delay_reject": "no"},
        OLD_SENDER,
        "554 5.7.1",
        id="sender refused at MAIL",
    ),
]


@pytest.mark.parametrize(("config", "wrong", "answer"), WRONG_SETTINGS)
async def test_a_wrong_setting_stops_mail_and_buries_none(
    tmp_path: Path, config: Mapping[str, str], wrong: Mapping[str, str], answer: str
):
    async with SMTPRelay() as sink, postfix(sink.port, **config) as port:
        async with shop(tmp_path, port, **wrong) as here:
            ids = await emit_mails(here)
            await until_stopped(here)
            reasons = await until_all_were_refused(here, ids)
            assert {mail["state"] for mail in await mails(here, ids)} <= {"pending", "leased"}
            assert all(answer in reason for reason in reasons), reasons
        assert sink.received == []

        async with shop(tmp_path, port) as here:
            await until_all_are(here, ids, "sent")
            assert not await is_stopped(here)
        await until_taken(sink)


@pytest.mark.parametrize(
    ("config", "answer"),
    [
        ({"smtpd_recipient_restrictions": "permit_sasl_authenticated, reject"}, "554 5.7.1"),
        ({"smtpd_client_restrictions": "permit_sasl_authenticated, reject"}, "554 5.7.1"),
        ({"mynetworks": "192.0.2.1"}, "454 4.7.1"),
        (
            {"mynetworks": "192.0.2.1", "smtpd_relay_restrictions": "permit_sasl_authenticated, reject_unauth_destination"},
            "554 5.7.1",
        ),
        (
            {
                "smtpd_sender_login_maps": "inline:{ shop@shop.example=ann }",
                "smtpd_sender_restrictions": "reject_sender_login_mismatch",
            },
            "553 5.7.1",
        ),
    ],
    ids=["login missing", "login missing, said of the client", "relay denied, as Debian has it", "relay denied", "sender not ours"],
)  # fmt: skip
async def test_a_missing_login_stops_mail_and_buries_none(
    tmp_path: Path, config: Mapping[str, str], answer: str
):
    async with (
        SMTPRelay() as sink,
        logins({"ann": "secret"}) as sasl,
        postfix(sink.port, **sasl, **config) as port,
    ):
        async with shop(tmp_path, port) as here:
            ids = await emit_mails(here)
            await until_stopped(here)
            reasons = await until_all_were_refused(here, ids)
            assert {mail["state"] for mail in await mails(here, ids)} <= {"pending", "leased"}
            assert all(answer in reason for reason in reasons), reasons
        assert sink.received == []

        async with shop(tmp_path, port, user="ann:secret@") as here:
            await until_all_are(here, ids, "sent")
            assert not await is_stopped(here)
        await until_taken(sink)


async def test_one_recipient_that_is_refused_is_buried_alone_and_keeps_nobody_waiting(tmp_path: Path):
    closed = "check_recipient_access inline:{ closed0@example.org=reject }"
    async with (
        SMTPRelay() as sink,
        postfix(sink.port, smtpd_recipient_restrictions=closed) as port,
        shop(tmp_path, port, MAIL_ATTEMPTS="2") as here,
    ):
        refused = await emit_mails(here, 1, to="closed")
        sent: list[str] = []
        async with asyncio.timeout(DEADLINE_SECONDS):
            while (await mails(here, refused))[0]["state"] != "dead":
                sent += await emit_mails(here, 1, to=f"user{len(sent)}-")
                await until_all_are(here, sent, "sent")

        [dead] = await mails(here, refused)
        assert "554 5.7.1" in str(dead["reason"])
        assert not await is_stopped(here)
        await until_taken(sink, len(sent))


async def test_a_mailbox_that_does_not_exist_is_buried_at_once(tmp_path: Path):
    unknown = "check_recipient_access inline:{ {nobody0@example.org=550 5.1.1 user unknown} }"
    async with (
        SMTPRelay() as sink,
        postfix(sink.port, smtpd_recipient_restrictions=unknown) as port,
        shop(tmp_path, port, MAIL_ATTEMPTS="8") as here,
    ):
        refused = await emit_mails(here, 1, to="nobody")

        await until_all_are(here, refused, "dead")

        assert (await mails(here, refused))[0]["attempts"] == 1


async def test_what_is_greylisted_goes_out_once_when_it_may(tmp_path: Path):
    asked: Counter[str] = Counter()

    def greylist(attributes: Mapping[str, str]) -> str:
        asked[attributes["recipient"]] += 1
        return "DUNNO" if asked[attributes["recipient"]] > 3 else "DEFER_IF_PERMIT 4.2.0 Greylisted"

    async with (
        SMTPRelay() as sink,
        policy_service(greylist) as policy,
        postfix(sink.port, smtpd_recipient_restrictions=policy) as port,
        shop(tmp_path, port, MAIL_ATTEMPTS="8") as here,
    ):
        ids = await emit_mails(here)

        await until_all_are(here, ids, "sent")

        await until_taken(sink)
        assert not await is_stopped(here)


@pytest.mark.parametrize("answer", ["421 4.7.0 too many messages", "452 4.5.3 too many messages"])
async def test_a_session_that_has_had_its_number_of_mails_costs_no_attempt(tmp_path: Path, answer: str):
    mails_of: defaultdict[str, int] = defaultdict(int)

    def three_a_session(attributes: Mapping[str, str]) -> str:
        mails_of[attributes["client_port"]] += 1
        return answer if mails_of[attributes["client_port"]] > 3 else "DUNNO"

    async with (
        SMTPRelay() as sink,
        policy_service(three_a_session) as policy,
        postfix(sink.port, smtpd_recipient_restrictions=policy) as port,
        shop(tmp_path, port, MAIL_CONCURRENCY="1") as here,
    ):
        ids = await emit_mails(here, 10)

        await until_all_are(here, ids, "sent")

        assert {mail["attempts"] for mail in await mails(here, ids)} == {1}
        await until_taken(sink, 10)
        assert max(mails_of.values()) == 4


async def test_no_session_carries_more_mails_than_the_setting_says(tmp_path: Path):
    mails_of: defaultdict[str, int] = defaultdict(int)

    def count(attributes: Mapping[str, str]) -> str:
        mails_of[attributes["client_port"]] += 1
        return "DUNNO"

    async with (
        SMTPRelay() as sink,
        policy_service(count) as policy,
        postfix(sink.port, smtpd_recipient_restrictions=policy) as port,
        shop(tmp_path, port, MAIL_CONCURRENCY="1", MAIL_PER_SESSION="2") as here,
    ):
        ids = await emit_mails(here, 7)

        await until_all_are(here, ids, "sent")

        assert sorted(mails_of.values()) == [1, 2, 2, 2]
        await until_taken(sink, 7)


async def test_a_slow_answer_to_the_end_of_a_mail_is_waited_for(tmp_path: Path):
    """A filter before the queue takes its time: Postfix answers the final dot when the filter has."""
    answered, prolonged = asyncio.Event(), Prolonged()
    async with (
        SMTPRelay() as filter_,
        postfix(1, smtpd_proxy_filter=f"127.0.0.1:{filter_.port}") as port,
        shop(tmp_path, port, extend=prolonged.watch, MAIL_LEASE="2s") as here,
    ):
        filter_.on("CONTENT", *[Wait(answered)] * MAILS)
        ids = await emit_mails(here)
        await filter_.until(lambda: len(filter_.waiting) == MAILS)

        # Several leases long: whoever could lease one would have.
        await prolonged.until(10 * MAILS)
        assert {mail["state"] for mail in await mails(here, ids)} == {"leased"}
        answered.set()

        await until_all_are(here, ids, "sent")
        await until_taken(filter_)
        assert {mail["attempts"] for mail in await mails(here, ids)} == {1}


async def test_a_stop_within_a_slow_answer_ends_in_time_and_repeats_nothing_before_the_answers_time(
    tmp_path: Path,
):
    answered = asyncio.Event()
    async with (
        SMTPRelay() as filter_,
        postfix(1, smtpd_proxy_filter=f"127.0.0.1:{filter_.port}") as port,
    ):
        filter_.on("CONTENT", Wait(answered))
        settings = {
            "MAIL_URL": f"smtp://127.0.0.1:{port}?starttls=never",
            "MAIL_FROM": "Shop <shop@shop.example>",
            "DRAIN_SECONDS": "2s",
        }
        async with gateway_process(tmp_path, **settings) as process:
            ids = await emit_mails(process.gateway, 1)
            await filter_.until(lambda: len(filter_.waiting) == 1)
            code = await process.terminate(deadline_seconds=4)
            log = process.log.read_text()
        answered.set()

        assert code == 0
        assert "mail cut off before the relay's answer" in log
        async with shop(tmp_path, port) as here:
            [mail] = await mails(here, ids)
            assert (mail["state"], mail["attempts"]) == ("pending", 0)
            assert "may have been taken" in str(mail["reason"])
            other = await emit_mails(here, 1, to="other")
            await until_all_are(here, other, "sent")
            assert (await mails(here, ids))[0]["state"] == "pending"
        assert len(filter_.received) == 2
