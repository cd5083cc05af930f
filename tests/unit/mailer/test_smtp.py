"""The SMTP transport against a real relay: what goes right, whom it takes mail for, and who we are."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from email import message_from_bytes, policy

import pytest

from mailer.errors import (
    DescriptorFailure,
    EncryptionFailure,
    PermanentFailure,
    TemporaryFailure,
)
from mailer.relay import Relay
from mailer.smtp import SMTPTransport
from tests.support.authority import Authority
from tests.support.smtp import Reply, SMTPRelay
from tests.unit.mailer.letters import letter
from tests.unit.mailer.transports import failure_of, transport_to

# What goes right


async def test_a_mail_goes_out_over_starttls_with_its_envelope_and_its_content(authority: Authority) -> None:
    async with SMTPRelay(authority) as relay:
        transport = transport_to(relay)

        await transport.send(letter())

        await transport.close()
        (mail,) = relay.received
        assert (mail.sender, mail.recipients, mail.utf8) == (
            "bellhop@shop.example",
            ("ann@example.org",),
            False,
        )
        assert mail.content == letter().content()
        assert relay.steps[:4] == ["CONNECT", "EHLO", "STARTTLS", "EHLO"]


async def test_a_mail_goes_out_over_implicit_tls(authority: Authority) -> None:
    async with SMTPRelay(authority, implicit_tls=True) as relay:
        transport = transport_to(relay)

        await transport.send(letter())

        await transport.close()
        assert len(relay.received) == 1
        assert "STARTTLS" not in relay.steps


async def test_percent_encoded_credentials_are_decoded(authority: Authority) -> None:
    async with SMTPRelay(authority, login=("bell hop", "p@ss/w:rd")) as relay:
        transport = transport_to(relay, user="bell%20hop:p%40ss%2Fw%3Ard")

        await transport.send(letter())

        await transport.close()
        assert len(relay.received) == 1


async def test_a_body_with_lines_that_begin_with_a_dot_arrives_whole(authority: Authority) -> None:
    async with SMTPRelay(authority) as relay:
        transport = transport_to(relay)

        await transport.send(letter(body=".\n..\n.hidden"))

        await transport.close()
        parsed = message_from_bytes(relay.received[0].content, policy=policy.default)
        text = parsed.get_body(("plain",))
        assert text is not None
        assert ".\r\n..\r\n.hidden\r\n" in text.get_content()


@pytest.mark.parametrize("starttls", ["never", "optional"])
async def test_a_relay_without_tls_is_used_only_when_the_url_allows_it(starttls: str) -> None:
    async with SMTPRelay() as relay:
        allowed, strict = transport_to(relay, query=f"starttls={starttls}"), transport_to(relay)

        await allowed.send(letter())
        failure = await failure_of(strict)

        await allowed.close()
        assert isinstance(failure, EncryptionFailure)
        assert len(relay.received) == 1


async def test_optional_starttls_is_used_where_it_is_offered(authority: Authority) -> None:
    async with SMTPRelay(authority) as relay:
        transport = transport_to(relay, query="starttls=optional")

        await transport.send(letter())

        await transport.close()
        assert "STARTTLS" in relay.steps


# What the relay says as it takes a mail


@pytest.mark.parametrize(
    ("closing", "kept"),
    [
        ("2.0.0 Ok: queued as 4ABC", "2.0.0 Ok: queued as 4ABC"),
        ("Ok 0100018f-\x1b[31m\tred\x07", "Ok 0100018f- [31m red"),
        ("x" * 400, "x" * 200),
    ],
)
async def test_the_relays_closing_words_are_kept_as_one_short_line(
    authority: Authority, closing: str, kept: str
) -> None:
    async with SMTPRelay(authority) as relay:
        relay.closing = closing
        transport = transport_to(relay)

        said = await transport.send(letter())

        await transport.close()
        assert said == kept


# Addresses beyond ASCII


async def test_an_address_beyond_ascii_goes_to_a_relay_with_smtputf8(authority: Authority) -> None:
    async with SMTPRelay(authority) as relay:
        transport = transport_to(relay)

        await transport.send(letter("jürgen@example.org"))

        await transport.close()
        assert relay.received[0].utf8
        assert relay.received[0].recipients == ("jürgen@example.org",)
        assert "To: jürgen@example.org".encode() in relay.received[0].content


async def test_an_address_beyond_ascii_is_refused_for_good_where_smtputf8_is_missing(
    authority: Authority,
) -> None:
    async with SMTPRelay(authority, utf8=False) as relay:
        transport = transport_to(relay)

        failure = await failure_of(transport, to="jürgen@example.org")
        await transport.send(letter())

        await transport.close()
        assert isinstance(failure, PermanentFailure)
        assert "SMTPUTF8" in str(failure)
        assert relay.opened == 1


async def test_a_domain_beyond_ascii_needs_no_smtputf8(authority: Authority) -> None:
    async with SMTPRelay(authority, utf8=False) as relay:
        transport = transport_to(relay)

        await transport.send(letter("ann@bücher.example"))

        await transport.close()
        assert relay.received[0].recipients == ("ann@xn--bcher-kva.example",)


async def test_an_address_that_would_break_the_command_is_refused_for_good(authority: Authority) -> None:
    async with SMTPRelay(authority) as relay:
        transport = transport_to(relay)
        broken = replace(letter(), recipient="eve@[a b]")

        with pytest.raises(PermanentFailure) as caught:
            await transport.send(broken)

        await transport.close()
        assert "eve" not in str(caught.value)
        assert "RCPT" not in relay.steps


# Who we are


async def test_the_relay_is_greeted_by_the_name_that_was_given(authority: Authority) -> None:
    async with SMTPRelay(authority) as relay:
        transport = SMTPTransport.from_url(relay.url(), helo="shop.example")

        await transport.send(letter())

        await transport.close()
        assert relay.greetings == ["shop.example"] * 2


@pytest.mark.parametrize(
    ("full_name", "greeting"),
    [
        ("node-7.shop.example", "node-7.shop.example"),
        ("node-7", "[127.0.0.1]"),
        ("node_7.shop.example", "[127.0.0.1]"),
        ("", "[127.0.0.1]"),
    ],
)
async def test_a_host_without_a_full_name_gives_its_address(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, full_name: str, greeting: str
) -> None:
    """Relays refuse a short name, which is all that a container has."""
    monkeypatch.setattr("socket.getfqdn", lambda: full_name)
    async with SMTPRelay(authority) as relay:
        transport = transport_to(relay)

        await transport.send(letter())

        await transport.close()
        assert set(relay.greetings) == {greeting}


async def test_an_address_of_the_sixth_version_is_marked_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getfqdn", lambda: "node-7")
    async with SMTPRelay() as relay:
        server = await asyncio.get_running_loop().create_server(relay._session, "::1", relay.port)
        transport = transport_to(relay, host="[::1]", query="starttls=never")

        await transport.send(letter())

        await transport.close()
        server.close()
        assert relay.greetings == ["[IPv6:::1]"]


# Time


async def test_the_end_of_a_mail_is_told_with_the_time_that_its_answer_may_take(authority: Authority) -> None:
    async with SMTPRelay(authority) as relay:
        transport = transport_to(relay, step_seconds=7)
        relay.on("RCPT", Reply("450 4.2.1 mailbox busy"))
        told: list[float] = []

        with pytest.raises(TemporaryFailure):
            await transport.send(letter(), handing_over=told.append)
        assert told == []
        await transport.send(letter(), handing_over=told.append)

        await transport.close()
        assert told == [14]


def test_as_it_comes_the_relay_has_the_time_that_smtp_gives_it() -> None:
    """RFC 5321, section 4.5.3.2: five minutes for greeting, MAIL and RCPT, ten after the final dot."""
    relay = Relay.from_url("smtp://mail.example")

    assert relay.step_seconds == 5 * 60
    assert relay.handover_seconds == 10 * 60


# File descriptors


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_descriptors_that_ran_out_are_not_the_relays_fault(
    no_descriptors: Callable[[], None], host: str
) -> None:
    async with SMTPRelay() as relay:
        transport = transport_to(relay, host=host, query="starttls=never")
        no_descriptors()

        failure = await failure_of(transport)

        assert type(failure) is DescriptorFailure
        assert "file descriptor" in str(failure)
