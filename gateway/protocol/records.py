"""A user's notifications, receipts and mail, as they are told to the user: with what became of each."""

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
    fields={"notifications": fields.List(fields.Nested(RecordAnswer), required=True)},
    read=lambda store, whose, limit: store.streams.of_room(whose.room, limit=limit),
    shape=lambda notifications: {"notifications": [shapes.record(each) for each in notifications]},
)
"""What was told to the user alone, newest first."""
RECEIPTS_HELD = (
    Holding(
        fields={
            "receipts": fields.Dict(keys=fields.String(), values=fields.Nested(ReceiptAnswer), required=True)
        },
        read=lambda store, whose, limit: store.inboxes.receipts_of_user(whose.user, limit=limit),
        shape=lambda receipts: {"receipts": shapes.receipts(receipts)},
    ),
    Holding(
        fields={"read_upto": fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)},
        read=lambda store, whose, _: store.inboxes.read_upto(whose.user),
        shape=lambda by_room: {"read_upto": by_room},
    ),
)
"""What the user did with notifications in any room, by id; and by room, up to which sequence all counts as read."""
