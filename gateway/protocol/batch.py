"""A batch of emits: its items are parsed, emitted and answered one by one, so that a bad one does not spoil the others.

`gateway.http.internal` is its only caller. The whole is an error only where it is no batch or too large;
otherwise its status is 207, and each item has an outcome in its place.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from gateway.ground.encoding import Json
from gateway.notify.emitting.emitter import STEP_NOTIFICATIONS, Emitted
from gateway.notify.emitting.scheduling import PutOff
from gateway.notify.requests import EmitRequest
from gateway.protocol import emit, emit_rules, problems, shapes
from gateway.protocol.emit_plain import judged_batch
from gateway.protocol.parsing import Invalid
from gateway.protocol.problems import Problem

BATCH_BYTES_MAX = 16 * 1024 * 1024
"""Of the body, once it is decompressed."""
NOTIFICATIONS_MAX = 10_000
"""Of all items of a batch together, each room of each counted. It bounds a transaction of the store, and what
one request takes of the loop.
"""

BatchItem = EmitRequest | Exception
"""What became of an item: a request, or why it is none."""

logger = logging.getLogger(__name__)


async def parse(text: bytes, decode: Callable[[bytes], object]) -> Sequence[BatchItem]:
    """The items of a batch, each parsed; others have their turn in between.

    Raises `Invalid` where the whole is no batch, Problem where all together name too many rooms, and what `decode` raises.

    The answer has as many items as the batch, in its order. `decode` is only called where the short way does
    not take it.
    """
    plain = judged_batch(text)
    if plain is not None:
        return plain
    # Where the whole is no longer than an item may be, none need be measured.
    # An item may have as many bytes as an emit by itself; to write each out again in order to measure it
    # costs much.
    parse_one = _parsed if len(text) <= emit_rules.EMIT_BYTES_MAX else _measured
    return await _in_steps(parse_one, emit.items(decode(text)))


def notifications_of(items: Sequence[BatchItem]) -> int:
    """How many notifications the sound items ask for. For the rate of the service, before anything is emitted."""
    return sum([len(item.rooms) for item in items if isinstance(item, EmitRequest)])


def results(outcomes: Sequence[Emitted | PutOff | Exception]) -> Json:
    """The answer: a result for each item, in order. What nobody foresaw is logged, and not shown.

    As many as there were items; a client finds its own by the place.
    """
    return {"results": [_result(outcome) for outcome in outcomes]}


def _result(outcome: Emitted | PutOff | Exception) -> Json:
    """The outcome of one item, as it would have been answered by itself, with its status inside."""
    if not isinstance(outcome, Exception):
        answer = shapes.emitted(outcome)
        answer["status"] = 202
        return answer
    details = problems.of(outcome)
    if details.code == "internal":
        logger.error("emit failed", exc_info=outcome)
    return details.json()


def _parsed(item: Any) -> BatchItem:
    """One item, or the error that is its outcome. Raises nothing but what nobody foresaw."""
    try:
        return emit.parse_item(item)
    except Invalid as error:
        return error


def _measured(item: Any) -> BatchItem:
    """The same of an item that may be longer than an emit may be by itself."""
    parsed = _parsed(item)
    # Only the data can be of any length; what is measured is what it is when written without spaces.
    if (
        isinstance(parsed, EmitRequest)
        and parsed.data
        and len(orjson.dumps(item)) > emit_rules.EMIT_BYTES_MAX
    ):
        return Problem("too_large", f"{emit_rules.EMIT_BYTES_MAX} bytes an item at most.")
    return parsed


async def _in_steps(parse_one: Callable[[Any], BatchItem], items: Sequence[Any]) -> list[BatchItem]:
    """Parse all items, in slices between which the loop has its turn.

    Raises `Problem` before the first is parsed where there are too many notifications: to parse what is
    refused would be for nothing.
    """
    weights = [_weight(item) for item in items]
    asked = sum(weights)
    if asked > NOTIFICATIONS_MAX:
        raise Problem(
            "too_large", f"{NOTIFICATIONS_MAX} notifications a request at most; this one asks for {asked}."
        )
    parsed = []
    done = 0
    for item, weight in zip(items, weights, strict=True):
        parsed.append(parse_one(item))
        done += weight
        # Counted in notifications, since an item may have a thousand rooms.
        if done >= STEP_NOTIFICATIONS:
            done = 0
            await asyncio.sleep(0)
    return parsed


def _weight(item: Any) -> int:
    """How many notifications an item asks for, before anything of it is judged.

    Never raises: what is no item weighs one.
    """
    rooms = item.get("to") if isinstance(item, dict) else None
    return len(rooms) if isinstance(rooms, list) else 1
