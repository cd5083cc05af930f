"""Mail needs an address: the one that was given, or the one last seen in the user's token.

It stands before all that is about an address, and tells those behind it which it is (`teach`). For an emit,
what it says is not stored as it is: `emitting.owing` answers the request with `NoAddress`, unless the sender may leave
users out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gateway.catalog.channels import EMAIL
from gateway.notify.deciding.gates.gate import Gate
from gateway.notify.deciding.sources import Sources
from gateway.notify.deciding.verdicts import Case, Moment, Skip, Verdict
from storage.mail import Mail

RULE = "address"
UNKNOWN = "no address is known"
"""The detail by which `lacked` knows a stored mail."""


@dataclass(frozen=True, slots=True)
class MailAddress:
    """Where mail of the case's user goes, as the contacts know it."""

    email: str | None
    """The address; None when nobody has told one."""


def judge(case: Case, address: MailAddress) -> Skip | None:
    """No mail where nobody has told an address."""
    del case
    return Skip(rule=RULE, detail=UNKNOWN) if address.email is None else None


def lacks(verdict: Verdict) -> bool:
    """Whether it is for the lack of an address that nothing is sent."""
    return isinstance(verdict, Skip) and verdict.rule == RULE


def lacked(mail: Mail) -> bool:
    """Whether it was for the lack of an address that the mail was not sent."""
    return mail.reason == UNKNOWN


def found(facts: Iterable[object]) -> str:
    """What was found out of where the mail goes; empty when nobody has told."""
    return next((fact.email or "" for fact in facts if isinstance(fact, MailAddress)), "")


def wants(case: Case, moment: Moment) -> bool:
    """Whether the address has to be looked up: an obligation has been given its own."""
    return case.channel == EMAIL and case.to is None and moment not in (Moment.LEASE, Moment.CLOSING)


async def gather(sources: Sources, cases: Sequence[Case]) -> list[MailAddress | None]:
    """The addresses of all users of the cases, in one question to the contacts."""
    contacts = await sources.contacts.contacts(list(dict.fromkeys(case.user or "" for case in cases)))
    known = {user: contact.email for user, contact in contacts.items()}
    return [MailAddress(known.get(case.user or "")) for case in cases]


def teach(case: Case, address: MailAddress) -> Case:
    """The case with the address that was found, for the gates behind."""
    return replace(case, to=address.email)


GATE = Gate(rule=RULE, facts=MailAddress, judge=judge, wants=wants, gather=gather, teach=teach)
