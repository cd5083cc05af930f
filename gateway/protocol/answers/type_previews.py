"""What a type would say, and what would become of it for a user and why, as schemas.

The answers themselves are made in `gateway.protocol.type_shapes`.
"""

from marshmallow import Schema, fields

from gateway.protocol import required
from gateway.protocol.answers.notifications import ActionAnswer


class TypeItemAnswer(Schema):
    """The notification as an inbox shows it."""

    type = required.text()
    category = required.text(allow_none=True)
    title = required.text()
    body = required.text()
    link = required.text(allow_none=True)
    collapse_key = fields.String(
        metadata={
            "description": "It would take the place of what is shown in its room under this key; absent where it stands by itself."
        }
    )
    actions = fields.List(fields.Nested(ActionAnswer), metadata={"description": "Absent where it has none."})
    image = fields.String(metadata={"description": "Absent where it has none."})


class TypeMailAnswer(Schema):
    subject = required.text()
    text = required.text()
    html = required.text()
    bytes = required.number(metadata={"description": "Of the HTML."})
    warnings = fields.List(fields.String(), required=True)
    """As of what mail readers do not show."""
    templates = fields.List(
        fields.String(), required=True, metadata={"description": "The files it was made by."}
    )


class GateAnswer(Schema):
    """What one gate says."""

    rule = required.text()
    passed = required.flag()
    facts = fields.Dict(required=True, metadata={"description": "What it was decided by."})


class ExplainedAnswer(Schema):
    """What would become of one channel now, and why."""

    channel = required.text()
    verdict = required.text(metadata={"enum": ["send", "delay", "merge", "skip"]})
    rule = required.text(allow_none=True)
    """Null where every gate has let it pass."""
    detail = required.text(allow_none=True)
    gates = fields.List(fields.Nested(GateAnswer), required=True)


class ExplainAnswer(Schema):
    """What would become of a notification of the type for the user now."""

    channels = fields.List(fields.Nested(ExplainedAnswer), required=True)


class TypePreviewAnswer(Schema):
    locale = required.text(metadata={"description": "The language that it is in."})
    variant = required.text(
        allow_none=True,
        metadata={"description": "Of its experiment, or of the campaign; null for its own words."},
    )
    data = fields.Dict(required=True)
    item = fields.Nested(TypeItemAnswer, required=True, allow_none=True)
    mail = fields.Nested(TypeMailAnswer, required=True, allow_none=True)
    """Null where the type sends none, or it cannot be made."""
    problem = required.text(allow_none=True, metadata={"description": "Why there is no mail to show."})
    explain = fields.List(
        fields.Nested(ExplainedAnswer), required=True, metadata={"description": "For the user, by channel."}
    )
