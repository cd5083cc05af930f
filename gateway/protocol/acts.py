"""What is answered to who presses a button or follows a link, beside the counts that hold then.

What is asked is in `gateway.protocol.asking.inbox` and `gateway.protocol.clicks`.
"""

from dataclasses import dataclass

from gateway.ground.encoding import Json, time_or_none
from gateway.notify.delivery import events
from gateway.protocol import required
from gateway.protocol.answers.notifications import CountAnswer
from storage.inboxes import Acted, Count


class ActedAnswer(CountAnswer):
    """The button that was pressed first, on whatever device."""

    acted = required.text()
    acted_at = required.time()


class FollowedAnswer(CountAnswer):
    """The notification whose link was followed."""

    id = required.text(
        allow_none=True, metadata={"description": "Null where the mail tells of none of this inbox."}
    )


@dataclass(frozen=True, slots=True)
class Followed:
    """A link was followed."""

    notification: str | None
    """Of which notification; None for a mail that tells of none of this inbox."""
    count: Count


def acted(value: Acted) -> Json:
    """What was pressed first, with the counts."""
    return {**events.count(value), "acted": value.acted, "acted_at": time_or_none(value.acted_at)}


def followed(value: Followed) -> Json:
    """Which notification it was, with the counts."""
    return {"id": value.notification, **events.count(value.count)}
