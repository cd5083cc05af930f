"""What waits in the name of a user: scheduled, in a campaign, or in a digest, as schemas.

They stand apart from their own nouns since `users` needs them too, and those import `users`.
"""

from marshmallow import Schema, fields

from gateway.protocol import required
from storage.mail import MailState
from storage.recipients import RecipientState
from storage.schedule import Missed


class ScheduledAnswer(Schema):
    """What is emitted later to one room."""

    id = required.text()
    room = required.text()
    type = required.text()
    title = required.text(allow_none=True, metadata={"description": "Null: by the words of the type."})
    scheduled_for = required.time()
    latest_at = required.time(allow_none=True)
    """After it, it is not emitted any more; null: however late."""
    cancel_key = required.text(allow_none=True)
    missed = fields.Enum(
        Missed,
        by_value=True,
        required=True,
        allow_none=True,
        metadata={
            "description": "Why it was not emitted: nobody came to it in its time, or the store was put back since."
        },
    )
    by = required.text(metadata={"description": "In whose name it was asked."})
    created_at = required.time()


class RecipientAnswer(Schema):
    """A recipient of a campaign, and what became of it."""

    id = required.text()
    user = required.text(allow_none=True, metadata={"description": "None: erased."})
    address = required.text(allow_none=True)
    """That was imported; null: the user's own."""
    state = fields.Enum(RecipientState, by_value=True, required=True)
    decided_by = required.text(
        allow_none=True, metadata={"description": "The rule that skips it, or holds it."}
    )
    reason = required.text(allow_none=True)
    """In words."""
    mail = required.text(allow_none=True, metadata={"description": "The mail's id."})
    mail_state = fields.Enum(MailState, by_value=True, required=True, allow_none=True)
    variant = required.text(allow_none=True, metadata={"description": "That has fallen to it by lot."})
    clicked_at = required.time(
        allow_none=True, metadata={"description": "When a person has first followed a link of its mail."}
    )
    converted_at = required.time(
        allow_none=True, metadata={"description": "When a backend has first told so, of an experiment that counts that."}
    )  # fmt: skip
    updated_at = required.time()


class UserCampaignAnswer(RecipientAnswer):
    """The same, with the campaign."""

    campaign = required.text()
    name = required.text()


class DigestAnswer(Schema):
    """A digest that is open."""

    id = required.text(metadata={"description": "Also of its mail, once it closes."})
    key = required.text(
        metadata={
            "description": "`daily`, `weekly`, `quiet` of what quiet hours have held, `type:` with the type whose mail it gathers, or `key:` with its sender's key."
        }
    )
    rule = required.text(metadata={"description": "By which it was opened."})
    opened_at = required.time()
    closes_at = required.time()
    """It may move, where the digest waits for a silence."""
    gathered = required.number(metadata={"description": "Items that it was given."})
