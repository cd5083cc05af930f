"""What is planned of it while people cannot be asked what they want."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from gateway.catalog.live import LiveCatalog
from gateway.notify.deciding.decision import Judge
from gateway.notify.deciding.sources import NobodyChose, Sources
from gateway.notify.emitting import showing
from gateway.notify.emitting.planning import Planner
from gateway.notify.preferences.chosen import UserPreferences
from gateway.notify.preferences.suspicion import Suspicion
from gateway.notify.requests import EmailRequest, Unfit
from gateway.notify.wording.languages import Languages
from gateway.notify.wording.scribe import Filled, Scribe
from storage.errors import StoreUnavailable
from storage.streams import Emission
from tests.unit.gateway.wording.catalog import Known, asked, filled

NOW = datetime(2026, 11, 26, tzinfo=UTC)


class Away:
    """Preferences that cannot be asked for."""

    in_use = True

    def refusal(self, type_: object, channel: str) -> Suspicion:
        del type_, channel
        return Suspicion()

    async def of_many(self, users: Sequence[str]) -> dict[str, UserPreferences]:
        raise StoreUnavailable("away")


async def test_what_people_want_and_cannot_be_asked_for_is_the_answer_of_those_alone_who_may_have_asked(
    live: LiveCatalog, known: Known
):
    scribe = Scribe(live, Languages(known), Away())

    letter, shipped, given = await scribe.fill(
        [
            asked("user:ann", type="LETTER", data={}),
            asked("user:ann"),
            asked("user:ann", type="LETTER", data={}, email=EmailRequest()),
        ]
    )

    assert isinstance(letter, StoreUnavailable)
    assert isinstance(shipped, Filled)
    assert isinstance(given, Filled)


def judge_without_choices(live: LiveCatalog, known: Known) -> Judge:
    sources = Sources(
        catalog=live, contacts=known, preferences=Away(), receipts=None, suppressions=None,  # type: ignore[arg-type]  # nobody asks
        is_online=None,  # type: ignore[arg-type]
    )  # fmt: skip
    return Judge(sources)


def planner_without_choices(live: LiveCatalog, known: Known) -> Planner:
    return Planner(
        catalog=live,
        scribe=Scribe(live, Languages(known)),
        judge=judge_without_choices(live, known),
        clock=lambda: NOW,
        choosers=Away(),
    )


async def test_what_may_be_refused_in_app_is_not_planned_while_nobody_can_be_asked(
    live: LiveCatalog, known: Known
):
    planner = planner_without_choices(live, known)

    (planned,) = await planner.plan([asked("user:ann", no_email=True)], "test")

    assert isinstance(planned, StoreUnavailable)
    with pytest.raises(StoreUnavailable):
        await planner.drafts(asked("user:ann", no_email=True), limit=1)


async def test_of_what_is_planned_together_each_has_its_own_answer(live: LiveCatalog, known: Known):
    unfit, unknown, planned = await planner_without_choices(live, known).plan(
        [
            asked("user:ann", data={}, no_email=True),
            asked("user:ann", no_email=True),
            asked("topic:sale", no_email=True),
        ],
        "test",
    )

    assert isinstance(unfit, Unfit)
    assert isinstance(unknown, StoreUnavailable)
    assert isinstance(planned, Emission)
    assert [each.in_app for each in planned.notifications] == [True]


async def test_nobody_is_asked_whether_to_hide_what_is_not_shown_in_app(
    live: LiveCatalog, known: Known, scribe: Scribe
):
    letter = await filled(scribe, asked("user:bob", type="LETTER", email=EmailRequest(), data={}))

    questions = showing.in_question(live, Away(), [letter], NOW)
    hidden = await showing.hidden_of_each(judge_without_choices(live, known), questions, 1)

    assert hidden == [{}]


async def test_of_what_does_not_fit_there_is_no_draft(live: LiveCatalog, known: Known):
    with pytest.raises(Unfit):
        await planner_without_choices(live, known).drafts(asked("user:ann", data={}), limit=1)


def test_nobody_has_refused_anything_where_nothing_can_be_chosen():
    assert NobodyChose().refusal(None, "in_app") is None
