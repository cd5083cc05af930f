"""What is answered about the catalog's types, their categories, channels, switches and experiments, as schemas.

The answers themselves are made in `gateway.protocol.type_shapes`.
"""

from marshmallow import Schema, fields

from gateway.experiments.bounds import METRICS
from gateway.protocol import required
from gateway.protocol.trial_results import ArmAnswer, FindingsAnswer
from storage.mail import LaneName


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
