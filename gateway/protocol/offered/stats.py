"""What came of notifications and mails."""

from auth.principal import Role
from gateway.protocol import stats, use_cases
from gateway.protocol.operation import Operation, Route

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="stats", role=Role.VIEWER, summary="What came of notifications and mails",
        asks=stats.StatsSchema, answers=stats.StatsAnswer,
        use=use_cases.look_at_stats, shape=stats.report,
        route=Route(
            method="GET", path="/internal/stats",
            description="What happened within the time. It is counted every ten seconds. 5,000 rows and 1,500 steps at most: what would be more is `validation_failed`.",
        ),
        event="stats",
    ),
)  # fmt: skip
