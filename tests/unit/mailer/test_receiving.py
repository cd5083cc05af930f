"""Where reports come to: what it takes and from whom, by SMTP and by LMTP."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from mailer import receiving
from mailer.listen_address import ListenAddress
from mailer.receiving import Receiver, is_desk

MALFORMED = "553 5.1.3 Error: malformed address"

OURS = "b-x@bounces.shop.example"
DEADLINE_SECONDS = 30


class Taken:
    """What came, or an error instead."""

    def __init__(self) -> None:
        self.reports: list[tuple[bytes, list[str]]] = []
        self.error: Exception | None = None

    async def take(self, raw: bytes, came_to: Sequence[str]) -> None:
        if self.error is not None:
            raise self.error
        self.reports.append((raw, list(came_to)))


@pytest.fixture
def taken() -> Taken:
    return Taken()


@asynccontextmanager
async def receiver(taken: Taken, *, lmtp: bool) -> AsyncIterator[int]:
    place = ListenAddress(host="127.0.0.1", port=0, lmtp=lmtp)
    made = Receiver(
        place, name="bounces.shop.example", takes=lambda each: each.startswith("b-"), take=taken.take
    )
    port = await made.start()
    try:
        yield port
    finally:
        await made.stop()


class Line:
    """A client that says what it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> "Line":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def heard(self) -> str:
        """One answer, of all its lines."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while (line := (await self._reader.readline()).decode())[3:4] == "-":
                pass
        return line.rstrip()

    async def say(self, text: str | bytes) -> str:
        self._writer.write((text.encode() if isinstance(text, str) else text) + b"\r\n")
        return await self.heard()

    async def at_end(self) -> bool:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self._reader.read() == b""

    def send(self, raw: bytes) -> None:
        self._writer.write(raw)

    async def is_dropped(self) -> bool:
        """Whether the other end has gone, though it was not done with what was said."""
        try:
            return await self.at_end()
        except ConnectionError:
            return True

    def close(self) -> None:
        self._writer.close()


REPORT = b"Subject: Undelivered\r\nX: \xff\r\n\r\n..dot\r\n"


async def test_a_report_is_taken_with_those_that_it_came_to(taken: Taken) -> None:
    async with receiver(taken, lmtp=False) as port:
        line = await Line.open(port)
        assert (await line.heard()).startswith("220 bounces.shop.example")
        for said in ("EHLO mx.example", "MAIL FROM:<>", f"RCPT TO:<{OURS}>", "RCPT TO:<b-y@z.example>"):
            assert (await line.say(said)).startswith("250"), said
        assert (await line.say("DATA")).startswith("354")
        assert await line.say(REPORT + b".") == "250 2.0.0 Taken"
        line.close()

    assert taken.reports == [(REPORT.replace(b"..dot", b".dot"), [OURS, "b-y@z.example"])]


async def test_by_lmtp_each_recipient_has_an_answer(taken: Taken) -> None:
    async with receiver(taken, lmtp=True) as port:
        line = await Line.open(port)
        await line.heard()
        assert (await line.say("EHLO mx.example")).startswith("500")
        for said in ("LHLO mx.example", "MAIL FROM:<>", f"RCPT TO:<{OURS}>", "RCPT TO:<b-y@z.example>"):
            assert (await line.say(said)).startswith("250"), said
        await line.say("DATA")
        assert await line.say(REPORT + b".") == "250 2.0.0 Taken"
        assert await line.heard() == "250 2.0.0 Taken"
        assert (await line.say("QUIT")).startswith("221")
        line.close()

    assert len(taken.reports) == 1


async def test_nobody_elses_mail_is_taken(taken: Taken) -> None:
    async with receiver(taken, lmtp=False) as port:
        line = await Line.open(port)
        await line.heard()
        await line.say("EHLO mx.example")
        await line.say("MAIL FROM:<>")
        assert (await line.say("RCPT TO:<ann@example.org>")).startswith("550 5.1.1")
        assert (await line.say("DATA")).startswith("503")
        line.close()

    assert taken.reports == []


async def test_what_cannot_be_dealt_with_now_is_to_be_sent_again(
    taken: Taken, caplog: pytest.LogCaptureFixture
) -> None:
    taken.error = RuntimeError("away")
    async with receiver(taken, lmtp=True) as port:
        line = await Line.open(port)
        await line.heard()
        for said in ("LHLO mx.example", "MAIL FROM:<>", f"RCPT TO:<{OURS}>", "DATA"):
            await line.say(said)
        assert (await line.say(REPORT + b".")).startswith("451 4.3.0")
        line.close()

    assert "report not taken" in caplog.messages


async def test_recipients_and_bytes_and_connections_have_a_bound(
    taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "RECIPIENTS", 2)
    monkeypatch.setattr(receiving, "LARGEST_BYTES", 1000)
    monkeypatch.setattr(receiving, "CONNECTIONS", 1)
    async with receiver(taken, lmtp=False) as port:
        line = await Line.open(port)
        await line.heard()
        await line.say("EHLO mx.example")
        await line.say("MAIL FROM:<>")
        answers = [await line.say(f"RCPT TO:<b-{n}@z.example>") for n in range(3)]
        assert [answer[:3] for answer in answers] == ["250", "250", "452"]
        await line.say("DATA")
        assert (await line.say(b"x" * 900 + b"\r\n" + b"y" * 900 + b"\r\n.")).startswith("552")

        second = await Line.open(port)
        assert (await second.heard()).startswith("421")
        assert await second.at_end()
        second.close()
        assert (await line.say("QUIT")).startswith("221")
        assert await line.at_end()
        line.close()
        third = await Line.open(port)
        assert (await third.heard()).startswith("220")
        third.close()

    assert taken.reports == []


async def test_one_connection_too_many_is_turned_away_without_an_error(
    taken: Taken, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(receiving, "CONNECTIONS", 0)
    async with receiver(taken, lmtp=True) as port:
        for said in (b"", b"LHLO mx.example\r\n"):
            line = await Line.open(port)
            assert (await line.heard()).startswith("421")
            line.send(said)
            assert await line.at_end()
            line.close()
        await asyncio.sleep(0)

    assert caplog.records == []


async def test_a_line_without_an_end_ends_the_connection(
    taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes are kept nowhere: aiosmtpd would gather them all."""
    monkeypatch.setattr(receiving, "LARGEST_BYTES", 100_000)
    async with receiver(taken, lmtp=False) as port:
        line = await Line.open(port)
        await line.heard()
        for said in ("EHLO mx.example", "MAIL FROM:<>", f"RCPT TO:<{OURS}>", "DATA"):
            await line.say(said)
        line.send(b"x" * 300_000)
        assert await line.is_dropped()
        line.close()

    assert taken.reports == []


async def test_a_report_with_long_lines_is_taken(taken: Taken) -> None:
    """Longer than a line may be (RFC 5321, section 4.5.3.1.6): old servers send back whatever they have got."""
    raw = b"Subject: Undelivered\r\n\r\n" + b"x" * 20_000 + b"\r\n"
    async with receiver(taken, lmtp=False) as port:
        line = await Line.open(port)
        await line.heard()
        for said in ("EHLO mx.example", "MAIL FROM:<>", f"RCPT TO:<{OURS}>", "DATA"):
            await line.say(said)
        assert await line.say(raw + b".") == "250 2.0.0 Taken"
        line.close()

    assert [report for report, _ in taken.reports] == [raw]


@pytest.mark.parametrize("wrong", [b"MAIL FROM:<@", b'VRFY "', b"MAIL FROM:<\xff@"])
async def test_a_command_that_nobody_can_read_is_told_in_one_line_and_not_explained(
    taken: Taken, caplog: pytest.LogCaptureFixture, wrong: bytes
) -> None:
    # From Python 3.13 on its parser reads what it is given as an address, and finds that it is none.
    is_read = wrong.startswith(b"MAIL") and sys.version_info >= (3, 13)
    caplog.set_level(logging.INFO)
    async with receiver(taken, lmtp=False) as port:
        line = await Line.open(port)
        await line.heard()
        await line.say("EHLO mx.example")
        assert await line.say(wrong) == (MALFORMED if is_read else receiving.AGAIN)
        assert (await line.say("MAIL FROM:<>")).startswith("250")
        line.close()

    told = [] if is_read else ["a command was not understood"]
    assert [record.message for record in caplog.records] == told
    assert all(record.exc_info is None for record in caplog.records)


async def test_the_log_has_nothing_of_what_is_said(taken: Taken, caplog: pytest.LogCaptureFixture) -> None:
    """A return address is a secret between us and who has got the mail: who knows it can have that mail count as bounced."""
    caplog.set_level(logging.DEBUG)
    async with receiver(taken, lmtp=True) as port:
        line = await Line.open(port)
        await line.heard()
        for said in (
            "LHLO mx.example",
            "MAIL FROM:<ann@example.org>",
            f"RCPT TO:<{OURS}>",
            "BOGUS ann",
            "DATA",
        ):
            await line.say(said)
        await line.say(REPORT + b".")
        line.close()

    assert len(taken.reports) == 1
    said = " ".join(record.getMessage() for record in caplog.records)
    assert not [word for word in ("ann", OURS, "Undelivered", "127.0.0.1") if word in said]


async def test_at_the_end_who_was_not_answered_is_let_go(taken: Taken) -> None:
    async with receiver(taken, lmtp=False) as port:
        line = await Line.open(port)
        await line.heard()

    async with asyncio.timeout(DEADLINE_SECONDS):
        with pytest.raises((ConnectionError, AssertionError)):
            assert not await line.at_end()
    line.close()


async def test_one_that_was_not_started_stops() -> None:
    place = ListenAddress(host="127.0.0.1", port=0, lmtp=False)

    await Receiver(place, name="x", takes=lambda _: True, take=Taken().take).stop()


@pytest.mark.parametrize(
    ("address", "taken_"),
    [
        ("fbl@bounces.shop.example", True),
        ("ABUSE@Bounces.shop.example", True),
        ("postmaster@bounces.shop.example", True),
        ("ann@bounces.shop.example", False),
        ("fbl@shop.example", False),
        ("fbl", False),
    ],
)
def test_the_desks_of_the_domain_are_taken(address: str, taken_: bool) -> None:
    assert is_desk(address, "bounces.shop.example") is taken_
