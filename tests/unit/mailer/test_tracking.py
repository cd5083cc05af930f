"""Which links of a mail lead by way of us, and that nothing else of it changes."""

import re

import pytest

from mailer.clicks import LINKS_MAX, ClickLinks, target_key
from mailer.tracking import LONGEST_TARGET, tracked

LINKS = ClickLinks(["secret"], base_url="https://go.shop.example")
MARKS = LINKS.marks("01900000-0000-7000-8000-000000000001")
assert MARKS is not None
SPARED = ("https://shop.example/u/", "https://shop.example/leave?mail=7")


def track(body: str) -> tuple[str, tuple[str, ...]]:
    assert MARKS is not None
    return tracked(f"<html><body>{body}</body></html>", MARKS, spared=SPARED)


def test_links_to_the_web_lead_by_way_of_us_and_the_rest_stays():
    html, targets = track(
        '<p style="color:red">Grüße &amp; more&nbsp;<a href="https://shop.example/a?x=1&amp;y=2#z" class="button">Read</a>'
        '<!--[if mso]><v:rect href="https://shop.example/mso"></v:rect><![endif]--></p>'
    )

    assert targets == ("https://shop.example/a?x=1&y=2#z",)
    (link,) = re.findall(r'<a href="https://go\.shop\.example/c/([\w-]+)" class="button">Read</a>', html)
    ticket = LINKS.read(link)
    assert ticket is not None
    assert (ticket.links, ticket.target) == (1, target_key(targets[0]))
    assert '<p style="color:red">Grüße &amp; more&nbsp;' in html
    assert '<!--[if mso]><v:rect href="https://shop.example/mso"></v:rect><![endif]-->' in html


def test_the_same_target_is_one_link_and_each_knows_how_many_there_are():
    html, targets = track(
        '<a href="https://a.example/">one</a><a href=" https://a.example/ ">two</a><a href="http://b.example/ü"><img></a>'
    )

    assert targets == ("https://a.example/", "http://b.example/%C3%BC")
    tickets = [LINKS.read(token) for token in re.findall(r"/c/([\w-]+)", html)]
    assert [ticket and ticket.links for ticket in tickets] == [2, 2, 2]
    assert len({ticket and ticket.target for ticket in tickets}) == 2


@pytest.mark.parametrize(
    "link",
    [
        '<a href="mailto:ann@example.org">Mail</a>',
        '<a href="tel:+49">Call</a>',
        '<a href="/offers">Here</a>',
        '<a href="#top">Up</a>',
        "<a href>Nothing</a>",
        "<a>Nothing</a>",
        '<a href="javascript:alert(1)">No</a>',
        '<a href="https://shop.example/u/abc">Unsubscribe</a>',
        '<a href="https://shop.example/leave?mail=7">Unsubscribe</a>',
        '<a href="https://go.shop.example/c/abc">Ours</a>',
        '<a data-no-track href="https://shop.example/private">Private</a>',
        '<a href="https://shop.example/">https://shop.example/</a>',
        '<a href="https://shop.example/"> <b>www.shop.example</b> </a>',
        '<a href="https://shop.example/">shop.example/offers?x</a>',
        f'<a href="https://shop.example/{"x" * LONGEST_TARGET}">Long</a>',
        "<p>No link</p>",
    ],
)
def test_what_must_not_be_led_elsewhere_is_left(link: str):
    html, targets = track(link)

    assert (html, targets) == (f"<html><body>{link}</body></html>", ())


@pytest.mark.parametrize(
    "words", ["Read on.", "Version 2.0 is out", "", "50% off", "x" * (LONGEST_TARGET + 1)]
)
def test_words_that_are_no_address_hide_none(words: str):
    assert track(f'<a href="https://shop.example/">{words}</a>')[1] == ("https://shop.example/",)


def test_of_very_many_links_the_first_are_led():
    html, targets = track("".join(f'<a href="https://a.example/{n}">n</a>' for n in range(LINKS_MAX + 5)))

    assert len(targets) == LINKS_MAX
    assert f'href="https://a.example/{LINKS_MAX}"' in html


def test_done_again_it_is_the_same():
    body = '<a href="https://a.example/">one</a><a href="https://b.example/">two</a>'
    assert track(body) == track(body)
