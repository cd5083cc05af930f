"""The statistics.

What cannot be counted is told by the name of the field that is to blame.
"""

from gateway.notify.stats.asking import StatsReport, StatsRequest, Unanswerable
from gateway.protocol.parsing import Invalid
from gateway.protocol.use_cases import Caller, UseCases


async def look_at_stats(use: UseCases, caller: Caller, asked: StatsRequest) -> StatsReport:
    """The figures that are asked for."""
    del caller
    try:
        return await use.statistics.look(asked)
    except Unanswerable as error:
        raise Invalid({error.field: [str(error)]}) from None
