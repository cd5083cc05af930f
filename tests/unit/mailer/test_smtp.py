"""The SMTP transport against a real relay that misbehaves step by step."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import replace
from email import message_from_bytes, policy

import pytest

from mailer.errors import (
    AuthenticationFailure,
    DescriptorFailure,
    EncryptionFailure,
    MailConfigurationError,
    MailError,
    PermanentFailure,
    RefusedByRelay,
    RelayFailure,
    TemporaryFailure,
    UnclearRefusal,
)
from mailer.relay import Relay, StartTLS
from mailer.smtp import SMTPTransport
from tests.support.smtp import (
    Action,
    Authority,
    Drop,
    DropInside,
    Hang,
    Normal,
    Raw,
    Reply,
    SMTPRelay,
)
from tests.unit.mailer.letters import letter


def transport_to(
    relay: SMTPRelay, *, idle_seconds: float = 30, step_seconds: float = 5, **url: str
) -> SMTPTransport:
    return SMTPTransport(
        Relay.from_url(relay.url(**url), step_seconds=step_seconds), connections=2, idle_seconds=idle_seconds
    )


async def failure_of(transport: SMTPTransport, **fields: str) -> MailError:
    with pytest.raises(MailError) as caught:
        await transport.send(letter(**fields))
    return caught.value


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


# Kept connections


async def test_mails_one_after_another_share_a_connection(authority: Authority) -> None:
    async with SMTPRelay(authority) as relay:
        transport = transport_to(relay)

        for _ in range(3):
            await transport.send(letter())

        await transport.close()
        assert len(relay.received) == 3
        assert relay.opened == 1
        assert relay.steps[-1] == "QUIT"


async def test_at_most_the_given_number_of_connections_is_open(authority: Authority) -> None:
    async with SMTPRelay(authority) as relay:
        transport = transport_to(relay)

        await asyncio.gather(*(transport.send(letter()) for _ in range(6)))

        await transport.close()
        assert len(relay.received) == 6
        assert relay.opened == 2


async def test_a_kept_connection_that_the_relay_has_closed_costs_no_attempt(authority: Authority) -> None:
    async with SMTPRelay(authority) as relay:
        transport = transport_to(relay)
        await transport.send(letter())

        relay.hang_up()
        await relay.until(lambda: not relay.sessions)
        await transport.send(letter())

        await transport.close()
        assert len(relay.received) == 2
        assert relay.opened == 2


@pytest.mark.parametrize("step", ["MAIL", "RCPT"])
@pytest.mark.parametrize("gone", [Drop(), Hang(), Reply("421 4.4.2 idle for too long", close=True)])
async def test_a_kept_connection_found_gone_before_anything_was_accepted_costs_no_attempt(
    authority: Authority, step: str, gone: Action
) -> None:
    async with SMTPRelay(authority) as relay:
        transport = transport_to(relay, step_seconds=1)
        relay.on(step, Normal(), gone)
        await transport.send(letter())

        await transport.send(letter())

        await transport.close()
        assert len(relay.received) == 2
        assert relay.opened == 2


async def test_a_connection_lost_within_the_content_is_not_repeated_at_once(authority: Authority) -> None:
    """The answer that was lost may have been a yes."""
    async with SMTPRelay(authority) as relay:
        transport = transport_to(relay)
        relay.on("CONTENT", Normal(), Drop())
        await transport.send(letter())

        failure = await failure_of(transport)

        await transport.close()
        assert type(failure) is TemporaryFailure
        assert relay.steps.count("CONTENT") == 2


async def test_a_fresh_connection_that_is_lost_is_not_repeated(authority: Authority) -> None:
    async with SMTPRelay(authority) as relay:
        relay.on("MAIL", Drop())
        transport = transport_to(relay)

        failure = await failure_of(transport)

        assert type(failure) is TemporaryFailure
        assert relay.opened == 1
        await transport.close()


async def test_a_connection_that_will_not_reset_is_not_used_again(authority: Authority) -> None:
    async with SMTPRelay(authority) as relay:
        relay.on("RCPT", Reply("550 5.1.1 no such user"))
        relay.on("RSET", Reply("500 what"))
        transport = transport_to(relay)

        await failure_of(transport)
        await transport.send(letter())

        await transport.close()
        assert relay.opened == 2


async def test_an_idle_connection_is_closed_with_a_goodbye(authority: Authority) -> None:
    async with SMTPRelay(authority) as relay:
        transport = transport_to(relay, idle_seconds=0.05)

        await transport.send(letter())

        await relay.until(lambda: not relay.sessions)
        assert relay.steps[-1] == "QUIT"
        await transport.close()


async def test_closing_does_not_wait_for_a_relay_that_never_says_goodbye(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.smtp_session.QUIT_SECONDS", 0.05)
    async with SMTPRelay(authority) as relay:
        relay.on("QUIT", Hang())
        transport = transport_to(relay)
        await transport.send(letter())

        async with asyncio.timeout(20):
            await transport.close()
            await transport.close()

        await relay.until(lambda: not relay.sessions)


async def test_a_cancelled_send_leaves_no_connection_behind(authority: Authority) -> None:
    async with SMTPRelay(authority) as relay:
        transport = transport_to(relay)
        relay.on("CONTENT", Hang())
        sending = asyncio.create_task(transport.send(letter()))
        await relay.until(lambda: "CONTENT" in relay.steps)

        sending.cancel()

        with pytest.raises(asyncio.CancelledError):
            await sending
        await relay.until(lambda: not relay.sessions)
        await transport.send(letter())
        await transport.close()
        assert len(relay.received) == 1


REFUSED_BY_A_SESSION = [
    ("MAIL", Reply("452 4.5.3 too many messages in this session")),
    ("MAIL", Reply("421 4.7.0 too many messages", close=True)),
    ("MAIL", Reply("550 too many messages in this session")),
    ("RCPT", Reply("451 4.7.1 try again later")),
    ("RCPT", Reply("503 5.5.1 sender already given")),
    ("RCPT", Reply("554 no")),
    ("DATA", Reply("421 4.3.2 closing", close=True)),
    ("CONTENT", Reply("452 4.5.3 enough for this session")),
    ("CONTENT", Reply("554 no")),
]


@pytest.mark.parametrize(
    ("step", "refusal"), REFUSED_BY_A_SESSION, ids=lambda value: getattr(value, "line", value)
)
async def test_what_a_used_session_refuses_a_fresh_one_decides(
    authority: Authority, step: str, refusal: Reply
) -> None:
    async with SMTPRelay(authority) as relay:
        transport = transport_to(relay)
        relay.on(step, Normal(), refusal)
        await transport.send(letter())

        for _ in range(2):
            await transport.send(letter())

        await transport.close()
        assert len(relay.received) == 3
        assert relay.opened == 2


async def test_what_a_fresh_session_refuses_is_refused(authority: Authority) -> None:
    async with SMTPRelay(authority) as relay:
        transport = transport_to(relay)
        relay.on("RCPT", Normal(), *[Reply("450 4.2.0 greylisted")] * 2)
        await transport.send(letter())

        failure = await failure_of(transport)

        await transport.close()
        assert type(failure) is TemporaryFailure
        assert relay.opened == 2
        assert relay.steps.count("RCPT") == 3


async def test_a_recipient_that_does_not_exist_is_not_asked_for_again(authority: Authority) -> None:
    async with SMTPRelay(authority) as relay:
        transport = transport_to(relay)
        relay.on("RCPT", Normal(), Reply("550 5.1.1 no such user"))
        await transport.send(letter())

        failure = await failure_of(transport)

        await transport.close()
        assert type(failure) is PermanentFailure
        assert relay.steps.count("RCPT") == 2


@pytest.mark.parametrize(("session_mails", "opened"), [(2, 3), (1, 5), (0, 1)])
async def test_a_session_carries_as_many_mails_as_it_may(
    authority: Authority, session_mails: int, opened: int
) -> None:
    async with SMTPRelay(authority) as relay:
        transport = SMTPTransport.from_url(relay.url(), session_mails=session_mails)

        for _ in range(5):
            await transport.send(letter())

        await transport.close()
        assert len(relay.received) == 5
        assert relay.opened == relay.steps.count("QUIT") == opened


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


# URLs


def test_a_url_says_everything_about_the_relay(authority: Authority) -> None:
    relay = Relay.from_url(f"smtp://ann:p%40ss@mail.example:2525?starttls=optional&cafile={authority.cafile}")

    assert (relay.host, relay.port, relay.tls, relay.starttls) == (
        "mail.example",
        2525,
        False,
        StartTLS.OPTIONAL,
    )
    assert (relay.username, relay.password) == ("ann", "p@ss")
    assert relay.context.verify_mode is ssl.CERT_REQUIRED
    assert relay.context.check_hostname


def test_ports_follow_from_the_scheme_and_starttls_is_required() -> None:
    assert Relay.from_url("smtp://mail.example").port == 587
    assert Relay.from_url("smtp://mail.example").starttls is StartTLS.REQUIRED
    assert Relay.from_url("smtps://mail.example").port == 465


@pytest.mark.parametrize(
    "url",
    [
        "smtp://ann:opensesame@",
        "smtp://ann:opensesame@mail.example:port",
        "smtp://ann:opensesame@mail.example:99999",
        "smtp://ann:opensesame@a..b",
        "smtp://ann:opensesame/2@mail.example",
        "smtp://ann:opensesame@mail.example/path",
        "smtp://ann:opensesame@mail.example?tls=off",
        "smtp://ann:opensesame@mail.example?starttls=maybe",
        "smtps://ann:opensesame@mail.example?starttls=never",
        "smtp://ann:opensesame@mail.example?cafile=/nowhere/ca.pem",
        f"smtp://ann:opensesame@mail.example?cafile={__file__}",
    ],
)
def test_a_wrong_url_is_refused_without_telling_the_password(url: str) -> None:
    with pytest.raises(MailConfigurationError) as caught:
        Relay.from_url(url)

    assert "opensesame" not in str(caught.value)
    assert "opensesame" not in str(caught.value.__cause__)
