"""The SMTP transport against a real relay that misbehaves step by step: whose fault a failure is."""

import asyncio

import pytest

from mailer.errors import (
    AuthenticationFailure,
    EncryptionFailure,
    MailError,
    PermanentFailure,
    RefusedByRelay,
    RelayFailure,
    TemporaryFailure,
    UnclearRefusal,
)
from mailer.relay import Relay
from mailer.smtp import SMTPTransport
from tests.support.authority import Authority
from tests.support.smtp import Action, Drop, DropInside, Hang, Raw, Reply, SMTPRelay
from tests.unit.mailer.letters import letter
from tests.unit.mailer.transports import failure_of, transport_to

# Refusals


REFUSALS = [
    ("CONNECT", Reply("421 4.3.2 come back later", close=True), TemporaryFailure, 421),
    ("CONNECT", Reply("554 5.7.1 no service for you", close=True), AuthenticationFailure, 554),
    ("CONNECT", Raw(b"HTTP/1.1 400 Bad Request\r\n"), TemporaryFailure, None),
    ("CONNECT", Drop(), TemporaryFailure, None),
    ("EHLO", Reply("451 4.3.0 not now"), TemporaryFailure, 451),
    ("EHLO", Reply("550 5.7.1 who are you"), AuthenticationFailure, 550),
    ("STARTTLS", Reply("454 4.7.0 TLS not available"), TemporaryFailure, 454),
    ("STARTTLS", Reply("501 5.5.4 no"), EncryptionFailure, 501),
    ("STARTTLS", Raw(b"220 go ahead\r\n" + b"this is no TLS at all\r\n" * 20), EncryptionFailure, None),
    ("STARTTLS", Drop(), TemporaryFailure, None),
    ("MAIL", Reply("451 4.7.1 greylisted"), TemporaryFailure, 451),
    ("MAIL", Reply("552 5.3.4 too large"), PermanentFailure, 552),
    ("MAIL", Reply("550 5.1.8 sender rejected"), RelayFailure, 550),
    ("MAIL", Reply("530 5.7.0 authentication required"), AuthenticationFailure, 530),
    ("RCPT", Reply("450 4.2.1 mailbox busy"), TemporaryFailure, 450),
    ("RCPT", Reply("550 5.1.1 no such user"), PermanentFailure, 550),
    ("RCPT", Reply("299 what is this"), TemporaryFailure, None),
    ("RCPT", Drop(), TemporaryFailure, None),
    ("DATA", Reply("451 4.3.0 not now"), TemporaryFailure, 451),
    ("RCPT", Reply("554 5.7.1 relay access denied"), RefusedByRelay, 554),
    ("RCPT", Reply("454 4.7.1 relay access denied"), RefusedByRelay, 454),
    ("RCPT", Reply("530 5.7.0 authentication required"), AuthenticationFailure, 530),
    ("RCPT", Reply("554 no"), UnclearRefusal, 554),
    ("DATA", Reply("554 5.5.1 no valid recipients"), RefusedByRelay, 554),
    ("DATA", DropInside(), TemporaryFailure, None),
    ("CONTENT", Reply("452 4.3.1 disk full"), TemporaryFailure, 452),
    ("CONTENT", Reply("552 5.3.4 too large"), PermanentFailure, 552),
    ("CONTENT", Reply("550 5.4.5 daily limit exceeded"), RefusedByRelay, 550),
    ("CONTENT", Drop(), TemporaryFailure, None),
]


@pytest.mark.parametrize(
    ("step", "action", "kind", "code"),
    REFUSALS,
    ids=[f"{s}-{getattr(a, 'line', type(a).__name__)}" for s, a, *_ in REFUSALS],
)
async def test_a_refusal_keeps_its_code_and_says_whose_fault_it_is(
    authority: Authority, step: str, action: Action, kind: type[MailError], code: int | None
) -> None:
    async with SMTPRelay(authority) as relay:
        relay.on(step, action)
        transport = transport_to(relay)

        failure = await failure_of(transport)

        assert type(failure) is kind
        assert failure.code == code  # type: ignore[attr-defined]
        assert relay.received == []
        # The next mail is none the worse for it.
        await transport.send(letter())
        await transport.close()
        assert len(relay.received) == 1


@pytest.mark.parametrize("step", ["CONNECT", "EHLO", "STARTTLS", "MAIL", "RCPT", "DATA", "CONTENT"])
async def test_a_relay_that_falls_silent_is_left_within_the_bound(authority: Authority, step: str) -> None:
    async with SMTPRelay(authority) as relay:
        relay.on(step, Hang())
        transport = transport_to(relay, step_seconds=0.3)

        async with asyncio.timeout(10):
            failure = await failure_of(transport)

        assert type(failure) is TemporaryFailure
        assert failure.code is None
        await relay.until(lambda: not relay.sessions)
        await transport.close()


async def test_opening_is_bounded_as_a_whole_too(authority: Authority) -> None:
    """Each step may stay under its own bound, and the name of this host is looked up without one."""
    async with SMTPRelay(authority, login=("ann", "secret")) as relay:
        strict = Relay.from_url(relay.url(user="ann:secret"), step_seconds=0.0)

        with pytest.raises(TemporaryFailure, match="in time"):
            await SMTPTransport(strict).send(letter())


async def test_nobody_listening_is_a_temporary_failure(unused_tcp_port: int) -> None:
    transport = SMTPTransport.from_url(f"smtp://127.0.0.1:{unused_tcp_port}?starttls=never")

    failure = await failure_of(transport)

    assert type(failure) is TemporaryFailure


async def test_a_reason_names_no_address_and_stays_short(authority: Authority) -> None:
    async with SMTPRelay(authority) as relay:
        relay.on("RCPT", Reply("550 5.1.1 <ann@example.org>: " + "unknown " * 60))
        transport = transport_to(relay)

        failure = await failure_of(transport)

        await transport.close()
        assert "ann" not in str(failure)
        assert str(failure).startswith("recipient refused: 550 5.1.1 <address>")
        assert len(str(failure)) <= 300


# Credentials and certificates


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("535 5.7.8 wrong", AuthenticationFailure),
        ("534 5.7.9 too weak", AuthenticationFailure),
        ("504 5.5.4 unknown mechanism", AuthenticationFailure),
        ("454 4.7.0 try later", TemporaryFailure),
    ],
)
async def test_a_refused_login_is_ours_unless_the_relay_says_later(
    authority: Authority, line: str, kind: type[MailError]
) -> None:
    async with SMTPRelay(authority, login=("ann", "secret")) as relay:
        relay.on("AUTH", Reply(line), Reply(line))
        transport = transport_to(relay, user="ann:secret")

        failure = await failure_of(transport)

        await transport.close()
        assert type(failure) is kind
        assert "MAIL" not in relay.steps


async def test_an_answer_to_a_login_that_means_nothing_is_ours(authority: Authority) -> None:
    async with SMTPRelay(authority, login=("ann", "secret")) as relay:
        relay.on("AUTH", Reply("250 whatever"), Reply("250 whatever"))
        transport = transport_to(relay, user="ann:secret")

        assert type(await failure_of(transport)) is AuthenticationFailure


async def test_a_wrong_password_is_ours_and_is_not_told(authority: Authority) -> None:
    async with SMTPRelay(authority, login=("ann", "secret")) as relay:
        transport = transport_to(relay, user="ann:opensesame")

        failure = await failure_of(transport)

        assert isinstance(failure, AuthenticationFailure)
        assert failure.code == 535
        assert "opensesame" not in str(failure)
        assert "opensesame" not in repr(transport._relay)


async def test_credentials_for_a_relay_without_a_login_are_ours() -> None:
    async with SMTPRelay() as relay:
        transport = transport_to(relay, user="ann:secret", query="starttls=never")

        failure = await failure_of(transport)

        assert isinstance(failure, AuthenticationFailure)


@pytest.mark.parametrize("implicit_tls", [False, True])
async def test_a_certificate_of_a_stranger_stops_all_mail_and_is_said_so(
    authority: Authority, stranger: Authority, *, implicit_tls: bool
) -> None:
    async with SMTPRelay(stranger, implicit_tls=implicit_tls) as relay:
        transport = transport_to(relay, query=f"cafile={authority.cafile}")

        failure = await failure_of(transport)

        assert isinstance(failure, EncryptionFailure)
        assert "certificate" in str(failure)
        assert relay.received == []


async def test_a_certificate_for_another_name_is_not_trusted(authority: Authority) -> None:
    async with SMTPRelay(authority) as relay:
        # 127.0.0.2 is loopback too, and is not in the certificate.
        server = await asyncio.get_running_loop().create_server(relay._session, "127.0.0.2", relay.port)
        transport = transport_to(relay, host="127.0.0.2")

        failure = await failure_of(transport)

        server.close()
        assert isinstance(failure, EncryptionFailure)


async def test_tls_to_a_port_that_speaks_none_is_ours() -> None:
    async with SMTPRelay() as relay:
        transport = SMTPTransport.from_url(f"smtps://127.0.0.1:{relay.port}")

        failure = await failure_of(transport)

        assert isinstance(failure, EncryptionFailure)
