"""The mail of a digest: its language, its clock, its links and its lane."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from gateway.http.unsubscribe_words import RIGHT_TO_LEFT, WORDS
from gateway.notify.digests.news import LISTED
from gateway.notify.digests.words import LANGUAGES
from mailer.press import Press
from storage.mail import LaneName
from storage.notifications import Entry
from tests.unit.gateway.digests.office import HOUR, NOW, Office
from tests.unit.mailer.letters import LETTERHEAD


async def test_a_digest_speaks_the_language_of_its_newest_and_names_its_category(office: Office):
    await office.emit(title="Alt", entry=Entry(category="offers", locale="en"))
    office.now += timedelta(seconds=1)
    await office.emit(title="Neu", entry=Entry(locale="de-AT", catalog_version="7"))
    await office.work()

    office.now = NOW + 2 * HOUR
    await office.close_due()

    [lease] = await office.told()
    entry = lease.notification.entry
    assert entry is not None
    assert (entry.locale, entry.category, entry.catalog_version) == ("de-AT", "offers", "7")
    assert lease.notification.title == "2 Benachrichtigungen, die Sie noch nicht gesehen haben"
    assert lease.notification.data["words"]["open"] == "Ansehen"


@pytest.mark.parametrize(
    ("chosen", "told", "zone"),
    [
        ({"timezone": "Europe/Berlin"}, "Asia/Tokyo", "Europe/Berlin"),
        ({}, "Asia/Tokyo", "Asia/Tokyo"),
        ({}, None, "UTC"),
    ],
)
async def test_a_digest_tells_the_time_by_its_readers_clock(
    office: Office, chosen: Mapping[str, Any], told: str | None, zone: str
):
    office.chosen["ann"] = {"categories": {"news": {"email": "daily"}}, **chosen}
    office.zones = {"ann": told} if told else {}
    await office.emit()
    await office.work()

    [opened] = await office.open()
    office.now = opened.closes_at
    await office.close_due()

    [lease] = await office.told()
    assert lease.notification.entry is not None
    assert lease.notification.entry.timezone == zone


@pytest.mark.parametrize("tag", sorted(WORDS))
async def test_the_mail_of_a_digest_speaks_each_language_of_the_pages(office: Office, tag: str):
    """In its words, its direction, and with its numbers."""
    for number in range(LISTED + 5):
        await office.emit(title=f"No. {number}", link="/news", entry=Entry(locale=tag))
    await office.work()
    office.now = NOW + HOUR
    await office.close_due()
    [lease] = await office.told()

    mail = await Press(LETTERHEAD).render(
        lease.notification, lease.mail.order, id_=lease.id, unsubscribe_url="https://shop.example/u/1"
    )

    words = LANGUAGES[tag]
    direction = "rtl" if tag in RIGHT_TO_LEFT else "ltr"
    assert f'<html lang="{tag}" dir="{direction}"' in mail.html
    assert f'<body class="page" dir="{direction}"' in mail.html
    assert mail.subject == words.heading.format(total=LISTED + 5)
    for text in (unescape(mail.html), mail.text):
        for said in (words.more.format(more=5), words.footer, words.unsubscribe):
            assert said in text
    assert words.open in mail.html
    assert tag == "en" or {*asdict(words).values()}.isdisjoint(asdict(LANGUAGES["en"]).values())


async def test_a_link_that_nobody_can_take_apart_keeps_no_digest(office: Office):
    await office.emit(link="/here")
    office.now += timedelta(seconds=1)
    await office.emit(link="https://[x/")
    await office.work()

    office.now = NOW + 2 * HOUR
    await office.close_due()

    [lease] = await office.told()
    assert [each["link"] for each in lease.notification.data["notifications"]] == [
        "https://[x/",
        "https://shop.example/here",
    ]


async def test_without_a_site_to_lead_to_a_path_is_no_link_and_a_url_stays_one(office: Office):
    office.digester = office.another_digester(base_url=None)
    await office.emit(link="/here")
    office.now += timedelta(seconds=1)
    await office.emit(link="https://else.example/there")
    await office.work()

    office.now = NOW + 2 * HOUR
    await office.close_due()

    [lease] = await office.told()
    assert [each["link"] for each in lease.notification.data["notifications"]] == [
        "https://else.example/there",
        None,
    ]


@pytest.mark.parametrize(
    ("lanes", "lane"), [(("bulk", "bulk"), "bulk"), (("transactional", "bulk"), "transactional")]
)
async def test_a_digest_leaves_by_the_bulk_lane_when_nobody_waits_for_any_of_it(
    office: Office, lanes: Sequence[str], lane: str
):
    for each in lanes:
        await office.emit(lane=LaneName(each))
    for each in LaneName:
        await office.work(each)

    office.now = NOW + HOUR
    await office.close_due()

    assert office.woken == [LaneName(lane)]


async def test_the_mail_of_a_digest_is_rendered_in_both_forms_and_under_its_id(office: Office):
    for number in range(LISTED + 1):
        await office.emit(title=f"<No. {number}>", body="A body\nof two lines", link="/news")
    await office.work()
    office.now = NOW + HOUR
    await office.close_due()
    [lease] = await office.told()

    mail = await Press(LETTERHEAD).render(
        lease.notification, lease.mail.order, id_=lease.id, unsubscribe_url="https://shop.example/u/1"
    )

    assert f"Message-ID: <{lease.id}@".encode() in mail.raw
    assert mail.subject == "21 notifications that you have not seen"
    assert "&lt;No. 20&gt;" in mail.html
    assert "<No. 20>" not in mail.html
    assert 'href="https://shop.example/news"' in mail.html
    for text in (mail.html, mail.text):
        assert "And one more." in text
        assert "https://shop.example/u/1" in text
    assert "A body of two lines" in mail.text
    assert "* <No. 1>" in mail.text
    assert "No. 0>" not in mail.text
