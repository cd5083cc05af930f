"""The mail that the faults make, and what the relay got of it."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.smtp import Normal, Reply, SMTPRelay

SETTLING_SECONDS = 15
"""How long after the relay's 250 a worker may still be noting it: a store that stands still makes it wait."""
READING_SECONDS = 2
"""How much later than a worker has sent a mail the relay, which shares a process with the load, may read it."""
DOMAIN = "faults.example.org"

TEMPERS = {
    Reply("421 4.3.2 too busy", close=True): 20,
    Reply("450 4.2.1 the mailbox is busy"): 20,
    Reply("550 5.1.1 no such mailbox"): 10,
    Normal(): 50,
}
"""What the relay answers to a recipient at random while it is in a mood, in per cent."""


def address(fault: str, number: int) -> str:
    return f"{fault}.{number}@{DOMAIN}"


def moody(relay: SMTPRelay, recipients: int) -> None:
    """Have the relay answer the next recipients at random."""
    relay.on("RCPT", *random.choices(list(TEMPERS), list(TEMPERS.values()), k=recipients))


@dataclass(slots=True)
class MailVerdict:
    """How every mail of a fault ended."""

    ended: Counter[str] = field(default_factory=Counter)
    dead_because: Counter[str] = field(default_factory=Counter)
    unexplained: int = 0
    sent_and_never_received: int = 0
    repeats: int = 0
    unexcused: int = 0
    """Repeats of mails that no kill -9 followed: nothing but that may send a mail twice."""


Page = Callable[[str | None, str | None], Awaitable[Any]]
"""A page of `/internal/mail`: of a state if one is given, after a cursor if there is one."""


async def settled(page: Page, *, seconds: float) -> bool:
    """Wait until no mail is owed any more; False when the time is over first."""
    deadline = time.monotonic() + seconds
    while True:
        owed = [(await page(state, None))["mail"] for state in ("pending", "leased")]
        if not any(owed) or time.monotonic() > deadline:
            return not any(owed)
        await asyncio.sleep(1)


async def _every(page: Page) -> AsyncIterator[Any]:
    """All mail, newest first."""
    answered = await page(None, None)
    while True:
        for each in answered["mail"]:
            yield each
        if answered["next"] is None:
            return
        answered = await page(None, answered["next"])


async def judge(page: Page, relay: SMTPRelay, killed_at: Sequence[float]) -> dict[str, MailVerdict]:
    """Hold what the store says against what the relay got; by fault."""
    received: dict[str, list[float]] = defaultdict(list)
    for taken in relay.received:
        received[taken.recipients[0]].append(taken.at)
    verdicts: dict[str, MailVerdict] = defaultdict(MailVerdict)
    async for each in _every(page):
        mail = each["mail"]
        verdict = verdicts[mail["to"].partition(".")[0]]
        verdict.ended[mail["state"]] += 1
        if mail["state"] == "dead":
            verdict.unexplained += not mail["reason"]
            verdict.dead_because[(mail["reason"] or "")[:40]] += 1
        times = received[mail["to"]]
        verdict.sent_and_never_received += mail["state"] == "sent" and not times
        verdict.repeats += max(len(times) - 1, 0)
        verdict.unexcused += sum(
            not any(at - READING_SECONDS < killed < at + SETTLING_SECONDS for killed in killed_at)
            for at in times[:-1]
        )
    return verdicts
