"""What stands on every mail."""

import re

import pytest

from mailer.address import parse_ours
from mailer.letterhead import Letterhead, parse_unsubscribe
from mailer.unsubscribe import UnsubscribeLinks, token_in
from tests.unit.mailer.letters import notification


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("https://shop.example/u?r={room}", ("https://shop.example/u?r={room}",)),
        ("mailto:u+{id}@shop.example?subject={type}", ("mailto:u+{id}@shop.example?subject={type}",)),
        (
            " mailto:u@shop.example ,https://shop.example/u ",
            ("https://shop.example/u", "mailto:u@shop.example"),
        ),
    ],
)
def test_readers_unsubscribe_by_a_page_by_a_mail_or_by_both(text: str, urls: tuple[str, ...]) -> None:
    assert parse_unsubscribe(text) == urls


@pytest.mark.parametrize(
    "text",
    ["http://shop.example/u", "https:///u", "ftp://shop.example", "shop.example", "mailto:nobody", "mailto:", "https://shop.example/{user}",
     "https://shop.example/{", "https://shop.example/ü", "https://shop.example/<", 'https://shop.example/"', ",", "",
     "https://a.example/1,https://b.example/2", "mailto:a@b.example,mailto:c@d.example", "https://[", "https://shop.example/\r\nBcc:x"],
)  # fmt: skip
def test_any_other_url_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_unsubscribe(text)


def test_what_is_filled_in_cannot_change_where_a_url_leads() -> None:
    letterhead = Letterhead(
        sender=parse_ours("a@shop.example"), unsubscribe=("https://shop.example/u?r={room}&t={type}&i={id}",)
    )

    [url] = letterhead.unsubscribe_urls(notification(room="user:&t=X#/../{id}\r\n>ü\udc80", type="T", id="1"))

    assert url == "https://shop.example/u?r=user%3A%26t%3DX%23%2F..%2F%7Bid%7D%0D%0A%3E%C3%BC%3F&t=T&i=1"


def test_a_url_that_a_mail_has_of_its_own_stands_in_the_place_of_the_one_for_all() -> None:
    letterhead = Letterhead(
        sender=parse_ours("a@shop.example"),
        unsubscribe=("https://shop.example/u", "mailto:u@shop.example"),
    )

    urls = letterhead.unsubscribe_urls(notification(), "https://shop.example/u/token")

    assert urls == ("https://shop.example/u/token", "mailto:u@shop.example")


def test_whoever_can_only_write_leaves_by_an_address_that_comes_to_us() -> None:
    links = UnsubscribeLinks(["a-secret-that-is-long-enough-for-us"], base_url="https://shop.example")
    letterhead = Letterhead(sender=parse_ours("a@shop.example"), bounce_domain="bounces.shop.example")
    link = f"{links.url('ann', 'offers')}?m=0190f2ab"

    web, letter = letterhead.unsubscribe_urls(notification(), link)

    assert web == link
    found = re.fullmatch(r"mailto:(u-[a-z2-7]{37}@bounces\.shop\.example)\?subject=unsubscribe", letter)
    assert found is not None
    assert token_in(found[1], "bounces.shop.example") == links.token("ann", "offers")
    assert letterhead.unsubscribe_urls(notification(), "https://elsewhere.example/u") == (
        "https://elsewhere.example/u",
    )
