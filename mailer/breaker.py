"""The breaker before one relay: whether mail may try it, and what becomes of a mail that it did not take.

Whose fault a failure is, `refusals` and `standing` say; how long to wait, `backoff`. Here they come together, and what
stops all mail is told: as an error once per change, and in `stopped` for as long as it lasts.
"""

import asyncio
import logging

from mailer.backoff import Bury, Postpone, Random, decide, pause_seconds
from mailer.errors import DeliveryFailure, PermanentFailure, RefusedByRelay, RelayFailure, UnclearRefusal
from mailer.standing import Judgement, RelayStanding

PAUSE_SECONDS = (30.0, 900.0)
"""First and longest pause after the relay turned us away; the first is no longer than the wait after a failed attempt."""

logger = logging.getLogger(__name__)


class Breaker:
    """Decides for every mail, and for all of it together.

    Guarantees: what is about us pauses, is told, and counts against no mail; one recipient's refusal keeps only the mail
    to that recipient waiting.
    """

    def __init__(self, *, attempts: int, retry_seconds: float, random: Random) -> None:
        """As `Worker` has them: `attempts` of 0 never gives up."""
        self._attempts = attempts
        self._retry_seconds = retry_seconds
        self._random = random
        self._standing = RelayStanding()
        self._pauses = 0
        """How many in a row."""
        self._told: tuple[type[Exception], int | None] | None = None
        """What mail is stopped by, as the log has it."""
        self.paused_until = 0.0
        """By the loop's clock: nobody may try before."""

    @property
    def stopped(self) -> bool:
        """Whether mail does not leave for a reason that is ours to mend; one at a time may find out."""
        return self._standing.stopped

    def accepted(self, recipient: str) -> None:
        """The relay took a mail to this recipient: what was believed against us is over, and mail goes out again."""
        self._standing.accepted(recipient)
        self._resume()

    def decide(
        self, failure: DeliveryFailure | RelayFailure, *, recipient: str, attempts: int
    ) -> Postpone | Bury:
        """What becomes of the mail to `recipient` whose attempt number `attempts` ended in `failure`.

        It pauses all mail, or this one, by what `standing` has made of several answers. Only what is the mail's own is
        counted, and can bury it.
        """
        if isinstance(failure, (RefusedByRelay, UnclearRefusal)):
            outspoken = isinstance(failure, RefusedByRelay)
            match self._standing.refused(recipient, outspoken=outspoken):
                case Judgement.OURS:
                    return self._pause(failure)
                case Judgement.DOUBT:
                    return self._wait(failure)
        elif isinstance(failure, RelayFailure):
            self._standing.failed()
            return self._pause(failure)
        elif isinstance(failure, PermanentFailure) and failure.code is not None:
            self._standing.let_in()  # it heard us out, to refuse this one mail
            self._resume()
        return decide(
            failure,
            attempts=attempts,
            limit=self._attempts,
            random=self._random,
            first_seconds=self._retry_seconds,
        )

    def _pause(self, failure: RelayFailure | UnclearRefusal) -> Postpone:
        """All mail waits: twice as long with each pause in a row, 15 minutes at most. This mail waits for as long, and
        its attempt is not counted.
        """
        now = asyncio.get_running_loop().time()
        if self.paused_until <= now:  # else, of several under way at once, the first has paused
            self._pauses += 1
            first, longest = PAUSE_SECONDS
            first = min(first, self._retry_seconds)
            self.paused_until = now + pause_seconds(
                self._pauses, first=first, longest=longest, random=self._random
            )
            self._tell(failure, self.paused_until - now)
        return _uncounted(failure, self.paused_until - now)

    def _wait(self, failure: RelayFailure | UnclearRefusal) -> Postpone:
        """Only this mail waits."""
        strikes, longest = self._standing.strikes, PAUSE_SECONDS[1]
        delay = pause_seconds(strikes, first=self._retry_seconds, longest=longest, random=self._random)
        if self.stopped:
            self._tell(failure, 0.0)
        return _uncounted(failure, delay)

    def _tell(self, failure: RelayFailure | UnclearRefusal, pause: float) -> None:
        """Say in the log what stops mail: as an error when it is something else than was said last."""
        told = (type(failure), failure.code)
        level = logging.INFO if told == self._told else logging.ERROR
        self._told = told
        extra = {
            "failure": type(failure).__name__,
            "reason": str(failure),
            "code": failure.code,
            "pause_seconds": round(pause, 1),
        }
        logger.log(level, "mail stopped: %s", failure.problem, extra=extra)

    def _resume(self) -> None:
        """Nothing stops mail any more; said once, if it was said that something did."""
        if not self.stopped:
            self._pauses = 0
            self.paused_until = 0.0
            if self._told is not None:
                self._told = None
                logger.info("mail goes out again")


def _uncounted(failure: RelayFailure | UnclearRefusal, delay: float) -> Postpone:
    return Postpone(delay_seconds=delay, reason=str(failure), code=failure.code, counted=False)
