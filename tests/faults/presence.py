"""What the admins are told of who comes and goes, held against who is really there.

There is an admin on every node. Each is told everything while connected, in the one order that there is.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp

from tests.faults.witness import Follower, Keeper
from tests.support.gateway import token

ADMINS = "an-admin-of-node-"


@dataclass(frozen=True, slots=True)
class Announcement:
    kind: str
    """joined or left"""
    user: str
    said_at: str


class AdminWitness(Follower):
    """An admin of one node, who comes back to it; keeps what was announced, connection by connection."""

    def __init__(self, number: int, url: str, http: aiohttp.ClientSession) -> None:
        claim = token(f"{ADMINS}{number}", roles=("admin",))
        super().__init__(claim, [url], http, namespace="/admin")
        self.told: list[list[Announcement]] = []

    def connecting(self) -> None:
        self.told.append([])

    def heard(self, event: str, payload: Any) -> None:
        if event in ("presence:joined", "presence:left"):
            kind = event.removeprefix("presence:")
            self.told[-1].append(Announcement(kind, payload["user"], payload["at"]))

    def mark(self) -> tuple[int, int]:
        """Where the record stands."""
        return len(self.told) - 1, len(self.told[-1]) if self.told else 0

    def since(self, mark: tuple[int, int]) -> list[list[Announcement]]:
        """What was told since the mark, connection by connection."""
        connection, place = mark
        first, *later = self.told[max(connection, 0) :] or [[]]
        return [first[place:], *later]


@dataclass(slots=True)
class PresenceVerdict:
    """What came of the announcements of one fault."""

    announced: int
    out_of_turn: list[str]
    """Joined twice in a row, or left, in the eyes of an admin."""
    wrongly_left: list[str]
    """Announced as left, and connected all the time."""
    last_left: list[str]
    """Connected at the end, and left is the last that an admin heard."""


def judge(
    admins: Sequence[AdminWitness],
    marks: Sequence[tuple[int, int]],
    witnesses: Sequence[Keeper],
    *,
    stood_still: Mapping[int, tuple[float, float]],
    ttl_seconds: float,
) -> PresenceVerdict:
    """`stood_still`: the nodes that were stopped, and from when to when: whom they held was as good as gone."""
    told = [connection for admin, mark in zip(admins, marks, strict=True) for connection in admin.since(mark)]
    whole = [connection for admin in admins for connection in admin.told]
    return PresenceVerdict(
        announced=max(map(len, told)),
        out_of_turn=[user for connection in whole for user in _out_of_turn(connection)],
        wrongly_left=sorted(set(_wrongly_left(told, witnesses, stood_still, ttl_seconds))),
        last_left=[
            each.user for admin in admins for each in witnesses if _last(admin.told[-1], each.user) == "left"
        ],
    )


def _out_of_turn(connection: Sequence[Announcement]) -> Iterator[str]:
    last: dict[str, str] = {}
    for each in connection:
        if last.get(each.user) == each.kind:
            yield each.user
        last[each.user] = each.kind


def _last(connection: Sequence[Announcement], user: str) -> str | None:
    return next((each.kind for each in reversed(connection) if each.user == user), None)


def _wrongly_left(
    told: Sequence[Sequence[Announcement]],
    witnesses: Sequence[Keeper],
    stood_still: Mapping[int, tuple[float, float]],
    ttl_seconds: float,
) -> Iterator[str]:
    """Who says `left` says when it was: whoever was connected then and long after had not left."""
    left: dict[str, set[float]] = defaultdict(set)
    for connection in told:
        for each in connection:
            if each.kind == "left":
                left[each.user].add(datetime.fromisoformat(each.said_at).timestamp())
    now = time.time()
    for witness in witnesses:
        for stay in witness.stays:
            until = now if stay.until is None else stay.until
            began, ended = stood_still.get(stay.node, (0.0, 0.0))
            for at in left[witness.user]:
                excused = began - ttl_seconds < at < ended
                if stay.since < at and at + ttl_seconds < until and not excused:
                    yield witness.user
