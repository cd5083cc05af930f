"""What is asked and answered about preferences.

What of the choices holds in the end, catalog and defaults considered, is of `gateway.notify.preferences`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, fields, post_load, validate

from gateway.ground.encoding import Json, time
from gateway.notify.choosing.choices import PreferenceGrid, shown
from gateway.notify.preferences.chosen import WEEKDAYS, CellOrigin
from gateway.protocol import required
from gateway.protocol.fields import Items, NameMap, StrictBoolean, Text, UserId, Wish, locale_field
from gateway.protocol.holding import Holding
from gateway.protocol.patterns import TYPE
from gateway.protocol.people import Zone
from storage.preferences import CHANGES_KEPT, PreferenceChange, StoredPreferences

CATEGORIES_MAX = 200
"""In one request."""
TYPES_MAX = 1000
"""In one request."""
CHANGES_SHOWN = 50
"""Of the proof, the newest."""
CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]"
"""A time of day, such as `"07:30"`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceRequest:
    """What is to be chosen, as it was asked."""

    patch: Mapping[str, Any]
    """As it was asked, without `version` and `user`."""
    version: int | None = None
    """The version that the change is of; None for whatever there is."""
    user: str = ""
    """Empty: the caller's own."""


class ChannelsSchema(Schema):
    """Whether a channel is wanted; null takes the choice back.

    Of the whole channel, over all categories and types.
    """

    in_app = StrictBoolean(allow_none=True)
    email = StrictBoolean(allow_none=True)


class WishesSchema(Schema):
    """The same of a category or a type, whose email may also come in a digest."""

    in_app = StrictBoolean(allow_none=True)
    """Null takes the choice back."""
    email = Wish(
        allow_none=True,
        metadata={
            "description": "`daily` and `weekly`: in one mail a day or a week, at nine in the morning."
        },
    )


class QuietHoursSchema(Schema):
    """By the clock on the person's wall, half-open, over midnight where the end comes first.

    Loads the days in their order, each once, so that the same hours are the same document.
    """

    start = Text(CLOCK, "a time such as 22:00", longest=5)
    end = Text(CLOCK, "a time such as 07:00", longest=5)
    days = Items(
        fields.String(validate=validate.OneOf(WEEKDAYS)),
        allow_none=True,
        validate=validate.Length(min=1, max=len(WEEKDAYS)),
        metadata={"description": "On which they begin; all, where none are named."},
    )

    @post_load
    def _in_order(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        if data.get("days"):
            data["days"] = [day for day in WEEKDAYS if day in data["days"]]
        return data


def _by_key(pattern: str, meaning: str, most: int) -> NameMap:
    """Wishes by the name of a category or a type; null takes all back that is under the name."""
    return NameMap(
        keys=Text(pattern, meaning, longest=64),
        values=fields.Nested(WishesSchema, allow_none=True),
        allow_none=True,
        validate=validate.Length(max=most),
    )


class PreferencesSchema(Schema):
    """A merge patch (RFC 7396) of what a person has chosen.

    Loads a `ChoiceRequest`. Whether a type or category is there, and whether it may be chosen, the use case
    says.
    """

    channels = fields.Nested(
        ChannelsSchema,
        allow_none=True,
        metadata={"description": "False is off for all that is not critical."},
    )
    categories = _by_key(r"[a-z][a-z0-9_]*", "a category", CATEGORIES_MAX)
    types = _by_key(TYPE, "a type", TYPES_MAX)
    timezone = Zone(allow_none=True)
    locale = locale_field(allow_none=True)
    quiet_hours = fields.Nested(QuietHoursSchema, allow_none=True)
    tracking = StrictBoolean(allow_none=True)
    """Whether it may be known which links in mail are followed."""
    version = fields.Integer(
        strict=True, validate=validate.Range(min=0),
        metadata={"description": "Change this version, and no other."},
    )  # fmt: skip

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> ChoiceRequest:
        return _request(data)


class UserPreferencesSchema(PreferencesSchema):
    """The same of one user.

    For admins and backends: the user stands in the path.
    """

    user = UserId(required=True)


class PreferencesEventSchema(Schema):
    """To be shown one's preferences, or to change them.

    Loads None where nothing is to be changed.
    """

    set = fields.Nested(PreferencesSchema)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> ChoiceRequest | None:
        return data.get("set")


def _request(data: dict[str, Any]) -> ChoiceRequest:
    """The request in what was loaded."""
    user, version = data.pop("user", ""), data.pop("version", None)
    return ChoiceRequest(user=user, version=version, patch=data)


class ChosenChannelsAnswer(Schema):
    """What was chosen; what is missing was not."""

    in_app = fields.Boolean()
    email = fields.Boolean()


class ChosenWishesAnswer(Schema):
    """The same of a category or a type."""

    in_app = fields.Boolean()
    email = Wish()


class ChosenHoursAnswer(Schema):
    start = required.text()
    """Such as `"22:00"`, by the person's own clock."""
    end = required.text()
    days = fields.List(fields.String(), metadata={"description": "All, where it is missing."})


class CellAnswer(Schema):
    """What holds for one channel of one type."""

    value = Wish(required=True, metadata={"description": "`daily` and `weekly`: of email, in a digest."})
    origin = fields.Enum(
        CellOrigin, by_value=True, required=True, data_key="from",
        metadata={"description": "What it comes from."},
    )  # fmt: skip
    locked = required.flag(metadata={"description": "Critical: it cannot be chosen."})
    digests = fields.Boolean(
        metadata={
            "description": "False: its mail always comes by itself, and `daily` and `weekly` are refused. Absent: they may be chosen."
        }
    )


class CellsAnswer(Schema):
    in_app = fields.Nested(CellAnswer, required=True)
    email = fields.Nested(CellAnswer, required=True)


class RowAnswer(Schema):
    """A type of the catalog."""

    category = required.text()
    name = required.text(metadata={"description": "Of the category, in the person's language."})
    type = required.text()
    type_name = required.text(
        allow_none=True,
        metadata={"description": "Of the type, in the same; null where the catalog has none."},
    )
    channels = fields.Nested(CellsAnswer, required=True)


class PreferencesAnswer(Schema):
    """What a person has chosen, and what holds of it."""

    channels = fields.Nested(ChosenChannelsAnswer, required=True)
    categories = fields.Dict(keys=fields.String(), values=fields.Nested(ChosenWishesAnswer), required=True)
    types = fields.Dict(keys=fields.String(), values=fields.Nested(ChosenWishesAnswer), required=True)
    timezone = required.text(allow_none=True)
    locale = required.text(allow_none=True)
    quiet_hours = fields.Nested(ChosenHoursAnswer, required=True, allow_none=True)
    tracking = required.flag(allow_none=True)
    """Null: was never asked."""
    version = required.number(metadata={"description": "0: nothing was ever chosen."})
    locales = fields.List(
        fields.String(), required=True,
        metadata={"description": "The languages that the catalog speaks, its own first."},
    )  # fmt: skip
    grid = fields.List(fields.Nested(RowAnswer), required=True)


class PreferenceChangeAnswer(Schema):
    """Who has chosen what, and when."""

    version = required.number()
    at = required.time()
    by = required.text(metadata={"description": "`user:…`, `service:…` or `link`."})
    mail = required.text(
        allow_none=True, metadata={"description": "The notification whose mail it came from, if from one."}
    )
    asked = fields.Dict(required=True)


class UserPreferencesAnswer(PreferencesAnswer):
    """The same, with the proof of who has chosen."""

    changes = fields.List(
        fields.Nested(PreferenceChangeAnswer),
        required=True,
        metadata={"description": f"Newest first, the last {CHANGES_SHOWN}."},
    )


@dataclass(frozen=True, slots=True)
class Proven:
    """What a person has chosen, and who has done so."""

    chosen: PreferenceGrid
    changes: tuple[PreferenceChange, ...]


def change(value: PreferenceChange) -> Json:
    """One change, with what was asked. `mail` is the id of the mail whose link did it, null else."""
    return {
        "version": value.version,
        "at": time(value.at),
        "by": value.by,
        "mail": value.mail,
        "asked": dict(value.asked),
    }


def proven(value: Proven) -> Json:
    """The preferences with the proof of them."""
    return {**shown(value.chosen), "changes": [change(each) for each in value.changes]}


def _as_chosen(found: Mapping[str, StoredPreferences]) -> Json:
    """What one person has chosen; version 0 is that of who has chosen nothing."""
    kept = next(iter(found.values()), StoredPreferences(document={}, version=0))
    return {"preferences": {**kept.document, "version": kept.version}}


HELD = (
    Holding(
        fields={"preferences": fields.Dict(required=True, metadata={"description": "As they were chosen."})},
        read=lambda store, whose, _: store.preferences.of_users([whose.user]),
        shape=_as_chosen,
    ),
    Holding(
        fields={
            "preference_changes": fields.List(fields.Nested(PreferenceChangeAnswer), required=True),
        },
        read=lambda store, whose, _: store.preferences.changes(whose.user, limit=CHANGES_KEPT),
        shape=lambda changes: {"preference_changes": [change(each) for each in changes]},
    ),
)
"""The changes are all that are kept, newest first."""
