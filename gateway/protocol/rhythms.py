"""How often an emit lets its mail reach somebody: in a digest with others, or no more than so many.

The values are those of `gateway.notify`, which the catalog reads too: a rhythm means the same in an emit and
in a type.
"""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from gateway.catalog.timing import EVERY, LIMIT_MAX, WINDOW_SECONDS_MAX, clock_of
from gateway.ground.spans import seconds_of
from gateway.protocol.fields import StrictBoolean, Text
from gateway.protocol.patterns import KEY
from storage.rhythms import ClockTime, DigestRule, Rhythm, Throttle

KEY_MAX = 100
"""Characters."""
THEN = ("digest", "drop")
"""What may become of one mail too many."""


class Span(fields.Field[float]):
    """Seconds, or a text such as 30m.

    Loads seconds.
    """

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> float:
        del attr, data, options
        seconds = seconds_of(value)
        if seconds is None or not 0 < seconds <= WINDOW_SECONDS_MAX:
            raise ValidationError(
                "Must be seconds, or a time such as 90s, 10m, 2h or 7d, and 31 days at most."
            )
        return seconds


class Every(Span):
    """A span, or a time of the reader's own day.

    Loads seconds or a `ClockTime`, such as `"daily@09:00"`.
    """

    def _deserialize(  # type: ignore[override]  # a clock beside the span
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> float | ClockTime:
        clock = clock_of(value)
        # What is neither is told in the words for both; a span that is too long, in those of a span.
        if clock is None and seconds_of(value) is None:
            raise ValidationError(f"Must be {EVERY}.")
        return clock or super()._deserialize(value, attr, data, **options)


def _key(of: str) -> Text:
    """Under which mails belong together."""
    described = {
        "description": f"{of} together under it, of whichever type; what is of one type, where it is left out."
    }
    return Text(KEY, "printable ASCII", longest=KEY_MAX, load_default=None, metadata=described)


class DigestSchema(Schema):
    """The mail comes with others in a digest, of what its reader has not seen.

    Loads a `DigestRule`. `sliding` without `max` might never end, and is refused.
    """

    every = Every(
        required=True,
        metadata={
            "description": "A time such as 30m, or the time of the reader's day: `daily@09:00`, `weekly@mon@09:00`."
        },
    )
    sliding = Span(
        load_default=None, metadata={"description": "It also waits for so long a silence; goes with `max`."}
    )
    max = Span(load_default=None, metadata={"description": "When it ends although there is no silence."})
    leading = StrictBoolean(
        load_default=False, metadata={"description": "The first is mailed at once, by itself."}
    )
    key = _key("Gathered")

    @validates_schema
    def _ends(self, data: dict[str, Any], **_: Any) -> None:
        if data["sliding"] is not None and data["max"] is None:
            raise ValidationError("Goes with max: without one it might never end.", "sliding")

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> DigestRule:
        return DigestRule(
            every=data["every"],
            sliding=data["sliding"],
            most=data["max"],
            leading=data["leading"],
            key=data["key"],
        )


class ThrottleSchema(Schema):
    """No more mails than so many in any span of `per`, by what was sent.

    Loads a `Throttle`.
    """

    limit = fields.Integer(required=True, strict=True, validate=validate.Range(min=1, max=LIMIT_MAX))
    per = Span(required=True, metadata={"description": "A time such as 1h."})
    then = fields.String(
        load_default="digest",
        validate=validate.OneOf(THEN),
        metadata={"description": "What becomes of one too many: it comes in a digest, or not at all."},
    )
    key = _key("Counted")

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> Throttle:
        return Throttle(limit=data["limit"], per=data["per"], then=data["then"], key=data["key"])


def rhythm(data: Mapping[str, Any]) -> Rhythm | None:
    """What an emit's fields say together; None: nothing.

    Whether it may be asked at all is said by `emit_rules.contradictions`.
    """
    digest, throttle = data["digest"], data["throttle"]
    return None if digest is None and throttle is None else Rhythm(digest=digest, throttle=throttle)
