"""What the DNS has to say for mail to arrive, and whether it does: asked of a real server."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from mailer import spf, zonecheck
from mailer.signing_keys import SigningKey
from mailer.spf import Cost
from mailer.zone import Sending, is_within, key_name, key_record, parents, tags, wanted
from mailer.zonecheck import Checker, Finding
from tests.support.dkim import ed25519_key, rsa_key
from tests.support.names import dns_server, txt
from tests.support.servers import free_port

RSA = SigningKey(domain="shop.example", selector="bh1", private=rsa_key())
ED = SigningKey(domain="shop.example", selector="bh2", private=ed25519_key())
SENDING = Sending(
    senders=("shop.example",),
    relays=("relay.example",),
    keys=(RSA, ED),
    bounce_domain="bounces.shop.example",
    bounce_host="node.shop.example",
)
GOOD = {
    "spf": [txt("bounces.shop.example", "v=spf1 a:relay.example -all")],
    "rsa": [txt(key_name(RSA), key_record(RSA))],
    "ed25519": [txt(key_name(ED), key_record(ED))],
    "dmarc": [txt("_dmarc.shop.example", "v=DMARC1; p=reject")],
    "mx": ["mx-host=bounces.shop.example,node.shop.example,10"],
    "relay": ["host-record=relay.example,192.0.2.20"],
    "node": ["host-record=node.shop.example,192.0.2.30"],
}
"""`host-record` makes the way back from the address as well."""


def zone(**changed: Sequence[str]) -> list[str]:
    """The good records, some of them changed."""
    return [line for lines in (GOOD | changed).values() for line in lines]


@asynccontextmanager
async def checker(records: Sequence[str], sending: Sending = SENDING) -> AsyncIterator[Checker]:
    async with dns_server(records) as server:
        host, _, port = server.partition(":")
        yield Checker(sending, server=(host, int(port)))


async def findings(records: Sequence[str], sending: Sending = SENDING) -> list[Finding]:
    async with checker(records, sending) as checking:
        return [finding async for finding in checking.findings()]


async def wrong(records: Sequence[str], sending: Sending = SENDING) -> list[str]:
    return [finding.sentence for finding in await findings(records, sending) if not finding.good]


# What to set


def test_the_records_to_set_are_told_as_a_zone_file_has_them() -> None:
    lines = [record.line() for record in wanted(SENDING)]

    assert lines[0] == 'bounces.shop.example. 3600 IN TXT "v=spf1 a:relay.example ~all"'
    assert lines[1].startswith('bh1._domainkey.shop.example. 3600 IN TXT "v=DKIM1; k=rsa; p=MII')
    assert lines[2] == f'bh2._domainkey.shop.example. 3600 IN TXT "v=DKIM1; k=ed25519; p={ED.public()}"'
    assert lines[3].startswith('_dmarc.shop.example. 3600 IN TXT "v=DMARC1; p=none; ')
    assert lines[4] == "bounces.shop.example. 3600 IN MX 10 node.shop.example."
    strings = re.findall(r'"([^"]*)"', lines[1])
    assert all(len(each) <= 255 for each in strings)
    assert "".join(strings) == key_record(RSA)


def test_without_keys_or_a_domain_to_come_back_to_there_is_less_to_set() -> None:
    plain = Sending(senders=("shop.example",), relays=("192.0.2.9", "2001:db8::9"))
    elsewhere = Sending(senders=("shop.example",), relays=(), bounce_domain="b.example")

    assert [record.value for record in wanted(plain)][0] == "v=spf1 ip4:192.0.2.9 ip6:2001:db8::9 ~all"
    assert [record.type for record in wanted(plain)] == ["TXT", "TXT"]
    assert [record.value for record in wanted(elsewhere)][-1] == "10 mx.b.example."


async def test_what_it_tells_to_set_is_what_it_wants_to_find() -> None:
    records = [txt(record.name, record.value) for record in wanted(SENDING) if record.type == "TXT"]

    assert await wrong([*records, *GOOD["mx"], *GOOD["relay"], *GOOD["node"]]) == []


# What is there


async def test_with_everything_there_nothing_is_wrong_and_each_thing_is_told() -> None:
    found = await findings(zone())

    assert all(finding.good for finding in found), found
    assert [finding.sentence for finding in found] == [
        "SPF of bounces.shop.example takes 1 look-ups, and 10 are allowed",
        "bh1._domainkey.shop.example is your key",
        "bh2._domainkey.shop.example is your key",
        "_dmarc.shop.example says reject",
        "mail from shop.example is aligned by its signature and envelope",
        "bounces.shop.example leads to node.shop.example",
        "the relay's address 192.0.2.20 is called relay.example",
    ]


OTHER = SigningKey(domain="shop.example", selector="bh1", private=rsa_key())
DKIM = key_name(RSA)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"spf": []}, ["bounces.shop.example has no SPF record"]),
        ({"spf": [*GOOD["spf"], txt("bounces.shop.example", "v=spf1 -all")]}, ["SPF: bounces.shop.example has 2 SPF records"]),
        ({"spf": [txt("bounces.shop.example", "v=spf1 +all")]}, ["lets everybody send for it: +all"]),
        ({"spf": [txt("bounces.shop.example", "v=spf1 ~all")]}, ["lets nobody send for it, the relay neither"]),
        ({"spf": [txt("bounces.shop.example", "v=spf1 ?a:relay.example -all")]}, ["lets nobody send for it"]),
        ({"spf": [txt("bounces.shop.example", "v=spf1 a:relay.example what -all")]}, ["has a term that is none: what"]),
        ({"rsa": []}, [f"{DKIM} has no DKIM record"]),
        ({"rsa": [txt(DKIM, "hello")]}, [f"{DKIM} has no DKIM record"]),
        ({"rsa": [*GOOD["rsa"], txt(DKIM, key_record(OTHER))]}, [f"{DKIM} has 2 DKIM records"]),
        ({"rsa": [txt(DKIM, key_record(OTHER))]}, [f"{DKIM} is another key than yours"]),
        ({"rsa": [txt(DKIM, "v=DKIM1; p=")]}, [f"{DKIM} is revoked"]),
        ({"rsa": [txt(DKIM, key_record(RSA).replace("rsa", "ed25519"))]}, ["of the kind ed25519, and your key is rsa"]),
        ({"rsa": [txt(DKIM, "t=y:s; " + key_record(RSA))]}, ["only being tried out: t=y"]),
        ({"dmarc": []}, ["shop.example has no DMARC record"]),
        ({"dmarc": [*GOOD["dmarc"], txt("_dmarc.shop.example", "v=DMARC1; p=none")]}, ["has 2 DMARC records"]),
        ({"dmarc": [txt("_dmarc.shop.example", "v=DMARC1; p=maybe")]}, ["no policy that is one: p=maybe"]),
        ({"dmarc": [txt("_dmarc.shop.example", "v=DMARC1")]}, ["no policy that is one: p=nothing"]),
        ({"mx": []}, ["bounces.shop.example has no MX: nothing comes back to it"]),
        ({"mx": ["mx-host=bounces.shop.example,gone.shop.example,10"]}, ["leads to gone.shop.example, which has no address"]),
        (
            {"relay": [], "spf": [txt("bounces.shop.example", "v=spf1 ip4:192.0.2.0/24 -all")]},
            ["the relay relay.example has no address"],
        ),
        ({"relay": ["address=/relay.example/192.0.2.20"]}, ["192.0.2.20 has no name that leads back to it"]),
        (
            {"relay": ["address=/relay.example/192.0.2.20", "ptr-record=20.2.0.192.in-addr.arpa,node.shop.example"]},
            ["192.0.2.20 has no name that leads back to it"],
        ),
    ],
)  # fmt: skip
async def test_each_thing_that_is_wrong_has_its_reason(
    changed: dict[str, list[str]], said: list[str]
) -> None:
    found = await wrong(zone(**changed))

    assert len(found) == len(said), found
    for sentence, part in zip(found, said, strict=True):
        assert part in sentence


async def test_a_key_that_is_published_in_pieces_and_with_blanks_is_the_same() -> None:
    spaced = f"v=DKIM1;  k=rsa ; p={RSA.public()[:100]}   {RSA.public()[100:]} ; x"

    assert await wrong(zone(rsa=[txt(DKIM, spaced)])) == []


@pytest.mark.parametrize(
    ("policy", "key_domain", "envelope", "good"),
    [
        ("v=DMARC1; p=none", "shop.example", "other.example", True),
        ("v=DMARC1; p=none", "other.example", "bounces.shop.example", True),
        ("v=DMARC1; p=none", "other.example", "other.example", False),
        ("v=DMARC1; p=none; adkim=s", "example", "other.example", False),
        ("v=DMARC1; p=none; aspf=s", "other.example", "bounces.shop.example", False),
        ("v=DMARC1; p=none; aspf=s; adkim=s", "shop.example", "other.example", True),
    ],
)
async def test_mail_is_aligned_by_its_signature_or_its_envelope(
    policy: str, key_domain: str, envelope: str, good: bool
) -> None:
    key = SigningKey(domain=key_domain, selector="bh1", private=ED.private)
    sending = Sending(senders=("shop.example",), relays=(), keys=(key,), bounce_domain=envelope)

    found = await findings([txt("_dmarc.shop.example", policy)], sending)

    [aligned] = [each for each in found if each.sentence.startswith("mail from shop.example")]
    assert aligned.good is good


@pytest.mark.parametrize(
    ("records", "envelope", "good"),
    [
        ([txt("_dmarc.shop.example", "v=DMARC1; p=none")], "bounces.shop.example", True),
        ([txt("_dmarc.shop.example", "v=DMARC1; p=none; aspf=s")], "bounces.shop.example", False),
        ([txt("_dmarc.shop.example", "v=DMARC1; p=none")], "bounces.other.example", False),
        (
            [
                txt(f"_dmarc.{name}shop.example", f"v=DMARC1; p=none; psd={psd}")
                for name, psd in (("news.", "u"), ("", "y"))
            ],
            "bounces.shop.example",
            False,
        ),
    ],
)
async def test_two_domains_below_one_policy_are_aligned(
    records: list[str], envelope: str, good: bool
) -> None:
    """Newsletters from a domain of their own, unsigned by us, that come back to another of the same shop."""
    sending = Sending(senders=("news.shop.example",), relays=(), bounce_domain=envelope)

    found = await findings(records, sending)

    [aligned] = [each for each in found if each.sentence.startswith("mail from news.shop.example")]
    assert aligned.good is good


async def test_a_policy_of_the_domain_above_holds_too() -> None:
    sending = Sending(senders=("news.shop.example",), relays=())

    found = await findings(
        [txt("_dmarc.shop.example", "v=DMARC1; p=quarantine"), txt("news.shop.example", "v=spf1 -all")],
        sending,
    )

    assert "_dmarc.shop.example says quarantine" in [each.sentence for each in found if each.good]


@pytest.mark.parametrize(
    ("relay", "address"), [("192.0.2.20", "192.0.2.20"), ("2001:db8:0:0::20", "2001:db8::20")]
)
async def test_a_relay_that_is_an_address_is_looked_up_by_its_name(relay: str, address: str) -> None:
    """However it is written: an address of IPv6 has more than one way."""
    sending = Sending(senders=("shop.example",), relays=(relay,))
    records = [f"host-record=relay.example,{address}", *GOOD["dmarc"], txt("shop.example", "v=spf1 -all")]

    found = await findings(records, sending)

    assert found[-1] == Finding(good=True, sentence=f"the relay's address {address} is called relay.example")


async def test_a_server_that_does_not_answer_is_told_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zonecheck, "LOOKUP_SECONDS", 0.2)
    checking = Checker(SENDING, server=("127.0.0.1", free_port()))

    found = [finding async for finding in checking.findings()]

    assert {finding.good for finding in found} == {False}
    assert all(finding.sentence.startswith("the DNS could not be asked: ") for finding in found)


def test_without_a_server_the_systems_own_is_asked() -> None:
    assert Checker(SENDING)._resolver.nameservers


# What SPF costs


async def cost(*records: str, domain: str = "shop.example") -> Cost | None:
    async with checker(records) as checking:
        return await spf.cost(domain, checking.ask)


async def test_look_ups_are_counted_through_all_that_is_included() -> None:
    found = await cost(
        txt("shop.example", "v=spf1 include:one.example a mx ip4:192.0.2.0/24 exists:%{i}.x.example redirect=two.example"),
        txt("one.example", "v=spf1 a:relay.example/28 ptr ?include:three.example -all"),
        txt("three.example", "v=spf1 ip6:2001:db8::/32 ~all"),
        txt("two.example", "v=spf1 mx:shop.example exp=why.example -all"),
        *GOOD["relay"], "mx-host=shop.example,relay.example,10", "host-record=shop.example,192.0.2.1",
    )  # fmt: skip

    assert found == Cost(lookups=9, voids=0, passes_some=True)


async def test_how_much_of_an_address_counts_is_no_host() -> None:
    """`a/24` is of the domain itself (RFC 7208, section 5.3)."""
    found = await cost(
        txt("shop.example", "v=spf1 a/24 mx/28 a//64 mx:shop.example/28//64 ~all"),
        *GOOD["relay"], "mx-host=shop.example,relay.example,10", "host-record=shop.example,192.0.2.1",
    )  # fmt: skip

    assert found == Cost(lookups=4, voids=0, passes_some=True)


async def test_voids_and_too_many_look_ups_are_found() -> None:
    many = " ".join(f"a:n{number}.example" for number in range(12))

    found = await wrong(zone(spf=[txt("bounces.shop.example", f"v=spf1 {many} -all")]))

    assert found == [
        "SPF of bounces.shop.example takes 12 look-ups, and 10 are allowed",
        "SPF of bounces.shop.example asks 12 times for what is not there, and 2 are allowed",
    ]


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([txt("shop.example", "v=spf1 include:shop.example -all")], "include one another without end"),
        (
            [txt("shop.example", "v=spf1 redirect=none.example")],
            "includes none.example, which has no SPF record",
        ),
        (
            [txt("shop.example", "v=spf1 include:none.example -all")],
            "includes none.example, which has no SPF record",
        ),
        (
            [txt("shop.example", "v=spf1 include:none.example include:no.example -all")],
            "includes none.example, which has no SPF record",
        ),
    ],
)
async def test_what_leads_nowhere_is_a_problem(records: list[str], said: str) -> None:
    found = await cost(*records)

    assert found is not None
    assert any(said in problem for problem in found.problems)


async def test_behind_all_nothing_counts_and_no_redirect() -> None:
    found = await cost(txt("shop.example", "v=spf1 -all a:x.example redirect=y.example"))

    assert found == Cost()


async def test_a_record_of_endless_breadth_is_not_followed() -> None:
    wide = "v=spf1 " + " ".join(["include:shop.example"] * 20) + " -all"

    found = await cost(txt("shop.example", wide))

    assert found is not None
    assert found.lookups < 5000


# Words


def test_tags_and_domains() -> None:
    assert tags("v=DKIM1; p = a=b ;;x; P=c") == {"v": "DKIM1", "p": "a=b"}
    assert parents("a.b.example") == ["a.b.example", "b.example"]
    assert parents("example") == ["example"]
    assert is_within("a.shop.example", "shop.example")
    assert is_within("shop.example", "a.shop.example")
    assert not is_within("myshop.example", "shop.example")
    assert spf.is_spf("V=SPF1")
    assert not spf.is_spf("v=spf10 -all")
