"""Who is in while a type is rolled out: each user has a bucket per type and channel, which a shop can compute too.

The bucket is the first 8 bytes, big-endian, of SHA-256 over `TYPE:channel:salt`, a zero byte, and the user's id in UTF-8,
modulo 10,000. Whoever was in stays in when the percentage is raised, and two types' buckets have nothing to do with each other.

It is pure. The percentages come from the file, or from an admin's switch (`switches`).
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

BUCKETS = 10_000
"""A hundredth of a percent is one bucket."""
ALL_OR_NONE = (0, 100)
"""The percentages that what is critical may have."""


def bucket(type_: str, channel: str, salt: str, key: str) -> int:
    """From 0 to 9,999. `key` is the user's id, or for a shared room the room's name.

    Costs a hash; callers ask for it only where less than everybody is in.
    """
    # An id with a lone surrogate has a bucket too: it is refused elsewhere, and this must not raise.
    hashed = sha256(f"{type_}:{channel}:{salt}\0{key}".encode(errors="surrogatepass"))
    return int.from_bytes(hashed.digest()[:8]) % BUCKETS


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutStep:
    """A percentage from a time on."""

    at: datetime
    """With its zone."""
    percent: float
    """From 0 to 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """For how many of the users a channel of a type is on, now and later."""

    percent: float = 100
    """Before the first step."""
    salt: str = ""
    """Another one deals the users out anew."""
    steps: tuple[RolloutStep, ...] = ()
    """In the order of their times; from its time on a step holds instead of `percent`."""

    def percent_at(self, now: datetime) -> float:
        """The percentage that holds at this time."""
        return next((step.percent for step in reversed(self.steps) if step.at <= now), self.percent)


EVERYBODY = Rollout()
"""What holds where nothing is said."""
