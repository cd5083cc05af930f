"""What a campaign may say in its own words and in several ways. What is told of them is in `campaign_trial_answers`.

The schemas are parts of that of a campaign (`gateway.protocol.campaigns`). Whether the words can be made of
the data is asked of the catalog later; whether an experiment can find what it looks for is asked here, since
it depends on nothing else.
"""

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from gateway.experiments.bounds import (
    CONVERSIONS_MOST,
    HOLDOUT_MOST,
    HOURS_LEAST,
    MAIL_METRICS,
    METRICS,
    NAME,
    NAME_LONGEST,
    PART_LEAST,
    SALT,
    SALT_LONGEST,
    VARIANTS_MOST,
    WEIGHT_MOST,
)
from gateway.notify.campaigns.plans import Experiment, Imported, OwnTexts, Plan, Variant
from gateway.notify.campaigns.trial import design_of
from gateway.protocol.fields import NameMap, Text
from mailer.locales import LONGEST_TAG, TAG

LANGUAGES_MOST = 50
"""Of one text."""
HOURS_MOST = 24 * 30
"""Thirty days."""
RATE_MOST = 1_000_000
"""Mails a minute."""
TEXT_MOST = 10_000
"""As of a phrase of the catalog."""
_ANY = r"[^\u0000]*"
"""Anything but NUL, which no store keeps."""


def _source() -> Text:
    """A text as it is written in the catalog, with its placeholders."""
    return Text(_ANY, "a text", longest=TEXT_MOST, load_default=None, allow_none=True)


def wall_time() -> fields.Time:
    """A time of day, without a zone: it is each recipient's own."""
    return fields.Time(
        format="%H:%M",
        load_default=None,
        allow_none=True,
        metadata={"description": "By each recipient's own clock, such as 09:00."},
    )


class OwnTextsSchema(Schema):
    """Short texts, written as in the catalog. What is left out the type says.

    Loads `OwnTexts`. Placeholders are not looked at here.
    """

    title = _source()
    body = _source()
    link = _source()
    subject = _source()

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> OwnTexts:
        return OwnTexts(**data)


def texts_field() -> NameMap:
    """Texts by language, `LANGUAGES_MOST` at most."""
    return NameMap(
        keys=Text(TAG, "a language such as de or pt-BR", longest=LONGEST_TAG),
        values=fields.Nested(OwnTextsSchema),
        load_default=dict,
        validate=validate.Length(max=LANGUAGES_MOST),
        metadata={"description": "By language."},
    )


class VariantSchema(Schema):
    """One of several ways to say it. The first is the control.

    Weights are relative: 1 and 1 halve, as 5 and 5 do.
    """

    name = Text(NAME, "small letters, digits, - and _", longest=NAME_LONGEST, required=True)
    weight = fields.Integer(strict=True, load_default=1, validate=validate.Range(min=1, max=WEIGHT_MOST))
    texts = texts_field()
    local_time = wall_time()

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> Variant:
        return Variant(**data)


def _between(least: float, most: float, *, below: bool = False, **options: Any) -> fields.Float:
    """A number in a range, with `below` without its end; without NaN, which no range refuses."""
    judged = validate.Range(min=least, max=most, max_inclusive=not below)
    return fields.Float(allow_nan=False, validate=judged, **options)


class ExperimentSchema(Schema):
    """How variants are tried. What is expected is said first: by it is known how many people it takes.

    Loads an `Experiment`, with `hours` in seconds.
    """

    metric = fields.String(
        load_default=METRICS[0],
        validate=validate.OneOf(MAIL_METRICS),
        metadata={"description": "A click of a person, or a conversion that a backend tells."},
    )
    baseline = _between(
        PART_LEAST, 1, below=True, required=True, metadata={"description": "The part of whom that is expected anyway."}
    )  # fmt: skip
    effect = _between(
        PART_LEAST, 1, below=True, required=True, metadata={"description": "The smallest rise of it that is worth finding."}
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


class WordsSchema(Schema):
    """What a campaign says in the place of its type, and in which ways."""

    texts = texts_field()
    variants = fields.List(
        fields.Nested(VariantSchema), load_default=list, validate=validate.Length(max=VARIANTS_MOST)
    )


class CampaignWordsSchema(WordsSchema):
    """The words of a campaign that is still being written.

    Loads a `Plan` of which nothing else counts: its variants need no experiment yet.
    """

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> Plan:
        return Plan(audience=Imported(), texts=data["texts"], variants=tuple(data["variants"]))


class OwnWordsSchema(WordsSchema):
    """What a campaign has beside what is said of its type.

    It judges them together: variants need an experiment to be decided between, and that must be able to end.
    """

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
                f"It takes {planned.conversions} conversions to find so little, and {CONVERSIONS_MOST} at most can be.",
                "experiment",
            )
