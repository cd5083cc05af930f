"""The ledger: what one node knows of its connections, and of what Redis knows of them. No I/O, and no clock of its own.

The node's own connections are the truth about themselves. What is in doubt is what became of a call that was not answered:
it may have been carried out, or may be yet. A comparison with what Redis holds ends a doubt that there was before it.

All methods are called on one loop, and none waits; so each is one step to the others.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.cluster.presence.base import Visitor


@dataclass(slots=True, eq=False)
class HeldConnection:
    """A connection of this node, and what is known of it in Redis.

    It begins with neither flag. An answer of Redis confirms it; silence makes it doubtful until the next
    comparison.
    """

    visitor: Visitor
    confirmed: bool = False
    """Redis has answered that it has it."""
    doubtful: bool = False
    """An attempt was made, and nobody knows whether it arrived."""


@dataclass(slots=True, eq=False)
class Gone:
    """A connection that went.

    It is kept until Redis has announced who left by it: a Redis that loses its memory is told again.
    """

    held: HeldConnection
    at: datetime
    """When it went."""
    due: int = 0
    """When its user's grace is over, once Redis has taken note; in microseconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What was known when Redis was asked what it holds: what came after that is in no answer."""

    confirmed: frozenset[str]
    """The connections that Redis had answered to have."""
    doubts: int
    """How many doubts there had been by then."""


class Ledger:
    """The connections of one node, by their names in the cluster.

    One for a node, for as long as it runs. What it keeps is bound by the node's connections, and by those
    that went within the grace or an outage.
    """

    def __init__(self) -> None:
        self.held: dict[str, HeldConnection] = {}
        """The connections that are here now."""
        self.gone: dict[str, Gone] = {}
        """Of these Redis has not taken note yet."""
        self._recent: dict[str, Gone] = {}
        """Of these it has, and has not announced yet who left: known here too, should Redis lose its memory."""
        self._arriving: frozenset[str] = frozenset()
        """Users who came to this node when Redis had just lost its memory, and are not announced yet."""
        self._doubts = 0
        """How often it was not known what had become of a call."""
        self._cleared = 0
        """The doubts that there were when Redis and this node were last found to hold the same."""

    # Connections come and go

    def come(self, visitor: Visitor) -> HeldConnection | None:
        """Hold a connection; None when it is held already."""
        if visitor.connection in self.held:
            return None
        held = self.held[visitor.connection] = HeldConnection(visitor)
        return held

    def go(self, connection: str, at: datetime) -> bool:
        """Hold a connection no more; False when it was not held."""
        held = self.held.pop(connection, None)
        if held is None:
            return False
        self.gone[connection] = Gone(held, at)
        return True

    def go_all(self, at: datetime) -> None:
        """The node stops: nothing is here any more."""
        for connection in list(self.held):
            self.go(connection, at)

    def beyond(self, visitor: Visitor, limit: int) -> list[str]:
        """The user's oldest connections of this node beyond `limit` (0: no limit), as far as can be said without the others.

        For when Redis is away. Those on other nodes are not known, so a user may have more than the limit for
        a while.
        """
        visitors = sorted(
            (each.visitor for each in self.held.values() if each.visitor.user == visitor.user),
            key=lambda each: (each.since, each.connection),
        )
        others = [each.connection for each in visitors if each is not visitor]
        return others[: len(visitors) - limit] if limit and len(visitors) > limit else []

    # What Redis answers

    def doubt(self) -> None:
        """Nobody knows what has become of a call."""
        self._doubts += 1

    @property
    def in_doubt(self) -> bool:
        """Whether a call may have changed something since Redis and this node were last found to hold the same."""
        return self._doubts != self._cleared

    def put_in(self, held: HeldConnection, *, arriving: bool) -> None:
        """Redis has the connection; `arriving` when its user is to be announced later."""
        held.confirmed, held.doubtful = True, False
        if arriving:
            self._arriving |= {held.visitor.user}

    def is_arriving(self, user: str) -> bool:
        """Whether the user came here after Redis had lost its memory, and is still to be announced."""
        return user in self._arriving

    def taken_out(self, connection: str, due: int) -> None:
        """Redis has taken note that the connection went; who left by it is announced when `due` is over."""
        # A surplus that this node knows nothing of is in neither.
        gone = self.gone.pop(connection, None) or self._recent.get(connection)
        if gone is not None:
            gone.due = due
            self._recent[connection] = gone

    def announced(self, *, upto: int, arriving: Iterable[str]) -> None:
        """Redis has announced who left by `upto`; of those who came, these are still to be."""
        self._arriving &= frozenset(arriving)
        self._recent = {name: gone for name, gone in self._recent.items() if gone.due > upto}

    # Agreement

    def lost(self) -> tuple[list[HeldConnection], Mapping[str, Gone]]:
        """Redis has lost its memory: the connections that it knew, and those of them that it still has to see leave.

        Who went is put back too, to be taken out with the grace: else nobody would announce it.
        """
        # What comes and goes while they are put back may overtake that.
        self.doubt()
        known = [held for held in self.held.values() if held.confirmed]
        left = {name: gone for name, gone in (self._recent | self.gone).items() if gone.held.confirmed}
        return known, left

    def question(self) -> Question:
        """To be taken before Redis is asked what it holds of this node."""
        confirmed = frozenset(name for name, held in self.held.items() if held.confirmed)
        return Question(confirmed=confirmed, doubts=self._doubts)

    def compare(self, question: Question, there: set[str]) -> tuple[list[HeldConnection], set[str]]:
        """What Redis lacks of this node's connections, and those that it has and the node knows nothing of.

        To be called when the answer comes, before anything else is.
        """
        missing = [
            held
            for name, held in self.held.items()
            # One that was there and is not: this node was taken for dead, and its users may have been announced as left.
            if held.doubtful or (name in question.confirmed and name not in there)
        ]
        return missing, there - self.held.keys() - self.gone.keys()

    def put_back(self, missing: Iterable[HeldConnection], now: datetime) -> None:
        """These were put in again. One that left meanwhile has to be taken out again: its leave may have been overtaken."""
        for held in missing:
            if self.held.get(held.visitor.connection) is not held:
                self.gone[held.visitor.connection] = Gone(held, now)

    def agree(self, question: Question) -> None:
        """The answer to `question` was what this node holds: no doubt from before it is left."""
        self._cleared = question.doubts
