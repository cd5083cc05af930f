"""The buttons of a notification, as an emit asks for them.

Only the shape is judged here. Which actions a type has by itself is of the catalog; what a press does is of
`gateway.notify.inboxes.acting`.
"""

from typing import Any

from marshmallow import Schema, fields, post_load, validate

from gateway.protocol.emit_rules import LINK_MAX
from gateway.protocol.fields import Text
from gateway.protocol.patterns import ACTION_ID, LINK, VISIBLE
from storage.notifications import Action

ACTIONS_MAX = 3
"""Buttons of one notification."""
ACTION_STYLES = ("default", "primary", "danger")
"""The first is what is meant where none is given."""
LABEL_MAX = 40
"""Characters."""


class ActionSchema(Schema):
    """A button of the notification.

    Loads the `Action` that is stored with the notification. A link is judged as the notification's own is.
    """

    id = Text(ACTION_ID, "a name such as track: small letters, digits, _ and -", longest=32, required=True)
    label = Text(VISIBLE, "printable, with something to see", longest=LABEL_MAX, required=True)
    link = Text(LINK, "an absolute path or an http(s) URL", longest=LINK_MAX, load_default=None)
    style = fields.String(load_default=ACTION_STYLES[0], validate=validate.OneOf(ACTION_STYLES))

    @post_load
    def _parse(self, data: dict[str, Any], **_: Any) -> Action:
        return Action(data["id"], data["label"], data["link"], data["style"])
