"""Connections to a relay that are kept, lost, found gone, and closed."""

import asyncio

import pytest

from mailer.errors import (
    PermanentFailure,
    TemporaryFailure,
)
from mailer.smtp import SMTPTransport
from tests.support.authority import Authority
from tests.support.smtp import Action, Drop, Hang, Normal, Reply, SMTPRelay
from tests.unit.mailer.letters import letter
from tests.unit.mailer.transports import failure_of, transport_to


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
