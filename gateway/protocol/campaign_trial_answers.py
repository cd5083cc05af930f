"""What is told of a campaign's own words, and of how its variants did."""

from marshmallow import Schema, fields

from gateway.ground.encoding import Json, time_or_none
from gateway.notify.campaigns.plans import Experiment, OwnTexts, Plan
from gateway.notify.campaigns.trial import Told
from gateway.notify.experiments.findings import Rule, Verdict
from gateway.notify.experiments.inference import Share, wilson
from gateway.protocol import required
from storage.campaigns import Campaign


class OwnTextsAnswer(Schema):
    title = required.text(allow_none=True)
    body = required.text(allow_none=True)
    link = required.text(allow_none=True)
    subject = required.text(allow_none=True)


def _told_texts() -> fields.Dict:
    return fields.Dict(keys=fields.String(), values=fields.Nested(OwnTextsAnswer), required=True)


class VariantAnswer(Schema):
    name = required.text()
    weight = required.number()
    texts = _told_texts()
    local_time = required.text(allow_none=True)


class ExperimentAnswer(Schema):
    baseline = fields.Float(required=True)
    effect = fields.Float(required=True)
    salt = required.text()
    holdout = fields.Float(required=True)
    share = fields.Float(required=True)
    hours = fields.Float(required=True)


class VariantResultAnswer(Schema):
    name = required.text()
    assigned = required.number(metadata={"description": "To whom it has fallen by lot."})
    sent = required.number()
    clicked = required.number(metadata={"description": "Of those sent, by a person."})
    rate = fields.Float(required=True)
    low = fields.Float(required=True, metadata={"description": "With `high` the interval of 95 %."})
    high = fields.Float(required=True)


class ComparisonAnswer(Schema):
    variant = required.text()
    difference = fields.Float(required=True, metadata={"description": "Of its rate from the control's."})
    low = fields.Float(required=True)
    high = fields.Float(required=True)


class TrialResultsAnswer(Schema):
    """What an experiment has found so far."""

    rule = fields.Enum(Rule, by_value=True, required=True)
    people = required.number(metadata={"description": "How many it takes by the plan."})
    conversions = required.number(
        allow_none=True,
        metadata={
            "description": "Clicks of both after which there is no winner. None: it is looked at once."
        },
    )
    over_at = required.time(allow_none=True)
    verdict = fields.Enum(Verdict, by_value=True, required=True)
    winner = required.text(allow_none=True)
    enough = required.flag(
        metadata={"description": "Whether each has the clicks that sending it unasked takes."}
    )
    chosen = required.text(allow_none=True, metadata={"description": "What those get who have waited."})
    chosen_at = required.time(allow_none=True)
    variants = fields.List(fields.Nested(VariantResultAnswer), required=True)
    comparisons = fields.List(fields.Nested(ComparisonAnswer), required=True)


class OwnWordsAnswer(Schema):
    texts = _told_texts()
    variants = fields.List(fields.Nested(VariantAnswer), required=True)
    experiment = fields.Nested(ExperimentAnswer, required=True, allow_none=True)
    rate = required.number(allow_none=True)
    results = fields.Nested(
        TrialResultsAnswer, required=True, allow_none=True, metadata={"description": "None without variants."}
    )


# Shapes


def own_words(campaign: Campaign, plan: Plan, told: Told | None) -> Json:
    return {
        "texts": _texts(plan.texts),
        "variants": [
            {
                "name": each.name,
                "weight": each.weight,
                "texts": _texts(each.texts),
                "local_time": None if each.local_time is None else each.local_time.strftime("%H:%M"),
            }
            for each in plan.variants
        ],
        "experiment": None if plan.experiment is None else _experiment(campaign, plan.experiment),
        "rate": plan.mails_per_minute,
        "results": None if told is None else _results(campaign, told),
    }


def _texts(texts: dict[str, OwnTexts]) -> Json:
    return {
        locale: {"title": own.title, "body": own.body, "link": own.link, "subject": own.subject}
        for locale, own in texts.items()
    }


def _experiment(campaign: Campaign, value: Experiment) -> Json:
    return {
        "baseline": value.baseline,
        "effect": value.effect,
        "salt": value.salt or campaign.id,
        "holdout": value.holdout,
        "share": value.share,
        "hours": value.seconds / 3600,
    }


def _results(campaign: Campaign, told: Told) -> Json:
    variants = []
    for variant, count in told.counts:
        share = Share(count.clicked, count.sent)
        low, high = wilson(share)
        variants.append(
            {
                "name": variant.name,
                "assigned": count.assigned,
                "sent": count.sent,
                "clicked": count.clicked,
                "rate": share.rate,
                "low": low,
                "high": high,
            }
        )
    found = told.findings
    return {
        "rule": told.design.rule.value,
        "people": told.design.people,
        "conversions": told.design.conversions,
        "over_at": time_or_none(told.over_at),
        "verdict": found.verdict.value,
        "winner": found.winner,
        "enough": found.has_enough,
        "chosen": campaign.chosen,
        "chosen_at": time_or_none(campaign.chosen_at),
        "variants": variants,
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
