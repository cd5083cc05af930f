"""What is written once for many is what would have been written for each."""

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mailer.copies import KEPT, LONGEST_CHARACTERS, Copies, key_of
from mailer.render import Renderer
from storage.mail import LaneName
from tests.unit.mailer.letters import LETTERHEAD, notification, order

URLS = (
    None,
    "https://shop.example/u/ann",
    "https://shop.example/u/bob?a=1&b=<2>&c='3'",
    'mailto:leave@shop.example?subject="no"',
)
TYPES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("NEWS", {}),
    ("ORDER_CONFIRMATION", {"order": 7, "items": [{"name": "Lamp", "price": 5}], "total": 5}),
    (
        "DIGEST",
        {"notifications": [{"title": "One", "link": "https://x.example"}], "words": {"unsubscribe": "Away"}},
    ),
)


@pytest.mark.parametrize(("type_", "data"), TYPES, ids=[name for name, _ in TYPES])
def test_each_reader_gets_what_was_written_for_no_other(type_: str, data: dict[str, Any]) -> None:
    renderer = Renderer(LETTERHEAD)
    told = notification(type=type_, data=data, link="/orders/7")

    for url in (*URLS, *URLS):
        alone = renderer.render(told, order(), unsubscribe_url=url)
        many = renderer.render(told, order(lane=LaneName.BULK), unsubscribe_url=url)
        assert many == alone


def test_what_tells_something_else_is_written_anew() -> None:
    renderer = Renderer(LETTERHEAD)
    given: tuple[dict[str, Any], ...] = (
        {}, {"title": "Another"}, {"body": "Another"}, {"link": "/another"}, {"data": {"total": 1}},
        {"data": {"total": True}}, {"type": "ORDER_CONFIRMATION"},
    )  # fmt: skip

    for fields in (*given, *given):
        told = notification(**fields)
        assert renderer.render(told, order(lane=LaneName.BULK)) == renderer.render(told, order())
    subject = renderer.render(notification(), order(lane=LaneName.BULK, subject="Another"))
    assert "<title>Another</title>" in subject.html


def test_no_more_is_kept_than_there_is_room_for_and_nothing_long() -> None:
    copies, written = Copies(), []

    def write(title: str) -> None:
        def made(url: str | None) -> tuple[str, str]:
            written.append(title)
            return f"{title} {url}", f"{title} {url}"

        key = key_of(notification(title=title), "subject")
        assert key is not None
        copies.of(key, "https://shop.example/u/ann", made)

    for title in ("a", "a", *map(str, range(KEPT)), "a"):
        write(title)
    assert written.count("a") == 2
    assert len(written) == KEPT + 2
    assert key_of(notification(body="x" * LONGEST_CHARACTERS), "subject") is None


def test_threads_that_keep_some_at_once_get_theirs_and_keep_no_more_than_there_is_room_for() -> None:
    """A thread that looks for the oldest, while another takes it away, must not fail its mail."""
    copies = Copies()
    before = sys.getswitchinterval()

    def many(thread: int) -> set[tuple[str, str]]:
        return {copies.of((f"{thread}-{n}",), None, lambda _: ("text", "html")) for n in range(20_000)}

    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            written = set().union(*pool.map(many, range(4)))
    finally:
        sys.setswitchinterval(before)

    assert written == {("text", "html")}
    assert len(copies._kept) == KEPT
