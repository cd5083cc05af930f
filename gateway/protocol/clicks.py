"""What is said and told of clicks.

Which links there are and how a click is judged is of `gateway.notify.clicks`. Only a session asks; the public
links need no shape.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validates_schema

from gateway.ground.encoding import Json, time, time_or_none
from gateway.protocol import required
from gateway.protocol.fields import Text
from gateway.protocol.holding import Holding
from storage.clicks import Hit, HitKind
from storage.opens import Open

TOKEN_MAX = 128
"""Characters; tokens are shorter."""


@dataclass(frozen=True, slots=True)
class ClickRequest:
    """Which link was followed: that of a notification, that of a mail, or one that is both."""

    id: str | None
    """Of a notification, or None."""
    token: str | None
    """Of a link in a mail, or None."""


class ClickSchema(Schema):
    """A link was followed.

    One of the two must be there, and both may.
    """

    id = Text(r"[!-~]*", "an id", longest=64, load_default=None)
    token = Text(r"[!-~]*", "a token", longest=TOKEN_MAX, load_default=None)

    @validates_schema
    def _agree(self, data: dict[str, Any], **_: Any) -> None:
        if data["id"] is None and data["token"] is None:
            raise ValidationError("Must have id or token.")

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> ClickRequest:
        return ClickRequest(**data)


class HitAnswer(Schema):
    """A tracked link of a mail that was followed."""

    at = required.time()
    user = required.text(metadata={"description": "Whose mail it is."})
    mail = required.text(metadata={"description": "The id of the mail."})
    kind = fields.Enum(HitKind, by_value=True, required=True)
    why = fields.List(
        fields.String(), required=True, metadata={"description": "The rules that it was judged by."}
    )
    judged_at = required.time(allow_none=True)
    confirmed_at = required.time(
        allow_none=True, metadata={"description": "When the user's own client has said that it was the user."}
    )


class OpenAnswer(Schema):
    """The picture of a mail was fetched; by whom, nobody knows."""

    at = required.time()
    mail = required.text(metadata={"description": "The id of the mail."})
    signals = fields.List(
        fields.String(), required=True, metadata={"description": "What was seen that tells of a program."}
    )


def opened(value: Open) -> Json:
    return {"at": time(value.at), "mail": value.mail, "signals": list(value.signals)}


def hit(value: Hit) -> Json:
    """One hit. Until it is judged, `why` has what was seen of it; after, the rules."""
    return {
        "at": time(value.at),
        "user": value.user,
        "mail": value.mail,
        "kind": value.kind,
        "why": list(value.why or value.signals),
        "judged_at": time_or_none(value.judged_at),
        "confirmed_at": time_or_none(value.confirmed_at),
    }


def hits(values: Sequence[Hit]) -> list[Json]:
    """All of them, in their order."""
    return [hit(value) for value in values]


HELD = (
    Holding(
        fields={
            "clicks": fields.List(
                fields.Nested(HitAnswer),
                required=True,
                metadata={"description": "On tracked links in the user's mail."},
            )
        },
        read=lambda store, whose, limit: store.clicks.of_user(whose.user, limit=limit),
        shape=lambda found: {"clicks": hits(found)},
    ),
    Holding(
        fields={
            "click_targets": fields.List(
                fields.String(),
                required=True,
                metadata={"description": "What those links lead to that nobody else was sent."},
            )
        },
        read=lambda store, whose, limit: store.clicks.targets_of(whose.user, limit=limit),
        shape=lambda targets: {"click_targets": targets},
    ),
    Holding(
        fields={
            "opens": fields.List(
                fields.Nested(OpenAnswer),
                required=True,
                metadata={"description": "Of the user's mail, the newest first."},
            )
        },
        read=lambda store, whose, limit: store.opens.of_user(whose.user, limit=limit),
        shape=lambda found: {"opens": [opened(each) for each in found]},
    ),
)
"""Of all the user's mail."""
