"""Links that say no: ours alone, for ever, and without a word about who gets them."""

import string

from hypothesis import given
from hypothesis import strategies as st

from mailer.unsubscribe import CHARACTERS, UnsubscribeLinks, UnsubscribeTicket, scope, token_in, written

OLD, NEW = "an-old-secret-that-is-long-enough-for-us", "a-new-secret-that-is-long-enough-for-us"
LINKS = UnsubscribeLinks([NEW, OLD], base_url="https://shop.example/notify")
users = st.text(st.characters(codec="utf-8"), min_size=1, max_size=128)


@given(users, st.text(string.ascii_lowercase, min_size=1, max_size=64))
def test_a_link_says_whose_it_is_and_what_it_is_about(user: str, category: str):
    token = LINKS.token(user, category)

    assert LINKS.read(token) == UnsubscribeTicket(key=LINKS.key(user), scope=scope(category))
    assert (len(token), len(token) <= 48, token.isascii()) == (CHARACTERS, True, True)
    assert LINKS.url(user, category) == f"https://shop.example/notify/u/{token}"


def test_a_link_of_an_older_secret_is_good_as_long_as_that_is_heeded():
    token = UnsubscribeLinks([OLD], base_url="").token("ann", "offers")

    assert LINKS.read(token) is not None
    assert UnsubscribeLinks([NEW], base_url="").read(token) is None


@given(st.integers(0, CHARACTERS - 1), st.sampled_from(string.ascii_letters + string.digits + "-_=%é"))
def test_a_link_in_which_anything_was_changed_is_none(place: int, letter: str):
    token = LINKS.token("ann", "offers")
    changed = token[:place] + letter + token[place + 1 :]

    read = LINKS.read(changed)
    # The last letter has bits that say nothing.
    assert read is None or read == LINKS.read(token)
    assert changed == token or read is None or place == CHARACTERS - 1


@given(st.text(max_size=40))
def test_whatever_else_is_no_link(text: str):
    assert LINKS.read(text) is None


def test_links_of_two_users_or_categories_have_nothing_in_common():
    assert LINKS.key("ann") != LINKS.key("bob")
    assert scope("offers") != scope("orders")
    assert "ann" not in LINKS.token("ann", "offers")


@given(users, st.text(string.ascii_lowercase, min_size=1, max_size=64), st.sampled_from(["", "?m=0190f2ab"]))
def test_an_address_says_what_the_link_says_also_when_it_comes_back_in_capitals(
    user: str, category: str, query: str
):
    address = written(LINKS.url(user, category) + query, "bounces.shop.example")

    assert address is not None
    assert len(address.partition("@")[0]) <= 64
    for form in (address, address.upper(), f" {address} "):
        token = token_in(form, "bounces.shop.example")
        assert token is not None
        assert LINKS.read(token) == UnsubscribeTicket(key=LINKS.key(user), scope=scope(category))
    assert token_in(address, "shop.example") is None


@given(st.text(max_size=80))
def test_what_is_no_link_has_no_address_and_no_other_address_is_a_link(text: str):
    assert written(text, "b.example") is None
    assert written(f"https://shop.example/u/{text}", "b.example") is None or len(text) >= CHARACTERS
    assert token_in(f"{text}@b.example", "b.example") is None
    assert token_in(f"u-{text}@b.example", "b.example") is None or len(text) == 37
