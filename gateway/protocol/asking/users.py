"""What may be asked of users: who is online, who is known, and ending somebody's connections."""

from typing import Any

from marshmallow import Schema, post_load

from auth.principal import USER_ID_MAX
from gateway.notify.requests import DisconnectRequest, FindRequest, RosterRequest
from gateway.protocol.asking.basics import OneFieldSchema
from gateway.protocol.fields import Text, UserId, limit_field
from gateway.protocol.patterns import PRINTABLE, VISIBLE

REASON_MAX = 200
"""Characters of a reason."""


class RosterSchema(Schema):
    """A page of who is online.

    By user id, so that a page goes on where the one before ended, also when people come and go.
    """

    after = UserId(load_default=None, metadata={"description": "`next` of the page before."})
    limit = limit_field(200, 1000)
    prefix = Text(PRINTABLE, "the beginning of a user id", shortest=0, longest=USER_ID_MAX, load_default="")
    """Of user ids."""

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> RosterRequest:
        return RosterRequest(**data)


class FindSchema(Schema):
    """Whom to look for.

    The bound on the text bounds the query that is made of it.
    """

    text = Text(
        VISIBLE, "printable", longest=200, required=True,
        metadata={"description": "Beginnings of the id, the address, or words of the name, in any case; all of them count."},
    )  # fmt: skip
    limit = limit_field(20, 100)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> FindRequest:
        return FindRequest(**data)


class DisconnectSchema(Schema):
    """Whose connections to end, and why."""

    user = UserId(required=True)
    reason = Text(PRINTABLE, "printable", longest=REASON_MAX, load_default=None, allow_none=True)
    """For the log; the client is not told."""

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> DisconnectRequest:
        return DisconnectRequest(**data)


class UserSchema(OneFieldSchema):
    """One user, who need not be known."""

    user = UserId(required=True)
