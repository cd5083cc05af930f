"""What every transport promises: SMTP and the spool."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailer.connect import connect
from mailer.errors import RelayFailure
from mailer.transport import Outgoing, Transport
from tests.support.authority import Authority
from tests.support.smtp import Reply, SMTPRelay
from tests.unit.mailer.letters import letter


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A transport, what has arrived at its other end, and how to break it for everybody."""

    transport: Transport
    arrived: Callable[[], list[bytes]]
    spoil: Callable[[], Awaitable[None]]


@pytest.fixture(params=["smtp", "spool"])
async def way(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Way]:
    if request.param == "spool":
        folder = tmp_path / "mail"

        async def spoil_folder() -> None:
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()

        transport = connect(f"spool:///{folder}")
        yield Way(
            transport=transport,
            arrived=lambda: [file.read_bytes() for file in sorted(folder.glob("*.eml"))],
            spoil=spoil_folder,
        )
        await transport.close()
        return
    authority = Authority.make(tmp_path / "authority")
    async with SMTPRelay(authority, login=("ann", "secret")) as relay:

        async def spoil_login() -> None:
            relay.hang_up()
            await relay.until(lambda: not relay.sessions)
            relay.on("AUTH", *[Reply("535 5.7.8 wrong")] * 2)

        transport = connect(relay.url(user="ann:secret"), connections=2)
        yield Way(
            transport=transport, arrived=lambda: [mail.content for mail in relay.received], spoil=spoil_login
        )
        await transport.close()


async def test_what_was_sent_arrives_byte_for_byte(way: Way) -> None:
    await way.transport.send(letter())

    assert way.arrived() == [letter().content()]


async def test_a_repeat_is_the_same_mail_byte_for_byte(way: Way) -> None:
    """Who drops repeats by their Message-ID can, whatever else happened between."""
    for _ in range(2):
        await way.transport.send(letter())

    assert set(way.arrived()) == {letter().content()}


async def test_several_mails_may_be_under_way_at_once(way: Way) -> None:
    letters = [letter(id=f"019a0c5e-7d00-7000-8000-00000000000{n}") for n in range(5)]

    await asyncio.gather(*map(way.transport.send, letters))

    assert sorted(way.arrived()) == sorted(mail.content() for mail in letters)


async def test_an_address_beyond_ascii_arrives(way: Way) -> None:
    mail: Outgoing = letter("jürgen@example.org")

    await way.transport.send(mail)

    assert way.arrived() == [mail.content()]
    assert "To: jürgen@example.org".encode() in mail.content()


async def test_what_is_our_own_fault_is_no_mails_fault(way: Way) -> None:
    await way.transport.send(letter())
    await way.spoil()

    with pytest.raises(RelayFailure):
        await way.transport.send(letter())


async def test_closing_twice_is_closing_once(way: Way) -> None:
    await way.transport.send(letter())

    await way.transport.close()
    await way.transport.close()
