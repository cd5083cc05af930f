"""What is said to a relay, and heard from it: several commands at once, where the relay keeps them apart."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiosmtplib import SMTP

from mailer import smtp_session
from mailer.errors import MailError, PermanentFailure, TemporaryFailure
from mailer.relay import Relay
from mailer.smtp import SMTPTransport
from tests.support.smtp import Drop, Hang, Reply, SMTPRelay
from tests.unit.mailer.letters import letter

Lines = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def relay_that(does: Lines) -> AsyncIterator[SMTPTransport]:
    """A way to a relay that offers PIPELINING, and from the first mail on does as it is told here."""

    async def opened(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 relay.test ESMTP\r\n")
        await reader.readuntil(b"\r\n")
        writer.write(b"250-relay.test\r\n250 PIPELINING\r\n")
        try:
            await does(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(opened, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    relay = Relay.from_url(f"smtp://127.0.0.1:{port}?starttls=never", step_seconds=20, helo="node.test")
    transport = SMTPTransport(relay)
    yield transport
    async with asyncio.timeout(40):
        await transport.close()
        server.close()
        await server.wait_closed()


async def failure_of(transport: SMTPTransport) -> MailError:
    with pytest.raises(MailError) as caught:
        await transport.send(letter())
    return caught.value


async def test_the_envelope_is_said_at_once_to_a_relay_with_pipelining() -> None:
    """It answers nothing before it has heard all of it (RFC 2920)."""
    heard: list[bytes] = []

    async def does(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"DATA\r\n"))
        writer.write(b"250-2.1.0 so\r\n250 far\r\n250 2.1.5 ok\r\n354 go")
        writer.write(b" on\r\n")
        heard.append(await reader.readuntil(b"\r\n.\r\n"))
        writer.write(b"250 2.0.0 taken\r\n")
        await reader.readuntil(b"QUIT\r\n")

    async with relay_that(does) as transport:
        said = await transport.send(letter())

    assert heard[0].split(b"\r\n")[:2] == [b"MAIL FROM:<bellhop@shop.example>", b"RCPT TO:<ann@example.org>"]
    assert heard[1] == letter().content() + b".\r\n"
    assert said == "2.0.0 taken"


async def test_a_relay_without_pipelining_is_asked_for_one_thing_after_another() -> None:
    async with SMTPRelay(pipelining=False) as relay:
        relay.on("RCPT", Reply("550 5.1.1 no such user"))
        transport = SMTPTransport(Relay.from_url(relay.url(query="starttls=never")))

        failure = await failure_of(transport)
        await transport.send(letter())

        await transport.close()
        assert isinstance(failure, PermanentFailure)
        assert relay.steps.count("DATA") == 1
        assert relay.opened == 1


async def test_a_relay_that_wants_a_content_for_nobody_gets_an_empty_one() -> None:
    """So the session is in step again, and takes the next mail."""
    contents: list[bytes] = []

    async def does(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"DATA\r\n")
        writer.write(b"250 ok\r\n550 5.1.1 no such user\r\n354 go on\r\n")
        contents.append(await reader.readuntil(b".\r\n"))
        writer.write(b"554 5.5.1 no valid recipients\r\n")
        await reader.readuntil(b"RSET\r\n")
        writer.write(b"250 ok\r\n")
        await reader.readuntil(b"DATA\r\n")
        writer.write(b"250 ok\r\n250 ok\r\n354 go on\r\n")
        contents.append(await reader.readuntil(b"\r\n.\r\n"))
        writer.write(b"250 taken\r\n")
        await reader.readuntil(b"QUIT\r\n")

    async with relay_that(does) as transport:
        failure = await failure_of(transport)
        await transport.send(letter())

    assert isinstance(failure, PermanentFailure)
    assert failure.code == 550
    assert contents == [b".\r\n", letter().content() + b".\r\n"]


@pytest.mark.parametrize("gone", [Drop(), Hang()], ids=["hangs up", "falls silent"])
async def test_a_relay_that_refuses_and_then_says_no_more_is_left(gone: Drop | Hang) -> None:
    async with SMTPRelay() as relay:
        relay.on("RCPT", Reply("550 5.1.1 no such user"))
        relay.on("DATA", gone)
        transport = SMTPTransport(Relay.from_url(relay.url(query="starttls=never"), step_seconds=0.5))

        failure = await failure_of(transport)
        await transport.send(letter())

        await transport.close()
        assert isinstance(failure, PermanentFailure)
        assert relay.opened == 2


async def test_a_reply_without_an_end_is_no_reply() -> None:
    async def does(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"DATA\r\n")
        while not writer.is_closing():
            writer.write(b"250-" + b"x" * 1000 + b"\r\n")
            await writer.drain()

    async with relay_that(does) as transport:
        assert type(await failure_of(transport)) is TemporaryFailure


async def test_what_nobody_has_asked_for_is_no_reply() -> None:
    """Such as that it has waited for too long, which comes before it hangs up."""

    async def does(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            await reader.readuntil(b"DATA\r\n")
            writer.write(b"250 ok\r\n250 ok\r\n354 go on\r\n")
            await reader.readuntil(b"\r\n.\r\n")
            writer.write(b"250 taken\r\n250 and more\r\n")
            await writer.drain()
        await reader.readuntil(b"QUIT\r\n")

    async with relay_that(does) as transport:
        assert await transport.send(letter()) == "taken"
        assert await transport.send(letter()) == "taken"


async def test_lines_that_begin_with_a_dot_and_one_without_an_end_arrive_whole() -> None:
    async with SMTPRelay() as relay:
        transport = SMTPTransport(Relay.from_url(relay.url(query="starttls=never")))

        await transport.send(replace(letter(), raw=b".\r\n..two\r\n\r\n.end"))

        await transport.close()
        assert relay.received[0].content == b".\r\n..two\r\n\r\n.end\r\n"


@pytest.mark.parametrize(
    "address", ["ann@example.org> SIZE=1", "a b@example.org", '"a" b"@example.org', "ann@exam\r\nRSET"]
)
async def test_an_address_that_would_end_the_command_is_never_said(address: str) -> None:
    async with SMTPRelay() as relay:
        transport = SMTPTransport(Relay.from_url(relay.url(query="starttls=never")))

        for mail in (replace(letter(), recipient=address), replace(letter(), sender=address)):
            with pytest.raises(PermanentFailure, match="cannot be written in a command"):
                await transport.send(mail)
        await transport.send(replace(letter(), recipient='"ann b"@example.org'))

        await transport.close()
        assert relay.steps.count("MAIL") == 1
        assert relay.received[0].recipients == ('"ann b"@example.org',)


async def test_a_session_that_is_lost_as_it_opens_is_no_mails_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last reply and the end can come in one turn of the loop."""

    async def introduce(client: SMTP, relay: Relay) -> None:
        await client.connect()
        client.close()

    monkeypatch.setattr(smtp_session, "_introduce", introduce)
    async with SMTPRelay() as relay:
        transport = SMTPTransport(Relay.from_url(relay.url(query="starttls=never")))

        failure = await failure_of(transport)

        assert type(failure) is TemporaryFailure
        assert not failure.heard
