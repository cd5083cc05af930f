"""What came of notifications and mails.

One question with many sides: what would be several reports elsewhere is told apart by `by` here.
They are figures, of nobody: whoever makes campaigns may ask for them.
"""

from auth.principal import Role
from gateway.protocol import stats
from gateway.protocol.operation import CAMPAIGNS, Operation, Route
from gateway.protocol.uses.stats import look_at_stats

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="stats", role=Role.VIEWER, scope=CAMPAIGNS, summary="What came of notifications and mails",
        asks=stats.StatsSchema, answers=stats.StatsAnswer,
        use=look_at_stats, shape=stats.report,
        route=Route(
            method="GET", path="/internal/stats",
            description="What happened within the time. It is counted every ten seconds. 5,000 rows and 1,500 steps at most: what would be more is `validation_failed`.",
        ),
        event="stats",
    ),
)  # fmt: skip
