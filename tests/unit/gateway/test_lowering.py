"""What a click, which turns mail off, has kept."""

from typing import Any

import pytest

from gateway.catalog.channels import CHANNELS
from gateway.catalog.kinds import EmailRule, NotificationType
from gateway.notify.choosing.choices import PreferenceGrid
from gateway.notify.choosing.lowering import lowering
from gateway.notify.deciding.gates import preferences as gate
from gateway.notify.preferences.chosen import PreferenceRow, UserPreferences
from gateway.notify.preferences.patches import merged
from tests.unit.gateway.deciding.known import case

TICKET = NotificationType(name="TICKET_REPLY", category="support")
"""The catalog has no mail of it: an emit may ask for some."""
ORDER = NotificationType(name="ORDER", category="support", email=EmailRule())


def grid(types: tuple[NotificationType, ...], chosen: UserPreferences) -> PreferenceGrid:
    rows = [
        PreferenceRow(type_, {channel: chosen.cell(type_, type_.name, channel) for channel in CHANNELS})
        for type_ in types
    ]
    return PreferenceGrid(
        user="ann", preferences=chosen, grid=tuple(rows), locale="en", names={"support": "Support"},
        type_names={}, locales=("en",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("types", "document"),
    [((TICKET,), {}), ((TICKET, ORDER), {"types": {"ORDER": {"email": False}}})],
)
def test_a_click_holds_for_types_that_are_mailed_only_when_their_sender_asks(
    types: tuple[NotificationType, ...], document: dict[str, Any]
):
    clicked = [("support", "email")]

    patch = lowering(grid(types, UserPreferences(document=document, version=1)), clicked)

    after = UserPreferences(document=merged(document, patch), version=2)
    cell = after.cell(TICKET, "TICKET_REPLY", "email")
    assert gate.judge(case(), gate.PreferenceCell(cell)) is not None
    assert lowering(grid(types, after), clicked) == {}


def test_a_click_is_kept_of_a_category_whose_types_were_all_turned_off_one_by_one():
    """It is about a type that the category gets tomorrow too, and about one that the reader takes the choice back of."""
    clicked = [("support", "email")]
    document = {"types": {"ORDER": {"email": False}}}

    patch = lowering(grid((ORDER,), UserPreferences(document=document, version=1)), clicked)

    after = UserPreferences(document=merged(document, patch), version=2)
    tomorrow = NotificationType(name="RATING", category="support", email=EmailRule())
    assert after.cell(tomorrow, "RATING", "email").is_refused
    assert lowering(grid((ORDER,), after), clicked) == {}


def test_of_a_category_of_nothing_but_what_is_critical_nothing_is_kept():
    critical = NotificationType(name="RESET", category="support", email=EmailRule(), critical=True)

    assert lowering(grid((critical,), UserPreferences()), [("support", "email")]) == {}
