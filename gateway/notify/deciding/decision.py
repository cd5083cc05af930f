"""The one decision: whether a channel's part of a notification is sent, held, merged or skipped, and by which rule.

It is made at an emit, again when a worker is about to send, and for a preview. `decide` is pure; `Judge` finds the facts.
A rule is added as a module of `gateway.notify.deciding.gates` and one line of `GATES`.

It stands apart from those who act on it. `emitting.owing` and `emitting.showing` ask at an emit,
`campaigns.drafting` for recipients, `departing` as a mail leaves, `digests.items` at a closing,
`emitting.planning` and `types.preview` for previews. None of them judges by itself. Who has to know of one
rule asks its module, as `departing` does for what it writes down of throttles and campaigns, and `owing` where
an address is missing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.catalog.channels import EMAIL
from gateway.ground.rooms import user_of
from gateway.notify.deciding.gates import (
    address,
    campaign,
    digest,
    holdout,
    preferences,
    quiet,
    rollout,
    suppression,
    switch,
    throttle,
    unless,
)
from gateway.notify.deciding.gates.gate import AnyGate
from gateway.notify.deciding.sources import Sources
from gateway.notify.deciding.verdicts import Case, Moment, Send, Verdict
from storage.campaigns import TEST
from storage.errors import StorageError
from storage.mail import HASTENED
from storage.obligations import Kind, Lease, Subject

GATES: tuple[AnyGate, ...] = (
    # The order of rules. What is off for all comes before what is about one person. The address comes before
    # the list of suppressions, which learns it from there. What ends a mail comes before what holds or
    # gathers it: a mail that is not wanted is not held first.
    switch.GATE,
    rollout.GATE,
    holdout.GATE,
    address.GATE,
    suppression.GATE,
    preferences.GATE,
    unless.GATE,
    quiet.GATE,
    throttle.GATE,
    digest.GATE,
)
OF_CAMPAIGNS: tuple[AnyGate, ...] = (campaign.GATE,)
"""Those that stand before all others for a campaign's mail as it leaves."""
OF_TESTS: tuple[AnyGate, ...] = (suppression.GATE,)
"""All that a campaign's test mail has to pass.

Whoever tries a newsletter gets it whatever they have chosen, but not at an address that must not be written to.
"""


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, and the facts that it was made by.

    The facts are kept beside it because some are wanted again: the address that was found
    (`gates.address.found`).
    """

    verdict: Verdict
    facts: tuple[object, ...]
    """One of each gate that found any, of its type `Gate.facts`."""


@dataclass(frozen=True, slots=True)
class GateStep:
    """What one gate says of a case."""

    rule: str
    """The name of the gate."""
    fact: object | None
    """What the gate has found out. None: it did not have to look anything up."""
    verdict: Verdict | None
    """What the gate says. None: it lets the case pass."""


@dataclass(frozen=True, slots=True)
class Explained:
    """What would become of one channel now, gate by gate."""

    channel: str
    verdict: Verdict
    """The verdict of the first gate that stops it; `Send` where none does."""
    steps: tuple[GateStep, ...]


def decide(case: Case, facts: Iterable[object], gates: Sequence[AnyGate] = GATES) -> Verdict:
    """What the first gate says that does not let the case pass, else `Send`. A gate without its facts is open.

    What is critical passes every gate that spares it, whatever the facts are.

    Facts are told apart by their type, so no two gates may have the same one.
    """
    known = {type(fact): fact for fact in facts}
    for gate in gates:
        if case.critical and gate.spares_critical:
            continue
        fact = known.get(gate.facts)
        verdict = None if fact is None else gate.judge(case, fact)
        if verdict is not None:
            return verdict
    return Send()


class Judge:
    """Decides by what is known now.

    It keeps nothing between two calls. One serves a process, for any number of callers at once.
    """

    def __init__(self, sources: Sources, gates: Sequence[AnyGate] = GATES) -> None:
        self._sources = sources
        self._gates = gates

    async def judge(
        self, cases: Sequence[Case], moment: Moment, *, gates: Sequence[AnyGate] | None = None
    ) -> list[Judged | StorageError]:
        """The verdict on each, in order, or why its facts could not be looked up. Each gate asks once for all.

        `gates` are other ones than the judge's own.

        Of gates that are not in use nothing is asked. A failure of one gate is the answer of the cases that
        it was asked for, and of no others: that suppressions cannot be looked up does not touch what is shown
        in-app.
        """
        gates = self._gates if gates is None else gates
        cases = self._marked(cases)
        facts: list[tuple[object, ...]] = [()] * len(cases)
        failed: dict[int, StorageError] = {}
        for gate in gates:
            if not gate.in_use(self._sources, cases):
                continue
            wanted = [
                index
                for index, case in enumerate(cases)
                if gate.wants(case, moment) and not (case.critical and gate.spares_critical)
            ]
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
                    # Now, and not at the end: the next gate has to see it, as that for suppressions sees the
                    # address.
                    cases[index] = gate.teach(cases[index], fact)
        return [
            failed.get(index) or Judged(decide(case, facts[index], gates), facts[index])
            for index, case in enumerate(cases)
        ]

    def _marked(self, cases: Sequence[Case]) -> list[Case]:
        """The cases, with what the catalog in force says of their types.

        A case whose type the catalog does not have stays as its maker has made it.
        """
        catalog = self._sources.catalog.current
        if catalog is None:
            return list(cases)
        types = catalog.types
        return [
            replace(case, critical=type_.critical, category=type_.category)
            if (type_ := types.get(case.type)) is not None
            and (case.category != type_.category or case.critical != type_.critical)
            else case
            for case in cases
        ]

    async def explain(self, case: Case) -> Explained:
        """What every gate says of the case as it is now, also those behind the first that stops it. Raises `StorageError`.

        For people. It costs a question for each gate, so it is not for the path of an emit.
        """
        (case,) = self._marked([case])
        steps = []
        for gate in self._gates:
            fact = None
            if gate.wants(case, Moment.PREVIEW) and not (case.critical and gate.spares_critical):
                (fact,) = await gate.gather(self._sources, [case])
            steps.append(GateStep(gate.rule, fact, None if fact is None else gate.judge(case, fact)))
            case = case if fact is None else gate.teach(case, fact)
        verdict = next((step.verdict for step in steps if step.verdict is not None), Send())
        return Explained(case.channel, verdict, tuple(steps))

    async def at_lease(self, lease: Lease, now: datetime) -> Verdict:
        """What is to become of a mail that a worker is about to send. Raises `StorageError`.

        By the facts of this moment: whatever was decided at the emit counts for nothing here.
        """
        gates = gates_of(lease.of, self._gates)
        (judged,) = await self.judge([case_of(lease, now)], Moment.LEASE, gates=gates)
        if isinstance(judged, StorageError):
            raise judged
        return judged.verdict


def gates_of(of: Subject, gates: Sequence[AnyGate] = GATES) -> Sequence[AnyGate]:
    """Those that a mail of this subject has to pass as it leaves, in their order.

    A campaign's test mail is told by its subject, `test:<campaign>`. `sayings` is given the same, to tell
    which let it pass.
    """
    if of.kind is not Kind.CAMPAIGN:
        return gates
    return OF_TESTS if of.id.startswith(TEST) else (*OF_CAMPAIGNS, *gates)


def case_of(lease: Lease, now: datetime) -> Case:
    """The mail that a worker holds, in question.

    It is made of what was stored, and not of the emit's request: that is gone. `due_at` is the mail's own,
    which a postponement has put off; `now` is given, so that one clock counts for the whole decision.
    """
    notification, order = lease.notification, lease.mail.order
    return Case(
        type=notification.type,
        user=user_of(notification.room),
        room=notification.room,
        channel=EMAIL,
        now=now,
        due_at=lease.mail.due_at,
        notification_id=notification.id,
        to=order.to,
        unless=order.unless,
        lane=order.lane,
        is_own=lease.of.kind is Kind.NOTIFICATION,
        campaign=lease.of.id if lease.of.kind is Kind.CAMPAIGN else None,
        hastened=lease.mail.decided_by == HASTENED,
        was_held=quiet.held(lease.mail),
        rhythm=None if notification.entry is None else notification.entry.rhythm,
        expires_at=notification.expires_at,
    )
