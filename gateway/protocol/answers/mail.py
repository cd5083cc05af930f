"""What is answered about mail, as schemas.

One mail by itself is in `notifications`, since a notification has one.
"""

from marshmallow import Schema, fields

from gateway.protocol import required
from gateway.protocol.answers.notifications import RecordAnswer
from storage.mail import MailState


class MailPageAnswer(Schema):
    mail = fields.List(fields.Nested(RecordAnswer), required=True)
    next = required.text(allow_none=True)


class MailIdsAnswer(Schema):
    ids = fields.List(fields.String(), required=True)


class RevivedAnswer(Schema):
    revived = fields.List(fields.String(), required=True)


class MailCountsAnswer(Schema):
    counts = fields.Dict(
        keys=fields.Enum(MailState, by_value=True),
        values=fields.Integer(),
        required=True,
        metadata={"description": "Of every state."},
    )


class AllRevivedAnswer(Schema):
    revived = required.number()
    more = required.flag(metadata={"description": "Dead mail is left."})


class RenderedMailAnswer(Schema):
    """A mail as its reader will see it."""

    from_ = required.text(data_key="from")
    to = required.text()
    subject = required.text()
    text = required.text()
    html = required.text()
