"""What a refusal of mail says of its address: the table of enhanced codes (RFC 3463). Pure.

The code decides, and neither the words beside it nor the 5 in front of a basic code: what a relay has against us is said
with a 5 too, and an address that is struck off for it gets no mail any more that it would have taken.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto

SOFT_DAYS = 5
"""On so many different days an address refuses before it is left alone for a while,"""
SOFT_WINDOW_DAYS = 30
"""within so many."""
SOFT_HOLD = timedelta(days=30)
"""How long it is left alone then."""

_HARD = frozenset({"1.1", "1.2", "1.3", "1.6", "1.10", "2.1"})
"""No such mailbox, no such domain, an address that cannot be, moved, a domain without mail, a mailbox that is closed."""
_FULL = "2.2"
_STATUS = re.compile(r"([245])\.(\d{1,3}\.\d{1,3})")


class BounceSeverity(Enum):
    """How much an address is to blame: whether it is struck off, counted, or left alone."""

    HARD = auto()  # it will never be taken at this address
    SOFT = auto()  # not now; on many days, it will not be for a while
    NEITHER = auto()  # about us, the message, or what nobody has said: the address is not to blame


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """A mail that its address did not take.

    It is made of an answer at the door, or of a report that came back: both go by the same table.
    """

    severity: BounceSeverity
    status: str
    """The enhanced code."""
    diagnostic: str
    """What was said with it, without addresses."""


def severity(status: str) -> BounceSeverity:
    """Of an enhanced code such as `5.1.1`.

    What is no enhanced code, or says that it went well, is `NEITHER`. A class of 4 is soft whatever its subject, and so
    is a full mailbox.
    """
    match = _STATUS.fullmatch(status)
    if match is None or match[1] == "2":
        return BounceSeverity.NEITHER
    if match[1] == "4" or match[2] == _FULL:
        return BounceSeverity.SOFT
    return BounceSeverity.HARD if match[2] in _HARD else BounceSeverity.NEITHER


def at_the_door(status: str | None, diagnostic: str, *, permanent: bool) -> Bounce | None:
    """What the relay's refusal of a recipient says of the address, as it was named; None when nothing.

    A relay that says 4 says it of itself, of greylists and of the moment, and is asked again: only a full mailbox counts.

    `permanent` says that the whole answer was: only then a hard code strikes the address off.
    """
    if status is None:
        return None
    found = severity(status)
    counts = (
        permanent if found is BounceSeverity.HARD else found is BounceSeverity.SOFT and status[2:] == _FULL
    )
    return Bounce(severity=found, status=status, diagnostic=diagnostic) if counts else None
