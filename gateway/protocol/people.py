"""What is asked and answered about what backends tell of users, and about who is found by it.

What is kept of a user is of `storage.people`, who hears of a change is of `gateway.notify`. A backend that
sends the same twice changes nothing by it.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from marshmallow import Schema, ValidationError, fields, post_load, validate

from auth.claims import NAME_CHARACTERS_MAX
from gateway.ground.encoding import Json, time_or_none
from gateway.ground.zones import ZONE_CHARACTERS, zone
from gateway.notify.people.profiles import ProfileChange
from gateway.protocol import required
from gateway.protocol.asking.basics import OneFieldSchema
from gateway.protocol.fields import EmailAddress, Items, Object, Text, UserId, locale_field
from gateway.protocol.patterns import VISIBLE
from storage.people import FoundContacts, Profile

ATTRIBUTES_BYTES = 4096
"""Of one user's attributes, written without spaces."""
USERS_AT_ONCE = 1000
"""Users of one batch."""
USERS_BYTES = 2 * 1024 * 1024
"""Of the body of a batch."""


class Attributes(Object):
    """What a backend knows beside, as an object of its own.

    Loads it as it came. It is taken as a whole: what is left out of it is gone.
    """

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> dict[str, Any]:
        sound = super()._deserialize(value, attr, data, **options)
        if len(orjson.dumps(sound)) > ATTRIBUTES_BYTES:
            raise ValidationError(f"Must have {ATTRIBUTES_BYTES} bytes at most, written without spaces.")
        return sound


class Zone(Text):
    """The name of a time zone.

    Such as `"Europe/Berlin"`. It must be one that this machine knows.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(
            r"[A-Za-z0-9_+/-]*", "a time zone such as Europe/Berlin", longest=ZONE_CHARACTERS, **options
        )

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> str:
        name = super()._deserialize(value, attr, data, **options)
        if zone(name) is None:
            raise ValidationError("Must be a time zone such as Europe/Berlin.")
        return name


class ProfileSchema(Schema):
    """What a backend tells of a user.

    Loads a `ProfileChange` with the fields that are given: null takes one back, and what is left out stays.
    """

    user = UserId(required=True)
    email = EmailAddress(allow_none=True)
    name = Text(VISIBLE, "printable", longest=NAME_CHARACTERS_MAX, allow_none=True)
    locale = locale_field(allow_none=True)
    timezone = Zone(allow_none=True)
    attributes = Attributes(
        allow_none=True,
        metadata={"description": f"Of your own; {ATTRIBUTES_BYTES} bytes of JSON at most. Taken as a whole."},
    )

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> ProfileChange:
        user = data.pop("user")
        return ProfileChange(user=user, fields=data)


class UserProfileSchema(ProfileSchema):
    """The same, with whom it is about.

    By another name, so that the OpenAPI document tells an item of a batch from a body.
    """


class ProfilesSchema(OneFieldSchema):
    """Of several users what a `PATCH` of each would tell.

    When one is wrong, none is taken.
    """

    users = Items(
        fields.Nested(UserProfileSchema), required=True, validate=validate.Length(min=1, max=USERS_AT_ONCE)
    )


class FoundUserAnswer(Schema):
    user = required.text()
    email = required.text(allow_none=True)
    name = required.text(allow_none=True)
    last_seen = required.time(allow_none=True)
    """Null: never."""


class FoundUsersAnswer(Schema):
    users = fields.List(fields.Nested(FoundUserAnswer), required=True, metadata={"description": "By id."})
    more = required.flag(metadata={"description": "There may be others: ask for more of a name."})


class ToldAnswer(Schema):
    users = required.number(metadata={"description": "That something was told of."})


def profile(value: Profile) -> Json:
    """What is kept of a user."""
    contact = value.contact
    return {
        "user": contact.user,
        "email": contact.email,
        "name": contact.name,
        "locale": contact.locale,
        "timezone": contact.timezone,
        "attributes": dict(value.attributes),
        "last_seen": time_or_none(contact.last_seen),
    }


def told(users: int) -> Json:
    """How many users a batch was about."""
    return {"users": users}


def found(value: FoundContacts) -> Json:
    """Who was found, and whether there may be more."""
    return {
        "users": [
            {
                "user": contact.user,
                "email": contact.email,
                "name": contact.name,
                "last_seen": time_or_none(contact.last_seen),
            }
            for contact in value.contacts
        ],
        "more": value.more,
    }
