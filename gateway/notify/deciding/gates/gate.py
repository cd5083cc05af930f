"""The shape of a gate: which facts a rule goes by, where it finds them, and what it says.

Knows no rule: each stands in a module beside this one, in the order of `gateway.notify.deciding.decision`.

So a gate, and whoever asks for a decision, can both stand on this module without knowing one another.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from gateway.notify.deciding.sources import Sources
from gateway.notify.deciding.verdicts import Case, Moment, Verdict

F = TypeVar("F")
"""The type of a gate's facts, by which they are told apart."""


def _always(sources: Sources, cases: Sequence[Case]) -> bool:
    """For gates that are always in use."""
    del sources, cases
    return True


def _nothing(case: Case, fact: object) -> Case:
    """For gates whose facts teach the others nothing."""
    del fact
    return case


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate(Generic[F]):
    """One rule: which facts it goes by, where it finds them, and what it says. What it says is pure.

    A gate is a value, made once in its module. `judge` and `teach` read nothing but their arguments, so a
    verdict can be shown, repeated and tested by the facts alone. `in_use` and `wants` never wait.
    """

    rule: str
    """Its name: it stands with the mail that it stops, and in the statistics, so it must not change.
    """
    facts: type[F]
    """A type of its own: `decision` finds a gate's facts by it."""
    judge: Callable[[Case, F], Verdict | None]
    """What the gate says of a case by its facts; None: it lets the case pass."""
    in_use: Callable[[Sources, Sequence[Case]], bool] = _always
    """Whether any of these cases may have facts now: a rule that nobody has made costs nothing."""
    wants: Callable[[Case, Moment], bool]
    """Whether facts are to be looked up for this case at this moment; without facts the gate is open."""
    gather: Callable[[Sources, Sequence[Case]], Awaitable[Sequence[F | None]]]
    """The facts of each case, in order, with a number of questions that does not grow with the cases at an emit.

    Raises `StorageError`, which is then the answer of these cases.
    """
    spares_critical: bool = False
    """Whether what is critical passes it, whatever the facts are."""
    teach: Callable[[Case, F], Case] = _nothing
    """The case with what its facts say of it, as the gates behind this one are to see it."""


AnyGate = Gate[Any]
