"""What a reader does with notifications of the own inbox: marks, snoozes, buttons, and links that were followed.

It decides nothing itself: an id outside the caller's rooms is judged by the store.
"""

from collections.abc import Sequence
from typing import TypeVar

from gateway.notify.requests import ActRequest, SnoozeRequest
from gateway.protocol.acts import Followed
from gateway.protocol.asking.inbox import check_until
from gateway.protocol.clicks import ClickRequest
from gateway.protocol.problems import Problem
from gateway.protocol.use_cases import Caller, UseCases
from storage.inboxes import Acted, Marked

M = TypeVar("M", bound=Marked)


async def read(use: UseCases, caller: Caller, ids: Sequence[str] | None) -> Marked:
    """Mark some as read, or all with None. What was read stays read since the first time."""
    # Who comes by a connection has begun as it came in.
    if not caller.sid:
        await use.reading.begin(caller.user, caller.rooms)
    return await use.reading.read(caller.user, caller.rooms, ids)


async def seen(use: UseCases, caller: Caller, ids: Sequence[str]) -> None:
    """Mark as seen."""
    await use.reading.seen(caller.user, caller.rooms, ids)


async def dismiss(use: UseCases, caller: Caller, ids: Sequence[str]) -> Marked:
    """Take out of the history."""
    return await use.acting.dismiss(caller.user, caller.rooms, ids)


async def undismiss(use: UseCases, caller: Caller, ids: Sequence[str]) -> Marked:
    """Take back what was dismissed."""
    return await use.acting.undismiss(caller.user, caller.rooms, ids)


async def mark_unread(use: UseCases, caller: Caller, ids: Sequence[str]) -> Marked:
    """Have them be unread again."""
    return await use.acting.mark_unread(caller.user, caller.rooms, ids)


async def archive(use: UseCases, caller: Caller, ids: Sequence[str]) -> Marked:
    """Put away."""
    return await use.acting.archive(caller.user, caller.rooms, ids)


async def unarchive(use: UseCases, caller: Caller, ids: Sequence[str]) -> Marked:
    """Take back what was put away."""
    return await use.acting.unarchive(caller.user, caller.rooms, ids)


async def snooze(use: UseCases, caller: Caller, asked: SnoozeRequest) -> Marked:
    """Hide one notification until a time. Raises `Problem` `not_found`, and `Invalid` for a time that is past or
    too far ahead.
    """
    check_until(asked.until, use.clock())
    return _shown(await use.acting.snooze(caller.user, caller.rooms, asked.id, until=asked.until))


async def act(use: UseCases, caller: Caller, asked: ActRequest) -> Acted:
    """Note that the user has pressed an action of one notification. The first press stays; a later one is
    answered with it. Raises `Problem` `not_found`.
    """
    return _shown(await use.acting.act(caller.user, caller.rooms, asked.id, action=asked.action))


async def follow(use: UseCases, caller: Caller, asked: ClickRequest) -> Followed:
    """Write down that the user has followed a link: that of a notification, that of a mail, or both, of which that
    of the mail is looked at first.

    A connection proves who follows it. The public links of mails, which prove nothing, are of `gateway.http.clicks`; both
    write into the same book. Following marks the notification as read. Raises `Problem` `not_found` for a token of somebody
    else's mail.
    """
    followed = None
    if asked.token is not None:
        confirmed = await use.clicks.confirm(caller.user, caller.rooms, asked.token)
        if confirmed is None:
            raise Problem("not_found", "The token is of no mail of this user's.")
        followed = Followed(*confirmed)
    if asked.id is not None:
        followed = Followed(asked.id, await use.clicks.follow(caller.user, caller.rooms, asked.id))
    assert followed is not None  # one of the two is asked
    return followed


def _shown(marked: M | None) -> M:
    """What was done. Raises `Problem` `not_found` where the store knew no such notification in these rooms."""
    if marked is None:
        raise Problem("not_found", "No notification of this inbox has this id.")
    return marked
