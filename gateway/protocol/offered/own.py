"""What users ask of their own: histories, categories and preferences. What they do with notifications is in `acts`.

All of them are the caller's own, but for a history: with a role it may be another's.
"""

from gateway.notify.choosing.choices import shown
from gateway.protocol import preferences, shapes, type_shapes
from gateway.protocol.answers.notifications import HistoryAnswer
from gateway.protocol.answers.types import OwnCategoriesAnswer
from gateway.protocol.asking.basics import NothingSchema
from gateway.protocol.asking.inbox import HistorySchema, UserHistorySchema
from gateway.protocol.operation import USER, Operation, Route
from gateway.protocol.uses.choices import choose, own_preferences, show_or_choose
from gateway.protocol.uses.histories import own_categories, own_history, user_history

_CHOOSING = "A merge patch (RFC 7396): what is left out stays, null takes a choice back. Every connection of the user is told."
"""How a patch is read."""

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="own_history", scope=USER, summary="One's own history, newest first",
        asks=HistorySchema, answers=HistoryAnswer, use=own_history, shape=shapes.history,
        route=Route(method="GET", path="/api/notifications"),
        # The admins' history may read any room: in `/admin` it is another operation.
        event="history",
    ),
    Operation(
        name="user_history", scope=USER, summary="A user's history: one's own, or any with one of the roles",
        asks=UserHistorySchema, answers=HistoryAnswer,
        use=user_history, shape=shapes.history,
        route=Route(method="GET", path="/api/notifications/{user}", problems=("forbidden",)),
    ),
    Operation(
        name="own_categories", scope=USER, summary="What notifications are about, in one's own language",
        asks=NothingSchema, answers=OwnCategoriesAnswer,
        use=own_categories, shape=type_shapes.own_categories,
        route=Route(method="GET", path="/api/categories"),
    ),
    Operation(
        name="own_preferences", scope=USER, summary="What one has chosen to be told",
        asks=NothingSchema, answers=preferences.PreferencesAnswer,
        use=own_preferences, shape=shown,
        route=Route(method="GET", path="/api/preferences"),
    ),
    Operation(
        name="choose", scope=USER, summary="Choose what one is told",
        asks=preferences.PreferencesSchema, answers=preferences.PreferencesAnswer,
        use=choose, shape=shown,
        route=Route(
            method="PATCH", path="/api/preferences", description=_CHOOSING,
            problems=("locked_preference", "version_mismatch"),
        ),
    ),
    Operation(
        name="preferences", scope=USER, summary="What one has chosen to be told, after the change if there is one",
        asks=preferences.PreferencesEventSchema, answers=preferences.PreferencesAnswer,
        use=show_or_choose, shape=shown,
        event="preferences",
    ),
)  # fmt: skip
