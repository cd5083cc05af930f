"""The tokens of tracked links: each of one mail and one target, ours alone, and the same whenever they are made."""

from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.clicks import CHARACTERS, TRAP, ClickLinks, ClickTicket, target_key

MAIL = "01900000-0000-7000-8000-000000000001"
OTHER = "01900000-0000-7000-8000-000000000002"
LAMP = "https://shop.example/lamp"
LINKS = ClickLinks(["first", "older"], base_url="https://go.shop.example")


def token(links: ClickLinks = LINKS, mail: str = MAIL, target: str = LAMP) -> str:
    marks = links.marks(mail)
    assert marks is not None
    url = marks.link(target, links=3)
    assert url.startswith("https://go.shop.example/c/")
    return url.rpartition("/")[2]


def test_a_token_says_which_mail_and_target_it_is_of():
    assert len(token()) == CHARACTERS
    assert LINKS.read(token()) == ClickTicket(mail=MAIL, links=3, target=target_key(LAMP))
    assert token() == token()


def test_old_secrets_are_heeded_and_the_first_makes():
    assert LINKS.read(token(ClickLinks(["older"], base_url="https://go.shop.example"))) is not None
    assert token(ClickLinks(["first"], base_url="https://go.shop.example")) == token()
    assert LINKS.read(token(ClickLinks(["another"], base_url="https://go.shop.example"))) is None


def test_what_renders_one_mail_can_make_links_of_no_other():
    mine, others = LINKS.marks(MAIL), LINKS.marks(OTHER)
    assert mine is not None
    assert others is not None
    assert mine.key != others.key
    forged = type(mine)(url=mine.url, mail=others.mail, key=mine.key).link(LAMP, links=1)
    assert LINKS.read(forged.rpartition("/")[2]) is None


def test_an_id_that_is_no_uuid_has_no_links():
    assert LINKS.marks("order-7") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "A" * (CHARACTERS - 1) + ".",
        "ü" * CHARACTERS,
        "A" * CHARACTERS,
        "." * CHARACTERS,
        token()[:-1],
        token() + "A",
    ],
)
def test_what_is_no_token_of_ours_says_nothing(text: str):
    assert LINKS.read(text) is None


@given(st.integers(0, CHARACTERS - 1), st.sampled_from("ABCDEZaz09-_"))
def test_with_one_character_changed_it_is_none_of_ours(at: int, character: str):
    good = token()
    changed = good[:at] + character + good[at + 1 :]
    assert (LINKS.read(changed) is not None) == (changed == good)


def test_a_token_names_nobody_and_no_address():
    said = urlsafe_b64decode(token() + "=")
    assert b"shop" not in said


def test_the_link_for_programs_is_a_token_like_any_other_and_no_targets():
    marks = LINKS.marks(MAIL)
    assert marks is not None
    trap = LINKS.read(marks.trap(links=3).rpartition("/")[2])
    assert trap == ClickTicket(mail=MAIL, links=3, target=TRAP)
    assert target_key(LAMP) != TRAP


def picture(links: ClickLinks = LINKS, mail: str = MAIL) -> str:
    marks = links.marks(mail, opens=True)
    assert marks is not None
    url = marks.picture()
    assert url.startswith("https://go.shop.example/c/")
    assert url.endswith(".gif")
    return url.rpartition("/")[2].removesuffix(".gif")


def test_a_picture_says_which_mail_it_is_in_and_is_no_link():
    assert LINKS.pictured(picture()) == MAIL
    assert LINKS.pictured(picture(ClickLinks(["older"], base_url="https://go.shop.example"))) == MAIL
    assert LINKS.read(picture()) is None
    assert LINKS.pictured(token()) is None
    assert LINKS.pictured(picture(ClickLinks(["another"], base_url="https://go.shop.example"))) is None
    assert picture() != picture(mail=OTHER)


@given(st.integers(0, len(picture()) - 1), st.sampled_from("ABCDEZaz09-_"))
def test_a_picture_with_one_character_changed_is_none_of_ours(at: int, character: str):
    good = picture()
    changed = good[:at] + character + good[at + 1 :]
    assert (LINKS.pictured(changed) is not None) == (changed == good)


def test_a_network_is_told_from_others_of_the_same_mail_only():
    one = LINKS.network(MAIL, "192.0.2.0/24")
    assert one == LINKS.network(MAIL, "192.0.2.0/24")
    assert len({one, LINKS.network(MAIL, "198.51.100.0/24"), LINKS.network(OTHER, "192.0.2.0/24")}) == 3
