"""A user's notifications and mail, as they are told to the user: with what became of each."""

from marshmallow import fields

from gateway.protocol import shapes
from gateway.protocol.answers.notifications import ReceiptAnswer, RecordAnswer
from gateway.protocol.holding import Holding

MAILS_HELD = Holding(
    fields={
        "mails": fields.List(
            fields.Nested(RecordAnswer),
            required=True,
            metadata={"description": "Those that are no notification's own, with what they tell."},
        )
    },
    read=lambda store, whose, limit: store.outbox.of_room(whose.room, limit=limit),
    shape=lambda mails: {"mails": [shapes.record(each) for each in mails]},
)
"""Newest first."""
NOTIFICATIONS_HELD = Holding(
    fields={
        "notifications": fields.List(fields.Nested(RecordAnswer), required=True),
        "receipts": fields.Dict(keys=fields.String(), values=fields.Nested(ReceiptAnswer), required=True),
        # By room, the sequence up to which all counts as read.
        "read_upto": fields.Dict(keys=fields.String(), values=fields.Integer(), required=True),
    },
    read=lambda store, whose, limit: store.people.user_data(whose.user, whose.room, limit=limit),
    shape=lambda data: {
        "notifications": [shapes.record(each) for each in data.notifications],
        "receipts": shapes.receipts(data.receipts),
        "read_upto": dict(data.read_upto),
    },
)
"""What was told to the user, newest first, and what the user did with it."""
