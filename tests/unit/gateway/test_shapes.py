"""The shapes on the wire that a whole gateway's tests do not show by themselves."""

from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest

from gateway.cluster.presence.base import Online
from gateway.ground import encoding
from gateway.notify.delivery import events
from gateway.notify.people.users import Person
from gateway.protocol import user_shapes
from storage.notifications import Notification
from storage.people import Contact

MOMENT = datetime(2026, 11, 22, 8, 27, 41, 123_999, tzinfo=UTC)


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(0)), timezone(timedelta(hours=5, minutes=30))])
def test_times_are_in_utc_with_milliseconds(zone: timezone):
    assert encoding.time(MOMENT.astimezone(zone)) == "2026-11-22T08:27:41.123Z"


def test_an_event_is_a_json_array():
    notification = Notification(
        id="i", room="user:ü", seq=3, type="X", title="t", created_at=MOMENT, data={"a": [1]}
    )

    assert events.encode("inbox", {"unread": 1}) == b'["inbox",{"unread":1}]'
    assert orjson.loads(events.notification_event(notification)) == [
        "notification",
        {
            "id": "i", "room": "user:ü", "seq": 3, "type": "X", "title": "t", "body": "", "link": None,
            "data": {"a": [1]}, "created_at": "2026-11-22T08:27:41.123Z",
        },
    ]  # fmt: skip


def test_a_user_who_is_there_is_shown_with_the_connections():
    entry = Online(user="ann", name=None, roles=("admin",), connections=2, since=MOMENT)

    known = Contact(user="ann", email=None, name=None, last_seen=MOMENT)
    assert user_shapes.presence(Person(user="ann", online=entry, contact=known)) == {
        "user": "ann",
        "online": True,
        "connections": 2,
        "last_seen": "2026-11-22T08:27:41.123Z",
    }
    assert user_shapes.online(entry)["roles"] == ["admin"]
