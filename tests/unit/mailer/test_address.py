"""What is an address, and in which form it goes over the wire."""

from email.utils import getaddresses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.address import ascii_domain, parse, parse_ours
from tests.support.amounts import amount

texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=80)


@pytest.mark.parametrize(
    ("domain", "wire"),
    [
        ("faß.de", "xn--fa-hia.de"),
        ("FAß.De", "xn--fa-hia.de"),
        ("κλαρα-σωλις.ευ", "xn----ylba7abgd9bnh0e.xn--qxa6a"),
        ("نامه\u200cای.com", "xn--mgba3gch31f060k.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("EXAMPLE.org", "example.org"),
        ("ex_ample.org", "ex_ample.org"),
        ("xn--fa-hia.de", "xn--fa-hia.de"),
        ("localhost", "localhost"),
        ("ﬀ.org", "ff.org"),
    ],
)
def test_a_domain_of_any_script_is_the_one_that_was_meant(domain: str, wire: str) -> None:
    """IDNA 2003 took the first four for other domains, where other people read what is sent."""
    assert ascii_domain(domain) == wire
    assert parse(f"ann@{domain}").address == f"ann@{wire}"


@pytest.mark.parametrize(
    "domain",
    ["☃.net", "😀.ws", "ü..de", "ü.", "-ü.de", "bücher_x.de", "١.de", "a..b", ".org", "example.org.", "", "-x.org", "x-.org",
     "1.2.3.4", "[1.2.3.4]", "a" * 64 + ".org", ".".join(["d" * 50] * 6), "ü" * 64 + ".de", "ü" * 300, "exa mple.org", "a\x00.org",
     "exa\udc80mple.org", "xn--faß.de", "a/b.org", "a?b.org", "a\u2024b.org"],
)  # fmt: skip
def test_what_no_mail_can_go_to_is_no_domain(domain: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse(f"ann@{domain}")

    assert not domain or domain not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "ann", "@example.org", "ann@", "a b@example.org", "Ann <ann@example.org>", "a@b@c.org", "a,b@example.org", "\udc80@example.org",
     "a\u202eb@example.org", "a\u200bb@example.org", '"a b"@example.org', "x" * 65 + "@example.org", "ü" * 33 + "@example.org",
     "a\nb@example.org", "x" * 64 + "@" + ".".join(["d" * 60] * 3) + ".dddddddd"],
)  # fmt: skip
def test_what_is_not_one_bare_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)


def test_a_local_part_stays_as_it_is_and_is_quoted_where_its_dots_are_odd() -> None:
    for text in (
        "Ann.O'Neil+shop@example.org",
        "jörg@example.org",
        "%admin%x@example.org",
        "a!b@example.org",
        "🦊@example.org",
    ):
        assert parse(text).address == text
    for odd in ("a..b", ".a", "a."):
        assert parse(f"{odd}@docomo.ne.jp").address == f'"{odd}"@docomo.ne.jp'


@settings(deadline=None, max_examples=amount(60, long=300))
@given(texts)
def test_whatever_is_parsed_reads_as_one_address(text: str) -> None:
    for candidate in (text, f"a@{text}", f"{text}@example.org"):
        try:
            mailbox = parse(candidate)
        except ValueError:
            continue
        assert mailbox.domain.isascii()
        assert getaddresses([mailbox.address]) == [("", mailbox.address)]


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("shop@shop.example", "", "shop@shop.example"),
        ("<shop@shop.example>", "", "shop@shop.example"),
        ("Shop <shop@shop.example>", "Shop", "shop@shop.example"),
        ("Shop\t<Shop@Shop.Example>", "Shop", "Shop@shop.example"),
        ('"Shop, Inc." <shop@shop.example>', "Shop, Inc.", "shop@shop.example"),
        ("Müller GmbH <shop@bücher.example>", "Müller GmbH", "shop@xn--bcher-kva.example"),
        ("Shop.com (Support) <shop@faß.example>", "Shop.com (Support)", "shop@xn--fa-hia.example"),
        ('"A \\"B\\" <ceo@bank.example>, C" <a@shop.example>', 'A "B" <ceo@bank.example>, C', "a@shop.example"),
        ("=?utf-8?q?a=0D=0ABcc=3A_x=40y=2Eorg?= <a@shop.example>", "=?utf-8?q?a=0D=0ABcc=3A_x=40y=2Eorg?=", "a@shop.example"),
    ],
)  # fmt: skip
def test_an_address_of_ours_is_the_one_that_was_meant(text: str, name: str, address: str) -> None:
    mailbox = parse_ours(text)

    assert (mailbox.name, mailbox.address) == (name, address)
    assert [found for _, found in getaddresses([mailbox.field("From")[6:]])] == [address]


@pytest.mark.parametrize(
    "text",
    ["nobody", "", "<>", "Shop, Inc. <shop@shop.example>", "Shop: News <shop@shop.example>", "Shop@Home <shop@shop.example>",
     "a@b.example, c@d.example", "A <a@b.example>, C <c@d.example>", 'A" <a@b.example>', "Jörg <jörg@shop.example>",
     "a@b.example\nBcc: x@y.example", "A\nB <a@b.example>", "A\x00 <a@b.example>", "n" * 101 + " <a@b.example>", "Shop <a b@shop.example>",
     "a@..example", "Shop <shop@☃.net>", "Shop <shop@shop.example> x"],
)  # fmt: skip
def test_a_sender_that_does_not_read_as_one_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_ours(text)


@settings(deadline=None, max_examples=amount(60, long=300))
@given(texts)
def test_a_sender_with_any_name_reads_as_its_address(name: str) -> None:
    for text in (f"{name} <a@shop.example>", f'"{name}" <a@shop.example>'):
        try:
            mailbox = parse_ours(text)
        except ValueError:
            continue
        field = mailbox.field("From")
        assert [found for _, found in getaddresses([field[6:]])] == ["a@shop.example"]
        assert "\n" not in field.replace("\r\n ", "").removesuffix("\r\n")
