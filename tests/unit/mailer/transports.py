"""Transports to a relay that a test scripts, and what they fail with."""

import pytest

from mailer.errors import (
    MailError,
)
from mailer.relay import Relay
from mailer.smtp import SMTPTransport
from tests.support.smtp import SMTPRelay
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
