"""A table of clicks, and whose each is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.http.clicks import network_of
from gateway.notify.clicks.judging import (
    AGENT,
    BURST,
    EARLY,
    NO_NAVIGATION,
    PREFETCH,
    PROXY,
    SOON,
    TRAPPED,
    Posted,
    judge,
    judge_open,
)
from mailer.clicks import TRAP
from storage.clicks import Hit, HitKind
from storage.opens import Open

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
AT_HOME = Posted(sent_at=NOW - timedelta(hours=1), domain="gmail.com")


def hit(
    target: str = "lamp",
    *,
    seconds: float = 0,
    network: str = "home",
    links: int = 9,
    signals: tuple[str, ...] = (),
) -> Hit:
    return Hit(
        id=f"{target}{seconds}", mail="m", user="ann", type="NEWS", notification=None, room=None, campaign=None,
        target=target.encode(), links=links, at=NOW + timedelta(seconds=seconds), network=network.encode(),
        signals=signals,
    )  # fmt: skip


def sent(seconds: float, domain: str = "gmail.com") -> Posted:
    return Posted(sent_at=NOW - timedelta(seconds=seconds), domain=domain)


@pytest.mark.parametrize(
    ("signals", "posted", "kind", "why"),
    [
        ((), AT_HOME, HitKind.HUMAN, ()),
        ((), None, HitKind.HUMAN, ()),
        ((PREFETCH,), AT_HOME, HitKind.BOT, (PREFETCH,)),
        ((AGENT, NO_NAVIGATION), AT_HOME, HitKind.BOT, (AGENT, NO_NAVIGATION)),
        ((NO_NAVIGATION,), AT_HOME, HitKind.UNKNOWN, (NO_NAVIGATION,)),
        ((), sent(9.9), HitKind.BOT, (EARLY,)),
        ((), Posted(sent_at=None, domain="gmail.com"), HitKind.BOT, (EARLY,)),
        ((), sent(-3), HitKind.BOT, (EARLY,)),
        ((), sent(10), HitKind.HUMAN, ()),
        ((), sent(10, "company.example"), HitKind.UNKNOWN, (SOON,)),
        ((), sent(599, "company.example"), HitKind.UNKNOWN, (SOON,)),
        ((), sent(600, "company.example"), HitKind.HUMAN, ()),
        ((NO_NAVIGATION,), sent(9), HitKind.BOT, (NO_NAVIGATION, EARLY)),
    ],
)
def test_by_what_is_seen_of_the_request_and_of_the_mail(
    signals: tuple[str, ...], posted: Posted | None, kind: HitKind, why: tuple[str, ...]
):
    one = hit(signals=signals)
    assert judge(one, [one], posted) == (kind, why)


@pytest.mark.parametrize(
    ("others", "is_burst"),
    [
        ([], False),
        ([hit(seconds=3), hit(seconds=6)], False),
        ([hit("rug", seconds=3)], False),
        ([hit("rug", seconds=3), hit("bed", seconds=-6)], True),
        ([hit("rug", seconds=3), hit("bed", seconds=10)], False),
        ([hit("rug", seconds=3), hit("bed", seconds=4, network="work")], False),
    ],
    ids=["alone", "the same again", "another", "three", "the third later", "the third from elsewhere"],
)
def test_three_links_from_one_network_within_a_moment_are_a_programs(others: list[Hit], is_burst: bool):
    one = hit()
    kind, why = judge(one, [one, *others], AT_HOME)
    assert (kind is HitKind.BOT, BURST in why) == (is_burst, is_burst)


def test_whoever_follows_what_nobody_can_see_is_a_program_in_all_that_it_does_about_then():
    trap = replace(hit(seconds=4), target=TRAP)
    for one, is_program in (
        (trap, True),
        (hit(), True),
        (hit(seconds=14), False),
        (hit(network="work"), False),
    ):
        kind, why = judge(one, [one, trap], AT_HOME)
        assert (kind is HitKind.BOT, TRAPPED in why, BURST in why) == (is_program, is_program, False)
    assert judge_open(opened(seconds=1), [trap], AT_HOME) == (HitKind.BOT, (TRAPPED,))


def test_half_of_a_mails_links_are_a_programs_and_its_only_one_is_not():
    few = hit(links=4)
    assert judge(few, [few, hit("rug", links=4)], AT_HOME)[0] is HitKind.BOT
    only = hit(links=1)
    assert judge(only, [only], AT_HOME)[0] is HitKind.HUMAN


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("unix", "unix"),
    ],
)
def test_an_address_is_of_a_network(address: str, network: str):
    assert network_of(address) == network


def opened(*signals: str, seconds: float = 0, network: str = "home") -> Open:
    return Open(
        id="o", mail="m", user="ann", notification=None, at=NOW + timedelta(seconds=seconds), network=network.encode(),
        signals=signals,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("one", "posted", "kind", "why"),
    [
        (opened(), AT_HOME, HitKind.HUMAN, ()),
        (opened(), None, HitKind.HUMAN, ()),
        (opened(PROXY), AT_HOME, HitKind.UNKNOWN, (PROXY,)),
        (opened(AGENT), AT_HOME, HitKind.BOT, (AGENT,)),
        (opened(), sent(9.9), HitKind.BOT, (EARLY,)),
        (opened(PROXY), sent(9.9), HitKind.BOT, (PROXY, EARLY)),
        (opened(), sent(10, "company.example"), HitKind.UNKNOWN, (SOON,)),
    ],
)
def test_whoever_fetches_a_picture_is_judged_as_who_follows_a_link(
    one: Open, posted: Posted | None, kind: HitKind, why: tuple[str, ...]
):
    assert judge_open(one, [], posted) == (kind, why)


@pytest.mark.parametrize(
    ("one", "is_burst"),
    [(opened(seconds=2), True), (opened(seconds=20), False), (opened(seconds=2, network="work"), False)],
)
def test_what_follows_several_links_at_once_has_fetched_the_picture_as_a_program_too(
    one: Open, is_burst: bool
):
    hits = [hit(), hit("rug", seconds=1), hit("bed", seconds=3)]
    assert (judge_open(one, hits, AT_HOME)[0] is HitKind.BOT) == is_burst
    assert judge_open(one, hits[:1], AT_HOME)[0] is HitKind.HUMAN
