"""When an emit says that it is to be carried out: at a time, or at a time on the wall of each of its readers.

How a local time becomes a moment for each reader is of `gateway.notify`, which knows their zones.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load

from gateway.notify.requests import Timing
from gateway.protocol.fields import Timestamp

DAYS_AWAY_MAX = 366
"""Days that a date may be away, ahead or behind."""


class LocalTimeSchema(Schema):
    """A time on the wall of each reader, in the reader's own zone.

    Loads a `Timing` without a moment of its own.
    """

    local = fields.Time(format="%H:%M", required=True, metadata={"description": "Such as 09:00."})
    date = fields.Date(required=True)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> Timing:
        return Timing(local_date=data["date"], local_time=data["local"])


class SendAt(fields.Field[Timing]):
    """A time, or a time on each reader's wall.

    Loads a `Timing`, either with a moment or with a date and a time.
    """

    _time = Timestamp()
    _local = fields.Nested(LocalTimeSchema)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> Timing:
        if isinstance(value, dict):
            local: Timing = self._local.deserialize(value, attr, data, **options)
            return local
        if not isinstance(value, str):
            raise ValidationError("Must be a time with its zone, or an object with local and date.")
        return Timing(at=self._time.deserialize(value, attr, data, **options))


def timing(data: Mapping[str, Any]) -> Timing | None:
    """What an emit's fields say together; None: now. Raises `ValidationError`."""
    send_at: Timing | None = data["send_at"]
    if send_at is None:
        if data["max_lateness"] is not None:
            raise ValidationError({"max_lateness": "Only with send_at."})
        return None
    # By the day, since a local time is not a moment yet. A past day is taken: what is late is emitted at
    # once, or dropped by `max_lateness`.
    day = send_at.local_date or (send_at.at and send_at.at.date())
    if day is None or abs(day - datetime.now(UTC).date()) > timedelta(days=DAYS_AWAY_MAX):
        raise ValidationError({"send_at": "Must be within a year."})
    if not data["store"]:
        raise ValidationError({"send_at": "What is not stored is emitted now: leave store out."})
    return replace(send_at, max_lateness_seconds=data["max_lateness"])
