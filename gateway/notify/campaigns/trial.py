"""The experiment of a campaign: who gets which variant, and what is found of them.

A person's lot says which; it follows from the user's id and the salt alone, so whoever decides comes to the same.

`gateway.experiments` draws lots and concludes; here a campaign is put in its terms. Types have experiments of
their own (`gateway.notify.trials`), with other rows and the same rules.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.experiments.findings import Arm, Design
from gateway.experiments.lots import Aside, Split
from gateway.experiments.results import Results, results
from gateway.notify.campaigns.plans import Plan, Variant, plan_of
from storage.campaigns import Campaign
from storage.recipients import Counted, Recipients, VariantCount

EXPERIMENT = "experiment"
"""The rule by which a recipient waits for the winner."""
WAITS = "waits for what the experiment finds"
"""In the place of a reason, for those who wait."""
TIMED = timedelta(days=2)
"""The shortest time that an experiment with times of day lasts: the last arm has its slot a day later, and
then a day to be read.
"""
NOTHING = VariantCount()


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What a recipient gets of an experiment.

    All three at their defaults: the campaign says it in one way.
    """

    variant: Variant | None = None
    """None: the campaign's own words, or nothing."""
    is_tried: bool = False
    """Whether it is counted: the variant has fallen to it by lot."""
    aside: Aside | None = None
    """Why it gets none, or none yet."""


EVERYBODYS = Assignment()


def split_of(campaign_id: str, plan: Plan) -> Split | None:
    """How recipients are shared out; None without an experiment. With the salt of an earlier campaign people
    have the same lots as in that.
    """
    if plan.experiment is None:
        return None
    return Split(
        salt=plan.experiment.salt or campaign_id,
        weights=tuple(each.weight for each in plan.variants),
        holdout=plan.experiment.holdout,
        share=plan.experiment.share,
    )


def assignment_of(campaign: Campaign, plan: Plan, split: Split | None, user: str) -> Assignment:
    """What falls to the user by lot, or is chosen for those who waited; nothing where all get the same."""
    if split is None:
        return EVERYBODYS
    place = split.place(user)
    if isinstance(place, int):
        return Assignment(variant=plan.variants[place], is_tried=True)
    if place is Aside.WAITS and campaign.chosen is not None:
        return Assignment(variant=plan.variant(campaign.chosen))
    return Assignment(aside=place)


def is_timed(plan: Plan) -> bool:
    """Whether variants are sent at times of day: arms of different hours cannot be compared as they go."""
    return any(each.local_time is not None for each in plan.variants)


def design_of(plan: Plan) -> Design | None:
    """What the experiment is planned to find; None without one."""
    if plan.experiment is None:
        return None
    return Design(
        weights=tuple(each.weight for each in plan.variants),
        baseline=plan.experiment.baseline,
        effect=plan.experiment.effect,
        is_timed=is_timed(plan),
    )


def has_waiting(plan: Plan) -> bool:
    """Whether some wait for what is found."""
    return plan.experiment is not None and plan.experiment.share < 100


def over_at(campaign: Campaign, plan: Plan) -> datetime | None:
    """When it is over; None before its beginning. One with times of day lasts `TIMED` at least."""
    if plan.experiment is None or campaign.started_at is None:
        return None
    lasts = timedelta(seconds=plan.experiment.seconds)
    return campaign.started_at + (max(lasts, TIMED) if is_timed(plan) else lasts)


async def told(recipients: Recipients, campaign: Campaign, *, now: datetime) -> Results | None:
    """What is found so far; None of a campaign without variants. Raises `StorageError`.

    Those count who have the variant by lot, whether they were mailed or not; they convert by a click of a
    person, or by what is said of them. What comes when its time is over counts no more: else somebody who
    goes on looking would find a winner in the end where nothing differs.
    """
    plan = plan_of(campaign)
    design = design_of(plan)
    if plan.experiment is None or design is None:
        return None
    by = Counted.CONVERSION if plan.experiment.metric == "conversion" else Counted.CLICK
    over = over_at(campaign, plan)
    counts = await recipients.variant_counts(campaign.id, until=over)
    planned = design.conversions
    # Only by the sequential rule does the order count.
    order = (
        [] if planned is None else await recipients.conversions(campaign.id, by, limit=planned, until=over)
    )
    arms = [
        Arm(
            name=each.name,
            weight=each.weight,
            assigned=count.assigned,
            people=count.sent,
            converted=count.clicked if by is Counted.CLICK else count.converted,
        )
        for each in plan.variants
        for count in (counts.get(each.name, NOTHING),)
    ]
    return results(design, arms, order, over_at=over, now=now)
