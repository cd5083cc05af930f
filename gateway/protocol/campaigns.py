"""What is asked about campaigns.

Requests are loaded into what `gateway.notify.campaigns` takes. What is answered is in `campaign_answers`,
what an import holds in `campaign_rows`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from auth.principal import is_topic
from gateway.ground.rooms import user_of
from gateway.notify.campaigns.plans import (
    Audience,
    CampaignRequest,
    ChooseRequest,
    DryRunRequest,
    Imported,
    OfTopic,
    OfUsers,
    Plan,
    RecipientsRequest,
    TestRequest,
)
from gateway.protocol import campaign_trials
from gateway.protocol.fields import (
    EmailAddress,
    Items,
    Object,
    Room,
    Text,
    Timestamp,
    cursor_field,
    locale_field,
)
from gateway.protocol.patterns import TYPE, VISIBLE
from mailer.locales import is_tag
from storage.recipients import Heard, RecipientState

NAME_MAX = 200
"""Characters."""
BODY_BYTES = 64 * 1024
"""Of a draft; its words may be in many languages."""
TESTED_AT_ONCE = 10
"""Addresses of one test: it goes to colleagues, and is no way around the recipients."""
ATTRIBUTES_MAX = 20
"""That an audience may name."""
LOOKED_FOR: Mapping[str, RecipientState | Heard] = {each.value: each for each in (*RecipientState, *Heard)}
"""By what recipients are looked for."""
IMPORT_BYTES_MAX = 1024**3
"""Of one import, decompressed; it is never in memory as a whole."""
MISTAKES_TOLD = 20
"""Mistakes of an import that are told by line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignsRequest:
    """A page of campaigns, newest first."""

    before: str | None = None
    """The cursor of an earlier page; None for the first."""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What became of an import."""

    received: int
    """Lines that say something, right or wrong."""
    added: int
    known: int
    """Users who were recipients before."""
    agreed: int
    """Users whose consent counts by it."""
    refused: int
    mistakes: Sequence[tuple[int, str]]
    """Line and problem, `MISTAKES_TOLD` at most."""


def _limit(default: int, most: int) -> fields.Integer:
    """How many a page holds."""
    return fields.Integer(strict=True, load_default=default, validate=validate.Range(min=1, max=most))


def _id() -> Text:
    """The id of a campaign; whether there is one, the store says."""
    return Text(
        r"[!-~]*", "an id", longest=64, required=True, metadata={"description": "The id of a campaign."}
    )


class AudienceField(fields.Field[Audience]):
    """`"import"`, `{"topic": …}`, or `{"users": {"locale"?, "attributes"?}}`.

    Loads one of the three kinds of `Audience`. How an audience becomes recipients is of
    `gateway.notify.campaigns`.
    """

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
    """The audience of known users. Raises `ValidationError`. Attributes are compared whole, and so must be plain."""
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
    """A room of many: one notification in it is everybody's.

    Raises `ValidationError` for a user's own.
    """

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> str:
        room = super()._deserialize(value, attr, data, **options)
        if user_of(room) is not None:
            raise ValidationError("Must be a room of many: topic:<name>, admins or all.")
        return room


class CampaignSchema(campaign_trials.OwnWordsSchema):
    """A campaign to be. It is a draft until it is started.

    Loads a `CampaignRequest`. Whether the type may be sent in bulk, and whether its data fit, the use case
    says.
    """

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
    send_at = Timestamp(
        load_default=None, allow_none=True, metadata={"description": "None: as it is started."}
    )
    local_time = campaign_trials.wall_time()

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> CampaignRequest:
        plan = Plan(
            audience=data["audience"], data=data["data"], in_app=data["in_app"], local_time=data["local_time"],
            texts=data["texts"], variants=tuple(data["variants"]), experiment=data["experiment"],
            mails_per_minute=data["rate"],
        )  # fmt: skip
        return CampaignRequest(name=data["name"], type=data["type"], plan=plan, send_at=data["send_at"])


class CampaignsSchema(Schema):
    """A page of campaigns, newest first."""

    before = cursor_field()
    limit = _limit(50, 200)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> CampaignsRequest:
        return CampaignsRequest(**data)


class CampaignIdSchema(Schema):
    """One campaign.

    By its path alone.
    """

    campaign = _id()

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> str:
        return str(data["campaign"])


class RecipientsSchema(Schema):
    """A page of a campaign's recipients, in the order in which they were written down.

    Of one state, or of all; of those of whom something was heard, in another.
    """

    campaign = _id()
    state = fields.String(
        load_default=None,
        validate=validate.OneOf(list(LOOKED_FOR)),
        metadata={"description": "`bounced`, `complained` and `clicked` are of those sent."},
    )
    after = cursor_field()
    limit = _limit(50, 1000)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> RecipientsRequest:
        state = data["state"]
        return RecipientsRequest(**data | {"state": None if state is None else LOOKED_FOR[state]})


class DryRunSchema(Schema):
    """A part of a campaign's recipients, to be decided for without anything being kept or sent.

    It goes on where the part before has ended, until `next` is null.
    """

    campaign = _id()
    after = cursor_field()
    limit = _limit(1000, 1000)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> DryRunRequest:
        return DryRunRequest(**data)


class CampaignTestSchema(Schema):
    """Addresses to send the campaign's mail to. They are no recipients of it.

    Each address once.
    """

    campaign = _id()
    to = Items(EmailAddress(), required=True, validate=validate.Length(min=1, max=TESTED_AT_ONCE))
    data = Object(load_default=dict, metadata={"description": "As of a recipient."})
    locale = locale_field(load_default=None, allow_none=True)
    variant = Text(
        r"[!-~]*", "a variant", longest=32, load_default=None, allow_none=True, metadata={"description": "None: the first."}
    )  # fmt: skip

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> TestRequest:
        return TestRequest(**data | {"to": tuple(dict.fromkeys(data["to"]))})


class ChooseSchema(Schema):
    """The variant that those get who wait for what is found.

    The first choice stays; whoever comes later is told which it was.
    """

    campaign = _id()
    variant = Text(r"[!-~]*", "a variant", longest=32, required=True)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> ChooseRequest:
        return ChooseRequest(**data)
