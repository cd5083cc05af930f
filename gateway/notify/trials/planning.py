"""Planning where types have experiments: whoever is on trial in what is to be appended is written down before it is.

It stands in the emitter's planner's place while a type has an experiment (`taking_part`), and in the
previews' always: these make drafts, by which nobody is written down.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any

from gateway.ground.rooms import user_of
from gateway.notify.emitting.planning import Planner
from gateway.notify.requests import EmitRequest
from storage.streams import Emission
from storage.trials import Participant

Enrol = Callable[[Sequence[Participant]], Awaitable[None]]
"""Writes these down; when it returns they are. Raises `StorageError`."""


class TrialPlanner(Planner):
    """Makes plans as any planner does. Raises `StorageError` where nobody can be written down: nothing is appended then."""

    def __init__(self, *, enrol: Enrol, **others: Any) -> None:
        super().__init__(**others)
        self._enrol = enrol

    async def plan(self, requests: Sequence[EmitRequest], scope: str) -> list[Emission | Exception]:
        """As of any planner; whoever is on trial in it is written down before it is answered.

        A crash after that leaves people written down whom nothing was said to, of all arms alike.
        """
        planned = await super().plan(requests, scope)
        if participants := list(_participants(planned)):
            # Before: what is read at once finds its reader there, and what a crash keeps from being said was said to nobody.
            await self._enrol(participants)
        return planned


def _participants(planned: Iterable[Emission | Exception]) -> Iterator[Participant]:
    """Who is on trial in what is planned, once for each notification. Whoever is only mailed is not reached yet."""
    for emission in planned:
        if not isinstance(emission, Emission):
            continue
        for each in emission.notifications:
            entry, user = each.entry, user_of(each.room)
            if entry is None or entry.trial is None or user is None:
                continue
            yield Participant(
                trial=entry.trial,
                user=user,
                variant=entry.variant or "",
                at=each.created_at,
                reached=each.in_app,
            )
