"""What is answered about campaigns: the shapes of the answers, and how they are made.

What may be asked is in `campaigns`; the words and variants are in `campaign_trial_answers`. Figures come from
`gateway.notify.campaigns` and are only shaped here.
"""

from collections.abc import Sequence
from typing import Any

from marshmallow import Schema, fields

from gateway.ground.encoding import Json, time, time_or_none
from gateway.notify.campaigns.accounts import Progress
from gateway.notify.campaigns.book import DryRun
from gateway.notify.campaigns.plans import Audience, Imported, OfTopic, OfUsers
from gateway.protocol import campaign_trial_answers, required
from gateway.protocol.campaigns import MISTAKES_TOLD, AudienceField, ImportResult
from storage.campaigns import Campaign, CampaignCancelled, CampaignPage, CampaignState
from storage.mail import MailState
from storage.recipients import RecipientState


class AccountingAnswer(Schema):
    """`imported` = `pending` + `owed` + `sent` + `skipped` + `dead` + `cancelled`, and `exact` says whether it is so."""

    imported = required.number()
    """All recipients, however they came to be."""
    pending = required.number(metadata={"description": "Not decided for yet, or to be later."})
    owed = required.number(metadata={"description": "The mail waits, or is being sent."})
    sent = required.number()
    """Mails that the relay took."""
    skipped = required.number()
    """Who got none, by a rule."""
    dead = required.number()
    """Mails that were given up on."""
    cancelled = required.number()
    exact = required.flag(metadata={"description": "Checked against the mails that have left."})
    skipped_by = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    """How many, by the rule."""
    delivered = required.number(metadata={"description": "Of those sent, as far as anything was heard."})
    bounced = required.number()
    complained = required.number()
    clicked = required.number(
        metadata={"description": "Of those sent, of whom a person has followed a link."}
    )


class CampaignAnswer(Schema):
    id = required.text()
    name = required.text()
    type = required.text()
    state = fields.Enum(CampaignState, by_value=True, required=True)
    reason = required.text(
        allow_none=True, metadata={"description": "Why it is paused, if nobody asked for it."}
    )
    by = required.text()
    """`"user:42"` or `"service:shop"`."""
    created_at = required.time()
    send_at = required.time(allow_none=True)
    """Null: as it was started."""
    started_at = required.time(allow_none=True)
    ended_at = required.time(allow_none=True)
    """Null while it goes on."""
    gathered = required.flag(metadata={"description": "Whether all recipients are written down."})
    notification = required.text(allow_none=True, metadata={"description": "What was told in the app."})


class CampaignDetailAnswer(CampaignAnswer, campaign_trial_answers.OwnWordsAnswer):
    """A campaign in full."""

    data = fields.Dict(required=True)
    audience = AudienceField(required=True)
    in_app = required.text(allow_none=True)
    """The room that is told in the app; null: none."""
    local_time = required.text(allow_none=True)
    """By each recipient's clock, such as `"09:00"`."""
    accounting = fields.Nested(AccountingAnswer, required=True)


class CampaignsAnswer(Schema):
    campaigns = fields.List(fields.Nested(CampaignAnswer), required=True)
    next = required.text(allow_none=True)


class MistakeAnswer(Schema):
    line = required.number()
    problem = required.text()


class ImportAnswer(Schema):
    received = required.number(metadata={"description": "Lines, without empty ones and that of the columns."})
    added = required.number()
    known = required.number(metadata={"description": "Of users who were there before."})
    agreed = required.number(metadata={"description": "Of users whose consent counts by it."})
    refused = required.number()
    errors = fields.List(
        fields.Nested(MistakeAnswer), required=True, metadata={"description": f"The first {MISTAKES_TOLD}."}
    )


class DryRunAnswer(Schema):
    looked_at = required.number()
    send = required.number()
    later = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    """How many would wait, by the rule."""
    skipped = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    """How many would get none, by the rule."""
    dead = required.number(metadata={"description": "Whose data do not fit."})
    next = required.text(allow_none=True, metadata={"description": "`after` of the next part."})


class TestedAnswer(Schema):
    mails = fields.List(fields.String(), required=True)
    """Ids."""


class CampaignCancelledAnswer(Schema):
    campaign = fields.Nested(CampaignAnswer, required=True)
    cancelled = required.number(metadata={"description": "Recipients who get nothing any more."})
    under_way = required.number(metadata={"description": "Mails that were being sent at that moment."})


class RetriedAnswer(Schema):
    retried = required.number()


# Shapes


def campaign(value: Campaign) -> Json:
    """What lists show of a campaign; `reason` is of a pause that nobody has asked for."""
    return {
        "id": value.id,
        "name": value.name,
        "type": value.type,
        "state": value.state.value,
        "reason": value.reason,
        "by": value.by,
        "created_at": time(value.created_at),
        "send_at": time_or_none(value.send_at),
        "started_at": time_or_none(value.started_at),
        "ended_at": time_or_none(value.ended_at),
        "gathered": value.gathered,
        "notification": value.announced,
    }


def detail(value: Progress) -> Json:
    """A campaign in full: what it says, whom it is for, and how far it has come."""
    plan = value.plan
    return campaign(value.campaign) | {
        "data": plan.data,
        "audience": _audience(plan.audience),
        "in_app": plan.in_app,
        "local_time": None if plan.local_time is None else plan.local_time.strftime("%H:%M"),
        "accounting": accounting(value),
        **campaign_trial_answers.own_words(value.campaign, plan, value.experiment),
    }


def _audience(value: Audience) -> Any:
    """As it was asked, so that it can be asked again."""
    match value:
        case Imported():
            return "import"
        case OfTopic(topic=topic):
            return {"topic": topic}
        case OfUsers(locale=locale, attributes=attributes):
            asked: Json = {}
            if locale is not None:
                asked["locale"] = locale
            if attributes:
                asked["attributes"] = attributes
            return {"users": asked}


def accounting(value: Progress) -> Json:
    """Where each recipient stands. States that nobody is in are 0, so that a reader can add up."""
    rows, mails = value.counts.rows, value.counts.mails
    heard = (MailState.DELIVERED, MailState.BOUNCED, MailState.COMPLAINED)
    return {
        "imported": value.imported,
        **{state.value: rows.get(state, 0) for state in RecipientState},
        "exact": value.is_exact,
        "skipped_by": dict(value.counts.skipped),
        **{state.value: mails.get(state, 0) for state in heard},
        "clicked": value.counts.clicked,
    }


def page(value: CampaignPage) -> Json:
    """A page of campaigns, newest first."""
    return {"campaigns": [campaign(each) for each in value.items], "next": value.next}


def imported(value: ImportResult) -> Json:
    """What became of an import; `errors` are the first ones, by line."""
    return {
        "received": value.received,
        "added": value.added,
        "known": value.known,
        "agreed": value.agreed,
        "refused": value.refused,
        "errors": [{"line": line, "problem": problem} for line, problem in value.mistakes],
    }


def dry_run(value: DryRun) -> Json:
    """What would become of these recipients now; nothing was kept."""
    return {
        "looked_at": value.looked_at,
        "send": value.send,
        "later": dict(value.later),
        "skipped": dict(value.skipped),
        "dead": value.dead,
        "next": value.next,
    }


def tested(mails: Sequence[str]) -> Json:
    """The ids of the mails that were owed for a test."""
    return {"mails": list(mails)}


def cancelled(value: CampaignCancelled) -> Json:
    """How many get nothing any more, and how many mails could not be held back."""
    return {
        "campaign": campaign(value.campaign),
        "cancelled": value.cancelled,
        "under_way": value.under_way,
    }


def retried(number: int) -> Json:
    """How many recipients are tried again."""
    return {"retried": number}
