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
