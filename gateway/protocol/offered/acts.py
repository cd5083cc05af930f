"""What users do with notifications in their own inbox. All of it may be repeated.

They are events of both namespaces, about the rooms that the connection is in; reading is asked over HTTP as well. Each
answers with the counts as they are after it, so that a client need not add up itself.
"""

from gateway.notify.delivery import events
from gateway.protocol import acts, shapes
from gateway.protocol.answers.nodes import NothingAnswer
from gateway.protocol.answers.notifications import CountAnswer
from gateway.protocol.asking.basics import IdsSchema
from gateway.protocol.asking.inbox import ActSchema, ReadSchema, SnoozeSchema
from gateway.protocol.clicks import ClickSchema
from gateway.protocol.operation import USER, Operation, Route
from gateway.protocol.uses import inboxes

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="read", scope=USER, summary="Mark as read",
        asks=ReadSchema, answers=CountAnswer, use=inboxes.read, shape=events.count,
        route=Route(method="POST", path="/api/notifications/read"),
        event="read", in_both=True,
    ),
    Operation(
        name="seen", scope=USER, summary="Mark as seen, which changes no count",
        asks=IdsSchema, answers=NothingAnswer, use=inboxes.seen, shape=shapes.nothing,
        event="seen", in_both=True,
    ),
    Operation(
        name="dismiss", scope=USER, summary="Take out of one's own history",
        asks=IdsSchema, answers=CountAnswer, use=inboxes.dismiss, shape=events.count,
        event="dismiss", in_both=True,
    ),
    Operation(
        name="undismiss", scope=USER, summary="Take back what was dismissed, as read",
        asks=IdsSchema, answers=CountAnswer, use=inboxes.undismiss, shape=events.count,
        event="undismiss", in_both=True,
    ),
    Operation(
        name="unread", scope=USER, summary="Have them be unread again, and in the inbox",
        asks=IdsSchema, answers=CountAnswer, use=inboxes.mark_unread, shape=events.count,
        event="unread", in_both=True,
    ),
    Operation(
        name="archive", scope=USER, summary="Put away, as read",
        asks=IdsSchema, answers=CountAnswer, use=inboxes.archive, shape=events.count,
        event="archive", in_both=True,
    ),
    Operation(
        name="unarchive", scope=USER, summary="Take back what was put away, as read",
        asks=IdsSchema, answers=CountAnswer, use=inboxes.unarchive, shape=events.count,
        event="unarchive", in_both=True,
    ),
    Operation(
        name="snooze", scope=USER, summary="Put one off until a time: it comes back as unread",
        asks=SnoozeSchema, answers=CountAnswer, use=inboxes.snooze, shape=events.count,
        event="snooze", in_both=True,
    ),
    Operation(
        name="act", scope=USER, summary="Press a button of one, unless one was pressed",
        asks=ActSchema, answers=acts.ActedAnswer, use=inboxes.act, shape=acts.acted,
        event="act", in_both=True,
    ),
    Operation(
        name="click", scope=USER, summary="Say that a link was followed, of a notification or of a mail",
        asks=ClickSchema, answers=acts.FollowedAnswer, use=inboxes.follow, shape=acts.followed,
        event="click", in_both=True,
    ),
)  # fmt: skip
