"""What is answered about the recipients of campaigns: who they are, what became of each, and of which campaigns a user is one.

What is imported of them is read in `campaign_rows`.
"""

from marshmallow import Schema, fields

from gateway.ground.encoding import Json, time, time_or_none
from gateway.protocol import required
from gateway.protocol.holding import Holding
from storage.campaigns import Campaign
from storage.mail import MailState
from storage.recipients import RecipientPage, RecipientRow, RecipientState


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


class RecipientsAnswer(Schema):
    recipients = fields.List(fields.Nested(RecipientAnswer), required=True)
    next = required.text(allow_none=True)


class UserCampaignAnswer(RecipientAnswer):
    """The same, with the campaign."""

    campaign = required.text()
    name = required.text()


def recipients(value: RecipientPage) -> Json:
    """A page of recipients, in the order in which they were written down."""
    return {
        "recipients": [recipient(each) for each in value.items],
        "next": value.next,
    }


def recipient(value: RecipientRow) -> Json:
    """One recipient, with the mail of it; the address is that which was imported, null where the user's own is meant."""
    return {
        "id": value.id,
        "user": value.user,
        "address": value.address,
        "state": value.state.value,
        "decided_by": value.rule,
        "reason": value.reason,
        "mail": value.mail,
        "mail_state": None if value.mail_state is None else value.mail_state.value,
        "variant": value.variant,
        "clicked_at": time_or_none(value.clicked_at),
        "converted_at": time_or_none(value.converted_at),
        "updated_at": time(value.updated_at),
    }


def _of_campaign(campaign: Campaign, row: RecipientRow) -> Json:
    """The same, with the campaign."""
    return {"campaign": campaign.id, "name": campaign.name, **recipient(row)}


HELD = Holding(
    fields={"campaigns": fields.List(fields.Nested(UserCampaignAnswer), required=True)},
    read=lambda store, whose, limit: store.recipients.of_user(whose.user, limit=limit),
    shape=lambda found: {"campaigns": [_of_campaign(*each) for each in found]},
)
"""That the user is or was a recipient of, newest first."""
