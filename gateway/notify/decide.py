"""The one decision: whether a channel's part of a notification is sent, held, merged or skipped, and by which rule.

It is made at an emit, again when a worker is about to send, and for a preview. `decide` is pure; `Judge` finds the facts.
A rule is added as a module of `gateway.notify.gates` and one line of `GATES`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.ground.rooms import user_of
from gateway.notify.gates import address, suppression, unless
from gateway.notify.verdicts import EMAIL, AnyGate, Case, Delay, Moment, Send, Sources, Verdict
from storage.endings import Ending, Postponed, Skipped
from storage.errors import StorageError
from storage.outbox import Lease

GATES: tuple[AnyGate, ...] = (
    # The order of rules: the type's switch, rollout,
    address.GATE,
    suppression.GATE,
    # preferences,
    unless.GATE,
    # quiet hours, throttle and digest.
)


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, and the facts that it was made by."""

    verdict: Verdict
    facts: tuple[object, ...]


def decide(case: Case, facts: Iterable[object], gates: Sequence[AnyGate] = GATES) -> Verdict:
    """What the first gate says that does not let the case pass, else `Send`. A gate without its facts is open."""
    known = {type(fact): fact for fact in facts}
    for gate in gates:
        fact = known.get(gate.facts)
        verdict = None if fact is None else gate.judge(case, fact)
        if verdict is not None:
            return verdict
    return Send()


class Judge:
    """Decides by what is known now."""

    def __init__(self, sources: Sources, gates: Sequence[AnyGate] = GATES) -> None:
        self._sources = sources
        self._gates = gates

    async def judge(self, cases: Sequence[Case], moment: Moment) -> list[Judged | StorageError]:
        """The verdict on each, in order, or why its facts could not be looked up. Each gate asks once for all."""
        cases = list(cases)
        facts: list[tuple[object, ...]] = [()] * len(cases)
        failed: dict[int, StorageError] = {}
        for gate in self._gates:
            wanted = [index for index, case in enumerate(cases) if gate.wants(case, moment)]
            if not wanted:
                continue
            try:
                found = await gate.gather(self._sources, [cases[index] for index in wanted])
            except StorageError as error:
                failed |= dict.fromkeys(wanted, error)
                continue
            for index, fact in zip(wanted, found, strict=True):
                if fact is not None:
                    facts[index] += (fact,)
                    cases[index] = gate.teach(cases[index], fact)
        return [
            failed.get(index) or Judged(decide(case, facts[index], self._gates), facts[index])
            for index, case in enumerate(cases)
        ]

    async def at_lease(self, lease: Lease, now: datetime) -> Ending | None:
        """How the lease ends without a mail; None when it is to be sent. Raises `StorageError`."""
        notification, order = lease.notification, lease.mail.order
        case = Case(
            type=notification.type,
            user=user_of(notification.room),
            channel=EMAIL,
            now=now,
            due_at=lease.mail.due_at,
            notification_id=notification.id,
            to=order.to,
            unless=order.unless,
            lane=order.lane,
        )
        (judged,) = await self.judge([case], Moment.LEASE)
        if isinstance(judged, StorageError):
            raise judged
        return _ending(judged.verdict)


def _ending(verdict: Verdict) -> Ending | None:
    if isinstance(verdict, Send):
        return None
    if isinstance(verdict, Delay):
        return Postponed(until=verdict.until, reason=verdict.detail, rule=verdict.rule, counted=False)
    return Skipped(rule=verdict.rule, reason=verdict.detail)
