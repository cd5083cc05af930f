"""What is asked about clicks: that one has happened."""

from typing import Any

from marshmallow import Schema, post_load

from gateway.protocol.fields import Text
from gateway.protocol.parsing import parser


class ClickSchema(Schema):
    """A link was followed."""

    id = Text(r"[!-~]*", "an id", longest=64, required=True)

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> str:
        return str(data["id"])


click = parser(ClickSchema())
