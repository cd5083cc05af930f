"""The holdings: everything that is kept of a user and told to the person, in one table.

Each stands in the module of its noun, with its read, its shape and its fields; a new one is a line here. It imports
those modules, and none of them imports it.
"""

from typing import Any

from gateway.protocol import (
    audits,
    clicks,
    digests,
    preferences,
    recipients,
    records,
    schedule,
    suppressions,
    topics,
    trial_results,
)
from gateway.protocol.answers.users import ProfileAnswer
from gateway.protocol.holding import Holding

HOLDINGS: tuple[Holding[Any], ...] = (
    topics.HELD,
    *preferences.HELD,
    schedule.HELD,
    records.MAILS_HELD,
    digests.HELD,
    records.NOTIFICATIONS_HELD,
    *records.RECEIPTS_HELD,
    suppressions.HELD,
    recipients.HELD,
    audits.HELD,
    *clicks.HELD,
    trial_results.HELD,
)
"""All of them, in the order in which they are told."""

UserDataAnswer = ProfileAnswer.from_dict(
    {name: field for holding in HOLDINGS for name, field in holding.fields.items()}, name="UserDataAnswer"
)
"""Everything held about a user: the profile, and the fields of all holdings."""
