"""Mail needs an address: the one that was given, or the one last seen in the user's token."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.notify.verdicts import EMAIL, Case, Gate, Moment, Skip, Sources

RULE = "address"
UNKNOWN = "no address is known"


@dataclass(frozen=True, slots=True)
class Address:
    email: str | None
    """None when nobody has told one."""


def judge(case: Case, address: Address) -> Skip | None:
    del case
    return Skip(rule=RULE, detail=UNKNOWN) if address.email is None else None


def wants(case: Case, moment: Moment) -> bool:
    """Whether the address has to be looked up: an obligation has been given its own."""
    return case.channel == EMAIL and case.to is None and moment not in (Moment.LEASE, Moment.CLOSING)


async def gather(sources: Sources, cases: Sequence[Case]) -> list[Address | None]:
    contacts = await sources.contacts.contacts(list(dict.fromkeys(case.user or "" for case in cases)))
    known = {user: contact.email for user, contact in contacts.items()}
    return [Address(known.get(case.user or "")) for case in cases]


def teach(case: Case, address: Address) -> Case:
    return replace(case, to=address.email)


GATE = Gate(rule=RULE, facts=Address, judge=judge, wants=wants, gather=gather, teach=teach)
