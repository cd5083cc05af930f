"""How large an experiment may be, and what it may count, whatever it is of.

The catalog checks types' experiments by it, the protocol those of campaigns.
"""

from datetime import timedelta
from typing import Literal

Metric = Literal["click", "read", "conversion"]
"""What counts: a link that was followed, in the app or in a mail; what was read in the app; or what a backend tells."""
METRICS: tuple[Metric, ...] = ("click", "read", "conversion")
MAIL_METRICS: tuple[Metric, ...] = ("click", "conversion")
"""Of a campaign, which says the same to all in the app, and is not read in a mail."""
VARIANTS_MOST = 8
"""The control included: each comparison more takes more people for all."""
WEIGHT_MOST = 1000
NAME = r"[a-z0-9][a-z0-9_-]*"
"""Of a variant: it stands in rows and in figures."""
NAME_LONGEST = 32
SALT = r"[!-~]*"
"""Printable ASCII without a space, and possibly empty: a shop writes it down to compute the same lots."""
SALT_LONGEST = 64
HOLDOUT_MOST = 50
"""Percent."""
HOURS_LEAST = 4
"""An experiment lasts so long at least."""
SHORTEST = timedelta(hours=HOURS_LEAST)
"""Before so long is over no winner is sent to anybody by itself."""
PART_LEAST = 0.000_001
"""What is expected, and what is to be found: of less there is no number of people to say."""
CONVERSIONS_MOST = 20_000
"""Of both arms of a sequential experiment: they are looked at in their order, each time somebody asks."""
