"""Emitting: at once what is for now, and kept what is for its time.

Which of the two an emit is, its `timing` says. What is refused is counted at the emitter, whichever way it
would have gone.
"""

from collections.abc import Sequence

from gateway.notify.emitting.emitter import Emitted
from gateway.notify.emitting.scheduling import PutOff
from gateway.notify.requests import EmitRequest
from gateway.protocol.problems import Problem
from gateway.protocol.use_cases import Caller, UseCases
from storage.errors import StorageError
from storage.streams import Appended

CANCELLED: Emitted = Appended(notifications=())
"""What became of an emit that was cancelled a moment before it came."""


async def emit(use: UseCases, caller: Caller, asked: EmitRequest) -> Emitted | PutOff:
    """Emit one, or keep it for its time. Raises what either raises; stored when it returns.

    What was cancelled a moment before is not emitted: it is answered with no notifications.
    """
    if asked.timing is None and asked.cancel_key is None:
        return await use.emitter.emit(asked, scope=caller.scope)
    if asked.timing is None:
        return await _emit_unless_cancelled(use, caller, asked)
    [outcome] = await _put_off(use, caller, [asked])
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


async def emit_many(
    use: UseCases, caller: Caller, items: Sequence[EmitRequest | Exception]
) -> Sequence[Emitted | PutOff | Exception]:
    """Emit what could be parsed, or keep it for its time; what could not is its own answer.

    One outcome for each item, in order. Those for now are stored before those for later are looked at: if the
    process dies in between, the caller has no answer and sends all again, each under its key.
    """
    plain = [
        item
        for item in items
        if isinstance(item, EmitRequest) and item.timing is None and item.cancel_key is None
    ]
    if len(plain) == len(items):
        # As most batches are.
        return await use.emitter.emit_many(plain, scope=caller.scope)
    asked = [item for item in items if isinstance(item, EmitRequest)]
    now = [item for item in asked if item.timing is None]
    emitted = iter(await _emit_now(use, caller, now) if now else ())
    put_off = iter(await _put_off(use, caller, [item for item in asked if item.timing is not None]))
    outcomes: list[Emitted | PutOff | Exception] = []
    for item in items:
        if not isinstance(item, EmitRequest):
            # It never came to the emitter, which counts what it is asked.
            use.emitter.refuse(item)
            outcomes.append(item)
        else:
            outcomes.append(next(emitted if item.timing is None else put_off))
    return outcomes


async def _emit_unless_cancelled(use: UseCases, caller: Caller, asked: EmitRequest) -> Emitted:
    """Emit what of it was not cancelled a moment before. Raises what the emitter does, and counts what it raises."""
    try:
        [left] = await use.scheduler.not_cancelled([asked], scope=caller.scope)
    except StorageError as error:
        use.emitter.refuse(error)
        raise
    return CANCELLED if left is None else await use.emitter.emit(left, scope=caller.scope)


async def _emit_now(
    use: UseCases, caller: Caller, asked: Sequence[EmitRequest]
) -> Sequence[Emitted | Exception]:
    """Emit what was not cancelled a moment before, and answer for all, in order.

    Raises `StoreUnavailable` as the emitter does. Of those without a key nothing is asked.
    """
    standing = await use.scheduler.not_cancelled(asked, scope=caller.scope)
    left = [item for item in standing if item is not None]
    emitted = iter(await use.emitter.emit_many(left, scope=caller.scope) if left else ())
    return [CANCELLED if item is None else next(emitted) for item in standing]


async def _put_off(
    use: UseCases, caller: Caller, asked: Sequence[EmitRequest]
) -> Sequence[PutOff | Exception]:
    """Keep these for their time; whatever goes wrong is the answer, and counted.

    Never raises `StorageError`: it is each item's outcome, so that the others keep theirs.
    """
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
    """Cancel one. Raises `Problem` `not_found` for one that is emitted or cancelled already."""
    del caller
    return _still_to_come(await use.scheduler.drop([scheduled_id]))


async def hasten_scheduled(use: UseCases, caller: Caller, scheduled_id: str) -> Sequence[str]:
    """Have one emitted now. Raises `Problem` `not_found` as above."""
    del caller
    return _still_to_come(await use.scheduler.hasten([scheduled_id]))


def _still_to_come(ids: Sequence[str]) -> Sequence[str]:
    """The ids. Raises `Problem` where there is none."""
    if not ids:
        raise Problem("not_found", "Nothing of this id is still to come, or was missed.")
    return ids
