"""What is asked and answered about the catalog: its types, their switches, and previews.

It has only schemas; the answers are made in `catalog_shapes`. What is in a catalog is read and checked in
`gateway.catalog`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from gateway.experiments.bounds import METRICS, NAME, NAME_LONGEST
from gateway.notify.type_preview import TypePreviewRequest
from gateway.protocol import campaign_trials, required
from gateway.protocol.answers.notifications import ActionAnswer
from gateway.protocol.asking import OneFieldSchema
from gateway.protocol.fields import Object, Percent, StrictBoolean, Text, UserId, locale_field
from gateway.protocol.patterns import TYPE
from gateway.protocol.trial_results import ArmAnswer, FindingsAnswer
from storage.mail import LaneName

EXAMPLES_MAX = 1000
"""More than any type has; the bound is for the number, which must not be of any size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchRequest:
    """What is to hold for a type from now on; what is left out stays, and None is what the file says.

    Given and null differ from left out, so the changes are kept as they were asked, and not as fields.
    """

    type: str
    changes: Mapping[str, Any]
    """As it was asked: `enabled`, `variant`, and `channels` with `enabled` and `percent`, each only if it was given."""


def _type_field(**options: Any) -> Text:
    """The name of a type. It need not be in the catalog: admins may switch one that is emitted without."""
    return Text(TYPE, "capitals, digits and _, beginning with a capital", longest=64, **options)


class TypeSchema(OneFieldSchema):
    """One type, which need not be in the catalog."""

    type = _type_field(required=True)


class OverrideSchema(Schema):
    """Of one channel; null is what the file says.

    A percentage is a hundredth of a percent at its finest, as there are buckets.
    """

    enabled = StrictBoolean(allow_none=True)
    """Null is what the file says."""
    percent = Percent(allow_none=True, metadata={"description": "Of the users, by their buckets."})


class OverridesSchema(Schema):
    """What is set for each channel; one that is left out stays."""

    in_app = fields.Nested(OverrideSchema)
    email = fields.Nested(OverrideSchema)


class SwitchSchema(TypeSchema):
    """What admins set for a type; what is left out stays as it is, and null is what the file says.

    Raises for a request that would change nothing: it is a mistake, and would be audited as a change.
    """

    enabled = StrictBoolean(
        allow_none=True, metadata={"description": "Of the whole type: false is the kill switch."}
    )
    channels = fields.Nested(OverridesSchema)
    """Those that are named are changed."""
    variant = Text(
        NAME,
        "a variant's name",
        longest=NAME_LONGEST,
        allow_none=True,
        metadata={
            "description": "Which variant everybody gets from now on, as the type's experiment has them; null has it tried on."
        },
    )

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> SwitchRequest:
        changes = {name: value for name, value in data.items() if name != "type"}
        if not changes.keys() & {"enabled", "variant"} and not any(changes.get("channels", {}).values()):
            raise ValidationError("Says nothing: give enabled, variant, or something of channels.")
        return SwitchRequest(type=data["type"], changes=changes)


class TypePreviewSchema(TypeSchema):
    """Either data, or one of the type's examples.

    With `data` the example is not used. Nothing is stored or sent by it.
    """

    data = Object(load_default=None, allow_none=True)
    """Null: the example."""
    example = fields.Integer(
        strict=True, load_default=0, validate=validate.Range(min=0, max=EXAMPLES_MAX),
        metadata={"description": "Which of the type's examples, the first being 0."},
    )  # fmt: skip
    locale = locale_field(load_default=None, allow_none=True)
    user = UserId(load_default=None, allow_none=True)
    """For whom the gates are asked; null: for nobody."""
    variant = Text(
        NAME,
        "a variant's name",
        longest=NAME_LONGEST,
        load_default=None,
        allow_none=True,
        metadata={
            "description": "Of its experiment; left out, the user's own, or what everybody gets. Of the campaign, if there is one; left out, the first."
        },
    )
    campaign = fields.Nested(campaign_trials.CampaignWordsSchema, load_default=None, allow_none=True)
    """As a campaign that has these says it; null: as the type says it itself."""

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> TypePreviewRequest:
        return TypePreviewRequest(**data)


class CategoryAnswer(Schema):
    """A row of a user's preferences."""

    key = required.text()
    names = fields.Dict(
        keys=fields.String(), values=fields.String(), required=True, metadata={"description": "By locale."}
    )
    order = required.number()


class OwnCategoryAnswer(Schema):
    """A category as its reader sees it."""

    key = required.text()
    name = required.text(
        metadata={"description": "In the language that the reader has chosen, else of the token."}
    )
    icon = required.text(
        allow_none=True,
        metadata={"description": "The name of one of the inbox's pictures, or a character or two to show."},
    )


class OwnCategoriesAnswer(Schema):
    categories = fields.List(fields.Nested(OwnCategoryAnswer), required=True)


class ChannelAnswer(Schema):
    """One channel of a type, as it is in force."""

    enabled = required.flag(metadata={"description": "As far as the type is on."})
    percent = fields.Float(required=True, metadata={"description": "Of the users; 100 is everybody."})
    overridden = required.flag(metadata={"description": "An admin has set it: it is not what the file says."})
    by_default = required.flag(
        metadata={"description": "Whether the type uses the channel of its own accord."}
    )


class ChannelsAnswer(Schema):
    in_app = fields.Nested(ChannelAnswer, required=True)
    email = fields.Nested(ChannelAnswer, required=True)


class ChannelDayAnswer(Schema):
    """What a channel of a type did in this hour and the 23 before."""

    sent = required.number(metadata={"description": "Notifications shown, or mails that a relay took."})
    skipped = required.number(metadata={"description": "Not sent, by a rule."})
    dead = required.number(metadata={"description": "Given up on."})


class DayAnswer(Schema):
    in_app = fields.Nested(ChannelDayAnswer, required=True)
    email = fields.Nested(ChannelDayAnswer, required=True)


class ChangeAnswer(Schema):
    """One change of a switch."""

    at = required.time()
    by = required.text(metadata={"description": "`service:…` or `user:…`."})
    change = fields.Dict(required=True, metadata={"description": "What was asked."})


class TypeAnswer(Schema):
    """A type, and what holds for every notification of it."""

    urgent = required.flag(
        metadata={"description": "It needs an answer: shown to admins until one has dealt with it."}
    )
    known = required.flag(metadata={"description": "Whether the catalog has it."})
    category = required.text(allow_none=True)
    """Null of a type that the catalog does not have."""
    critical = required.flag()
    lane = fields.Enum(LaneName, by_value=True, required=True)
    locales = fields.List(fields.String(), required=True)
    enabled = required.flag(metadata={"description": "False is the kill switch."})
    channels = fields.Nested(ChannelsAnswer, required=True)
    changed = fields.Nested(ChangeAnswer, required=True, allow_none=True)
    """The last change; null: nobody has switched it."""
    day = fields.Nested(DayAnswer, required=True)


class TypesAnswer(Schema):
    """All types that the catalog has, and those that admins have switched without."""

    version = required.text(
        allow_none=True, metadata={"description": "Of the catalog; null where there is none."}
    )
    default_locale = required.text(allow_none=True)
    nodes = fields.Dict(
        keys=fields.String(),
        values=fields.String(allow_none=True),
        required=True,
        metadata={"description": "The version that each node runs, by its name."},
    )
    categories = fields.List(fields.Nested(CategoryAnswer), required=True)
    types = fields.Dict(keys=fields.String(), values=fields.Nested(TypeAnswer), required=True)


class TypeArmAnswer(ArmAnswer):
    """How a variant of a type does."""

    weight = required.number()
    reached = required.number(metadata={"description": "People who were shown it, or sent it."})
    converted = required.number(metadata={"description": "Of those reached."})


class TypeExperimentAnswer(FindingsAnswer):
    """The experiment of a type, and what it has found so far. It counts people, each once."""

    id = required.text(metadata={"description": "Another one with whatever is changed of it."})
    metric = required.text(metadata={"enum": list(METRICS)})
    baseline = fields.Float(required=True)
    """A part of 1, as it was expected."""
    effect = fields.Float(required=True)
    salt = required.text()
    holdout = fields.Float(
        required=True, metadata={"description": "Percent, who get nothing until it is settled."}
    )
    share = fields.Float(required=True, metadata={"description": "Percent of the others, who are on trial."})
    begun_at = required.time(allow_none=True, metadata={"description": "When the first came to take part."})
    chosen = required.text(
        allow_none=True, metadata={"description": "The variant that everybody gets, once it is settled."}
    )
    variants = fields.List(fields.Nested(TypeArmAnswer), required=True)


class TypeDetailAnswer(TypeAnswer):
    """One of them in full."""

    type = required.text()
    schema = fields.Dict(required=True, allow_none=True, metadata={"description": "JSON Schema of its data."})
    examples = fields.List(
        fields.Dict(), required=True, metadata={"description": "The first ones, 64 KiB of them at most."}
    )
    changes = fields.List(
        fields.Nested(ChangeAnswer),
        required=True,
        metadata={"description": "Of its switches, newest first, the last 50."},
    )
    experiment = fields.Nested(
        TypeExperimentAnswer,
        required=True,
        allow_none=True,
        metadata={"description": "None without variants."},
    )


class TypeItemAnswer(Schema):
    """The notification as an inbox shows it."""

    type = required.text()
    category = required.text(allow_none=True)
    title = required.text()
    body = required.text()
    link = required.text(allow_none=True)
    collapse_key = fields.String(
        metadata={
            "description": "It would take the place of what is shown in its room under this key; absent where it stands by itself."
        }
    )
    actions = fields.List(fields.Nested(ActionAnswer), metadata={"description": "Absent where it has none."})
    image = fields.String(metadata={"description": "Absent where it has none."})


class TypeMailAnswer(Schema):
    subject = required.text()
    text = required.text()
    html = required.text()
    bytes = required.number(metadata={"description": "Of the HTML."})
    warnings = fields.List(fields.String(), required=True)
    """As of what mail readers do not show."""
    templates = fields.List(
        fields.String(), required=True, metadata={"description": "The files it was made by."}
    )


class GateAnswer(Schema):
    """What one gate says."""

    rule = required.text()
    passed = required.flag()
    facts = fields.Dict(required=True, metadata={"description": "What it was decided by."})


class ExplainedAnswer(Schema):
    """What would become of one channel now, and why."""

    channel = required.text()
    verdict = required.text(metadata={"enum": ["send", "delay", "merge", "skip"]})
    rule = required.text(allow_none=True)
    """Null where every gate has let it pass."""
    detail = required.text(allow_none=True)
    gates = fields.List(fields.Nested(GateAnswer), required=True)


class ExplainSchema(TypeSchema):
    """Of one user and one type.

    Loads the user and the type, in this order.
    """

    user = UserId(required=True)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> tuple[str, str]:
        return data["user"], data["type"]


class ExplainAnswer(Schema):
    """What would become of a notification of the type for the user now."""

    channels = fields.List(fields.Nested(ExplainedAnswer), required=True)


class TypePreviewAnswer(Schema):
    locale = required.text(metadata={"description": "The language that it is in."})
    variant = required.text(
        allow_none=True,
        metadata={"description": "Of its experiment, or of the campaign; null for its own words."},
    )
    data = fields.Dict(required=True)
    item = fields.Nested(TypeItemAnswer, required=True, allow_none=True)
    mail = fields.Nested(TypeMailAnswer, required=True, allow_none=True)
    """Null where the type sends none, or it cannot be made."""
    problem = required.text(allow_none=True, metadata={"description": "Why there is no mail to show."})
    explain = fields.List(
        fields.Nested(ExplainedAnswer), required=True, metadata={"description": "For the user, by channel."}
    )
