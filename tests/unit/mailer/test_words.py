"""What the built-in templates say of themselves, in each language."""

from dataclasses import asdict

import pytest

from mailer.render import Renderer
from mailer.words import WORDS, words_in
from storage.mail import LaneName
from storage.notifications import Entry
from tests.unit.mailer.letters import LETTERHEAD, notification, order

URL = "https://shop.example/u/ann"


@pytest.mark.parametrize("tag", sorted(WORDS))
def test_a_mail_says_all_of_it_in_the_language_of_its_words(tag: str) -> None:
    told = notification(link="/orders/7", entry=Entry(locale=f"{tag}-XX"))

    made = Renderer(LETTERHEAD).render(told, order(), unsubscribe_url=URL)

    words = words_in(tag, brand="Bellhop")
    assert words["language"] == tag
    for said in (words["details"], words["because"], words["unsubscribe"]):
        assert said in made.html
    assert f"{words['unsubscribe']}: {URL}" in made.text
    assert f'<html lang="{tag}" dir="{words["direction"]}"' in made.html
    assert words["direction"] == ("rtl" if tag == "ar" else "ltr")
    assert tag == "en" or not {words["details"], words["because"], words["unsubscribe"]} & {
        *asdict(WORDS["en"]).values()
    }


@pytest.mark.parametrize("entry", [None, Entry(), Entry(locale="ja")])
def test_a_mail_of_no_known_language_says_it_in_english(entry: Entry | None) -> None:
    made = Renderer(LETTERHEAD).render(notification(entry=entry), order(), unsubscribe_url=URL)

    assert "You receive this message because of your account with Bellhop." in made.html
    assert '<html lang="en" dir="ltr"' in made.html


def test_of_what_many_get_each_gets_it_in_the_own_language() -> None:
    renderer = Renderer(LETTERHEAD)

    for tag in (*WORDS, *WORDS):
        told = notification(entry=Entry(locale=tag))
        assert f'lang="{tag}"' in renderer.render(told, order(lane=LaneName.BULK)).html
