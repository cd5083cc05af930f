"""How long to wait before connecting again.

All connections to Redis use it, with their own count of failures since the last success.
"""

import random

FIRST_SECONDS = 0.05
"""After the first failure."""
LONGEST_SECONDS = 2.0
"""However many have failed."""


def reconnect_pause_seconds(failures: int) -> float:
    """Doubles from 50 ms to 2 s, jittered downwards by half, so that a cluster does not come back in step."""
    longest = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(failures, 10))
    return longest * random.uniform(0.5, 1)  # noqa: S311 - jitter, not a secret
