"""What may be asked of mail: which, and what waits."""

from typing import Any

from marshmallow import Schema, fields, post_load

from gateway.notify.requests import HeldRequest, MailRequest
from gateway.protocol.asking.basics import id_field
from gateway.protocol.fields import EmailAddress, Timestamp, UserId, cursor_field, limit_field
from storage.mail import MailState


class MailSchema(Schema):
    """A page of mail.

    All that is given must hold. `address` is compared as mail servers do.
    """

    state = fields.Enum(MailState, by_value=True, load_default=None)
    """Null: of any."""
    address = EmailAddress(
        load_default=None, metadata={"description": "Whither it goes or went, in whatever case."}
    )
    user = UserId(load_default=None, metadata={"description": "Whose it is."})
    notification = id_field(
        load_default=None, metadata={"description": "That it tells; or a mail's own id, or a campaign's."}
    )
    since = Timestamp(load_default=None, metadata={"description": "Emitted then or later."})
    until = Timestamp(load_default=None, metadata={"description": "Emitted before."})
    before = cursor_field()
    limit = limit_field(50, 200)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> MailRequest:
        return MailRequest(**data)


class HeldSchema(Schema):
    """A page of mail that waits.

    By when it is due; the cursor is opaque.
    """

    after = cursor_field()
    limit = limit_field(50, 200)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> HeldRequest:
        return HeldRequest(**data)
