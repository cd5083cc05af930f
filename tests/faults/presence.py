"""What the admins are told of who comes and goes, held against who is really there.

An announcement is told to the admins of the node that makes it even when the bus is away. So an admin on every node,
together, hears all of them; each hears most of them.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import aiohttp

from tests.faults.witness import Follower
from tests.support.gateway import token

ADMINS = "an-admin-of-node-"

OVERTAKING_SECONDS = 3.0

Announcement = tuple[str, str, str]
"""joined or left, the user, and the time that it says."""


class AdminWitness(Follower):
    """An admin of one node, who comes back to it."""

    def __init__(self, number: int, url: str, http: aiohttp.ClientSession) -> None:
        claim = token(f"{ADMINS}{number}", roles=("admin",))
        super().__init__(claim, [url], http, namespace="/admin")
        self.announced: list[tuple[float, Announcement]] = []

    def heard(self, event: str, payload: Any) -> None:
        if event in ("presence:joined", "presence:left"):
            kind = event.removeprefix("presence:")
            self.announced.append((time.monotonic(), (kind, payload["user"], payload["at"])))


def announcements(witnesses: Sequence[AdminWitness]) -> dict[str, list[str]]:
    """What was announced of each user, in order: the union of what the witnesses heard.

    The n-th time that one of them hears the same is the n-th time that it was announced. What two nodes announce within a
    moment may overtake on its way, and is in the order of the times that it says.
    """
    first_heard: dict[tuple[Announcement, int], float] = {}
    for witness in witnesses:
        times: dict[Announcement, int] = defaultdict(int)
        for at, announcement in witness.announced:
            times[announcement] += 1
            each = (announcement, times[announcement])
            first_heard[each] = min(at, first_heard.get(each, at))
    of_user: dict[str, list[tuple[float, str, str]]] = defaultdict(list)
    for each in sorted(first_heard, key=first_heard.__getitem__):
        kind, user, said = each[0]
        told = of_user[user]
        told.append((first_heard[each], kind, said))
        if len(told) > 1 and told[-1][0] - told[-2][0] < OVERTAKING_SECONDS and told[-1][2] < told[-2][2]:
            told[-2:] = [told[-1], told[-2]]
    return {user: [kind for _, kind, _ in told] for user, told in of_user.items()}


def repeated(kinds: Sequence[str]) -> int:
    """How often one kind follows itself, or the first is no `joined`."""
    return sum(one == other for one, other in zip(["left", *kinds], kinds, strict=False))


def heard(witnesses: Sequence[AdminWitness], user: str) -> list[list[tuple[float, str, str]]]:
    """What each of them heard of the user and when; for the message of a failure."""
    return [
        [(round(at, 2), kind, said) for at, (kind, whose, said) in witness.announced if whose == user]
        for witness in witnesses
    ]
