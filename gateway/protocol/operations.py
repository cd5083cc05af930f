"""The operations: everything that can be asked of a gateway from outside, in one table.

An operation is its name, who may ask, the shapes of what is asked and answered, where it is asked (a route of HTTP, an event of
the namespace `/admin`, or both), and its use case. The table has many readers and no other copy: the internal and the
public site (`gateway.http`), the admins' events (`gateway.sockets.admin_events`), the OpenAPI document, and the types of
the web's pages. A new operation is an entry here and its use case.

What a connection asks of itself (`/`: read, seen, replay, token …) belongs to `gateway.sockets`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema

from auth.principal import ADMIN
from gateway.ground.encoding import Json
from gateway.notify import events
from gateway.observe import overview
from gateway.protocol import (
    answering,
    asking,
    batch,
    catalog,
    catalog_shapes,
    emit,
    people,
    preferences,
    returns,
    schedule,
    shapes,
    suppressions,
    use_cases,
)
from gateway.protocol.fields import KEY
from gateway.protocol.parsing import Parse, parser
from gateway.protocol.use_cases import Caller, UseCases

EMIT = "emit"
"""The scope that lets a service emit; everything else on the internal site needs `admin`."""
USER = "user"
"""Asked on the public site, by a user with the user's own token."""

Use = Callable[[UseCases, Caller, Any], Awaitable[Any]]
"""Takes what was parsed, answers what `shape` takes. Raises what the use cases raise, and Problem."""


@dataclass(frozen=True, slots=True)
class RawBody:
    """A body that is no JSON, and is all that is asked: its bytes."""

    media_type: str
    bytes_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where HTTP asks an operation. What stands in the path is part of what is asked."""

    method: str
    path: str
    status: int = 200
    body_required: bool = True
    body_bytes: int | None = None
    """Of the body at most; None: as much as of most."""
    raw_body: RawBody | None = None
    description: str | None = None
    problems: Sequence[str] = ()
    """Codes beyond those that every route of this kind has."""
    headers: Sequence[Mapping[str, Any]] = ()
    answer_headers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    of_path: Callable[[Mapping[str, str]], Any] | None = None
    """What is asked, where the path alone says it and the schema is not to judge."""

    @property
    def asks_by_query(self) -> bool:
        """Whether what does not stand in the path stands in the query of the URL; else in the body."""
        return self.method in ("GET", "DELETE")

    @property
    def in_path(self) -> frozenset[str]:
        """The names of what stands in the path."""
        return frozenset(step[1:-1] for step in self.path.split("/") if step.startswith("{"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that can be asked."""

    name: str
    summary: str
    scope: str = ADMIN
    """`emit` or `admin` for a service, `user` for a user's token. An event of `/admin` is every admin's."""
    asks: type[Schema]
    answers: type[Schema]
    use: Use
    shape: Callable[[Any], Json]
    route: Route | None = None
    event: str | None = None
    """Its name in the namespace `/admin`; None where only HTTP asks."""
    under: str | None = None
    """The name that the answer has within an event's `{ok: true, …}`; None where its members stand there themselves."""
    refused: Callable[[UseCases, Exception], None] | None = None
    """Told of a request that cannot be parsed, where those are counted."""
    parse: Parse = field(init=False)
    """Parses what an event, or a body, says. Raises `Invalid`."""

    def __post_init__(self) -> None:
        parse = emit.parse if self.asks is emit.EmitSchema else parser(self.asks())
        object.__setattr__(self, "parse", parse)


def _id(path: Mapping[str, str]) -> str:
    # An id that no notification can have names none: 404, and no matter of validation.
    return path["id"]


_KEY_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A retry under the same key is the same notification.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": f"^{KEY}$"},
}

_CHOOSING = "A merge patch (RFC 7396): what is left out stays, null takes a choice back. Every connection of the user is told."

EMIT_ONE = Operation(
    name="emit", scope=EMIT, summary="Emit a notification",
    asks=emit.EmitSchema, answers=answering.EmittedAnswer, use=use_cases.emit, shape=shapes.emitted,
    route=Route(
        method="POST", path="/internal/emit", status=202,
        description="When this answers 202 the notification is stored, and cannot be lost any more.",
        problems=("idempotency_mismatch", "rate_limited", "unknown_type"), headers=(_KEY_HEADER,),
        answer_headers={"Idempotency-Replayed": {"schema": {"type": "string", "enum": ["true"]}}},
    ),
    event="emit", refused=lambda use, error: use.emitter.refuse(error),
)  # fmt: skip

EMIT_MANY = Operation(
    name="emit_many", scope=EMIT, summary="Emit up to 1000 notifications",
    asks=emit.BatchSchema, answers=answering.ResultsAnswer, use=use_cases.emit_many, shape=batch.results,
    route=Route(
        method="POST", path="/internal/emit/batch", status=207,
        description="Each item is answered for itself, in order: a bad one does not spoil the others. An item has 64 KiB at most, the whole 16 MiB and 10,000 notifications, each room of each item counted; more is 413.",
        problems=("rate_limited",),
    ),
)  # fmt: skip

OPERATIONS: tuple[Operation, ...] = (
    EMIT_ONE,
    EMIT_MANY,
    Operation(
        name="preview", summary="Whom an emit would reach now, and with which mail",
        asks=emit.EmitSchema, answers=answering.PreviewAnswer,
        use=lambda use, _, asked: use.previewer.emit(asked), shape=shapes.preview,
        event="preview",
    ),
    Operation(
        name="notification", summary="A notification, its mail and its receipts",
        asks=asking.IdSchema, answers=answering.RecordWithReceiptsAnswer,
        use=use_cases.notification, shape=shapes.full_record,
        route=Route(method="GET", path="/internal/notifications/{id}", problems=("not_found",), of_path=_id),
        event="notification", under="notification",
    ),
    Operation(
        name="recall", summary="Recall a notification",
        asks=asking.IdSchema, answers=answering.RecordAnswer, use=use_cases.recall, shape=shapes.record,
        route=Route(
            method="DELETE", path="/internal/notifications/{id}", problems=("not_found",), of_path=_id,
            description="It is taken off every screen, its texts are wiped, its mail is not sent. Repeating it changes nothing.",
        ),
        event="recall", under="notification",
    ),
    Operation(
        name="history", summary="The admins' own history, or that of a user or of a room, newest first",
        asks=asking.AdminHistorySchema, answers=answering.AdminHistoryAnswer,
        use=use_cases.any_history, shape=shapes.admin_history,
        event="history",
    ),

    # What is emitted later

    Operation(
        name="cancel", scope=EMIT, summary="Cancel what is still to come under a key",
        asks=schedule.CancelSchema, answers=schedule.CancelledAnswer,
        use=lambda use, caller, asked: use.scheduler.cancel(asked, scope=caller.scope), shape=schedule.cancelled,
        route=Route(
            method="POST", path="/internal/cancel",
            description="Of your own. It also meets what is scheduled under the key within a minute after it: the two may have overtaken each other.",
        ),
    ),
    Operation(
        name="scheduled", summary="What is still to come, the earliest first",
        asks=schedule.ScheduledSchema, answers=schedule.SchedulePageAnswer,
        use=lambda use, _, asked: use.scheduler.page(asked), shape=schedule.page,
        route=Route(method="GET", path="/internal/scheduled"),
        event="scheduled",
    ),
    Operation(
        name="drop_scheduled", summary="Cancel one of what is still to come",
        asks=asking.IdSchema, answers=schedule.ChangedScheduleAnswer,
        use=use_cases.drop_scheduled, shape=schedule.ids,
        route=Route(method="DELETE", path="/internal/scheduled/{id}", problems=("not_found",), of_path=_id),
        event="cancel_scheduled",
    ),
    Operation(
        name="hasten_scheduled", summary="Emit now what is still to come",
        asks=asking.IdSchema, answers=schedule.ChangedScheduleAnswer,
        use=use_cases.hasten_scheduled, shape=schedule.ids,
        route=Route(method="POST", path="/internal/scheduled/{id}/send", problems=("not_found",), of_path=_id),
        event="send_scheduled",
    ),

    # Mail

    Operation(
        name="mail", summary="Mail by its state, newest first",
        asks=asking.MailSchema, answers=answering.MailPageAnswer,
        use=lambda use, _, asked: use.mailroom.page(asked), shape=shapes.mail_page,
        route=Route(method="GET", path="/internal/mail"),
        event="mail",
    ),
    Operation(
        name="mail_counts", summary="How much mail is in each state",
        asks=asking.NothingSchema, answers=answering.MailCountsAnswer,
        use=lambda use, *_: use.mailroom.counts(), shape=shapes.mail_counts,
        event="mail_counts",
    ),
    Operation(
        name="preview_mail", summary="A mail as its reader will see it",
        asks=asking.IdSchema, answers=answering.RenderedMailAnswer,
        use=use_cases.preview_mail, shape=shapes.rendered,
        event="preview_mail",
    ),
    Operation(
        name="revive_one", summary="Try dead mail again",
        asks=asking.IdSchema, answers=answering.RevivedAnswer, use=use_cases.revive_one, shape=shapes.revived,
        route=Route(method="POST", path="/internal/mail/{id}/revive", problems=("not_found",), of_path=_id),
    ),
    Operation(
        name="revive", summary="Try dead mail again",
        asks=asking.IdsSchema, answers=answering.RevivedAnswer,
        use=lambda use, _, asked: use.mailroom.revive(asked), shape=shapes.revived,
        event="revive",
    ),
    Operation(
        name="revive_all", summary="Try all dead mail again, up to a bound",
        asks=asking.NothingSchema, answers=answering.AllRevivedAnswer,
        use=lambda use, *_: use.mailroom.revive_all(), shape=shapes.all_revived,
        event="revive_all",
    ),

    Operation(
        name="suppressions", summary="The addresses that must not be written to, newest first",
        asks=suppressions.SuppressionsSchema, answers=suppressions.SuppressionsAnswer,
        use=lambda use, _, asked: use.suppressions.page(asked), shape=suppressions.page,
        route=Route(method="GET", path="/internal/suppressions"),
        event="suppressions",
    ),
    Operation(
        name="suppress", summary="Write to an address no more",
        asks=suppressions.SuppressSchema, answers=suppressions.SuppressionAnswer,
        use=use_cases.suppress, shape=suppressions.suppression,
        route=Route(
            method="POST", path="/internal/suppressions",
            description="Answers what holds then: what was there and lasts as long, stays.",
        ),
        event="suppress", under="suppression",
    ),
    Operation(
        name="lift_suppression", summary="Let an address be written to again",
        asks=suppressions.LiftSchema, answers=suppressions.LiftedAnswer,
        use=lambda use, _, asked: use.suppressions.lift(asked), shape=suppressions.lifted,
        route=Route(
            method="DELETE", path="/internal/suppressions",
            description="In one scope, or in all. Repeating it changes nothing.",
        ),
        event="lift_suppression",
    ),

    Operation(
        name="report", summary="Hand in mail that came back",
        asks=asking.NothingSchema, answers=returns.ReturnAnswer,
        use=lambda use, _, raw: use.returns.take(raw), shape=returns.dealt,
        route=Route(
            method="POST", path="/internal/mail/reports", raw_body=RawBody(returns.REPORT_TYPE, returns.REPORT_BYTES_MAX),
            description="A report of delivery (RFC 3464) or of a complaint (RFC 5965), whole, with all its header fields. What is of no mail of ours changes nothing, and is answered with 200 too.",
        ),
    ),
    Operation(
        name="hearsay", summary="Say what a provider has told of a mail",
        asks=returns.HearsaySchema, answers=returns.ReturnAnswer,
        use=lambda use, _, asked: use.returns.hear(asked), shape=returns.dealt,
        route=Route(
            method="POST", path="/internal/mail/reports/generic",
            description="For providers that tell by a webhook of their own: whoever has heard it passes it on.",
        ),
    ),
    Operation(
        name="strays", summary="What came back and changed nothing, newest first",
        asks=returns.StraysSchema, answers=returns.StraysAnswer,
        use=lambda use, _, asked: use.returns.page(asked), shape=returns.strays,
        route=Route(method="GET", path="/internal/mail/reports"),
        event="strays",
    ),

    # People

    Operation(
        name="roster", summary="Who is online",
        asks=asking.RosterSchema, answers=answering.RosterAnswer,
        use=lambda use, _, asked: use.people.roster(asked), shape=shapes.roster,
        route=Route(method="GET", path="/internal/presence"),
        event="presence",
    ),
    Operation(
        name="presence", summary="Whether a user is online",
        asks=asking.UserSchema, answers=answering.PresenceAnswer,
        use=lambda use, _, user: use.people.find(user), shape=shapes.presence,
        route=Route(method="GET", path="/internal/presence/{user}"),
    ),
    Operation(
        name="user", summary="A user with what presence and the contacts know, and how much is unread",
        asks=asking.UserSchema, answers=answering.UserAnswer,
        use=lambda use, _, user: use.people.reader(user), shape=shapes.reader,
        event="user",
    ),
    Operation(
        name="disconnect", summary="End a user's connections, on every node",
        asks=asking.DisconnectSchema, answers=answering.DisconnectedAnswer,
        use=lambda use, _, asked: use.people.disconnect(asked), shape=shapes.disconnected,
        route=Route(method="POST", path="/internal/users/{user}/disconnect", body_required=False),
        event="disconnect_user",
    ),
    Operation(
        name="user_data", summary="Everything held about a user",
        asks=asking.UserSchema, answers=answering.UserDataAnswer,
        use=lambda use, _, user: use.people.data(user), shape=shapes.user_data,
        route=Route(method="GET", path="/internal/users/{user}/data"),
    ),
    Operation(
        name="erase", summary="Forget a user",
        asks=asking.UserSchema, answers=answering.ErasedAnswer,
        use=lambda use, _, user: use.people.erase(user), shape=shapes.erased,
        route=Route(method="DELETE", path="/internal/users/{user}/data"),
        event="erase_user",
    ),

    # What backends tell of people

    Operation(
        name="profile", summary="What is known of a user",
        asks=asking.UserSchema, answers=people.ProfileAnswer, use=use_cases.profile, shape=people.profile,
        route=Route(method="GET", path="/internal/users/{user}", problems=("not_found",)),
    ),
    Operation(
        name="replace_profile", summary="Tell all that you know of a user",
        asks=people.ProfileSchema, answers=people.ProfileAnswer,
        use=use_cases.replace_profile, shape=people.profile,
        route=Route(
            method="PUT", path="/internal/users/{user}", body_required=False, problems=("not_found",),
            description="What is left out is none. It holds until you tell otherwise, or until a token says so that was issued later.",
        ),
    ),
    Operation(
        name="change_profile", summary="Tell something of a user",
        asks=people.ProfileSchema, answers=people.ProfileAnswer,
        use=use_cases.change_profile, shape=people.profile,
        route=Route(
            method="PATCH", path="/internal/users/{user}", problems=("not_found",),
            description="What is left out stays, and null takes away; `attributes` are one field.",
        ),
    ),
    Operation(
        name="change_profiles", summary="Tell something of up to 1000 users",
        asks=people.ProfilesSchema, answers=people.ToldAnswer, use=use_cases.change_profiles, shape=people.told,
        route=Route(
            method="POST", path="/internal/users/batch", body_bytes=people.USERS_BYTES,
            description="Each as by `PATCH`; the whole has 2 MiB at most.",
        ),
    ),
    Operation(
        name="forget_profile", summary="Take back what was told of a user",
        asks=asking.UserSchema, answers=answering.NothingAnswer,
        use=lambda use, _, user: use.profiles.forget(user), shape=shapes.nothing,
        route=Route(
            method="DELETE", path="/internal/users/{user}",
            description="The history, the topics and the preferences of the user stay: `DELETE …/data` forgets all.",
        ),
    ),
    Operation(
        name="user_topics", summary="The topics that you have put a user into",
        asks=asking.UserSchema, answers=people.UserTopicsAnswer,
        use=lambda use, _, user: use.topics.since(user), shape=people.user_topics,
        route=Route(method="GET", path="/internal/users/{user}/topics"),
    ),
    Operation(
        name="members", summary="Who is a member of a topic, by user id",
        asks=people.MembersSchema, answers=people.MembersAnswer,
        use=lambda use, _, asked: use.topics.members(asked), shape=people.members,
        route=Route(method="GET", path="/internal/topics/{topic}/members"),
    ),
    Operation(
        name="change_members", summary="Put users into a topic, and take users out",
        asks=people.MembersChangeSchema, answers=people.MembersChangedAnswer,
        use=use_cases.change_members, shape=people.members_changed,
        route=Route(
            method="POST", path="/internal/topics/{topic}/members", body_bytes=people.MEMBERS_BYTES,
            description="1,000 users together at most. Live connections on every node come in and go out at once. A topic that a token names stays as long as the token.",
        ),
    ),
    Operation(
        name="add_member", summary="Put a user into a topic",
        asks=people.JoinSchema, answers=people.MembersChangedAnswer,
        use=use_cases.change_members, shape=people.members_changed,
        route=Route(method="PUT", path="/internal/topics/{topic}/members/{user}"),
    ),
    Operation(
        name="remove_member", summary="Take a user out of a topic",
        asks=people.LeaveSchema, answers=people.MembersChangedAnswer,
        use=use_cases.change_members, shape=people.members_changed,
        route=Route(method="DELETE", path="/internal/topics/{topic}/members/{user}"),
    ),

    Operation(
        name="user_preferences", summary="What a user has chosen to be told, and who has chosen so",
        asks=asking.UserSchema, answers=preferences.UserPreferencesAnswer,
        use=use_cases.user_preferences, shape=preferences.proven,
        route=Route(method="GET", path="/internal/users/{user}/preferences"),
    ),
    Operation(
        name="choose_for", summary="Choose for a user",
        asks=preferences.UserPreferencesSchema, answers=preferences.UserPreferencesAnswer,
        use=use_cases.choose_for, shape=preferences.proven,
        route=Route(
            method="PATCH", path="/internal/users/{user}/preferences", description=_CHOOSING,
            problems=("locked_preference", "version_mismatch"),
        ),
    ),
    Operation(
        name="choose_anew", summary="Choose all anew for a user",
        asks=preferences.UserPreferencesSchema, answers=preferences.UserPreferencesAnswer,
        use=use_cases.choose_anew, shape=preferences.proven,
        route=Route(
            method="PUT", path="/internal/users/{user}/preferences", body_required=False,
            description="What is left out is not chosen any more.",
            problems=("locked_preference", "version_mismatch"),
        ),
    ),

    # What notifications are about, and what happens

    Operation(
        name="types", summary="The types of the catalog, and those switched without, with what holds for each",
        asks=asking.NothingSchema, answers=catalog.TypesAnswer,
        use=lambda use, *_: use.types.known(), shape=catalog_shapes.types,
        route=Route(method="GET", path="/internal/types"),
        event="types",
    ),
    Operation(
        name="preview_type", summary="A type as a reader would get it, and for a user what every gate says",
        asks=catalog.TypePreviewSchema, answers=catalog.TypePreviewAnswer,
        use=use_cases.preview_type, shape=catalog_shapes.type_preview,
        route=Route(
            method="POST", path="/internal/types/{type}/preview", body_required=False, problems=("not_found",),
            description="Nothing is stored or sent. Data that do not fit are `validation_failed`, by JSON Pointer.",
        ),
        event="preview_type",
    ),
    Operation(
        name="explain", summary="What every gate says of a type for a user now, by channel",
        asks=catalog.ExplainSchema, answers=catalog.ExplainAnswer,
        use=lambda use, _, asked: use.type_previewer.explain(*asked), shape=catalog_shapes.explain,
        route=Route(method="GET", path="/internal/users/{user}/explain"),
    ),
    Operation(
        name="type", summary="A type in full, with the history of its switches",
        asks=catalog.TypeSchema, answers=catalog.TypeDetailAnswer,
        use=use_cases.type_in_full, shape=catalog_shapes.type_in_full,
        route=Route(
            method="GET", path="/internal/types/{type}", problems=("not_found",),
            of_path=lambda path: path["type"],
        ),
        event="type",
    ),
    Operation(
        name="type_switch", summary="Switch a type or its channels on or off, or for a part of the users",
        asks=catalog.SwitchSchema, answers=catalog.TypeDetailAnswer,
        use=use_cases.switch_type, shape=catalog_shapes.type_in_full,
        route=Route(
            method="PATCH", path="/internal/types/{type}",
            description="It holds on every node within a second. What is left out stays, and null is what the file says. A type that the catalog does not have can be switched too.",
        ),
        event="type_switch",
    ),
    Operation(
        name="overview", summary="What all nodes did, step by step",
        asks=asking.OverviewSchema, answers=answering.OverviewAnswer,
        use=lambda use, _, minutes: use.observatory.look(minutes * 60), shape=overview.shape,
        event="overview",
    ),
    Operation(
        name="feed", summary="Be shown what is emitted, or no more",
        asks=asking.WatchSchema, answers=answering.NothingAnswer, use=use_cases.watch_feed, shape=shapes.nothing,
        event="feed",
    ),

    # What users ask over HTTP

    Operation(
        name="own_history", scope=USER, summary="One's own history, newest first",
        asks=asking.HistorySchema, answers=answering.HistoryAnswer, use=use_cases.own_history, shape=shapes.history,
        route=Route(method="GET", path="/api/notifications"),
    ),
    Operation(
        name="user_history", scope=USER, summary="A user's history: one's own, or any with the role admin",
        asks=asking.UserHistorySchema, answers=answering.HistoryAnswer,
        use=use_cases.user_history, shape=shapes.history,
        route=Route(method="GET", path="/api/notifications/{user}", problems=("forbidden",)),
    ),
    Operation(
        name="read", scope=USER, summary="Mark as read",
        asks=asking.ReadSchema, answers=answering.CountAnswer, use=use_cases.read, shape=events.count,
        route=Route(method="POST", path="/api/notifications/read"),
    ),
    Operation(
        name="own_preferences", scope=USER, summary="What one has chosen to be told",
        asks=asking.NothingSchema, answers=preferences.PreferencesAnswer,
        use=use_cases.own_preferences, shape=preferences.preferences,
        route=Route(method="GET", path="/api/preferences"),
    ),
    Operation(
        name="choose", scope=USER, summary="Choose what one is told",
        asks=preferences.PreferencesSchema, answers=preferences.PreferencesAnswer,
        use=use_cases.choose, shape=preferences.preferences,
        route=Route(
            method="PATCH", path="/api/preferences", description=_CHOOSING,
            problems=("locked_preference", "version_mismatch"),
        ),
    ),
)  # fmt: skip
"""All of them."""
