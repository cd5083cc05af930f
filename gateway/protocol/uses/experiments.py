"""Experiments, of types and of campaigns."""

from gateway.notify.campaigns.accounts import NoSuchCampaign, Progress
from gateway.notify.trials.book import TypeTrial
from gateway.protocol.experiments import Conversions
from gateway.protocol.problems import Problem
from gateway.protocol.use_cases import Caller, UseCases

NONE = "There is no such experiment: neither of a type of the catalog, nor of a campaign."


async def find_experiment(use: UseCases, caller: Caller, asked: str) -> TypeTrial | Progress:
    """The answer is of a campaign only where that has one."""
    del caller
    found = await use.trials.find(asked)
    if found is not None:
        return found
    try:
        progress = await use.campaigns.progress(asked)
    except NoSuchCampaign:
        raise Problem("not_found", NONE) from None
    if progress.experiment is None:
        raise Problem("not_found", NONE)
    return progress


async def convert(use: UseCases, caller: Caller, asked: Conversions) -> int:
    """Answers how many were taken in."""
    del caller
    if not (
        await use.trials.convert(asked.experiment, asked.users)
        or await use.campaigns.convert(asked.experiment, asked.users)
    ):
        raise Problem("not_found", NONE)
    return len(asked.users)
