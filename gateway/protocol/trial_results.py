"""What is told of an experiment's findings, whatever it is of.

Campaigns and types both try variants; what is found has the same shape for both. The figures are of
`gateway.experiments`.
"""

from marshmallow import Schema, fields

from gateway.experiments.findings import Arm, Conclusion, Rule
from gateway.experiments.inference import Proportion, wilson
from gateway.experiments.results import Results
from gateway.ground.encoding import Json, time, time_or_none
from gateway.protocol import required
from gateway.protocol.holding import Holding
from storage.trials import Participation


class ArmAnswer(Schema):
    """How a variant does."""

    name = required.text()
    assigned = required.number(metadata={"description": "To whom it has fallen by lot."})
    rate = fields.Float(required=True)
    """A part of 1."""
    low = fields.Float(required=True, metadata={"description": "With `high` the interval of 95 %."})
    high = fields.Float(required=True)


class ComparisonAnswer(Schema):
    variant = required.text()
    """Compared with the first."""
    difference = fields.Float(required=True, metadata={"description": "Of its rate from the control's."})
    low = fields.Float(required=True)
    """With `high` the interval of the difference."""
    high = fields.Float(required=True)


class FindingsAnswer(Schema):
    """What an experiment has found so far."""

    rule = fields.Enum(Rule, by_value=True, required=True)
    """`sequential`: it may be decided at any look; `fixed`: it is looked at once."""
    people = required.number(metadata={"description": "How many it takes by the plan."})
    conversions = required.number(
        allow_none=True,
        metadata={
            "description": "Of both together, after which there is no winner. None: it is looked at once."
        },
    )
    over_at = required.time(allow_none=True)
    """Null before it has begun."""
    verdict = fields.Enum(Conclusion, by_value=True, required=True)
    winner = required.text(allow_none=True)
    """Null where there is none."""
    enough = required.flag(
        metadata={"description": "Whether each has the conversions that sending it unasked takes."}
    )
    comparisons = fields.List(fields.Nested(ComparisonAnswer), required=True)


class TrialPartAnswer(Schema):
    """One person's part in the experiment of a type."""

    trial = required.text(metadata={"description": "The experiment's id."})
    variant = required.text()
    enrolled_at = required.time()
    reached_at = required.time(allow_none=True)
    """Null: was not shown it, nor sent it."""
    converted_at = required.time(allow_none=True)


def results(told: Results) -> Json:
    """The plan of an experiment beside what was found."""
    found = told.findings
    return {
        "rule": told.design.rule.value,
        "people": told.design.people,
        "conversions": told.design.conversions,
        "over_at": time_or_none(told.over_at),
        "verdict": found.conclusion.value,
        "winner": found.winner,
        "enough": found.has_enough,
        "comparisons": [
            {
                "variant": each.arm,
                "difference": each.difference,
                "low": each.interval.low,
                "high": each.interval.high,
            }
            for each in found.comparisons
        ],
    }


def arm(value: Arm) -> Json:
    """A variant: to how many it fell, and its rate with the interval of Wilson."""
    share = Proportion(value.converted, value.people)
    low, high = wilson(share)
    return {"name": value.name, "assigned": value.assigned, "rate": share.rate, "low": low, "high": high}


def arms(told: Results) -> list[Json]:
    return [{**arm(each), "reached": each.people, "converted": each.converted} for each in told.arms]


def part(value: Participation) -> Json:
    """One person's part, for what is kept of a person."""
    return {
        "trial": value.trial,
        "variant": value.variant,
        "enrolled_at": time(value.enrolled_at),
        "reached_at": time_or_none(value.reached_at),
        "converted_at": time_or_none(value.converted_at),
    }


HELD = Holding(
    fields={
        "trials": fields.List(
            fields.Nested(TrialPartAnswer),
            required=True,
            metadata={"description": "The user's part in the experiments of types, the newest first."},
        )
    },
    read=lambda store, whose, limit: store.trials.of_user(whose.user, limit=limit),
    shape=lambda parts: {"trials": [part(each) for each in parts]},
)
"""Of types; what a campaign tries is told with its recipients."""
