"""What is asked and answered about what came of notifications and mails.

How it is counted is of `gateway.notify.stats`. A sum over series is made there; here are the shapes of the
question and the answer.
"""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load

from gateway.experiments.bounds import NAME, NAME_LONGEST
from gateway.ground.encoding import Json, time, time_or_none
from gateway.notify.stats.asking import Figures, StatsReport, StatsRequest, StatsRow
from gateway.protocol import required
from gateway.protocol.fields import Text, Timestamp
from gateway.protocol.patterns import TYPE
from storage.events import DIMENSIONS, StatsChannel
from storage.mail import LaneName
from storage.stats import Step

_DIMENSION = f"({'|'.join(DIMENSIONS)})"
"""One name of what can be told apart."""
_UNNAMED = r"\*"
"""In the place of a name: all that were too many to be told by name."""


class By(Text):
    """Names of what is told apart, with commas between.

    Loads a tuple, in the order in which rows name them.
    """

    def __init__(self, **options: Any) -> None:
        names = f"some of {', '.join(DIMENSIONS)}, each once, with commas between"
        super().__init__(rf"{_DIMENSION}(,{_DIMENSION})*", names, longest=100, **options)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> Any:
        names = tuple(super()._deserialize(value, attr, data, **options).split(","))
        if len(names) != len(set(names)):
            raise ValidationError("Must have each once.")
        return names


class StatsSchema(Schema):
    """Of which time, in which steps, and what is told apart.

    Loads a `StatsRequest`. The fields that name a series become its `where`, so that there are no more of
    them than of dimensions.
    """

    since = Timestamp(
        data_key="from", load_default=None, metadata={"description": "A day before `to`, unless it is given."}
    )
    until = Timestamp(data_key="to", load_default=None, metadata={"description": "Now, unless it is given."})
    step = fields.Enum(
        Step,
        by_value=True,
        load_default=None,
        metadata={"description": "A row for each, in UTC; left out, the time is told as a whole."},
    )
    by = By(load_default=(), metadata={"description": "Such as `type,channel`: a row for each of these."})
    type = Text(rf"({TYPE}|{_UNNAMED})", "a type", longest=64)
    channel = fields.Enum(StatsChannel, by_value=True)
    lane = fields.Enum(LaneName, by_value=True)
    campaign = Text(r"[!-~]+", "the id of a campaign", longest=64)
    variant = Text(NAME, "a variant's name", longest=NAME_LONGEST)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> StatsRequest:
        # What is not named is added up.
        where = {name: str(data.pop(name)) for name in DIMENSIONS if name in data}
        return StatsRequest(**data, where=where)


class StatsCountsAnswer(Schema):
    """How many came to which end; those that are not there are 0."""

    emitted = fields.Integer(metadata={"description": "In-app, to be shown."})
    delivered = fields.Integer(
        metadata={"description": "Written to a connection; of mail: confirmed by its recipient's server."}
    )
    seen = fields.Integer()
    read = fields.Integer()
    clicked = fields.Integer()
    accepted = fields.Integer(metadata={"description": "Of mail: owed."})
    sent = fields.Integer(metadata={"description": "Of mail: taken by the mail server."})
    bounced = fields.Integer()
    complained = fields.Integer()
    skipped = fields.Integer(metadata={"description": "By a rule."})
    dead = fields.Integer()


class StatsInAppRatesAnswer(Schema):
    """What part of what was emitted came so far in the same time; it can be more than 1 where much is told of earlier ones."""

    delivered = fields.Float(required=True)
    seen = fields.Float(required=True)
    read = fields.Float(required=True)
    clicked = fields.Float(required=True)


class StatsMailRatesAnswer(Schema):
    """`sent` is a part of what was accepted, all else of what was sent."""

    sent = fields.Float(required=True)
    delivered = fields.Float(required=True)
    clicked = fields.Float(required=True)
    bounced = fields.Float(required=True)
    complained = fields.Float(required=True)


class StatsRatesAnswer(Schema):
    """Null where there is nothing to be a part of. Of shared rooms there is none: nobody knows for how many they are."""

    in_app = fields.Nested(StatsInAppRatesAnswer, required=True, allow_none=True)
    email = fields.Nested(StatsMailRatesAnswer, required=True, allow_none=True)


class StatsFiguresAnswer(Schema):
    counts = fields.Nested(StatsCountsAnswer, required=True)
    rates = fields.Nested(StatsRatesAnswer, required=True)


class StatsRowAnswer(StatsFiguresAnswer):
    """What was counted of one step, and of one combination of what is told apart."""

    at = required.time(
        allow_none=True, metadata={"description": "When the step began; null of the time as a whole."}
    )
    type = fields.String(metadata={"description": "`*`: of those that were too many to be told by name."})
    channel = fields.Enum(StatsChannel, by_value=True)
    lane = fields.String(metadata={"description": "Of mail; else empty."})
    campaign = fields.String(metadata={"description": "Of a campaign's mail its id; else empty."})
    rule = fields.String(metadata={"description": "By which it was skipped; else empty."})
    variant = fields.String(metadata={"description": "Of a type's, or a campaign's; else empty."})


class StatsAnswer(Schema):
    """What came of notifications and mails. A row has those of type, channel and so on that were asked for."""

    since = required.time(data_key="from", metadata={"description": "The beginning of a step."})
    until = required.time(data_key="to", metadata={"description": "The end of a step."})
    step = fields.Enum(Step, by_value=True, required=True, allow_none=True)
    counted_by = fields.Enum(
        Step, by_value=True, required=True, metadata={"description": "The steps that were added up."}
    )
    kept_from = required.time(
        allow_none=True,
        metadata={"description": "Steps before this are not kept, and count as nothing; null when all are."},
    )
    by = fields.List(fields.String(), required=True)
    totals = fields.Nested(StatsFiguresAnswer, required=True)
    rows = fields.List(fields.Nested(StatsRowAnswer), required=True)
    """The earliest step first."""


def report(value: StatsReport) -> Json:
    """The figures, as a whole and by row."""
    return {
        "from": time(value.since),
        "to": time(value.until),
        "step": value.step,
        "counted_by": value.counted_by,
        "kept_from": time_or_none(value.kept_from),
        "by": list(value.by),
        "totals": _figures(value.totals),
        "rows": [_row(row, value.by) for row in value.rows],
    }


def _row(row: StatsRow, by: tuple[str, ...]) -> Json:
    """One row, with the names of what it is of."""
    return {"at": time_or_none(row.at), **dict(zip(by, row.of, strict=True)), **_figures(row.figures)}


def _figures(value: Figures) -> Json:
    """Counts without zeros, and rates, null where there is nothing to be a part of."""
    rates = value.rates
    return {
        "counts": {outcome.value: count for outcome, count in value.counts.items() if count},
        "rates": {
            "in_app": None if rates.in_app is None else {o.value: part for o, part in rates.in_app.items()},
            "email": None if rates.email is None else {o.value: part for o, part in rates.email.items()},
        },
    }
