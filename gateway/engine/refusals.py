"""Refusals: who is not let in, and why; counted by reason, and told in the log at a bounded rate.

What is final is said to the client, which stays away. What is temporary is not: a stock client that hears of a refusal
never tries again, and one whose transport closes comes back by itself, after a pause that it chooses.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

LINE_SECONDS = 10.0
"""Between two lines of the log about one reason; the later one tells how many there were meanwhile."""
OTHER = "other"
CODES = (
    "missing_token",
    "invalid_token",
    "expired_token",
    "forbidden",
    "validation_failed",
    "invalid_namespace",
    "rate_limited",
    "too_many_connections",
    "draining",
    "unavailable",
    OTHER,
)
"""All that a refusal is counted as: the label of a metric must not be what somebody made up."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The answer to a client that is not let in."""

    code: str
    temporary: bool
    """Whether the same client may be let in soon. Then it is not told, but its transport closes."""
    told: Mapping[str, Any]
    """What Socket.IO's CONNECT_ERROR carries."""

    @classmethod
    def final(cls, code: str, message: str) -> Self:
        return cls(code=code, temporary=False, told={"message": message})

    @classmethod
    def for_now(cls, code: str) -> Self:
        return cls(code=code, temporary=True, told={})

    @classmethod
    def of(cls, error: Mapping[str, Any]) -> Self:
        """What a connect handler has raised: its data is `{code, retry}`, or the handler's own."""
        data = error.get("data")
        facts = data if isinstance(data, Mapping) else {}
        return cls(code=str(facts.get("code", OTHER)), temporary=facts.get("retry") is True, told=dict(error))


class Refusals:
    """Counts refusals, and logs them without what a client has said."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(CODES, 0)
        self._logged: dict[str, tuple[float, int]] = {}
        """By code: when it was last logged, and its count then."""

    def note(self, code: str, address: str) -> None:
        """Count a refusal of a client at `address`, and say so unless that was said a moment ago."""
        code = code if code in self.counts else OTHER
        self.counts[code] += 1
        count, now = self.counts[code], time.monotonic()
        then, before = self._logged.get(code, (-LINE_SECONDS, 0))
        if now - then >= LINE_SECONDS:
            self._logged[code] = (now, count)
            logger.info("client refused", extra={"code": code, "address": address, "refused": count - before})
