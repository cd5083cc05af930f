"""How operations use the use cases, where that takes more than one call: who asks, and what they may.

Each function takes the use cases, the caller, and what was asked; `gateway.protocol.operations` names them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from auth.principal import Role
from gateway.ground.rooms import inbox_rooms, user_of
from gateway.notify.auditing import AuditBook
from gateway.notify.campaigns.accounts import Progress
from gateway.notify.campaigns.book import CampaignBook
from gateway.notify.campaigns.plans import CampaignRequest
from gateway.notify.choosing import Choice, Choices, Chosen, HalfQuiet, VersionMismatch
from gateway.notify.digests import Digester
from gateway.notify.emitting import Emitted, Emitter
from gateway.notify.lanes import LanePage, Lanes, PauseRequest
from gateway.notify.mailroom import Mailroom
from gateway.notify.owing import USERS_NAMED
from gateway.notify.people import People
from gateway.notify.preferences import LockedPreference, UnknownPreference
from gateway.notify.preview import NoMail, Previewer
from gateway.notify.profiles import ProfileChange, Profiles
from gateway.notify.reading import Reading
from gateway.notify.records import Record, Records
from gateway.notify.requests import AdminHistoryRequest, EmitRequest, HistoryRequest, TypePreviewRequest
from gateway.notify.returns import Returns
from gateway.notify.scheduling import PutOff, Scheduler
from gateway.notify.stats.asking import Report, Statistics, StatsRequest, Unanswerable
from gateway.notify.suppressions import SuppressionList, SuppressRequest
from gateway.notify.topics import MembersChange, TooManyTopics, TopicBook
from gateway.notify.type_preview import NoSuchType, TypePreview, TypePreviewer
from gateway.notify.types import TypeDetail, Types
from gateway.observe.alerts import Alerts
from gateway.observe.feed import Feed
from gateway.observe.nodes import Nodes
from gateway.observe.overview import Observatory
from gateway.observe.trace import Tracer
from gateway.observe.traced import Trace
from gateway.protocol import preferences
from gateway.protocol.catalog import SwitchRequest
from gateway.protocol.parsing import Invalid
from gateway.protocol.preferences import ChoiceRequest, Proven
from gateway.protocol.problems import Problem
from mailer.errors import RenderFailure, TemplateFailure
from mailer.transport import Outgoing
from storage.errors import StorageError
from storage.inboxes import HistoryPage, Marked
from storage.mail import LaneName
from storage.people import Profile
from storage.searching import Found
from storage.streams import Notification
from storage.suppressions import Suppression
from storage.topics import TOPICS_PER_USER, Changed

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """What a gateway can do, one object for each noun."""

    emitter: Emitter
    previewer: Previewer
    records: Records
    reading: Reading
    mailroom: Mailroom
    suppressions: SuppressionList
    lanes: Lanes
    returns: Returns
    people: People
    profiles: Profiles
    choices: Choices
    topics: TopicBook
    scheduler: Scheduler
    campaigns: CampaignBook
    digests: Digester
    statistics: Statistics
    types: Types
    type_previewer: TypePreviewer
    observatory: Observatory
    feed: Feed
    tracer: Tracer
    audit: AuditBook
    nodes: Nodes
    alerts: Alerts


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks: a service, an admin's connection, or a user by token."""

    scope: str
    """Whose idempotency keys the caller's are, and who is said to have done it."""
    user: str = ""
    """Empty for a service."""
    rooms: Sequence[str] = ()
    """Of the user, or of the connection."""
    role: Role | None = None
    """None for a service, and for a user who has none."""
    sid: str = ""
    """Of the connection; empty where there is none."""
    locale: str | None = None
    """The language that the caller reads; None: each room's own."""

    @property
    def name(self) -> str:
        """How it is written down who did something."""
        return f"user:{self.user}" if self.user else f"service:{self.scope}"


async def emit(use: UseCases, caller: Caller, asked: EmitRequest) -> Emitted | PutOff:
    if asked.timing is None:
        return await use.emitter.emit(asked, scope=caller.scope)
    [outcome] = await _put_off(use, caller, [asked])
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


async def emit_many(
    use: UseCases, caller: Caller, items: Sequence[EmitRequest | Exception]
) -> Sequence[Emitted | PutOff | Exception]:
    """Emit what could be parsed, or keep it for its time; what could not is its own answer."""
    asked = [item for item in items if isinstance(item, EmitRequest)]
    now = [item for item in asked if item.timing is None]
    emitted = iter(await use.emitter.emit_many(now, scope=caller.scope) if now else ())
    put_off = iter(await _put_off(use, caller, [item for item in asked if item.timing is not None]))
    outcomes: list[Emitted | PutOff | Exception] = []
    for item in items:
        if not isinstance(item, EmitRequest):
            use.emitter.refuse(item)
            outcomes.append(item)
        else:
            outcomes.append(next(emitted if item.timing is None else put_off))
    return outcomes


async def _put_off(
    use: UseCases, caller: Caller, asked: Sequence[EmitRequest]
) -> Sequence[PutOff | Exception]:
    """Keep these for their time; whatever goes wrong is the answer, and counted."""
    if not asked:
        return []
    outcomes: Sequence[PutOff | Exception]
    try:
        outcomes = await use.scheduler.accept(asked, scope=caller.scope)
    except StorageError as error:
        outcomes = [error] * len(asked)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            use.emitter.refuse(outcome)
    return outcomes


async def drop_scheduled(use: UseCases, caller: Caller, scheduled_id: str) -> Sequence[str]:
    del caller
    return _still_to_come(await use.scheduler.drop([scheduled_id]))


async def hasten_scheduled(use: UseCases, caller: Caller, scheduled_id: str) -> Sequence[str]:
    del caller
    return _still_to_come(await use.scheduler.hasten([scheduled_id]))


def _still_to_come(ids: Sequence[str]) -> Sequence[str]:
    if not ids:
        raise Problem("not_found", "Nothing of this id is still to come.")
    return ids


async def notification(use: UseCases, caller: Caller, notification_id: str) -> Record:
    del caller
    return _known(await use.records.find(notification_id))


async def trace(use: UseCases, caller: Caller, notification_id: str) -> Trace:
    del caller
    return _known(await use.tracer.trace(notification_id))


async def recall(use: UseCases, caller: Caller, notification_id: str) -> Notification:
    del caller
    return _known(await use.records.recall(notification_id))


def _known(found: T | None) -> T:
    if found is None:
        raise Problem("not_found", "No notification has this id.")
    return found


async def any_history(use: UseCases, caller: Caller, asked: AdminHistoryRequest) -> HistoryPage:
    user, rooms = caller.user, caller.rooms
    if asked.room is not None:
        # A user's own room is shown as that user sees it; of a shared one all, with what this admin has read.
        user, rooms = user_of(asked.room) or caller.user, (asked.room,)
    elif asked.user is not None:
        user, rooms = asked.user, await use.people.rooms(asked.user)
    whole = asked.room is not None
    return await use.reading.history(user, rooms, asked.page, locale=caller.locale, whole=whole)


async def own_history(use: UseCases, caller: Caller, page: HistoryRequest) -> HistoryPage:
    await use.reading.begin(caller.user, caller.rooms)
    return await use.reading.history(caller.user, caller.rooms, page, locale=caller.locale)


async def user_history(use: UseCases, caller: Caller, asked: AdminHistoryRequest) -> HistoryPage:
    user = asked.user or caller.user
    if user == caller.user:
        return await own_history(use, caller, asked.page)
    if caller.role is None:
        raise Problem("forbidden", "Another's history needs the role admin, support or viewer.")
    # Which topics another's token names is known to nobody but that user.
    rooms = inbox_rooms(user, await use.topics.of(user))
    return await use.reading.history(user, rooms, asked.page, locale=caller.locale)


async def read(use: UseCases, caller: Caller, ids: Sequence[str] | None) -> Marked:
    await use.reading.begin(caller.user, caller.rooms)
    return await use.reading.read(caller.user, caller.rooms, ids)


async def revive_one(use: UseCases, caller: Caller, notification_id: str) -> Sequence[str]:
    del caller
    revived = await use.mailroom.revive([notification_id])
    if not revived:
        raise Problem("not_found", "No dead mail has this id.")
    return revived


async def hasten_mail(use: UseCases, caller: Caller, mail_id: str) -> Sequence[str]:
    del caller
    return _waiting(await use.mailroom.hasten([mail_id]))


async def drop_mail(use: UseCases, caller: Caller, mail_id: str) -> Sequence[str]:
    # Not which admin: the mail may be kept when that admin is erased.
    by = "an admin" if caller.user else caller.name
    return _waiting(await use.mailroom.drop([mail_id], by=by))


def _waiting(ids: Sequence[str]) -> Sequence[str]:
    if not ids:
        raise Problem("not_found", "No mail of this id waits for its time.")
    return ids


async def preview_mail(use: UseCases, caller: Caller, notification_id: str) -> Outgoing:
    del caller
    try:
        return await use.previewer.stored(notification_id)
    except NoMail as error:
        raise Problem("not_found", str(error)) from None
    except (RenderFailure, TemplateFailure) as error:
        raise Problem("validation_failed", f"This mail cannot be rendered: {error}.") from error


async def profile(use: UseCases, caller: Caller, user: str) -> Profile:
    del caller
    return _told_of(await use.profiles.find(user))


async def replace_profile(use: UseCases, caller: Caller, change: ProfileChange) -> Profile:
    del caller
    return _told_of(await use.profiles.tell_one(change.whole()))


async def change_profile(use: UseCases, caller: Caller, change: ProfileChange) -> Profile:
    del caller
    return _told_of(await use.profiles.tell_one(change))


async def change_profiles(use: UseCases, caller: Caller, changes: Sequence[ProfileChange]) -> int:
    del caller
    await use.profiles.tell(changes)
    return len({change.user for change in changes})


def _told_of(found: Profile | None) -> Profile:
    if found is None:
        raise Problem("not_found", "Nothing is known of this user.")
    return found


async def change_members(use: UseCases, caller: Caller, change: MembersChange) -> Changed:
    del caller
    try:
        return await use.topics.change(change)
    except TooManyTopics as error:
        named = ", ".join(error.users[:USERS_NAMED])
        raise Invalid(
            {"add": [f"A user may be in {TOPICS_PER_USER} topics; nothing was changed because of: {named}."]}
        ) from None


async def own_preferences(use: UseCases, caller: Caller, asked: None) -> Chosen:
    del asked
    return await use.choices.show(caller.user)


async def user_preferences(use: UseCases, caller: Caller, user: str) -> Proven:
    del caller
    return Proven(
        await use.choices.show(user), await use.choices.changes(user, limit=preferences.CHANGES_SHOWN)
    )


async def choose(use: UseCases, caller: Caller, asked: ChoiceRequest, *, anew: bool = False) -> Chosen:
    """Choose for the caller, or for another whom the caller may choose for."""
    choice = Choice(
        user=asked.user or caller.user, patch=asked.patch, by=caller.name, version=asked.version, anew=anew
    )
    try:
        return await use.choices.choose(choice)
    except LockedPreference as error:
        raise Problem(
            "locked_preference", f"What is critical is always sent: {', '.join(error.places)}."
        ) from None
    except UnknownPreference as error:
        raise Invalid({place: ["The catalog has no such thing."] for place in error.places}) from None
    except HalfQuiet:
        raise Invalid({"quiet_hours": ["Must have both start and end."]}) from None
    except VersionMismatch as error:
        raise Problem("version_mismatch", f"It is version {error.version} by now.") from None


async def choose_for(use: UseCases, caller: Caller, asked: ChoiceRequest) -> Proven:
    await choose(use, caller, asked)
    return await user_preferences(use, caller, asked.user)


async def choose_anew(use: UseCases, caller: Caller, asked: ChoiceRequest) -> Proven:
    await choose(use, caller, asked, anew=True)
    return await user_preferences(use, caller, asked.user)


async def preview_type(use: UseCases, caller: Caller, asked: TypePreviewRequest) -> TypePreview:
    del caller
    try:
        return await use.type_previewer.preview(asked)
    except NoSuchType:
        raise Problem("not_found", "The catalog has no such type.") from None


async def type_in_full(use: UseCases, caller: Caller, name: str) -> TypeDetail:
    del caller
    found = await use.types.one(name)
    if found is None:
        raise Problem("not_found", "The catalog has no such type, and nobody has switched one.")
    return found


async def switch_type(use: UseCases, caller: Caller, asked: SwitchRequest) -> TypeDetail:
    return await use.types.switch(asked.type, asked.changes, by=caller.name)


async def look_at_stats(use: UseCases, caller: Caller, asked: StatsRequest) -> Report:
    del caller
    try:
        return await use.statistics.look(asked)
    except Unanswerable as error:
        raise Invalid({error.field: [str(error)]}) from None


async def suppress(use: UseCases, caller: Caller, asked: SuppressRequest) -> Suppression:
    return await use.suppressions.suppress(asked, source=caller.scope)


async def suppress_many(use: UseCases, caller: Caller, asked: Sequence[SuppressRequest]) -> int:
    return await use.suppressions.suppress_many(asked, source=caller.scope)


async def pause_lane(use: UseCases, caller: Caller, asked: PauseRequest) -> LanePage:
    return await use.lanes.pause(asked, by=caller.name)


async def resume_lane(use: UseCases, caller: Caller, lane: LaneName) -> LanePage:
    return await use.lanes.resume(lane, by=caller.name)


async def drain_node(use: UseCases, caller: Caller, node: str) -> None:
    del caller
    if not await use.nodes.send_away(node):
        raise Problem("not_found", "No node of this name answers.")


async def create_campaign(use: UseCases, caller: Caller, asked: CampaignRequest) -> Progress:
    return await use.campaigns.create(asked, by=caller.name)


async def watch_feed(
    use: UseCases,
    caller: Caller,
    on: bool,  # noqa: FBT001 - it is what is asked
) -> Sequence[Found]:
    """Answers what came before, if the store is there to tell; the feed itself needs none."""
    if not on:
        use.feed.unwatch(caller.sid)
        return ()
    await use.feed.watch(caller.sid)
    try:
        return await use.records.latest()
    except StorageError:
        return ()
