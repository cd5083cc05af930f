"""What a campaign may say in its own words and in several ways, and what is told of how those did."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from gateway.experiments.bounds import (
    CONVERSIONS_MOST,
    HOLDOUT_MOST,
    HOURS_LEAST,
    NAME,
    NAME_LONGEST,
    SALT,
    SALT_LONGEST,
    VARIANTS_MOST,
    WEIGHT_MOST,
)
from gateway.experiments.results import Results
from gateway.ground.encoding import Json, time_or_none
from gateway.notify.campaigns.plans import Experiment, Imported, OwnTexts, Plan, Variant
from gateway.notify.campaigns.trial import design_of
from gateway.protocol import required, trial_results
from gateway.protocol.fields import Text
from gateway.protocol.trial_results import ArmAnswer, ResultsAnswer
from mailer.locales import LONGEST_TAG, TAG
from storage.campaigns import Campaign

LANGUAGES_MOST = 50
HOURS_MOST = 24 * 30
RATE_MOST = 1_000_000
TEXT_MOST = 10_000
"""As of a phrase of the catalog."""
_ANY = r"[^\u0000]*"


def _source() -> Text:
    return Text(_ANY, "a text", longest=TEXT_MOST, load_default=None, allow_none=True)


def wall_time() -> fields.Time:
    return fields.Time(
        format="%H:%M",
        load_default=None,
        allow_none=True,
        metadata={"description": "By each recipient's own clock, such as 09:00."},
    )


class OwnTextsSchema(Schema):
    """Short texts, written as in the catalog. What is left out the type says."""

    title = _source()
    body = _source()
    link = _source()
    subject = _source()

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> OwnTexts:
        return OwnTexts(**data)


def texts_field() -> fields.Dict:
    return fields.Dict(
        keys=Text(TAG, "a language such as de or pt-BR", longest=LONGEST_TAG),
        values=fields.Nested(OwnTextsSchema),
        load_default=dict,
        validate=validate.Length(max=LANGUAGES_MOST),
        metadata={"description": "By language."},
    )


class VariantSchema(Schema):
    """One of several ways to say it. The first is the control."""

    name = Text(NAME, "small letters, digits, - and _", longest=NAME_LONGEST, required=True)
    weight = fields.Integer(strict=True, load_default=1, validate=validate.Range(min=1, max=WEIGHT_MOST))
    texts = texts_field()
    local_time = wall_time()

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> Variant:
        return Variant(**data)


def _between(least: float, most: float, *, inclusive: bool = True, **options: Any) -> fields.Float:
    judged = validate.Range(min=least, max=most, min_inclusive=inclusive, max_inclusive=inclusive)
    return fields.Float(allow_nan=False, validate=judged, **options)


class ExperimentSchema(Schema):
    """How variants are tried. What is expected is said first: by it is known how many people it takes."""

    baseline = _between(
        0, 1, inclusive=False, required=True, metadata={"description": "The part of whom a click is expected anyway."}
    )  # fmt: skip
    effect = _between(
        0, 1, inclusive=False, required=True, metadata={"description": "The smallest rise of it that is worth finding."}
    )  # fmt: skip
    salt = Text(
        SALT,
        "ASCII without blanks",
        longest=SALT_LONGEST,
        load_default=None,
        allow_none=True,
        metadata={"description": "By which lots are drawn. None: the campaign's id."},
    )
    holdout = _between(
        0, HOLDOUT_MOST, load_default=0.0, metadata={"description": "Percent, who get nothing."}
    )
    share = _between(
        1, 100, load_default=100.0, metadata={"description": "Percent of the others, who are on trial; the rest wait."}
    )  # fmt: skip
    hours = _between(
        HOURS_LEAST, HOURS_MOST, load_default=24.0, metadata={"description": "From the beginning on until it is over."}
    )  # fmt: skip

    @validates_schema
    def _judge(self, data: dict[str, Any], **_: Any) -> None:
        if data["baseline"] + data["effect"] >= 1:
            raise ValidationError("Baseline and effect together must be less than 1.", "effect")

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> Experiment:
        return Experiment(seconds=data.pop("hours") * 3600, **data)


class OwnWordsSchema(Schema):
    """What a campaign has beside what is said of its type."""

    texts = texts_field()
    variants = fields.List(
        fields.Nested(VariantSchema), load_default=list, validate=validate.Length(max=VARIANTS_MOST)
    )
    experiment = fields.Nested(ExperimentSchema, load_default=None, allow_none=True)
    rate = fields.Integer(
        strict=True,
        load_default=None,
        allow_none=True,
        validate=validate.Range(min=1, max=RATE_MOST),
        metadata={"description": "Mails a minute at most, of all nodes together. None: as the lane allows."},
    )

    @validates_schema
    def _together(self, data: dict[str, Any], **_: Any) -> None:
        names = [each.name for each in data["variants"]]
        if len(names) == 1 or len(set(names)) < len(names):
            raise ValidationError("Must be none, or 2 to 8 of different names.", "variants")
        if bool(names) != (data["experiment"] is not None):
            raise ValidationError("Variants and an experiment need each other.", "experiment")
        planned = design_of(
            Plan(audience=Imported(), variants=tuple(data["variants"]), experiment=data["experiment"])
        )
        if planned is not None and (planned.conversions or 0) > CONVERSIONS_MOST:
            raise ValidationError(
                f"It takes {planned.conversions} clicks to find so little, and {CONVERSIONS_MOST} at most can be.",
                "experiment",
            )


# What is answered


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


class VariantResultAnswer(ArmAnswer):
    sent = required.number()
    clicked = required.number(metadata={"description": "Of those sent, by a person."})


class TrialResultsAnswer(ResultsAnswer):
    """What an experiment has found so far."""

    chosen = required.text(allow_none=True, metadata={"description": "What those get who have waited."})
    chosen_at = required.time(allow_none=True)
    variants = fields.List(fields.Nested(VariantResultAnswer), required=True)


class OwnWordsAnswer(Schema):
    texts = _told_texts()
    variants = fields.List(fields.Nested(VariantAnswer), required=True)
    experiment = fields.Nested(ExperimentAnswer, required=True, allow_none=True)
    rate = required.number(allow_none=True)
    results = fields.Nested(
        TrialResultsAnswer, required=True, allow_none=True, metadata={"description": "None without variants."}
    )


# Shapes


def own_words(campaign: Campaign, plan: Plan, told: Results | None) -> Json:
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


def _results(campaign: Campaign, told: Results) -> Json:
    return {
        **trial_results.results(told),
        "chosen": campaign.chosen,
        "chosen_at": time_or_none(campaign.chosen_at),
        "variants": [
            {**trial_results.arm(each), "sent": each.people, "clicked": each.converted} for each in told.arms
        ],
    }
