"""Mail that comes back into a mailbox, collected from a real Dovecot."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from gateway.process.bounce_office import BounceOffice
from gateway.process.settings import load
from mailer.mailbox import KEYWORD
from tests.journeys.test_mailing import mail_in, until
from tests.journeys.test_returns import REPORTS, listed, sample, sent
from tests.support.corpus import NOBODYS_ID
from tests.support.dovecot import PASSWORD, USER, Mailbox, dovecot
from tests.support.gateway import environment, gateway, gateway_process

LETTER = (
    b"From: ann@example.org\r\nTo: orders@shop.example\r\nSubject: A question\r\n\r\nWhere is my order?\r\n"
)


def url(mailbox: Mailbox, *, scheme: str = "imaps", **query: str) -> str:
    port = mailbox.tls_port if scheme == "imaps" else mailbox.port
    options = {"cafile": str(mailbox.cafile)} | query
    asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items())
    return f"{scheme}://{USER}:{quote(PASSWORD, safe='')}@localhost:{port}/INBOX?{asked}"


def report(id_: str) -> bytes:
    """Of a mail that went without an address of its own to come back to."""
    return sample("postfix-user-unknown").replace(NOBODYS_ID.encode(), f"{id_}@localhost".encode())


@asynccontextmanager
async def collecting(folder: Path, address: str, **settings: str) -> AsyncIterator[BounceOffice]:
    office = BounceOffice(
        load(environment(folder, BOUNCE_IMAP_URL=address, BOUNCE_IMAP_EVERY="50ms", **settings))
    )
    try:
        await office.start()
        yield office
    finally:
        await office.stop()


async def moved(mailbox: Mailbox, count: int, *, folder: str = "Bellhop") -> None:
    async def all_moved() -> bool:
        return len(mailbox.files(folder)) == count

    await until(all_moved)


async def marked(mailbox: Mailbox, count: int) -> None:
    """Wait until so many messages of the inbox were looked at: their files are named by their flags then."""

    async def all_marked() -> bool:
        letter = mailbox.letter_of(KEYWORD)
        flags = [file.name.rpartition(",")[2] for file in mailbox.files()]
        return letter is not None and sum(letter in each for each in flags) == count

    await until(all_marked)


@pytest.mark.parametrize("scheme", ["imaps", "imap"])
async def test_a_bounce_in_a_mailbox_ends_the_address_and_is_moved(tmp_path: Path, scheme: str):
    """By TLS from the first byte, and by STARTTLS."""
    async with dovecot() as mailbox, gateway(tmp_path) as here:
        id_ = await sent(here, "ann@example.org")
        raw = report(id_)
        mailbox.put(raw)
        mailbox.put(LETTER)
        mailbox.put(sample("postfix-user-unknown"))

        async with collecting(tmp_path, url(mailbox, scheme=scheme)):
            await mail_in(here, id_, "bounced")
            await moved(mailbox, 1)
            await marked(mailbox, 2)

        assert await listed(here) == [("ann@example.org", "hard_bounce", "report")]
        assert mailbox.read("Bellhop") == [raw]
        # What is nobody's stays, unread, and what is a letter is nobody else's to read.
        assert sorted(mailbox.read()) == sorted([LETTER, sample("postfix-user-unknown")])
        assert not any("S" in file.name.rpartition(",")[2] for file in mailbox.files())
        kept = (await here.ask("GET", REPORTS)).body["reports"]
        assert [each["kind"] for each in kept] == ["delivery"]


async def test_what_was_looked_at_is_not_looked_at_again(tmp_path: Path):
    async with dovecot() as mailbox, gateway(tmp_path) as here:
        for _ in range(3):
            mailbox.put(sample("postfix-user-unknown"))

        for _ in range(2):
            async with collecting(tmp_path, url(mailbox)) as office:
                await marked(mailbox, 3)
                assert office.collector is not None
                await office.collector._collector.visit()

        assert len((await here.ask("GET", REPORTS)).body["reports"]) == 3
        assert len(mailbox.files()) == 3


async def test_a_crash_between_a_report_and_its_being_put_away_changes_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from mailer.mailbox import MailboxVisit

    async with dovecot() as mailbox, gateway(tmp_path) as here:
        id_ = await sent(here, "ann@example.org")
        mailbox.put(report(id_))

        def crash(*_: object, **__: object) -> None:
            raise ConnectionAbortedError

        with monkeypatch.context() as patched:
            patched.setattr(MailboxVisit, "put_away", crash)
            async with collecting(tmp_path, url(mailbox)):
                await mail_in(here, id_, "bounced")
        assert len(mailbox.files()) == 1
        assert (await here.ask("DELETE", "/internal/suppressions?address=ann@example.org")).status == 200

        async with collecting(tmp_path, url(mailbox)):
            await moved(mailbox, 1)

        assert await listed(here) == []


async def test_a_process_collects_and_says_nothing_of_addresses(tmp_path: Path):
    async with dovecot() as mailbox, gateway(tmp_path) as here:
        id_ = await sent(here, "ann@example.org")
        mailbox.put(report(id_))
        settings = {"BOUNCE_IMAP_URL": url(mailbox), "BOUNCE_IMAP_EVERY": "50ms"}

        async with gateway_process(tmp_path, command="bounces", **settings) as office:
            await mail_in(here, id_, "bounced")
            await moved(mailbox, 1)
            assert await office.terminate() == 0

        log = office.log.read_text()
        assert '"fate": "bounced"' in log or '"fate":"bounced"' in log
        assert "ann@example.org" not in log
        assert PASSWORD not in log


async def test_what_is_wrong_with_the_mailbox_is_told_by_the_probe(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    async with dovecot(auth_failure_delay="0") as mailbox:
        wrong = url(mailbox).replace(quote(PASSWORD, safe=""), "wrong-one")
        async with collecting(tmp_path, wrong) as office, asyncio.timeout(40):
            while not office.health.warnings():
                await asyncio.sleep(0.02)
            warnings = office.health.warnings()

    assert warnings == ["bounces: the mailbox does not let us in (error)"]
    assert "wrong-one" not in caplog.text


async def test_a_mailbox_under_a_certificate_that_nobody_knows_is_not_told_the_password(tmp_path: Path):
    async with dovecot() as mailbox:
        address = url(mailbox).partition("?")[0]
        async with collecting(tmp_path, address) as office, asyncio.timeout(40):
            while not office.health.warnings():
                await asyncio.sleep(0.02)
            warnings = office.health.warnings()

    assert warnings == ["bounces: the mailbox cannot be reached (SSLCertVerificationError)"]


async def test_long_and_hostile_messages_and_answers_of_machines_hold_nothing_up(tmp_path: Path):
    """None is taken whole, and what goes deep is not followed."""
    async with dovecot() as mailbox, gateway(tmp_path) as here:
        id_ = await sent(here, "ann@example.org")
        away = sample("vacation-sieve").replace(NOBODYS_ID.encode(), f"{id_}@localhost".encode())
        mailbox.put(away)
        mailbox.put(b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n" * 60_000)
        mailbox.put(LETTER + b"x" * 4_000_000)
        mailbox.put(report(id_) + b"x" * 1_000_000)

        async with collecting(tmp_path, url(mailbox)):
            await moved(mailbox, 1)
            await marked(mailbox, 3)

        assert await listed(here) == [("ann@example.org", "hard_bounce", "report")]
        assert (await here.ask("GET", REPORTS)).body["reports"] == []


async def test_the_folder_of_the_reports_may_have_another_name_and_may_be_there(tmp_path: Path):
    async with dovecot() as mailbox, gateway(tmp_path) as here:
        for number in range(2):
            id_ = await sent(here, f"u{number}@example.org")
            mailbox.put(report(id_).replace(b"ann@example.org", f"u{number}@example.org".encode()))
            async with collecting(tmp_path, url(mailbox, done="Done mail")):
                await moved(mailbox, number + 1, folder="Done mail")

        assert len(await listed(here)) == 2
