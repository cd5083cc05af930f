"""What is known of one notification, and what the live feed begins with.

Each raises `Problem` `not_found` for an id that no notification has.
"""

from collections.abc import Sequence
from typing import TypeVar

from gateway.notify.records import Record
from gateway.observe.traced import Trace
from gateway.protocol.problems import Problem
from gateway.protocol.use_cases import Caller, UseCases
from storage.errors import StorageError
from storage.notifications import Notification
from storage.searching import Found

T = TypeVar("T")


async def notification(use: UseCases, caller: Caller, notification_id: str) -> Record:
    """A notification with what became of it."""
    del caller
    return _known(await use.records.find(notification_id))


async def trace(use: UseCases, caller: Caller, notification_id: str) -> Trace:
    """The way of a notification, or of a mail that stands by itself."""
    del caller
    return _known(await use.tracer.trace(notification_id))


async def recall(use: UseCases, caller: Caller, notification_id: str) -> Notification:
    """Take a notification back."""
    del caller
    return _known(await use.records.recall(notification_id))


def _known(found: T | None) -> T:
    """What was found. Raises `Problem` where nothing was."""
    if found is None:
        raise Problem("not_found", "No notification has this id.")
    return found


async def watch_feed(
    use: UseCases,
    caller: Caller,
    on: bool,  # noqa: FBT001 - it is what is asked
) -> Sequence[Found]:
    """Answers what came before, if the store is there to tell; the feed itself needs none.

    Repeating it changes nothing. The session is watched before the store is asked: what comes in between is
    shown twice rather than never.
    """
    if not on:
        use.feed.unwatch(caller.sid)
        return ()
    await use.feed.watch(caller.sid)
    try:
        return await use.records.latest()
    except StorageError:
        return ()
