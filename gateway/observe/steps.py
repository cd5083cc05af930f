"""Steps of several nodes: as one tells another, and added up to those of all.

Pure. What a step is made of, and which there are, is of `gateway.observe.trends`.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from gateway.ground.encoding import Json
from gateway.observe.trends import TrendStep


def millis(moment: datetime) -> int:
    """A time as it goes over the bus."""
    return round(moment.timestamp() * 1000)


def row_of(step: TrendStep) -> Json:
    """A step as it goes over the bus."""
    return {
        "at": millis(step.at),
        "seconds": step.seconds,
        "connections": step.connections,
        "deliveries": step.deliveries,
        "emits": {outcome: count for outcome, count in step.emits.items() if count},
        "mail": {outcome: count for outcome, count in step.mail.items() if count},
        "append_p99": step.append_p99_seconds,
        "emit_p99": step.emit_p99_seconds,
    }


def step_of(row: Json) -> TrendStep:
    """Raises LookupError, TypeError, ValueError or AttributeError for what is no row of ours."""
    return TrendStep(
        at=datetime.fromtimestamp(row["at"] / 1000, UTC),
        seconds=float(row["seconds"]),
        connections=float(row["connections"]),
        deliveries=float(row["deliveries"]),
        emits={str(outcome): float(count) for outcome, count in row["emits"].items()},
        mail={str(outcome): float(count) for outcome, count in row["mail"].items()},
        append_p99_seconds=None if row["append_p99"] is None else float(row["append_p99"]),
        emit_p99_seconds=None if row["emit_p99"] is None else float(row["emit_p99"]),
    )


def added_up(
    told: Mapping[str, Sequence[TrendStep]], *, telling: Collection[str], step_seconds: float, limit: int
) -> list[TrendStep]:
    """The newest `limit` steps of all nodes together, up to the last that every node that is `telling` has told.

    Nodes sample at the same moments of the clock, give or take half a step.
    """
    if len(told) == 1:
        return list(next(iter(told.values())))[-limit:]
    by_slot: dict[int, dict[str, list[TrendStep]]] = {}
    ends = []
    for node, steps in told.items():
        for step in steps:
            by_slot.setdefault(_slot(step, step_seconds), {}).setdefault(node, []).append(step)
        if steps and node in telling:
            ends.append(_slot(steps[-1], step_seconds))
    # Beyond, some have told and others have not: that would look like a fall.
    end = min(ends, default=0)
    return [_sum(by_slot[slot].values()) for slot in sorted(by_slot) if end - limit < slot <= end]


def _slot(step: TrendStep, step_seconds: float) -> int:
    """Which step of the clock a sample is of."""
    return round(step.at.timestamp() / step_seconds)


def _sum(parts: Collection[Sequence[TrendStep]]) -> TrendStep:
    """One step of what the nodes did in it; a node that was busy may have two samples in one slot."""
    steps = [step for part in parts for step in part]
    return TrendStep(
        at=max(step.at for step in steps),
        seconds=max(step.seconds for step in steps),
        connections=sum(part[-1].connections for part in parts),
        deliveries=sum(step.deliveries for step in steps),
        emits=_counts([step.emits for step in steps]),
        mail=_counts([step.mail for step in steps]),
        append_p99_seconds=_slowest([step.append_p99_seconds for step in steps]),
        emit_p99_seconds=_slowest([step.emit_p99_seconds for step in steps]),
    )


def _counts(steps: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Counts by outcome, added up."""
    counts: dict[str, float] = {}
    for of_step in steps:
        for outcome, count in of_step.items():
            counts[outcome] = counts.get(outcome, 0.0) + count
    return counts


def _slowest(latencies: Sequence[float | None]) -> float | None:
    """The largest of those that are known."""
    return max((seconds for seconds in latencies if seconds is not None), default=None)
