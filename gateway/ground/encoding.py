"""Values as they go out: JSON and times, for HTTP, Socket.IO and the bus alike."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

Json = dict[str, Any]

dumps = orjson.dumps
"""JSON as UTF-8, compact. Refuses (TypeError) what other parsers would stumble over: NaN becomes null, a lone
surrogate or an integer beyond 64 bit raises; the schemas let neither in."""


@lru_cache(maxsize=4096)
def time(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-11-22T08:27:41.123Z`. Cached: what was emitted together shares its time."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def time_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else time(moment)
