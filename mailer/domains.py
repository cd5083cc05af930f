"""How many mails may be under way to one recipient domain, by what its mail meets. Pure: it waits for nothing.

The bound of a domain halves when the relay says that it is too much at once, and grows by one for as many mails as it
holds that are taken: additive increase, multiplicative decrease, as in TCP (RFC 5681). Where the relay ends one session
after the other over it, the domain rests, and each time for twice as long: every try costs both a new session.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from mailer.backoff import Random, pause_seconds

REMEMBERED = 1000
"""Domains, at most, whose bound is kept; the oldest without mail under way is forgotten first."""
TURN_SECONDS = 1.0
"""What one mail to a domain is taken to need, to say when a place will be free."""
LONGEST_WAIT_SECONDS = 900.0
FIRST_REST_SECONDS = 2.0
"""Of a domain over which the relay has ended two sessions in a row."""


@dataclass(slots=True)
class _Domain:
    """What is known of one domain, for as long as it is other than of any."""

    bound: float
    under_way: int = 0
    put_off: int = 0
    """Mails that found no place, less those that have left since."""
    halvings: int = 0
    """How often it was halved: a mail that was under way before the last time says nothing new."""
    endings: int = 0
    """Sessions in a row that the relay has ended over it."""
    rests_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Passage:
    """One mail's place among those to its domain."""

    domain: str
    halvings: int


class Domains:
    """The bounds of one lane. Until a domain's mail is refused as too much, only the lane's own bound holds.

    One of a lane in a process: several processes each find their own bounds. It is told what happens and waits for nothing.
    """

    def __init__(self, limit: int, *, random: Random, time: Callable[[], float] = monotonic) -> None:
        """`limit` is the lane's concurrency, to which a bound climbs back; `time` is in seconds, and never goes back."""
        self._limit = limit
        self._random = random
        self._time = time
        self._domains: dict[str, _Domain] = {}

    def bound(self, domain: str) -> int:
        """How many mails to it may be under way."""
        known = self._domains.get(domain)
        return self._limit if known is None else int(known.bound)

    def enter(self, domain: str) -> Passage | None:
        """A place for one mail, to be left again; None when the domain has as many as it may, or rests.

        Whoever has one leaves by `leave`, whatever came of the mail.
        """
        known = self._domains.get(domain)
        if known is None:
            self._forget_one()
            known = self._domains[domain] = _Domain(float(self._limit))
        if known.under_way >= int(known.bound) or self._time() < known.rests_until:
            known.put_off += 1
            return None
        known.under_way += 1
        return Passage(domain, known.halvings)

    def wait_seconds(self, domain: str) -> float:
        """How long a mail waits that found no place: those put off before it come first, so that each is put off once.

        At most `LONGEST_WAIT_SECONDS`. It is asked right after `enter` said no.
        """
        known = self._domains[domain]
        rest = max(0.0, known.rests_until - self._time())
        return min(rest + TURN_SECONDS * known.put_off / known.bound, LONGEST_WAIT_SECONDS)

    def throttled(self, passage: Passage, *, ended: bool) -> None:
        """The relay said that it is too much, and may have `ended` the session with it.

        Of several under way at once, the first that hears it halves the bound, and has the domain rest if it is not the first time.
        """
        known = self._domains[passage.domain]
        if passage.halvings != known.halvings:
            return
        known.bound = max(1.0, known.bound / 2)
        known.halvings += 1
        if not ended:
            return
        known.endings += 1
        # One alone may be the session's own end, such as after so many mails.
        if known.endings > 1:
            known.rests_until = self._time() + pause_seconds(
                known.endings - 1, first=FIRST_REST_SECONDS, longest=LONGEST_WAIT_SECONDS, random=self._random
            )

    def taken(self, passage: Passage) -> None:
        """The relay took the mail.

        A bound grows by one for each round of mails that it holds, up to the lane's own.
        """
        known = self._domains[passage.domain]
        known.bound = min(float(self._limit), known.bound + 1 / known.bound)
        known.endings = 0

    def leave(self, passage: Passage) -> None:
        """The mail is no longer under way. A domain that is again as any other is forgotten."""
        known = self._domains[passage.domain]
        known.under_way -= 1
        known.put_off = max(0, known.put_off - 1)
        if not known.under_way and known.bound >= self._limit and not known.endings:
            del self._domains[passage.domain]

    def _forget_one(self) -> None:
        """Make room for a domain. Those with mail under way stay: they are no more than the lane's mails."""
        if len(self._domains) >= REMEMBERED:
            idle = next((name for name, known in self._domains.items() if not known.under_way), None)
            if idle is not None:
                del self._domains[idle]
