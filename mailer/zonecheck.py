"""Whether the DNS says what these settings want: each finding is a sentence, and wrong or not.

The one home of dnspython, which is the extra `mailcheck`.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

import dns.asyncresolver
import dns.exception
import dns.resolver
import dns.reversename

from mailer import spf
from mailer.signing_keys import SigningKey
from mailer.spf import MOST_LOOKUPS, MOST_VOIDS
from mailer.zone import Sending, is_within, key_name, literal, parents, tags

LOOKUP_SECONDS = 10.0
POLICIES = frozenset({"none", "quarantine", "reject"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One sentence on what the DNS says, and whether that is well."""

    good: bool
    sentence: str


def right(sentence: str) -> Finding:
    """A finding that all is well."""
    return Finding(good=True, sentence=sentence)


def wrong(sentence: str) -> Finding:
    """A finding that something is to be mended."""
    return Finding(good=False, sentence=sentence)


class Unanswered(Exception):
    """The DNS could not be asked: nothing is known."""


class Checker:
    """Looks up what is published for how mail leaves.

    Each name and type is asked once, within `LOOKUP_SECONDS`, and remembered for as long as this lives.
    """

    def __init__(self, sending: Sending, *, server: tuple[str, int] | None = None) -> None:
        """`server` is asked instead of the system's own."""
        self._sending = sending
        if server is None:
            self._resolver = dns.asyncresolver.Resolver()
        else:
            self._resolver = dns.asyncresolver.Resolver(configure=False)
            self._resolver.nameservers = [server[0]]
            self._resolver.port = server[1]
        self._resolver.lifetime = LOOKUP_SECONDS
        self._known: dict[tuple[str, str], Sequence[str]] = {}

    async def findings(self) -> AsyncIterator[Finding]:
        """Everything that is found, good or not.

        One check after the other, in an order that is always the same. A name that the DNS does not answer for is a
        finding, and ends that check alone.
        """
        sending = self._sending
        checks = [
            *(self._spf(domain) for domain in sending.envelopes),
            *(self._key(key) for key in sending.keys),
            *(self._dmarc(domain) for domain in sending.senders),
            *(self._mx(domain) for domain in (sending.bounce_domain,) if domain is not None),
            *(self._pointer(relay) for relay in sending.relays),
        ]
        for check in checks:
            try:
                async for finding in check:
                    yield finding
            except Unanswered as error:
                yield wrong(f"the DNS could not be asked: {error}")

    async def ask(self, name: str, kind: str) -> Sequence[str]:
        """The values of a name; none for one that is not there. Raises `Unanswered`."""
        key = (name.lower().rstrip("."), kind)
        if key not in self._known:
            self._known[key] = await self._ask(*key)
        return self._known[key]

    async def _ask(self, name: str, kind: str) -> Sequence[str]:
        try:
            answer = await self._resolver.resolve(name, kind, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return ()
        except (dns.exception.DNSException, OSError) as error:
            raise Unanswered(f"{name} {kind}: {type(error).__name__}") from error
        if kind == "TXT":
            return [b"".join(each.strings).decode("utf-8", "replace") for each in answer]
        return [each.to_text() for each in answer]

    async def _spf(self, domain: str) -> AsyncIterator[Finding]:
        cost = await spf.cost(domain, self.ask)
        if cost is None:
            yield wrong(f"{domain} has no SPF record")
            return
        for problem in cost.problems:
            yield wrong(f"SPF: {problem}")
        yield Finding(
            good=cost.lookups <= MOST_LOOKUPS,
            sentence=f"SPF of {domain} takes {cost.lookups} look-ups, and {MOST_LOOKUPS} are allowed",
        )
        if cost.voids > MOST_VOIDS:
            yield wrong(
                f"SPF of {domain} asks {cost.voids} times for what is not there, and {MOST_VOIDS} are allowed",
            )
        if cost.passes_all:
            yield wrong(f"SPF of {domain} lets everybody send for it: +all")
        elif not cost.passes_some and not cost.problems:
            yield wrong(f"SPF of {domain} lets nobody send for it, the relay neither")

    async def _key(self, key: SigningKey) -> AsyncIterator[Finding]:
        name = key_name(key)
        records = [tags(text) for text in await self.ask(name, "TXT")]
        published = [each for each in records if "p" in each]
        if len(published) != 1:
            yield wrong(f"{name} has {len(published) or 'no'} DKIM record{'s' * (len(published) > 1)}")
            return
        [record] = published
        kind = "rsa" if key.algorithm == "rsa-sha256" else "ed25519"
        value = "".join(record["p"].split())
        if not value:
            yield wrong(f"{name} is revoked: its p= is empty")
        elif record.get("k", "rsa") != kind:
            yield wrong(f"{name} is of the kind {record.get('k', 'rsa')}, and your key is {kind}")
        elif value != key.public():
            yield wrong(f"{name} is another key than yours")
        else:
            yield right(f"{name} is your key")
        if "y" in record.get("t", "").split(":"):
            yield wrong(f"{name} says that it is only being tried out: t=y")

    async def _dmarc(self, domain: str) -> AsyncIterator[Finding]:
        for name in parents(domain):
            found = await self._policies(name)
            if found:
                break
        else:
            yield wrong(f"{domain} has no DMARC record")
            return
        if len(found) > 1:
            yield wrong(f"_dmarc.{name} has {len(found)} DMARC records: verifiers take none of them")
            return
        record = tags(found[0])
        policy = record.get("p", "").lower()
        if policy not in POLICIES:
            yield wrong(f"_dmarc.{name} has no policy that is one: p={policy or 'nothing'}")
            return
        yield right(f"_dmarc.{name} says {policy}")
        yield await self._aligned(domain, record)

    async def _policies(self, name: str) -> Sequence[str]:
        """The DMARC records of one name."""
        return [
            text for text in await self.ask(f"_dmarc.{name}", "TXT") if text.lower().startswith("v=dmarc1")
        ]

    async def _organization(self, domain: str) -> str:
        """The highest domain, of this and those above it, that has a policy of its own, as verifiers look for it.

        One of a public suffix, such as a country's, says so of itself.
        """
        highest = domain
        for name in parents(domain):
            if any(tags(text).get("psd", "n").lower() != "y" for text in await self._policies(name)):
                highest = name
        return highest

    async def _aligned(self, domain: str, record: dict[str, str]) -> Finding:
        """Whether what signs, or what the envelope says, is of the sender's domain: DMARC wants one of both."""
        ours = await self._organization(domain)

        async def fits(others: Iterable[str], rule: str) -> bool:
            if record.get(rule, "r").lower() == "s":
                return domain in others
            return any(
                [is_within(domain, other) or await self._organization(other) == ours for other in others]
            )

        signs = await fits({key.domain for key in self._sending.keys}, "adkim")
        returns = await fits(self._sending.envelopes, "aspf")
        if not signs and not returns:
            return wrong(f"mail from {domain} is neither signed by that domain nor does it come back to it")
        how = " and ".join(name for name, yes in (("signature", signs), ("envelope", returns)) if yes)
        return right(f"mail from {domain} is aligned by its {how}")

    async def _mx(self, domain: str) -> AsyncIterator[Finding]:
        hosts = [text.split()[-1].rstrip(".") for text in await self.ask(domain, "MX")]
        if not any(hosts):
            yield wrong(f"{domain} has no MX: nothing comes back to it")
            return
        for host in hosts:
            there = bool(await self._addresses(host))
            yield Finding(
                good=there, sentence=f"{domain} leads to {host}" + ("" if there else ", which has no address")
            )

    async def _pointer(self, relay: str) -> AsyncIterator[Finding]:
        """Whether the relay's addresses have names that lead back to them: who has none sends spam, most servers say."""
        addresses = await self._addresses(relay)
        if not addresses:
            yield wrong(f"the relay {relay} has no address")
        for address in addresses:
            names = await self.ask(dns.reversename.from_address(address).to_text(), "PTR")
            leads_back = [name.rstrip(".") for name in names if address in await self._addresses(name)]
            if leads_back:
                yield right(f"the relay's address {address} is called {leads_back[0]}")
            else:
                yield wrong(f"the relay's address {address} has no name that leads back to it")

    async def _addresses(self, host: str) -> Sequence[str]:
        if (address := literal(host)) is not None:
            # As the DNS writes it: an address of IPv6 may be written in many ways.
            return [str(address)]
        return [*await self.ask(host, "A"), *await self.ask(host, "AAAA")]
