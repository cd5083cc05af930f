"""What an emit is answered, and what a preview of one says, as schemas.

A batch answers each item by `ResultAnswer`, which is either of the two and so requires nothing but `status`.
"""

from marshmallow import Schema, fields

from gateway.notify.emitting.owing import USERS_NAMED
from gateway.protocol import required
from gateway.protocol.answers.mail import RenderedMailAnswer
from gateway.protocol.answers.notifications import AddressAnswer


class PlacedAnswer(AddressAnswer):
    """The same, and what holds its mail."""

    held_until = fields.DateTime(
        metadata={"description": "When its mail is decided again that the user's quiet hours hold."}
    )


class PutOffAnswer(Schema):
    """What is emitted later to one room."""

    id = required.text(
        metadata={"description": "Of what waits; the notification gets its own when it is emitted."}
    )
    room = required.text()
    scheduled_for = required.time()
    held_until = fields.DateTime(
        metadata={"description": "Until when its reader's quiet hours would then hold its mail."}
    )
    late = fields.Boolean(
        metadata={
            "description": "True: the time was over already. It is emitted at once, unless `max_lateness` is over too."
        }
    )


class SomeUsersAnswer(Schema):
    users = fields.List(
        fields.String(), required=True, metadata={"description": f"The first {USERS_NAMED} at most."}
    )
    count = required.number(metadata={"description": "Of all."})


class EmittedAnswer(Schema):
    notifications = fields.List(fields.Nested(PlacedAnswer), required=True)
    duplicate = required.flag(metadata={"description": "It was emitted before, under the same key."})
    without_address = fields.Nested(
        SomeUsersAnswer, metadata={"description": "Who is not mailed, as `email.if_known` allows."}
    )
    scheduled = fields.List(fields.Nested(PutOffAnswer), metadata={"description": "With `send_at`."})


class ProblemSchema(Schema):
    """Problem details (RFC 9457)."""

    type = required.text()
    title = required.text()
    status = required.number()
    code = required.text()
    detail = fields.String()
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "By field, such as `email.to` or `to.3`; the empty name is the whole."},
    )
    without_address = fields.Nested(
        SomeUsersAnswer, metadata={"description": "The users because of whom nothing is mailed."}
    )
    request_id = fields.String()


class ResultAnswer(Schema):
    """What became of one item of a batch: the answer of an emit, or a problem; `status` tells which."""

    status = required.number()
    """202, or that of the problem."""
    notifications = fields.List(fields.Nested(PlacedAnswer))
    duplicate = fields.Boolean()
    without_address = fields.Nested(SomeUsersAnswer)
    scheduled = fields.List(fields.Nested(PutOffAnswer))
    type = fields.String()
    title = fields.String()
    code = fields.String()
    detail = fields.String()
    errors = fields.Dict(keys=fields.String(), values=fields.List(fields.String()))
    request_id = fields.String()


class ResultsAnswer(Schema):
    results = fields.List(fields.Nested(ResultAnswer), required=True)


class RoomPreviewAnswer(Schema):
    room = required.text()
    connections = required.number(
        allow_none=True, metadata={"description": "Null where only the nodes together know."}
    )
    mail_to = required.text(allow_none=True)
    """An address; null: no mail."""
    mail_due_at = required.time(allow_none=True)
    problem = required.text(allow_none=True)
    """Why it could not be mailed."""
    decided_by = required.text(
        allow_none=True,
        metadata={"description": "The rule that would stop the mail now; null when none would."},
    )
    verdict = required.text(allow_none=True, metadata={"description": "The same in words."})
    collapse_key = required.text(
        allow_none=True,
        metadata={"description": "It would take the place of what is shown in the room under this key."},
    )


class PreviewAnswer(Schema):
    rooms = fields.List(fields.Nested(RoomPreviewAnswer), required=True)
    more = required.number(metadata={"description": "Rooms that are not shown."})
    mail = fields.Nested(RenderedMailAnswer, required=True, allow_none=True)
    """That of the first room that gets one."""
