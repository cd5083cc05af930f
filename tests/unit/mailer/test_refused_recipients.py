"""Refusals of addresses are noted, until it is the relay that is wrong."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from mailer.bounces import Bounce
from mailer.errors import PermanentFailure, RelayFailure
from mailer.refused_recipients import REFUSED_IN_A_ROW, RefusedRecipients

UNKNOWN = PermanentFailure("no such user", code=550, recipient_status="5.1.1")
LEASE: Any = SimpleNamespace(id="one")


async def test_a_relay_that_refuses_everybody_strikes_off_no_more_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    noted: list[Bounce] = []

    async def bounced(lease: Any, bounce: Bounce) -> None:
        assert lease is LEASE
        noted.append(bounce)

    refused = RefusedRecipients(bounced)
    for _ in range(REFUSED_IN_A_ROW + 5):
        await refused.failed(LEASE, UNKNOWN)

    assert [bounce.status for bounce in noted] == ["5.1.1"] * REFUSED_IN_A_ROW
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    refused.taken()
    await refused.failed(LEASE, UNKNOWN)
    assert len(noted) == REFUSED_IN_A_ROW + 1
    await refused.failed(LEASE, RelayFailure("away"))
    assert len(noted) == REFUSED_IN_A_ROW + 1
