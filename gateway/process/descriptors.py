"""File descriptors: as many as the process may have, and a word at the start when they cannot be enough.

Each connection is a descriptor. The public site leaves some to the rest of the process
(`gateway.engine.listening`), by the number that is told here.
"""

import logging
import math
import resource
from contextlib import suppress

RESERVE = 64
"""Left to the store, the bus, mail and probes when connections have taken the others; of few, a quarter. Without
them a node full of clients could not reach its own store.
"""
SPARE_CONNECTIONS = 1.1
"""Of the connections that may be: pollers have a second one for what they send, and who is refused has one too."""
CEILING = 1 << 20
"""More than a node can use, for a limit that knows no bound."""

logger = logging.getLogger(__name__)


def prepare(most_connections: int = 0) -> None:
    """Raise the limit to the highest that is allowed. Says so when `most_connections` do not fit; 0 is any number.

    Called once, before the node is built. It warns and goes on: a node for fewer clients is better than none.
    """
    limit = raise_limit()
    needed = math.ceil(most_connections * SPARE_CONNECTIONS) + RESERVE
    if most_connections and limit < needed:
        logger.warning(
            "there are fewer file descriptors than BELLHOP_MAX_CONNECTIONS needs: raise the hard limit (LimitNOFILE, ulimit "
            "-Hn, nofile) to `needed`, or lower BELLHOP_MAX_CONNECTIONS to `enough_for`",
            extra={
                "descriptors": limit,
                "needed": needed,
                "max_connections": most_connections,
                "enough_for": max(1, math.floor((limit - reserve()) / SPARE_CONNECTIONS)),
            },
        )


def raise_limit() -> int:
    """Raise the soft limit to the hard one; answers how many the process may have now.

    A limit that cannot be raised stays as it is.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CEILING if hard == resource.RLIM_INFINITY else min(hard, CEILING)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # macOS names no bound, and then allows fewer.
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CEILING if soft == resource.RLIM_INFINITY else soft


def reserve() -> int:
    """How many descriptors the public site leaves to the rest of the process."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return RESERVE if soft == resource.RLIM_INFINITY else min(RESERVE, soft // 4)
