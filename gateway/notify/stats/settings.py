"""What operators say of the statistics. With 0 days nothing is heard and nothing is counted, so they cost nothing."""

from dataclasses import dataclass

from gateway.ground.settings import Group, setting
from gateway.ground.values import whole


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsSettings(Group):
    """Whether what becomes of notifications and mails is told, and how long that is kept."""

    days: int = setting(
        "STATS_DAYS", "90", whole(), "days that the events behind the statistics are kept, and their figures by the hour; "
        "those by the day stay. 0: nothing is told of any more",
    )  # fmt: skip
