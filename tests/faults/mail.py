"""The mail that the faults make, what the relay got of it, and which repeats cannot be helped.

The mail server has taken a mail when it says 250; from then on it is sent, and until the store has it so nobody knows.
Whoever is killed, stopped or cut off in between leaves a mail that goes out again. These and no others may be repeated,
and only mails of the node that it befell.
"""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.smtp import Normal, Received, Reply, SMTPRelay

SETTLING_SECONDS = 2
"""How long a worker may take from the 250 to the store, with the machine as busy as it is."""
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
    """Each fault has a domain of its own: what a relay says of one holds up mail to no other."""
    return f"{number}@{fault.replace('_', '-')}.{DOMAIN}"


def fault_of(recipient: str) -> str:
    return recipient.partition("@")[2].removesuffix(f".{DOMAIN}").replace("-", "_")


def source(node: int) -> str:
    """The address from which a node's mail comes to the relay."""
    return f"127.0.0.{node + 11}"


def moody(relay: SMTPRelay, recipients: int) -> None:
    """Have the relay answer the next recipients at random."""
    relay.on("RCPT", *random.choices(list(TEMPERS), list(TEMPERS.values()), k=recipients))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindrance:
    """From when to when nobody could note what the relay had taken."""

    what: str
    node: int | None
    """Whose worker it befell; None for all."""
    began: float
    ended: float

    def befell(self, taken: Received) -> bool:
        concerned = self.node is None or taken.peer == source(self.node)
        return concerned and self.began - SETTLING_SECONDS < taken.at < self.ended + READING_SECONDS


@dataclass(slots=True)
class MailVerdict:
    """How every mail of a fault ended."""

    ended: Counter[str] = field(default_factory=Counter)
    dead_because: Counter[str] = field(default_factory=Counter)
    unexplained: int = 0
    sent_and_never_received: int = 0
    excused: Counter[str] = field(default_factory=Counter)
    """Repeats, by what came between the 250 and the store."""
    unexcused: list[str] = field(default_factory=list)
    """The mails that were repeated and need not have been, with when they were taken."""


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


async def judge(page: Page, relay: SMTPRelay, hindrances: Sequence[Hindrance]) -> dict[str, MailVerdict]:
    """Hold what the store says against what the relay got; by fault."""
    received: dict[str, list[Received]] = defaultdict(list)
    for taken in relay.received:
        received[taken.recipients[0]].append(taken)
    verdicts: dict[str, MailVerdict] = defaultdict(MailVerdict)
    async for each in _every(page):
        mail = each["mail"]
        verdict = verdicts[fault_of(mail["to"])]
        verdict.ended[mail["state"]] += 1
        if mail["state"] == "dead":
            verdict.unexplained += not mail["reason"]
            verdict.dead_because[(mail["reason"] or "")[:40]] += 1
        copies = received[mail["to"]]
        verdict.sent_and_never_received += mail["state"] == "sent" and not copies
        for repeated in copies[:-1]:
            excuse = next((hindrance.what for hindrance in hindrances if hindrance.befell(repeated)), None)
            if excuse is None:
                story = ", ".join(f"{copy.peer} at {copy.at:.2f}" for copy in copies)
                verdict.unexcused.append(f"{mail['to']} ({mail['attempts']} attempts): {story}")
            else:
                verdict.excused[excuse] += 1
    return verdicts
