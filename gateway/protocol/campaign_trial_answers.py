"""What is told of a campaign's own words, and of how its variants did.

It stands apart since `campaign_answers` has the campaign itself. What the figures mean is of
`gateway.experiments`, and `gateway.protocol.trial_results` shapes what they have in common with those of
types.
"""

from marshmallow import Schema, fields

from gateway.experiments.bounds import MAIL_METRICS
from gateway.experiments.results import Results
from gateway.ground.encoding import Json, time_or_none
from gateway.notify.campaigns.plans import Experiment, OwnTexts, Plan
from gateway.protocol import required, trial_results
from gateway.protocol.trial_results import ArmAnswer, FindingsAnswer
from storage.campaigns import Campaign


class OwnTextsAnswer(Schema):
    title = required.text(allow_none=True)
    """Null, as the others: what the type says."""
    body = required.text(allow_none=True)
    link = required.text(allow_none=True)
    subject = required.text(allow_none=True)


def _told_texts() -> fields.Dict:
    return fields.Dict(keys=fields.String(), values=fields.Nested(OwnTextsAnswer), required=True)


class VariantAnswer(Schema):
    name = required.text()
    weight = required.number()
    """Beside those of the others."""
    texts = _told_texts()
    local_time = required.text(allow_none=True)
    """Such as `"09:00"`; null: as the campaign has it."""


class ExperimentAnswer(Schema):
    metric = required.text(metadata={"enum": list(MAIL_METRICS)})
    """What counts."""
    baseline = fields.Float(required=True)
    """A part of 1, as it was expected."""
    effect = fields.Float(required=True)
    """A part of 1, that is worth finding."""
    salt = required.text()
    """The one that lots are drawn by, also where none was asked."""
    holdout = fields.Float(required=True)
    """Percent."""
    share = fields.Float(required=True)
    """Percent of those who are not held out."""
    hours = fields.Float(required=True)


class VariantResultAnswer(ArmAnswer):
    sent = required.number()
    converted = required.number(metadata={"description": "Of those sent, by what the experiment counts."})


class TrialResultsAnswer(FindingsAnswer):
    """What an experiment has found so far."""

    chosen = required.text(allow_none=True, metadata={"description": "What those get who have waited."})
    chosen_at = required.time(allow_none=True)
    variants = fields.List(fields.Nested(VariantResultAnswer), required=True)


class OwnWordsAnswer(Schema):
    texts = _told_texts()
    """By language."""
    variants = fields.List(fields.Nested(VariantAnswer), required=True)
    experiment = fields.Nested(ExperimentAnswer, required=True, allow_none=True)
    rate = required.number(allow_none=True)
    """Mails a minute; null: as the lane allows."""
    results = fields.Nested(
        TrialResultsAnswer, required=True, allow_none=True, metadata={"description": "None without variants."}
    )


# Shapes


def own_words(campaign: Campaign, plan: Plan, told: Results | None) -> Json:
    """Members of a campaign in full. `told` is None without variants."""
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
    """By language, each with what it says itself; null is what the type says."""
    return {
        locale: {"title": own.title, "body": own.body, "link": own.link, "subject": own.subject}
        for locale, own in texts.items()
    }


def _experiment(campaign: Campaign, value: Experiment) -> Json:
    """As it was asked; `hours` again, and the salt that is in fact used."""
    return {
        "metric": value.metric,
        "baseline": value.baseline,
        "effect": value.effect,
        "salt": value.salt or campaign.id,
        "holdout": value.holdout,
        "share": value.share,
        "hours": value.seconds / 3600,
    }


def _results(campaign: Campaign, told: Results) -> Json:
    """What was found so far; a person is one whose mail was sent."""
    return {
        **trial_results.results(told),
        "chosen": campaign.chosen,
        "chosen_at": time_or_none(campaign.chosen_at),
        "variants": [
            {**trial_results.arm(each), "sent": each.people, "converted": each.converted}
            for each in told.arms
        ],
    }
