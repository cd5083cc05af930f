"""The experiment of a campaign: what falls to whom, how long it lasts, and what those get who have waited."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from gateway.experiments.findings import Arm, Conclusion, Design, Findings
from gateway.experiments.lots import Aside
from gateway.experiments.results import Results, outcome
from gateway.notify.campaigns import trial
from gateway.notify.campaigns.plans import Experiment, Imported, Plan, Variant, written
from storage.campaigns import Campaign
from storage.recipients import VariantCount

NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
CAMPAIGN = Campaign(id="c", name="n", type="NEWS", plan="", by="b", created_at=NOW, started_at=NOW)
VARIANTS = (Variant(name="a"), Variant(name="b"))
PLAN = Plan(
    audience=Imported(), variants=VARIANTS, experiment=Experiment(baseline=0.1, effect=0.05, share=50, salt="s")
)  # fmt: skip
PEOPLE = [f"u{n}" for n in range(200)]


def lots(campaign: Campaign, plan: Plan) -> set[tuple[str | None, bool, Aside | None]]:
    """The name of the variant, whether it is counted, and why there is none."""
    split = trial.split_of(campaign.id, plan)
    found = [trial.assignment_of(campaign, plan, split, user) for user in PEOPLE]
    return {(lot.variant and lot.variant.name, lot.is_tried, lot.aside) for lot in found}


def test_who_waits_gets_what_is_chosen_and_is_not_counted():
    tried = {("a", True, None), ("b", True, None)}

    assert lots(CAMPAIGN, PLAN) == {*tried, (None, False, Aside.WAITS)}
    assert lots(replace(CAMPAIGN, chosen="b"), PLAN) == {*tried, ("b", False, None)}
    assert lots(CAMPAIGN, Plan(audience=Imported())) == {(None, False, None)}


def test_without_a_salt_of_its_own_each_campaign_draws_anew():
    plan = Plan(audience=Imported(), variants=VARIANTS, experiment=Experiment(baseline=0.1, effect=0.05))
    one, other = (
        [trial.assignment_of(CAMPAIGN, plan, trial.split_of(id_, plan), user) for user in PEOPLE]
        for id_ in "cd"
    )

    assert one != other


def test_an_experiment_with_times_of_day_waits_for_the_last_and_a_day_more():
    assert trial.over_at(replace(CAMPAIGN, started_at=None), PLAN) is None
    assert trial.over_at(CAMPAIGN, Plan(audience=Imported())) is None
    assert trial.over_at(CAMPAIGN, PLAN) == NOW + timedelta(days=1)
    timed = Plan(
        audience=Imported(), experiment=PLAN.experiment,
        variants=(VARIANTS[0], Variant(name="b", local_time=time(18))),
    )  # fmt: skip
    assert trial.over_at(CAMPAIGN, timed) == NOW + timedelta(days=2)


async def test_what_is_done_when_its_time_is_over_counts_no_more():
    asked = []

    class Shelf:
        async def variant_counts(
            self, campaign_id: str, *, until: datetime | None
        ) -> dict[str, VariantCount]:
            asked.append((campaign_id, until))
            return {}

        async def conversions(self, *_: object, limit: int, until: datetime | None) -> list[str]:
            asked.append((limit, until))
            return []

    campaign = replace(CAMPAIGN, plan=written(PLAN))
    found = await trial.told(Shelf(), campaign, now=NOW + timedelta(days=9))  # type: ignore[arg-type]

    assert found is not None
    assert asked == [("c", NOW + timedelta(days=1)), (found.design.conversions, NOW + timedelta(days=1))]


@pytest.mark.parametrize(
    ("conclusion", "winner", "enough", "is_over", "chosen"),
    [
        (Conclusion.WINNER, "b", True, False, "b"),
        (Conclusion.WINNER, "b", False, False, None),
        (Conclusion.WINNER, "b", False, True, "a"),
        (Conclusion.NO_WINNER, None, True, False, "a"),
        (Conclusion.OPEN, None, True, False, None),
        (Conclusion.BROKEN, None, True, False, None),
        (Conclusion.BROKEN, None, True, True, "a"),
    ],
)
def test_without_a_sure_winner_those_who_wait_get_the_control(
    conclusion: Conclusion, winner: str | None, enough: bool, is_over: bool, chosen: str | None
):
    arms = tuple(Arm(name=name, weight=1, assigned=0, people=0, converted=0) for name in "ab")
    told = Results(
        design=Design(weights=(1, 1), baseline=0.1, effect=0.05),
        over_at=NOW,
        arms=arms,
        findings=Findings(conclusion=conclusion, winner=winner, comparisons=(), has_enough=enough),
    )
    now = NOW if is_over else NOW - timedelta(seconds=1)

    assert outcome(told, now=now) == chosen
