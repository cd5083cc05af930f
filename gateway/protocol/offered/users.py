"""Users: who is online, what is held about them, and ending that.

To see all that is held about a user, and to forget it, are an admin's alone, and are written down.
"""

from auth.principal import Role
from gateway.ground.rooms import user_room
from gateway.protocol import (
    digests,
    people,
    user_shapes,
)
from gateway.protocol.answers.users import (
    DisconnectedAnswer,
    ErasedAnswer,
    PresenceAnswer,
    RosterAnswer,
    UserAnswer,
)
from gateway.protocol.asking.users import DisconnectSchema, FindSchema, RosterSchema, UserSchema
from gateway.protocol.deeds import OF_USER
from gateway.protocol.holdings import UserDataAnswer
from gateway.protocol.operation import AuditRule, Operation, Route

OPERATIONS: tuple[Operation, ...] = (
    # Who is there.
    Operation(
        name="roster", role=Role.VIEWER, summary="Who is online",
        asks=RosterSchema, answers=RosterAnswer,
        use=lambda use, _, asked: use.people.roster(asked), shape=user_shapes.roster,
        route=Route(method="GET", path="/internal/presence"),
        event="presence",
    ),
    Operation(
        name="presence", role=Role.VIEWER, summary="Whether a user is online",
        asks=UserSchema, answers=PresenceAnswer,
        use=lambda use, _, user: use.people.find(user), shape=user_shapes.presence,
        route=Route(method="GET", path="/internal/presence/{user}"),
    ),
    Operation(
        name="find_users", role=Role.VIEWER, summary="Users by how an id, an address or a name begins",
        asks=FindSchema, answers=people.FoundUsersAnswer,
        use=lambda use, _, asked: use.people.search(asked), shape=people.found,
        route=Route(
            method="GET", path="/internal/users",
            description="Of whom anything is known. A bounded number is looked at, whatever is asked.",
        ),
        event="find_users",
    ),
    Operation(
        name="user", role=Role.VIEWER, summary="A user with what presence and the contacts know, and how much is unread",
        asks=UserSchema, answers=UserAnswer,
        use=lambda use, _, user: use.people.reader(user), shape=user_shapes.reader,
        event="user",
    ),
    # What changes or shows more of a person than an id.
    Operation(
        name="disconnect", summary="End a user's connections, on every node",
        audit=AuditRule(target=lambda asked: user_room(asked.user)),
        asks=DisconnectSchema, answers=DisconnectedAnswer,
        use=lambda use, _, asked: use.people.disconnect(asked), shape=user_shapes.disconnected,
        route=Route(method="POST", path="/internal/users/{user}/disconnect", body_required=False),
        event="disconnect_user",
    ),
    Operation(
        name="user_digests", role=Role.VIEWER, summary="The digests that are open for a user, and what would go out now",
        asks=UserSchema, answers=digests.UserDigestsAnswer,
        use=lambda use, _, user: use.digests.of_user(user), shape=digests.of_user,
        route=Route(method="GET", path="/internal/users/{user}/digests"),
        event="digests",
    ),
    Operation(
        name="user_data", summary="Everything held about a user",
        audit=OF_USER,
        asks=UserSchema, answers=UserDataAnswer,
        use=lambda use, _, user: use.people.data(user), shape=user_shapes.user_data,
        route=Route(method="GET", path="/internal/users/{user}/data"),
    ),
    Operation(
        name="erase", summary="Forget a user",
        audit=OF_USER,
        asks=UserSchema, answers=ErasedAnswer,
        use=lambda use, _, user: use.people.erase(user), shape=user_shapes.erased,
        route=Route(method="DELETE", path="/internal/users/{user}/data"),
        event="erase_user",
    ),
)  # fmt: skip
