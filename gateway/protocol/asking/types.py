"""What may be asked of types: one of them, its switches, a preview of it, and what its gates say of a user.

What is in a catalog is read and checked in `gateway.catalog`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from gateway.experiments.bounds import NAME, NAME_LONGEST
from gateway.notify.types.preview import TypePreviewRequest
from gateway.protocol import campaign_trials
from gateway.protocol.asking.basics import OneFieldSchema
from gateway.protocol.fields import Object, Percent, StrictBoolean, Text, UserId, locale_field
from gateway.protocol.patterns import TYPE

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
    return Text(
        TYPE, "capitals, digits and _, beginning with a capital", longest=64,
        metadata={"description": "The name of a type."}, **options,
    )  # fmt: skip


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


class ExplainSchema(TypeSchema):
    """Of one user and one type.

    Loads the user and the type, in this order.
    """

    user = UserId(required=True)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> tuple[str, str]:
        return data["user"], data["type"]
