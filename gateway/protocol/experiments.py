"""What is asked and answered of experiments, whatever they are of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, fields, post_load, validate

from gateway.experiments.bounds import METRICS
from gateway.ground.encoding import Json, time_or_none
from gateway.notify.campaigns.accounts import Progress
from gateway.notify.trials.book import TypeTrial
from gateway.protocol import required, trial_results
from gateway.protocol.fields import Text, UserId
from gateway.protocol.trial_results import ArmAnswer, FindingsAnswer

USERS_MAX = 1000


def _id() -> Text:
    return Text(
        r"[!-~]*", "an id", longest=64, required=True,
        metadata={"description": "The id of an experiment, or the name of its type, or the id of its campaign."},
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Conversions:
    """Who has done what an experiment counts."""

    experiment: str
    users: Sequence[str]


class FindExperimentSchema(Schema):
    """Which experiment."""

    experiment = _id()

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> str:
        return str(data["experiment"])


class ConversionsSchema(Schema):
    """Who has done what an experiment counts."""

    experiment = _id()
    users = fields.List(UserId(), required=True, validate=validate.Length(min=1, max=USERS_MAX))

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> Conversions:
        return Conversions(**data)


class ExperimentArmAnswer(ArmAnswer):
    """How a variant does."""

    reached = required.number(metadata={"description": "People who were shown it, or sent it."})
    converted = required.number(metadata={"description": "Of those reached."})


class FoundExperimentAnswer(FindingsAnswer):
    """An experiment, and what it has found so far. It counts people, each once."""

    id = required.text()
    type = required.text(metadata={"description": "Of which it is, or its campaign is."})
    campaign = required.text(
        allow_none=True, metadata={"description": "Of which it is; null of a type's own."}
    )
    metric = required.text(metadata={"enum": list(METRICS)})
    begun_at = required.time(allow_none=True)
    chosen = required.text(
        allow_none=True, metadata={"description": "The variant that all others get, once that is settled."}
    )
    variants = fields.List(fields.Nested(ExperimentArmAnswer), required=True)


class ConversionsAnswer(Schema):
    taken = required.number(metadata={"description": "How many were told of."})


def experiment(value: TypeTrial | Progress) -> Json:
    return _of_type(value) if isinstance(value, TypeTrial) else _of_campaign(value)


def _of_type(value: TypeTrial) -> Json:
    return {
        **trial_results.results(value.results),
        "id": value.trial.id,
        "type": value.type,
        "campaign": None,
        "metric": value.trial.metric,
        "begun_at": time_or_none(value.begun_at),
        "chosen": value.chosen,
        "variants": trial_results.arms(value.results),
    }


def _of_campaign(value: Progress) -> Json:
    campaign, asked, found = value.campaign, value.plan.experiment, value.experiment
    assert asked is not None  # others are not answered
    assert found is not None
    return {
        **trial_results.results(found),
        "id": campaign.id,
        "type": campaign.type,
        "campaign": campaign.id,
        "metric": asked.metric,
        "begun_at": time_or_none(campaign.started_at),
        "chosen": campaign.chosen,
        "variants": trial_results.arms(found),
    }


def taken(count: int) -> Json:
    return {"taken": count}
