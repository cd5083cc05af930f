"""What each gate has said of a mail, and what came of that in words: told from the end, for nobody writes it down gate by gate.

The gates stand in a fixed order, and the first that stops a mail decides. So those before it have let it pass, and those
behind it were not asked. A mail that has left has passed them all.

Pure, and for people: the trace shows it (`gateway.observe.trace`). The gates are those that the mail had to
pass as it left, by `decision.gates_of`; it is right as long as their order is the one that it was decided by.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.notify.deciding.gates import digest, throttle
from gateway.notify.deciding.gates.gate import AnyGate
from gateway.notify.deciding.verdicts import held, in_digest, not_sent
from storage.mail import AFTER_SENT, HASTENED, Mail, MailState


class GateResult(StrEnum):
    """What a gate has come to say of one mail."""

    PASSED = "passed"  # it lets it go
    HELD = "held"  # not before a time
    MERGED = "merged"  # into a digest
    SKIPPED = "skipped"  # it is never sent
    NOT_ASKED = "not_asked"  # another has decided before
    UNKNOWN = "unknown"  # it is not decided, or something else has ended it


@dataclass(frozen=True, slots=True)
class Saying:
    """A gate, by its rule, and what it has said."""

    rule: str
    said: GateResult


_STOPPED = {
    MailState.PENDING: GateResult.HELD,
    MailState.GATHERED: GateResult.MERGED,
    MailState.MERGED: GateResult.MERGED,
    MailState.SKIPPED: GateResult.SKIPPED,
}
"""By the state of a mail, what the gate has said that stands in `decided_by`."""
_TRIED = (*AFTER_SENT, MailState.DEAD)
"""States of what has been with a relay: a mail that is dead has passed the gates too, and failed behind them."""


_MERGING = frozenset({digest.RULE, throttle.RULE})
"""The rules by which what waits goes into a digest, and not out by itself."""


def in_words(mail: Mail) -> str | None:
    """What a rule has made of it, as people read it; None where none has, or where it has gone on since."""
    if mail.reason is None:
        return None
    if mail.state is MailState.SKIPPED:
        return not_sent(mail.reason)
    if mail.state in (MailState.GATHERED, MailState.MERGED):
        return in_digest(mail.reason)
    if mail.state is not MailState.PENDING or mail.decided_by in (None, HASTENED):
        return None
    return in_digest(mail.reason) if mail.decided_by in _MERGING else held(mail.due_at, mail.reason)


def sayings(gates: Sequence[AnyGate], mail: Mail) -> list[Saying]:
    """What each of the gates has said of it last, in their order.

    A mail that somebody has sent on (`HASTENED`), or whose end is no gate's, as an expiry's, tells nothing of
    the gates.
    """
    rules = [gate.rule for gate in gates]
    if mail.state in _TRIED:
        return [Saying(rule, GateResult.PASSED) for rule in rules]
    decided = mail.decided_by
    if decided is None or decided == HASTENED or decided not in rules or mail.state not in _STOPPED:
        return [Saying(rule, GateResult.UNKNOWN) for rule in rules]
    at = rules.index(decided)
    return [
        *(Saying(rule, GateResult.PASSED) for rule in rules[:at]),
        Saying(decided, _STOPPED[mail.state]),
        *(Saying(rule, GateResult.NOT_ASKED) for rule in rules[at + 1 :]),
    ]
