"""Recipients that the relay refuses, one after the other: noted of each, until it is the relay that is wrong.

What a refusal says of an address is of `bounces`.
"""

import logging
from collections.abc import Awaitable, Callable

from mailer import bounces
from mailer.bounces import Bounce
from mailer.errors import DeliveryFailure, PermanentFailure, RelayFailure
from storage.obligations import Lease

REFUSED_IN_A_ROW = 20
"""Recipients that a relay refuses for good without taking one: from there on it is the relay that is wrong, and not they."""

Bounced = Callable[[Lease, Bounce], Awaitable[None]]
"""Told that the address of a mail refused it, before the mail is settled; raises nothing."""

logger = logging.getLogger(__name__)


class RefusedRecipients:
    """Has refusals of addresses be noted. One of a lane in a process, which counts how many came in a row."""

    def __init__(self, bounced: Bounced) -> None:
        self._bounced = bounced
        self._in_a_row = 0

    def taken(self) -> None:
        """The relay has taken a recipient."""
        self._in_a_row = 0

    async def failed(self, lease: Lease, failure: DeliveryFailure | RelayFailure) -> None:
        """Have a refusal of the address be noted, unless the relay has refused `REFUSED_IN_A_ROW` of them: then it is
        the relay that is wrong. A failure that says nothing of the address is passed over.
        """
        bounce = _bounce(failure)
        if bounce is None:
            return
        self._in_a_row += 1
        if self._in_a_row <= REFUSED_IN_A_ROW:
            await self._bounced(lease, bounce)
        elif self._in_a_row == REFUSED_IN_A_ROW + 1:
            # A relay that knows nobody, such as another's mail server, must not strike off everybody.
            logger.error("the relay refuses one recipient after another: none is suppressed for it any more")


def _bounce(failure: DeliveryFailure | RelayFailure) -> Bounce | None:
    """What the failure says of the address; None when nothing."""
    if not isinstance(failure, DeliveryFailure):
        return None
    permanent = isinstance(failure, PermanentFailure)
    return bounces.at_the_door(failure.recipient_status, str(failure), permanent=permanent)
