"""How often mail may come by its sender's own word: `digest` and `throttle` of an emit."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.catalog.timing import clock_of
from gateway.ground import encoding
from storage.rhythms import ClockTime
from tests.journeys.test_digests import letter, told
from tests.journeys.test_mailing import mail_in
from tests.support.gateway import Gateway, gateway
from tests.support.smtp import SMTPRelay

UNSOUND: list[tuple[dict[str, Any], str]] = [
    ({"digest": {}}, "digest.every"),
    ({"digest": {"every": 0}}, "digest.every"),
    ({"digest": {"every": True}}, "digest.every"),
    ({"digest": {"every": "daily"}}, "digest.every"),
    ({"digest": {"every": "32d"}}, "digest.every"),
    ({"digest": {"every": "1h", "sliding": "5m"}}, "digest.sliding"),
    ({"digest": {"every": "1h", "key": "ä"}}, "digest.key"),
    ({"digest": {"every": "1h", "often": True}}, "digest.often"),
    ({"digest": "1h"}, "digest"),
    ({"throttle": {"limit": 0, "per": "1h"}}, "throttle.limit"),
    ({"throttle": {"limit": 1}}, "throttle.per"),
    ({"throttle": {"limit": 1, "per": "1h", "then": "wait"}}, "throttle.then"),
    ({"digest": {"every": "1h"}, "email": False}, "digest"),
    ({"throttle": {"limit": 1, "per": "1h"}, "email": None, "store": False}, "throttle"),
    ({"digest": {"every": "1h"}, "email": None}, "email"),
]


@pytest.mark.parametrize("said", ["weekly@mon@09:00", "weekly@mon 09:00"])
def test_a_time_of_the_week_is_written_as_it_comes(said: str):
    assert clock_of(said) == ClockTime(hour=9, minute=0, weekday=0)


@pytest.fixture
async def relay() -> AsyncIterator[SMTPRelay]:
    async with SMTPRelay() as relay:
        yield relay


@pytest.fixture
async def here(store: dict[str, str], tmp_path: Path, relay: SMTPRelay) -> AsyncIterator[Gateway]:
    """Without a catalog."""
    async with gateway(tmp_path, MAIL_URL=relay.url(query="starttls=never"), **store) as here:
        await told(here, "PUT", "/internal/users/ann", {"email": "ann@example.org"})
        yield here


async def emitted(here: Gateway, title: str, **fields: Any) -> str:
    """The id of what is said to ann, and mailed."""
    return str((await here.emit("user:ann", title, email=True, **fields))["notification"]["id"])


async def test_what_its_sender_gives_one_key_comes_in_one_mail_whatever_its_type(
    here: Gateway, relay: SMTPRelay
):
    digest = {"key": "order-7", "every": 1, "sliding": "500ms", "max": "3s"}
    refused = await here.ask(
        "POST",
        "/internal/emit",
        body={"to": "user:ann", "type": "PAID", "title": "x", "email": True, "digest": digest},
    )
    assert (refused.status, list(refused.body["errors"])) == (422, ["digest.sliding"])

    digest |= {"sliding": "0.5s"}
    soon = encoding.time(datetime.now(UTC) + timedelta(milliseconds=200))
    ids = [
        await emitted(here, "Paid", type="PAID", digest=digest),
        await emitted(here, "Packed", type="PACKED", digest=digest),
    ]
    await told(
        here, "POST", "/internal/emit",
        {"to": "user:ann", "type": "SENT", "title": "Sent", "email": True, "digest": digest, "send_at": soon}, status=202,
    )  # fmt: skip
    await emitted(here, "Alone")

    mails = [await mail_in(here, each, "merged") for each in ids]
    await relay.until_received(2)

    assert mails[0]["digest"] == mails[1]["digest"]
    told_together = letter(relay, 1).get_body(("plain",))
    text = told_together.get_content()  # type: ignore[union-attr]  # it has one
    assert all(f"* {title}" in text for title in ("Paid", "Packed", "Sent")), text
    assert letter(relay)["Subject"] == "Alone"


async def test_more_than_its_sender_allows_is_left_out_or_gathered(here: Gateway, relay: SMTPRelay):
    strict = {"key": "alarm", "limit": 1, "per": "1h", "then": "drop"}
    first = await emitted(here, "Alarm 1", type="ALARM", throttle=strict)
    await mail_in(here, first, "sent")
    second = await emitted(here, "Alarm 2", type="SIREN", throttle=strict)
    third = await emitted(here, "Alarm 3", type="SIREN", throttle={"key": "alarm", "limit": 1, "per": "1h"})
    other = await emitted(here, "Calm", type="ALARM", throttle={"limit": 1, "per": "1h"})

    left_out = await mail_in(here, second, "skipped")
    gathered = await mail_in(here, third, "gathered")
    await mail_in(here, other, "sent")

    assert (left_out["decided_by"], left_out["verdict"]) == ("throttle", "not sent: ann gets 1 in 1h at most")
    assert gathered["decided_by"] == "throttle"
    [waiting] = (await told(here, "GET", "/internal/users/ann/digests"))["digests"]
    assert (waiting["key"], waiting["rule"]) == ("key:alarm", "throttle")
    assert len(relay.received) == 2


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
async def test_what_cannot_be_meant_is_refused_and_stores_nothing(here: Gateway):
    for fields, place in UNSOUND:
        body = {"to": "user:ann", "type": "PAID", "title": "Paid", "email": True} | fields
        answered = await here.ask("POST", "/internal/emit", body=body)
        assert (answered.status, answered.body["code"]) == (422, "validation_failed"), fields
        assert list(answered.body["errors"]) == [place], fields

    assert (await told(here, "GET", "/internal/users/ann/data"))["notifications"] == []
