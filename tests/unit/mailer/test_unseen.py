"""What nobody sees in a mail: at its end, and nothing else of it changes."""

import pytest

from mailer.clicks import ClickLinks
from mailer.unseen import pictured, trapped
from tests.unit.mailer.letters import RENDERER, notification, order

URL = "https://go.shop.example/c/abc.gif"


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        ("<html><body><p>A</p>", "</body></html>"),
        ("<BODY>A", "</BODY >\n</HTML>"),
        ("<p>A</p>", ""),
        ("<body><pre>&lt;/body></pre></body><body>B", "</body>"),
    ],
)
def test_it_stands_at_the_end_of_what_is_shown(before: str, behind: str):
    html = pictured(before + behind, URL)

    assert html.startswith(f'{before}<img src="{URL}" width="1" height="1" alt=""')
    assert html.endswith(f">{behind}")
    assert html.count("<img") == 1
    html = trapped(before + behind, URL)
    assert html.startswith(
        f'{before}<a style="display:none" aria-hidden="true" tabindex="-1" href="{URL}"></a>'
    )
    assert html.endswith(f">{behind}")


@pytest.mark.parametrize(("clicks", "opens"), [(True, False), (False, True), (True, True)])
def test_a_mail_has_what_its_type_asks_for_in_its_html_alone(clicks: bool, opens: bool):
    links = ClickLinks(["secret"], base_url="https://go.shop.example")
    marks = links.marks("01900000-0000-7000-8000-000000000001", clicks=clicks, opens=opens)
    assert marks is not None
    told = notification(link="https://shop.example/lamp")

    mail = RENDERER.render(told, order(), marks=marks)

    assert (f'src="{marks.picture()}"' in mail.html) == opens
    assert ("https://go.shop.example/c/" in mail.text) is False
    assert bool(mail.targets) == clicks
    assert (f'href="{marks.trap(links=1)}"' in mail.html) == clicks


def test_a_mail_without_links_has_none_for_programs_either():
    marks = ClickLinks(["secret"], base_url="https://go.shop.example").marks(
        "01900000-0000-7000-8000-000000000001"
    )
    mail = RENDERER.render(notification(link=None), order(), marks=marks)
    assert (mail.targets, "/c/" in mail.html) == ((), False)
