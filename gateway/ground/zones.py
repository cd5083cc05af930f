"""The time zones of the world, by their IANA names."""

from functools import lru_cache
from zoneinfo import ZoneInfo

ZONE_CHARACTERS = 64
ZONES_KEPT = 1024
"""More than there are: each is read once."""


@lru_cache(ZONES_KEPT)
def zone(name: str) -> ZoneInfo | None:
    """The zone of this name, such as `Europe/Berlin`; None where there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # A name that is none is a KeyError, a path a ValueError, a folder of the database an OSError.
        return None
