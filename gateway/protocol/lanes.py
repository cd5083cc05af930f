"""What is asked and answered about lanes of mail: how their mail fares, and whether they are paused.

How a lane is paused and how its brake counts is of `gateway.notify.lanes`; here are the shapes. Only bulk mail can be
paused.
"""

from typing import Any

from marshmallow import Schema, fields, post_load, validate

from gateway.ground.encoding import Json, time, time_or_none
from gateway.notify.lanes.book import BRAKED, REASON_OF_OPERATOR, LanePage, LaneStatus, PauseRequest
from gateway.protocol import required
from gateway.protocol.asking.basics import OneFieldSchema
from gateway.protocol.fields import Text
from gateway.protocol.patterns import VISIBLE
from storage.lanes import LaneOutcome, Pause
from storage.mail import LaneName

REASON_MAX = 200
"""Characters."""


def _lane_field() -> fields.Enum[LaneName]:
    """A lane that may be paused."""
    only = validate.OneOf([BRAKED], error="Only bulk mail can be paused: somebody waits for all other.")
    return fields.Enum(
        LaneName, by_value=True, required=True, validate=only,
        metadata={"description": "A lane that can be paused."},
    )  # fmt: skip


class PauseSchema(Schema):
    """A lane to pause, and why.

    Without a reason it is said to be an operator's doing.
    """

    lane = _lane_field()
    reason = Text(VISIBLE, "printable", longest=REASON_MAX, load_default=REASON_OF_OPERATOR)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> PauseRequest:
        return PauseRequest(**data)


class ResumeSchema(OneFieldSchema):
    """A lane to resume."""

    lane = _lane_field()


class PauseAnswer(Schema):
    """Why no mail of a lane leaves."""

    at = required.time()
    by = required.text(metadata={"description": "`brake`, `cli`, `user:…` or `service:…`."})
    reason = required.text()


class LaneAnswer(Schema):
    """A lane, and what became of the mail that it has sent within the window."""

    lane = fields.Enum(LaneName, by_value=True, required=True)
    sent = required.number()
    """Mails that the relay took."""
    refused = required.number(metadata={"description": "By the mail server, for their address."})
    delivered = required.number(metadata={"description": "Of those sent, as far as it was told."})
    bounced = required.number(metadata={"description": "Of those sent."})
    complained = required.number(metadata={"description": "Of those sent."})
    failed = required.number(
        metadata={"description": "Attempts at which the relay was away, or took nothing of us."}
    )
    bounce_rate = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "A part of 1, of those refused or bounced; null of too few mails."},
    )
    complaint_rate = fields.Float(required=True, allow_none=True, metadata={"description": "A part of 1."})
    paused = fields.Nested(PauseAnswer, required=True, allow_none=True)
    since = required.time(
        allow_none=True,
        metadata={"description": "When it was resumed last: only mail that was sent after is counted."},
    )


class BrakeAnswer(Schema):
    """From where on bulk mail is paused; 0 is no bound."""

    bounces = fields.Float(required=True)
    """A part of 1."""
    complaints = fields.Float(required=True)
    """A part of 1."""
    mails = required.number(metadata={"description": "Of fewer no rate is told."})
    failures = required.number(metadata={"description": "Of the relay in a row."})
    window_seconds = fields.Float(required=True)


class LanesAnswer(Schema):
    lanes = fields.List(fields.Nested(LaneAnswer), required=True)
    brake = fields.Nested(BrakeAnswer, required=True)


def page(value: LanePage) -> Json:
    """All lanes, with the bounds of the brake that hold for them."""
    bounds = value.bounds
    return {
        "lanes": [_lane(each) for each in value.lanes],
        "brake": {
            "bounces": bounds.bounces,
            "complaints": bounds.complaints,
            "mails": bounds.mails,
            "failures": bounds.failures,
            "window_seconds": bounds.window_seconds,
        },
    }


def _lane(value: LaneStatus) -> Json:
    """A lane with its figures; a rate is null where too few mails were sent to tell one."""
    health = value.health
    return {
        "lane": value.name,
        **{outcome.value: health.of(outcome) for outcome in LaneOutcome},
        "bounce_rate": health.bounce_rate,
        "complaint_rate": health.complaint_rate,
        "paused": None if value.state.paused is None else _pause(value.state.paused),
        "since": time_or_none(value.state.since),
    }


def _pause(value: Pause) -> Json:
    """Since when, by whom and why."""
    return {"at": time(value.at), "by": value.by, "reason": value.reason}
