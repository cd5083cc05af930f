"""How operations use the use cases, where that takes more than one call: who asks, and what they may.

Each function takes the use cases, the caller, and what was asked; `gateway.protocol.operations` names them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from gateway.ground.rooms import ALL, user_of, user_room
from gateway.notify.emitting import Emitted, Emitter
from gateway.notify.mailroom import Mailroom
from gateway.notify.people import People
from gateway.notify.preview import NoMail, Previewer
from gateway.notify.reading import Reading
from gateway.notify.records import Record, Records
from gateway.notify.requests import AdminHistoryRequest, EmitRequest, HistoryRequest
from gateway.notify.returns import Returns
from gateway.notify.suppressions import SuppressionList, SuppressRequest
from gateway.notify.types import Types
from gateway.observe.feed import Feed
from gateway.observe.overview import Observatory
from gateway.protocol.problems import Problem
from mailer.errors import RenderFailure, TemplateFailure
from mailer.transport import Outgoing
from storage.inboxes import HistoryPage, Marked
from storage.streams import Notification
from storage.suppressions import Suppression

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
    returns: Returns
    people: People
    types: Types
    observatory: Observatory
    feed: Feed


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks: a service, an admin's connection, or a user by token."""

    scope: str
    """Whose idempotency keys the caller's are, and who is said to have done it."""
    user: str = ""
    """Empty for a service."""
    rooms: Sequence[str] = ()
    """Of the user, or of the connection."""
    is_admin: bool = False
    sid: str = ""
    """Of the connection; empty where there is none."""


async def emit(use: UseCases, caller: Caller, asked: EmitRequest) -> Emitted:
    return await use.emitter.emit(asked, scope=caller.scope)


async def emit_many(
    use: UseCases, caller: Caller, items: Sequence[EmitRequest | Exception]
) -> Sequence[Emitted | Exception]:
    """Emit what could be parsed; what could not is its own answer."""
    asked = [item for item in items if isinstance(item, EmitRequest)]
    emitted = iter(await use.emitter.emit_many(asked, scope=caller.scope) if asked else ())
    outcomes: list[Emitted | Exception] = []
    for item in items:
        if isinstance(item, EmitRequest):
            outcomes.append(next(emitted))
        else:
            use.emitter.refuse(item)
            outcomes.append(item)
    return outcomes


async def notification(use: UseCases, caller: Caller, notification_id: str) -> Record:
    del caller
    return _known(await use.records.find(notification_id))


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
        # A user's own room is shown as that user sees it; of a shared one, what this admin has read.
        user, rooms = user_of(asked.room) or caller.user, (asked.room,)
    elif asked.user is not None:
        user, rooms = asked.user, await use.people.rooms(asked.user)
    return await use.reading.history(user, rooms, asked.page)


async def own_history(use: UseCases, caller: Caller, page: HistoryRequest) -> HistoryPage:
    await use.reading.begin(caller.user, caller.rooms)
    return await use.reading.history(caller.user, caller.rooms, page)


async def user_history(use: UseCases, caller: Caller, asked: AdminHistoryRequest) -> HistoryPage:
    user = asked.user or caller.user
    if user == caller.user:
        return await own_history(use, caller, asked.page)
    if not caller.is_admin:
        raise Problem("forbidden", "Another's history needs the role admin.")
    # Which topics another has is known from that user's token only.
    return await use.reading.history(user, (user_room(user), ALL), asked.page)


async def read(use: UseCases, caller: Caller, ids: Sequence[str] | None) -> Marked:
    await use.reading.begin(caller.user, caller.rooms)
    return await use.reading.read(caller.user, caller.rooms, ids)


async def revive_one(use: UseCases, caller: Caller, notification_id: str) -> Sequence[str]:
    del caller
    revived = await use.mailroom.revive([notification_id])
    if not revived:
        raise Problem("not_found", "No dead mail has this id.")
    return revived


async def preview_mail(use: UseCases, caller: Caller, notification_id: str) -> Outgoing:
    del caller
    try:
        return await use.previewer.stored(notification_id)
    except NoMail as error:
        raise Problem("not_found", str(error)) from None
    except (RenderFailure, TemplateFailure) as error:
        raise Problem("validation_failed", f"This mail cannot be rendered: {error}.") from error


async def suppress(use: UseCases, caller: Caller, asked: SuppressRequest) -> Suppression:
    return await use.suppressions.suppress(asked, source=caller.scope)


async def watch_feed(use: UseCases, caller: Caller, on: bool) -> None:  # noqa: FBT001 - it is what is asked
    if on:
        await use.feed.watch(caller.sid)
    else:
        use.feed.unwatch(caller.sid)
