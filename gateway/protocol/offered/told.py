"""What backends tell of people: profiles, topics, preferences.

What backends tell is the operator's word, and so needs an admin's scope. What backends do all day is written
down of people alone, or not at all.
"""

from auth.principal import Role
from gateway.ground.rooms import topic_room
from gateway.protocol import (
    asking,
    deeds,
    people,
    preferences,
    shapes,
)
from gateway.protocol.answers.nodes import NothingAnswer
from gateway.protocol.answers.users import ProfileAnswer
from gateway.protocol.deeds import OF_CHOICE
from gateway.protocol.operation import AuditRule, Operation, Route
from gateway.protocol.uses.choices import choose_anew, choose_for, user_preferences
from gateway.protocol.uses.users import (
    change_members,
    change_profile,
    change_profiles,
    profile,
    replace_profile,
)

_CHOOSING = "A merge patch (RFC 7396): what is left out stays, null takes a choice back. Every connection of the user is told."
"""How a patch is read."""

OPERATIONS: tuple[Operation, ...] = (
    # Profiles.
    Operation(
        name="profile", role=Role.VIEWER, summary="What is known of a user",
        asks=asking.UserSchema, answers=ProfileAnswer, use=profile, shape=people.profile,
        route=Route(method="GET", path="/internal/users/{user}", problems=("not_found",)),
        event="profile",
    ),
    Operation(
        name="replace_profile", summary="Tell all that you know of a user",
        asks=people.ProfileSchema, answers=ProfileAnswer,
        use=replace_profile, shape=people.profile,
        route=Route(
            method="PUT", path="/internal/users/{user}", body_required=False, problems=("not_found",),
            description="What is left out is none. It holds until you tell otherwise, or until a token says so that was issued later.",
        ),
    ),
    Operation(
        name="change_profile", summary="Tell something of a user",
        asks=people.ProfileSchema, answers=ProfileAnswer,
        use=change_profile, shape=people.profile,
        route=Route(
            method="PATCH", path="/internal/users/{user}", problems=("not_found",),
            description="What is left out stays, and null takes away; `attributes` are one field.",
        ),
    ),
    Operation(
        name="change_profiles", summary="Tell something of up to 1000 users",
        asks=people.ProfilesSchema, answers=people.ToldAnswer, use=change_profiles, shape=people.told,
        route=Route(
            method="POST", path="/internal/users/batch", body_bytes=people.USERS_BYTES,
            description="Each as by `PATCH`; the whole has 2 MiB at most.",
        ),
    ),
    Operation(
        name="forget_profile", summary="Take back what was told of a user",
        asks=asking.UserSchema, answers=NothingAnswer,
        use=lambda use, _, user: use.profiles.forget(user), shape=shapes.nothing,
        route=Route(
            method="DELETE", path="/internal/users/{user}",
            description="The history, the topics and the preferences of the user stay: `DELETE …/data` forgets all.",
        ),
    ),
    # Topics and their members.
    Operation(
        name="user_topics", role=Role.VIEWER, summary="The topics that you have put a user into",
        asks=asking.UserSchema, answers=people.UserTopicsAnswer,
        use=lambda use, _, user: use.topics.since(user), shape=people.user_topics,
        route=Route(method="GET", path="/internal/users/{user}/topics"),
        event="user_topics",
    ),
    Operation(
        name="topics", role=Role.VIEWER, summary="The topics that have members, by name",
        asks=people.TopicsSchema, answers=people.TopicsAnswer,
        use=lambda use, _, asked: use.topics.named(asked), shape=people.topics,
        route=Route(method="GET", path="/internal/topics"),
        event="topics",
    ),
    Operation(
        name="members", role=Role.VIEWER, summary="Who is a member of a topic, by user id",
        asks=people.MembersSchema, answers=people.MembersAnswer,
        use=lambda use, _, asked: use.topics.members(asked), shape=people.members,
        route=Route(method="GET", path="/internal/topics/{topic}/members"),
        event="members",
    ),
    Operation(
        name="change_members", summary="Put users into a topic, and take users out",
        audit=AuditRule(target=lambda asked: topic_room(asked.topic), detail=deeds.members, of_services=False),
        asks=people.MembersChangeSchema, answers=people.MembersChangedAnswer,
        use=change_members, shape=people.members_changed,
        route=Route(
            method="POST", path="/internal/topics/{topic}/members", body_bytes=people.MEMBERS_BYTES,
            description="1,000 users together at most. Live connections on every node come in and go out at once. A topic that a token names stays as long as the token.",
        ),
        event="change_members",
    ),
    Operation(
        name="add_member", summary="Put a user into a topic",
        asks=people.JoinSchema, answers=people.MembersChangedAnswer,
        use=change_members, shape=people.members_changed,
        route=Route(method="PUT", path="/internal/topics/{topic}/members/{user}"),
    ),
    Operation(
        name="remove_member", summary="Take a user out of a topic",
        asks=people.LeaveSchema, answers=people.MembersChangedAnswer,
        use=change_members, shape=people.members_changed,
        route=Route(method="DELETE", path="/internal/topics/{topic}/members/{user}"),
    ),

    # Preferences.
    Operation(
        name="user_preferences", role=Role.VIEWER, summary="What a user has chosen to be told, and who has chosen so",
        asks=asking.UserSchema, answers=preferences.UserPreferencesAnswer,
        use=user_preferences, shape=preferences.proven,
        route=Route(method="GET", path="/internal/users/{user}/preferences"),
        event="user_preferences",
    ),
    Operation(
        name="choose_for", summary="Choose for a user",
        audit=OF_CHOICE,
        asks=preferences.UserPreferencesSchema, answers=preferences.UserPreferencesAnswer,
        use=choose_for, shape=preferences.proven,
        route=Route(
            method="PATCH", path="/internal/users/{user}/preferences", description=_CHOOSING,
            problems=("locked_preference", "version_mismatch"),
        ),
    ),
    Operation(
        name="choose_anew", summary="Choose all anew for a user",
        audit=OF_CHOICE,
        asks=preferences.UserPreferencesSchema, answers=preferences.UserPreferencesAnswer,
        use=choose_anew, shape=preferences.proven,
        route=Route(
            method="PUT", path="/internal/users/{user}/preferences", body_required=False,
            description="What is left out is not chosen any more.",
            problems=("locked_preference", "version_mismatch"),
        ),
    ),
)  # fmt: skip
