"""The dashboard's pages of people: who they are, what they have chosen, which topics they are in, and what waits for them."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from gateway.ground import encoding
from storage.schedule import Missed
from tests.browser.shop import CATALOG, picture
from tests.browser.test_dashboard import signed_in
from tests.support.browser import PHONE, require_pages, violations
from tests.support.gateway import Gateway
from tests.support.gateway import gateway as start_gateway


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    require_pages("dashboard")


@pytest_asyncio.fixture(loop_scope="module")
async def shop(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with start_gateway(tmp_path, CATALOG=CATALOG) as here:
        await told(
            here, "PUT", "/internal/users/ann",
            {
                "email": "ann@example.org", "name": "Ann Archer", "locale": "de", "timezone": "Europe/Berlin",
                "attributes": {"plan": "gold", "since": 2019},
            },
        )  # fmt: skip
        await told(
            here, "PATCH", "/internal/users/ann/preferences",
            {"categories": {"offers": {"email": True}}, "quiet_hours": quiet_now(), "timezone": "UTC", "tracking": True},
        )  # fmt: skip
        yield here


async def told(here: Gateway, method: str, path: str, body: object) -> None:
    answered = await here.ask(method, path, body=body)
    assert answered.status == 200, answered


def quiet_now() -> dict[str, str]:
    """Hours that began an hour ago and last for another two."""
    now = datetime.now(UTC)
    begin, end = now - timedelta(hours=1), now + timedelta(hours=2)
    return {"start": begin.strftime("%H:%M"), "end": end.strftime("%H:%M")}


async def looks_well(page: Page, name: str) -> None:
    """In both themes, and on a phone."""
    await expect(page.get_by_label("Loading")).to_have_count(0)
    await picture(page, name)
    assert await violations(page) == []
    await page.get_by_role("button", name="Use the dark theme").click()
    assert await violations(page) == []
    await picture(page, f"{name}-dark")
    await page.set_viewport_size(PHONE)
    wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0
    assert await violations(page) == []
    await picture(page, f"{name}-phone")


async def test_a_persons_page_says_what_is_known_and_chosen_and_by_whom(shop: Gateway, browser: Browser):
    async with signed_in(browser, shop, "#/users/ann") as page:
        profile = page.get_by_role("region", name="Profile")
        for text in ("Ann Archer", "ann@example.org", "de", "Europe/Berlin", '"plan": "gold"'):
            await expect(profile).to_contain_text(text)
        choices = page.get_by_role("region", name="Preferences")
        await expect(choices.get_by_role("row").filter(has_text="SALE_OFFER")).to_contain_text(
            "chosen for the category"
        )
        await expect(choices.get_by_role("row").filter(has_text="ORDER_CONFIRMATION")).to_contain_text(
            "critical: locked"
        )
        await expect(choices.get_by_role("list")).to_contain_text("offers, Email: on")
        await expect(choices.get_by_role("list")).to_contain_text("Service")
        await expect(choices).to_contain_text(quiet_now()["end"][:2])
        await expect(choices.locator(".fact", has_text="Tracking")).to_contain_text("Agreed")

        await looks_well(page, "person")


async def test_what_is_gathered_for_a_person_is_shown_with_when_it_goes_out(shop: Gateway, browser: Browser):
    choice = {"categories": {"orders": {"email": "daily"}}, "quiet_hours": None}
    await told(shop, "PATCH", "/internal/users/ann/preferences", choice)
    body = {
        "to": "user:ann",
        "type": "ORDER_UPDATE",
        "data": {"order": "1234", "status": "placed"},
        "email": {"after": 0},
    }
    assert (await shop.ask("POST", "/internal/emit", body=body)).status == 202
    async with asyncio.timeout(30):
        while not (await shop.ask("GET", "/internal/users/ann/digests")).body["digests"]:
            await asyncio.sleep(0.02)
    async with signed_in(browser, shop, "#/users/ann") as page:
        digests = page.get_by_role("region", name="Open digests")
        await expect(digests).to_contain_text("Daily")
        await expect(digests).to_contain_text("tells of 1 notification")
        await digests.scroll_into_view_if_needed()
        await looks_well(page, "digests")
        await digests.get_by_role("button", name="Bestellung 1234").click()
        await expect(page.get_by_role("dialog", name="Notification")).to_contain_text("Gathered")


async def test_topics_of_a_person_and_members_of_a_topic_are_changed(shop: Gateway, browser: Browser):
    async with signed_in(browser, shop, "#/users/ann") as page:
        topics = page.get_by_role("region", name="Topics")
        await topics.get_by_label("A topic to put them into").fill("no topic!")
        await topics.get_by_role("button", name="Add").click()
        await expect(topics.get_by_role("alert")).to_contain_text("topic")
        await topics.get_by_label("A topic to put them into").fill("deals")
        await topics.get_by_role("button", name="Add").click()
        await expect(topics.get_by_role("list")).to_contain_text("deals")
        await topics.get_by_role("link", name="deals").click()

        members = page.get_by_role("region", name="Members")
        await expect(members.get_by_role("listitem")).to_have_count(1)
        await members.get_by_label("A user id to add").fill("bob")
        await members.get_by_role("button", name="Add").click()
        await expect(members.get_by_role("listitem")).to_have_count(2)
        await looks_well(page, "topic")
        await members.get_by_label("Find a member by the beginning of the id").fill("b")
        await expect(members.get_by_role("listitem")).to_have_count(1)
        await members.get_by_role("button", name="Take bob out").click()
        await expect(members.get_by_text("No member begins with")).to_be_visible()

        await page.get_by_role("link", name="Topics").first.click()
        await expect(page.get_by_role("link", name="deals")).to_be_visible()
        answered = await shop.ask("GET", "/internal/topics/deals/members")
        assert [member["user"] for member in answered.body["members"]] == ["ann"]


async def test_a_person_is_found_by_name_address_and_id(shop: Gateway, browser: Browser):
    await told(shop, "PUT", "/internal/users/4711", {"name": "Bea Archer", "email": "bea@other.example"})
    async with signed_in(browser, shop, "#/users") as page:
        field = page.get_by_label("Name, address or user id")
        for text, names in (
            ("arch", ["Ann Archer", "Bea Archer"]),
            ("bea@", ["Bea Archer"]),
            ("47", ["Bea Archer"]),
        ):
            await field.fill(text)
            known = page.get_by_role("region", name=f"Known as “{text}”")
            await expect(known.get_by_role("link")).to_have_text(
                sorted(names, key=lambda name: name != "Bea Archer")
            )
        await field.fill("archer")
        await expect(page.get_by_role("region", name="Known as “archer”").get_by_role("link")).to_have_count(
            2
        )
        await looks_well(page, "find")
        await page.get_by_role("link", name="Bea Archer").click()
        await expect(page.get_by_role("heading", name="Bea Archer")).to_be_visible()


async def test_what_is_looked_for_in_a_list_outlives_a_reload_and_can_be_handed_on(
    shop: Gateway, browser: Browser
):
    lists = (
        ("users", "Name, address or user id", "Archer & co"),
        ("online", "Find by the beginning of the user id", "ann"),
        ("topics", "Topic", "dea"),
        ("topics/deals", "Find a member by the beginning of the id", "an"),
        ("types", "Find a type", "order"),
    )
    async with signed_in(browser, shop, "#/") as page:
        for place, label, text in lists:
            await page.goto(f"{shop.public}/dashboard/#/{place}")
            field = page.get_by_role("searchbox", name=label, exact=True)
            await field.fill(text)
            await expect(page).to_have_url(re.compile("[?]find="))
            await page.reload()
            await expect(field).to_have_value(text)
        handed_on = page.url
        # To the list as the menu has it, with nothing looked for.
        await page.get_by_role("link", name="Types", exact=True).click()
        await expect(field).to_have_value("")

        await page.goto(f"{shop.public}/dashboard/#/users/ann")
        unread = page.get_by_role("group", name="Shown").get_by_role("button", name="Unread")
        await unread.click()
        await page.reload()
        await expect(unread).to_have_attribute("aria-pressed", "true")
    async with signed_in(browser, shop, handed_on.partition("/dashboard/")[2]) as page:
        await expect(page.get_by_role("searchbox", name="Find a type")).to_have_value("order")


async def test_what_was_missed_is_shown_with_why_and_decided_by_somebody(shop: Gateway, browser: Browser):
    assert shop.node is not None
    now = datetime.now(UTC)
    soon = encoding.time(now + timedelta(hours=1))
    for title in ("Doors open", "Last call", "Lights out"):
        body = {"to": "topic:party", "type": "TEST", "title": title, "send_at": soon}
        assert (await shop.ask("POST", "/internal/emit", body=body)).status == 202
    schedule = shop.node.store.schedule
    token, waiting = await schedule.lease(limit=9, lease_seconds=60, now=now + timedelta(hours=2))
    why = dict(
        zip([each.id for each in waiting], (Missed.LATE, Missed.RESTORED, Missed.REFUSED), strict=True)
    )
    await schedule.miss(why, token=token, now=now)

    async with signed_in(browser, shop, "#/scheduled") as page:
        missed = page.get_by_role("region", name="Missed")
        await expect(missed.get_by_text("Nobody came to it in its time")).to_be_visible()
        await expect(missed.get_by_text("before the store was put back")).to_be_visible()
        await expect(missed.get_by_text("cannot be emitted as it was asked")).to_be_visible()
        await expect(missed.get_by_text("Doors open")).to_have_attribute("dir", "auto")
        await looks_well(page, "missed")
        await page.set_viewport_size({"width": 1360, "height": 860})
        for title, act, sure in (
            ("Doors open", "Send now", "Emit now"),
            ("Last call", "Cancel", "Cancel it"),
            ("Lights out", "Cancel", "Cancel it"),
        ):
            await missed.get_by_role("button", name=f"{act}: {title}").click()
            await page.get_by_role("dialog").get_by_role("button", name=sure).click()
            await expect(page.get_by_role("row").filter(has_text=title)).to_have_count(0)

        await expect(missed).to_have_count(0)
        await expect(page.get_by_text("Nothing is scheduled")).to_be_visible()


async def test_what_waits_is_sent_at_once_or_taken_back(shop: Gateway, browser: Browser, tmp_path: Path):
    in_an_hour = encoding.time(datetime.now(UTC) + timedelta(hours=1))
    for number in (1, 2):
        body = {"to": "user:bob", "type": "TEST", "title": f"Later {number}", "send_at": in_an_hour}
        assert (await shop.ask("POST", "/internal/emit", body=body)).status == 202
        await shop.emit("user:ann", f"Held {number}", email={"to": "ann@example.org", "after": 0})
    async with signed_in(browser, shop, "#/scheduled") as page:
        later = page.get_by_role("region", name="To be emitted")
        held = page.get_by_role("region", name="Held mail")
        await expect(later.get_by_role("row").filter(has_text="Later")).to_have_count(2)
        await expect(held.get_by_role("row").filter(has_text=re.compile(r"Held \d"))).to_have_count(2)
        await looks_well(page, "scheduled")
        await page.set_viewport_size({"width": 1360, "height": 860})

        for region, title, act, sure in (
            (later, "Later 1", "Send now", "Emit now"),
            (later, "Later 2", "Cancel", "Cancel it"),
            (held, "Held 1", "Send now", "Send now"),
            (held, "Held 2", "Cancel", "Cancel it"),
        ):
            await region.get_by_role("button", name=f"{act}: {title}").click()
            await page.get_by_role("dialog").get_by_role("button", name=sure).click()
            await expect(region.get_by_role("row").filter(has_text=title)).to_have_count(0)

        await expect(page.get_by_text("Nothing is scheduled")).to_be_visible()
        await expect(page.get_by_text("No mail is held")).to_be_visible()
    async with asyncio.timeout(30):
        while not (sent := list((tmp_path / "mail").glob("*.eml"))):
            await asyncio.sleep(0.02)
    assert [b"Subject: Held 1" in mail.read_bytes() for mail in sent] == [True]
