"""Whose history who may see, and what it is about.

Reading one's own history is also a beginning in the shared rooms: what was told before a user came is not
unread for that user.
"""

from collections.abc import Sequence

from gateway.ground.rooms import inbox_rooms, user_of
from gateway.notify.requests import AdminHistoryRequest, HistoryRequest
from gateway.notify.types.states import NamedCategory
from gateway.protocol.problems import Problem
from gateway.protocol.use_cases import Caller, UseCases
from storage.histories import HistoryPage


async def _language(use: UseCases, caller: Caller) -> str | None:
    """The language that the caller reads; a service reads each room's own."""
    # A connection has learnt it as it came in, and hears of a change.
    if caller.sid or not caller.user:
        return caller.locale
    return await use.languages.of_reader(caller.user, caller.locale)


async def own_categories(use: UseCases, caller: Caller, _: object) -> Sequence[NamedCategory]:
    """What notifications are about, in the caller's language."""
    return await use.types.categories(await _language(use, caller))


async def any_history(use: UseCases, caller: Caller, asked: AdminHistoryRequest) -> HistoryPage:
    """The history that an admin asks for: the own one, a user's, or a room's."""
    user, rooms = caller.user, caller.rooms
    if asked.room is not None:
        # A user's own room is shown as that user sees it; of a shared one all, with what this admin has read.
        user, rooms = user_of(asked.room) or caller.user, (asked.room,)
    elif asked.user is not None:
        user, rooms = asked.user, await use.people.rooms(asked.user)
    whole = asked.room is not None
    return await use.reading.history(
        user, rooms, asked.page, locale=await _language(use, caller), whole=whole
    )


async def own_history(use: UseCases, caller: Caller, page: HistoryRequest) -> HistoryPage:
    """A page of the caller's own. Idempotent, the beginnings included."""
    return await use.reading.history(
        caller.user, caller.rooms, page, locale=await _language(use, caller),
        # Who comes by a connection has begun as it came in.
        begins=not caller.sid,
    )  # fmt: skip


async def user_history(use: UseCases, caller: Caller, asked: AdminHistoryRequest) -> HistoryPage:
    """A page of a user's. Raises `Problem` `forbidden` for another's without a role."""
    user = asked.user or caller.user
    if user == caller.user:
        return await own_history(use, caller, asked.page)
    if caller.role is None:
        raise Problem("forbidden", "Another's history needs the role admin, support or viewer.")
    # Which topics another's token names is known to nobody but that user.
    rooms = inbox_rooms(user, await use.topics.of(user))
    return await use.reading.history(user, rooms, asked.page, locale=await _language(use, caller))
