"""What a campaign is to do, as it is kept, and when it is whose time."""

from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from gateway.notify.campaigns.plans import (
    NOTHING_GIVEN,
    Given,
    Imported,
    OfTopic,
    OfUsers,
    Plan,
    beginning,
    first_at,
    given_of,
    obligation_id,
    plan_of,
    written,
)
from storage.campaigns import Campaign

NOW = datetime(2026, 11, 26, 8, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    "plan",
    [
        Plan(audience=Imported()),
        Plan(audience=OfTopic("news"), data={"n": 1}, in_app="topic:news", local_time=time(9, 30)),
        Plan(audience=OfUsers(locale="de", attributes={"plan": "pro", "n": 1.5, "on": True})),
    ],
)
def test_a_plan_is_read_as_it_was_written(plan: Plan):
    campaign = Campaign(id="c", name="n", type="T", plan=written(plan), by="b", created_at=NOW)

    assert plan_of(campaign) == plan


def test_what_is_given_of_a_recipient_is_read_as_it_was_written():
    given = Given(locale="de", timezone="Europe/Berlin", data={"a": [1]})

    assert given_of(written(given)) == given
    assert given_of(None) == NOTHING_GIVEN


def test_the_mail_of_a_campaign_to_an_address_has_one_id_whoever_makes_it():
    id_ = obligation_id("c", "Ann@EXAMPLE.org")

    assert id_ == obligation_id("c", "ann@example.org") == str(UUID(id_))
    assert id_ not in (obligation_id("d", "ann@example.org"), obligation_id("c", "bob@example.org"))
    with pytest.raises(ValueError, match="address"):
        obligation_id("c", "nobody")


@pytest.mark.parametrize(
    ("zone", "wall", "expected"),
    [
        ("Europe/Berlin", "09:30", "2026-11-26T08:30"),  # just now
        ("Europe/Berlin", "09:00", "2026-11-27T08:00"),  # half an hour ago: tomorrow
        ("Europe/Berlin", "10:00", "2026-11-26T09:00"),
        ("Pacific/Auckland", "09:00", "2026-11-26T20:00"),  # there it is the evening of the same day
        ("Pacific/Kiritimati", "23:59", "2026-11-26T09:59"),
        ("America/Los_Angeles", "01:00", "2026-11-26T09:00"),
    ],
)
def test_a_time_on_the_wall_is_the_first_from_the_beginning_on(zone: str, wall: str, expected: str):
    found = first_at(time.fromisoformat(wall), ZoneInfo(zone), NOW)

    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert 0 <= (found - NOW).total_seconds() < 25 * 3600


@pytest.mark.parametrize(
    ("send_at", "started_at", "expected"),
    [
        (None, None, NOW),  # a draft, as it would be started now
        (NOW + HOUR, None, NOW + HOUR),
        (NOW - HOUR, None, NOW),
        (None, NOW - HOUR, NOW - HOUR),
        (NOW - HOUR, NOW - HOUR + timedelta(seconds=3), NOW - HOUR),  # looked at when it was due
        (NOW - HOUR, NOW - HOUR / 2, NOW - HOUR / 2),  # nothing ran, and it began late
    ],
)
def test_a_campaign_counts_from_its_time_on_if_it_begins_at_that(
    send_at: datetime | None, started_at: datetime | None, expected: datetime
):
    campaign = Campaign(
        id="c", name="n", type="T", plan="{}", by="b", created_at=NOW - 2 * HOUR, send_at=send_at,
        started_at=started_at,
    )  # fmt: skip

    assert beginning(campaign, NOW) == expected


def test_whose_time_it_is_as_a_campaign_begins_has_no_day_to_wait():
    send_at = datetime(2026, 11, 30, 20, 0, tzinfo=UTC)
    campaign = Campaign(
        id="c", name="n", type="T", plan="{}", by="b", created_at=NOW, send_at=send_at,
        started_at=send_at + timedelta(seconds=2),
    )  # fmt: skip

    since = beginning(campaign, send_at + timedelta(seconds=5))

    assert first_at(time(9), ZoneInfo("Pacific/Auckland"), since) == send_at


def test_a_time_that_the_wall_skips_comes_all_the_same():
    before_the_gap = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)

    found = first_at(time(2, 30), ZoneInfo("Europe/Berlin"), before_the_gap)

    assert found.astimezone(ZoneInfo("Europe/Berlin")).strftime("%H:%M") == "03:30"
