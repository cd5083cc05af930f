"""How large an experiment may be, whatever it is of."""

from datetime import timedelta

VARIANTS_MOST = 8
WEIGHT_MOST = 1000
NAME = r"[a-z0-9][a-z0-9_-]*"
NAME_LONGEST = 32
SALT = r"[!-~]*"
SALT_LONGEST = 64
HOLDOUT_MOST = 50
"""Percent."""
HOURS_LEAST = 4
SHORTEST = timedelta(hours=HOURS_LEAST)
"""Before so long is over no winner is sent to anybody by itself."""
CONVERSIONS_MOST = 20_000
"""Of both arms of a sequential experiment: they are looked at in their order, each time somebody asks."""
