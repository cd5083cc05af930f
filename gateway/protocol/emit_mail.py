"""What an emit may say of its mail.

It stands apart since `Email` takes two shapes, which the schema of an emit names only once.
"""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validates_schema

from gateway.notify.requests import EmailRequest
from gateway.protocol.emit_rules import AFTER_SECONDS_MAX, TITLE_MAX
from gateway.protocol.fields import EmailAddress, Seconds, StrictBoolean, Text
from gateway.protocol.patterns import VISIBLE
from storage.mail import Unless


class EmailSchema(Schema):
    """What is said of the mail of one emit.

    Loads an `EmailRequest`. Whether the address is known is found later, when it is emitted.
    """

    to = EmailAddress(load_default=None)
    """Left out: the address that is known of the user."""
    subject = Text(VISIBLE, "printable, with something to see", longest=TITLE_MAX, load_default=None)
    after = Seconds(
        longest=AFTER_SECONDS_MAX,
        load_default=None,
        metadata={"description": "Seconds to wait; what the type says, else 0."},
    )
    unless = fields.Enum(Unless, by_value=True, load_default=None)
    """Judged when the mail is about to leave."""
    if_known = StrictBoolean(
        load_default=False,
        metadata={"description": "Mail those users whose address is known, and leave out the others."},
    )

    @validates_schema
    def _agree(self, data: dict[str, Any], **_: Any) -> None:
        if data["if_known"] and data["to"] is not None:
            raise ValidationError("An address that is given is known: leave it out.", "if_known")

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> EmailRequest:
        return EmailRequest(
            to=data["to"], subject=data["subject"], after_seconds=data["after"], unless=data["unless"],
            if_known=data["if_known"],
        )  # fmt: skip


class Email(fields.Field[EmailRequest | bool]):
    """`true`, an object, or `false`.

    True loads a request without wishes, false loads false. The field itself is null where nothing is said.
    """

    _object = fields.Nested(EmailSchema)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> EmailRequest | bool:
        if value is True:
            return EmailRequest()
        if value is False:
            return False
        if not isinstance(value, dict):
            raise ValidationError("Must be true, false or an object.")
        parsed: EmailRequest = self._object.deserialize(value, attr, data, **options)
        return parsed
