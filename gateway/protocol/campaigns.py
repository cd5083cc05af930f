"""What is asked and answered about campaigns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from auth.principal import is_topic
from gateway.ground.encoding import Json, time, time_or_none
from gateway.ground.rooms import user_of
from gateway.notify.campaigns.book import DryRun, Progress
from gateway.notify.campaigns.plans import (
    Audience,
    CampaignRequest,
    DryRunRequest,
    Imported,
    OfTopic,
    OfUsers,
    Plan,
    RecipientsRequest,
    TestRequest,
)
from gateway.protocol import required
from gateway.protocol.answers.waiting import RecipientAnswer
from gateway.protocol.fields import (
    TYPE,
    VISIBLE,
    EmailAddress,
    Items,
    Moment,
    Object,
    Room,
    Text,
    cursor_field,
    locale_field,
)
from mailer.locales import is_tag
from storage.campaigns import (
    Campaign,
    CampaignPage,
    CampaignState,
    Cancelled,
    RecipientPage,
    RecipientRow,
    RecipientState,
)
from storage.mail import MailState

NAME_MAX = 200
BODY_BYTES = 64 * 1024
TESTED_AT_ONCE = 10
ATTRIBUTES_MAX = 20
IMPORT_BYTES_MAX = 1024**3
MISTAKES_TOLD = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignsRequest:
    """A page of campaigns, newest first."""

    before: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What became of an import."""

    received: int
    added: int
    known: int
    refused: int
    mistakes: Sequence[tuple[int, str]]


# What is asked


def _limit(default: int, most: int) -> fields.Integer:
    return fields.Integer(strict=True, load_default=default, validate=validate.Range(min=1, max=most))


def _id() -> Text:
    return Text(r"[!-~]*", "an id", longest=64, required=True)


class AudienceField(fields.Field[Audience]):
    """`"import"`, `{"topic": …}`, or `{"users": {"locale"?, "attributes"?}}`."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> Audience:
        del attr, data, options
        match value:
            case "import":
                return Imported()
            case {"topic": str(topic)} if len(value) == 1 and is_topic(topic):
                return OfTopic(topic)
            case {"users": dict(asked)} if len(value) == 1 and asked.keys() <= {"locale", "attributes"}:
                return _users(asked)
            case _:
                raise ValidationError(
                    'Must be "import", {"topic": a topic}, or {"users": {"locale": a language, "attributes": an object}}.'
                )


def _users(asked: Mapping[str, Any]) -> OfUsers:
    locale, attributes = asked.get("locale"), asked.get("attributes") or {}
    if locale is not None and not (isinstance(locale, str) and is_tag(locale)):
        raise ValidationError("users.locale must be a language such as de or pt-BR.")
    plain = (str, int, float, bool)
    if not isinstance(attributes, dict) or not all(isinstance(each, plain) for each in attributes.values()):
        raise ValidationError("users.attributes must be an object of texts, numbers, true and false.")
    if len(attributes) > ATTRIBUTES_MAX:
        raise ValidationError(f"users.attributes may name {ATTRIBUTES_MAX} at most.")
    return OfUsers(locale=locale, attributes=attributes)


class SharedRoom(Room):
    """A room of many: one notification in it is everybody's."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> str:
        room = super()._deserialize(value, attr, data, **options)
        if user_of(room) is not None:
            raise ValidationError("Must be a room of many: topic:<name>, admins or all.")
        return room


class CampaignSchema(Schema):
    """A campaign to be. It is a draft until it is started."""

    name = Text(VISIBLE, "printable, with something to see", longest=NAME_MAX, required=True)
    type = Text(
        TYPE, "a type", longest=64, required=True, metadata={"description": "Of the catalog, of the lane `bulk`."}
    )  # fmt: skip
    data = Object(load_default=dict, metadata={"description": "What its words are made of."})
    audience = AudienceField(required=True)
    in_app = SharedRoom(
        load_default=None,
        allow_none=True,
        metadata={"description": "A room of many that is told the same in the app, once."},
    )
    send_at = Moment(load_default=None, allow_none=True, metadata={"description": "None: as it is started."})
    local_time = fields.Time(
        format="%H:%M",
        load_default=None,
        allow_none=True,
        metadata={"description": "By each recipient's own clock, such as 09:00."},
    )

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> CampaignRequest:
        plan = Plan(
            audience=data["audience"], data=data["data"], in_app=data["in_app"], local_time=data["local_time"]
        )
        return CampaignRequest(name=data["name"], type=data["type"], plan=plan, send_at=data["send_at"])


class CampaignsSchema(Schema):
    """A page of campaigns, newest first."""

    before = cursor_field()
    limit = _limit(50, 200)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> CampaignsRequest:
        return CampaignsRequest(**data)


class CampaignIdSchema(Schema):
    """One campaign."""

    campaign = _id()

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> str:
        return str(data["campaign"])


class RecipientsSchema(Schema):
    """A page of a campaign's recipients, in the order in which they were written down."""

    campaign = _id()
    state = fields.Enum(RecipientState, by_value=True, load_default=None)
    after = cursor_field()
    limit = _limit(50, 1000)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> RecipientsRequest:
        return RecipientsRequest(**data)


class DryRunSchema(Schema):
    """A part of a campaign's recipients, to be decided for without anything being kept or sent."""

    campaign = _id()
    after = cursor_field()
    limit = _limit(1000, 1000)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> DryRunRequest:
        return DryRunRequest(**data)


class CampaignTestSchema(Schema):
    """Addresses to send the campaign's mail to. They are no recipients of it."""

    campaign = _id()
    to = Items(EmailAddress(), required=True, validate=validate.Length(min=1, max=TESTED_AT_ONCE))
    data = Object(load_default=dict, metadata={"description": "As of a recipient."})
    locale = locale_field(load_default=None, allow_none=True)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> TestRequest:
        return TestRequest(
            campaign=data["campaign"], to=tuple(dict.fromkeys(data["to"])), data=data["data"], locale=data["locale"]
        )  # fmt: skip


# What is answered


class AccountingAnswer(Schema):
    """`imported` = `pending` + `owed` + `sent` + `skipped` + `dead` + `cancelled`, and `exact` says whether it is so."""

    imported = required.number()
    pending = required.number(metadata={"description": "Not decided for yet, or to be later."})
    owed = required.number(metadata={"description": "The mail waits, or is being sent."})
    sent = required.number()
    skipped = required.number()
    dead = required.number()
    cancelled = required.number()
    exact = required.flag(metadata={"description": "Checked against the mails that have left."})
    skipped_by = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    delivered = required.number(metadata={"description": "Of those sent, as far as anything was heard."})
    bounced = required.number()
    complained = required.number()


class CampaignAnswer(Schema):
    id = required.text()
    name = required.text()
    type = required.text()
    state = fields.Enum(CampaignState, by_value=True, required=True)
    reason = required.text(
        allow_none=True, metadata={"description": "Why it is paused, if nobody asked for it."}
    )
    by = required.text()
    created_at = required.time()
    send_at = required.time(allow_none=True)
    started_at = required.time(allow_none=True)
    ended_at = required.time(allow_none=True)
    gathered = required.flag(metadata={"description": "Whether all recipients are written down."})
    notification = required.text(allow_none=True, metadata={"description": "What was told in the app."})


class CampaignDetailAnswer(CampaignAnswer):
    """A campaign in full."""

    data = fields.Dict(required=True)
    audience = AudienceField(required=True)
    in_app = required.text(allow_none=True)
    local_time = required.text(allow_none=True)
    accounting = fields.Nested(AccountingAnswer, required=True)


class CampaignsAnswer(Schema):
    campaigns = fields.List(fields.Nested(CampaignAnswer), required=True)
    next = required.text(allow_none=True)


class RecipientsAnswer(Schema):
    recipients = fields.List(fields.Nested(RecipientAnswer), required=True)
    next = required.text(allow_none=True)


class MistakeAnswer(Schema):
    line = required.number()
    problem = required.text()


class ImportAnswer(Schema):
    received = required.number(metadata={"description": "Lines, without empty ones and that of the columns."})
    added = required.number()
    known = required.number(metadata={"description": "Of users who were there before."})
    refused = required.number()
    errors = fields.List(
        fields.Nested(MistakeAnswer), required=True, metadata={"description": f"The first {MISTAKES_TOLD}."}
    )


class DryRunAnswer(Schema):
    looked_at = required.number()
    send = required.number()
    later = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    skipped = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    dead = required.number(metadata={"description": "Whose data do not fit."})
    next = required.text(allow_none=True, metadata={"description": "`after` of the next part."})


class TestedAnswer(Schema):
    mails = fields.List(fields.String(), required=True)


class CampaignCancelledAnswer(Schema):
    campaign = fields.Nested(CampaignAnswer, required=True)
    cancelled = required.number(metadata={"description": "Recipients who get nothing any more."})
    under_way = required.number(metadata={"description": "Mails that were being sent at that moment."})


class RetriedAnswer(Schema):
    retried = required.number()


# Shapes


def campaign(value: Campaign) -> Json:
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
    plan = value.plan
    return campaign(value.campaign) | {
        "data": plan.data,
        "audience": _audience(plan.audience),
        "in_app": plan.in_app,
        "local_time": None if plan.local_time is None else plan.local_time.strftime("%H:%M"),
        "accounting": accounting(value),
    }


def _audience(value: Audience) -> Any:
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
    rows, mails = value.counts.rows, value.counts.mails
    heard = (MailState.DELIVERED, MailState.BOUNCED, MailState.COMPLAINED)
    return {
        "imported": value.imported,
        **{state.value: rows.get(state, 0) for state in RecipientState},
        "exact": value.is_exact,
        "skipped_by": dict(value.counts.skipped),
        **{state.value: mails.get(state, 0) for state in heard},
    }


def page(value: CampaignPage) -> Json:
    return {"campaigns": [campaign(each) for each in value.items], "next": value.next}


def recipients(value: RecipientPage) -> Json:
    return {
        "recipients": [recipient(each) for each in value.items],
        "next": value.next,
    }


def recipient(value: RecipientRow) -> Json:
    return {
        "id": value.id,
        "user": value.user,
        "address": value.address,
        "state": value.state.value,
        "decided_by": value.rule,
        "reason": value.reason,
        "mail": value.mail,
        "mail_state": None if value.mail_state is None else value.mail_state.value,
        "updated_at": time(value.updated_at),
    }


def imported(value: ImportResult) -> Json:
    return {
        "received": value.received,
        "added": value.added,
        "known": value.known,
        "refused": value.refused,
        "errors": [{"line": line, "problem": problem} for line, problem in value.mistakes],
    }


def dry_run(value: DryRun) -> Json:
    return {
        "looked_at": value.looked_at,
        "send": value.send,
        "later": dict(value.later),
        "skipped": dict(value.skipped),
        "dead": value.dead,
        "next": value.next,
    }


def tested(mails: Sequence[str]) -> Json:
    return {"mails": list(mails)}


def cancelled(value: Cancelled) -> Json:
    return {
        "campaign": campaign(value.campaign),
        "cancelled": value.cancelled,
        "under_way": value.under_way,
    }


def retried(number: int) -> Json:
    return {"retried": number}
