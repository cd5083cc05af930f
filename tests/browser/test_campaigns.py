"""The page of campaigns in a real Chromium: written with its mail beside it, counted, started, watched, and ended."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.shop import picture
from tests.browser.test_dashboard import signed_in
from tests.browser.test_people import looks_well
from tests.journeys.news import fill, people, told
from tests.support.browser import PHONE, ROOT, require_pages, violations
from tests.support.gateway import Gateway
from tests.support.gateway import gateway as start_gateway
from tests.support.smtp import SMTPRelay, Wait

NEWSLETTER = {
    "name": "Autumn letter",
    "type": "NEWSLETTER",
    "data": {"issue": 12, "headline": "Light", "articles": [{"title": "A", "teaser": "B", "slug": "c"}]},
    "audience": "import",
}


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    require_pages("dashboard")


@pytest_asyncio.fixture(loop_scope="module")
async def relay() -> AsyncIterator[SMTPRelay]:
    async with SMTPRelay() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def shop(tmp_path: Path, relay: SMTPRelay) -> AsyncIterator[Gateway]:
    shutil.copytree(ROOT / "gateway" / "catalog" / "shop", tmp_path / "catalog")
    async with start_gateway(
        tmp_path, CATALOG=str(tmp_path / "catalog"), MAIL_URL=relay.url(query="starttls=never")
    ) as here:
        yield here


async def is_previewed(page: Page) -> None:
    """Wait until the mail is shown: before that axe would speak to a frame that is about to go."""
    await expect(page.frame_locator("iframe").get_by_text("Bellhop").first).to_be_visible()


async def test_a_newsletter_is_written_beside_its_mail_and_watched_to_its_end(
    shop: Gateway, relay: SMTPRelay, browser: Browser
):
    await shop.ask("POST", "/internal/topics/garden/members", body={"add": ["ann", "bob"]})
    await shop.ask("PUT", "/internal/users/ann", body={"email": "ann@example.org"})
    async with signed_in(browser, shop, "#/campaigns") as page:
        await expect(page.get_by_text("No campaign yet")).to_be_visible()
        await page.get_by_role("link", name="New campaign").click()
        await page.get_by_label("Type").select_option("NEWSLETTER")
        await page.get_by_label("Name").fill("Autumn letter")
        await page.get_by_label("For whom").select_option("topic")
        await page.get_by_label("Topic").fill("garden")
        await page.get_by_label("Headline").fill("Light for long evenings, again")
        await expect(
            page.frame_locator("iframe").get_by_text("Light for long evenings, again").first
        ).to_be_visible()
        assert await violations(page) == []
        await picture(page, "campaign-new")
        await page.get_by_role("button", name="Make the draft").click()

        await expect(page.get_by_role("heading", name="Autumn letter")).to_be_visible()
        await expect(page.get_by_text("to the topic garden")).to_be_visible()
        await page.get_by_role("button", name="Count what would become of each").click()
        await expect(
            page.get_by_text(re.compile("2 recipients: 1 would be sent it now, 1 skipped"))
        ).to_be_visible()
        await page.get_by_label("Send a test to").fill("me@example.org")
        await page.get_by_role("button", name="Send test").click()
        await relay.until_received(1)
        await page.get_by_role("button", name="Start…").click()
        await page.get_by_role("dialog").get_by_role("button", name="Start", exact=True).click()

        await expect(page.locator(".heading").get_by_text("Finished")).to_be_visible()
        await expect(page.get_by_role("img", name="1 sent, 1 skipped")).to_be_visible()
        await expect(page.get_by_text("Accounts come out even")).to_be_visible()
        await page.get_by_role("button", name="Skipped").click()
        await expect(page.get_by_role("row").filter(has_text="bob")).to_contain_text("no address is known")
        await expect(page.get_by_role("row").filter(has_text="ann")).to_have_count(0)
        assert await violations(page) == []
        await picture(page, "campaign-finished")
        await page.get_by_role("link", name="Campaigns").click()
        await expect(page.get_by_role("row").filter(has_text="Autumn letter")).to_contain_text("Finished")
    assert [each.recipients for each in relay.received] == [("me@example.org",), ("ann@example.org",)]


async def test_a_running_one_is_paused_resumed_and_cancelled(
    shop: Gateway, relay: SMTPRelay, browser: Browser
):
    go_on = asyncio.Event()
    relay.on("DATA", *[Wait(go_on)] * 4)
    made = await told(shop, "POST", body=NEWSLETTER, status=201)
    await fill(shop, made["id"], people(20))
    async with signed_in(browser, shop, f"#/campaigns/{made['id']}", viewport=PHONE) as page:
        await expect(page.get_by_text(f"bellhop campaign import {made['id']}")).to_be_visible()
        await told(shop, "POST", f"/{made['id']}/start")
        await page.get_by_role("button", name="Pause").click()
        await page.get_by_role("button", name="Resume").click()
        await expect(page.locator(".heading").get_by_text("Running")).to_be_visible()
        assert await violations(page) == []
        await page.get_by_role("button", name="Cancel…").click()
        await page.get_by_role("dialog").get_by_role("button", name="Cancel the campaign").click()

        await expect(page.locator(".heading").get_by_text("Cancelled")).to_be_visible()
        go_on.set()
        await expect(page.get_by_role("img", name=re.compile("cancelled$"))).to_be_visible()


async def test_three_ways_are_tried_and_one_is_chosen_for_those_who_wait(
    shop: Gateway, relay: SMTPRelay, browser: Browser
):
    async with signed_in(browser, shop, "#/campaigns/new") as page:
        await page.get_by_label("Type").select_option("NEWSLETTER")
        await page.get_by_label("Name").fill("Three ways")
        await page.get_by_label("Subject", exact=True).fill("Light")
        add = page.get_by_role("button", name="Add a variant")
        await add.focus()
        for way in ("b", "c", "d"):
            await page.keyboard.press("Enter")
            # Whoever has added one writes it, without going there.
            await expect(
                page.get_by_role("group", name=f"Variant {way}").get_by_label("Its subject")
            ).to_be_focused()
            await page.keyboard.type(f"Light, as {way} says it")
            await add.focus()
        await is_previewed(page)
        assert await violations(page) == []
        await page.get_by_role("button", name="Remove variant c").press("Enter")
        await expect(add).to_be_focused()
        await expect(page.get_by_role("group", name="Variant c")).to_have_count(0)
        plan = page.get_by_role("group", name="Plan")
        await plan.get_by_label("On how many").fill("1")
        await plan.get_by_label("Held out").fill("0.01")
        await plan.get_by_label("Worth finding").fill("0.1")
        await plan.get_by_label("What counts").select_option("conversion")
        await page.get_by_role("group", name="Variant d").get_by_label("Its name").fill("D")
        await page.get_by_role("button", name="Make the draft").click()
        await expect(
            page.get_by_role("group", name="Variant d").get_by_label("Its name")
        ).to_have_accessible_description(re.compile("small letters"))
        await page.get_by_role("group", name="Variant D").get_by_label("Its name").fill("d")
        await plan.get_by_label("Worth finding").fill("2")
        await is_previewed(page)
        assert await violations(page) == []
        await picture(page, "campaign-new-trial")
        await page.get_by_role("button", name="Make the draft").click()
        await expect(page.get_by_role("heading", name="Three ways")).to_be_visible()
        id_ = page.url.rpartition("/")[2]
        await fill(shop, id_, people(3))
        await told(shop, "POST", f"/{id_}/start")

        trial = page.get_by_role("region", name="Experiment")
        await expect(trial.get_by_text("Nothing is found yet")).to_be_visible()
        await expect(trial.get_by_role("columnheader", name="Converted")).to_be_visible()
        await trial.get_by_role("row", name=re.compile("^d ")).get_by_role("button", name="Choose…").click()
        await page.get_by_role("dialog").get_by_role("button", name="Choose it").click()

        await expect(trial.get_by_text("Chosen")).to_be_visible()
        await expect(page.locator(".heading").get_by_text("Finished")).to_be_visible()
        assert await violations(page) == []
        await picture(page, "campaign-trial")
    sent = await told(shop, "GET", f"/{id_}")
    assert (sent["results"]["chosen"], sent["accounting"]["sent"]) == ("d", 3)
    assert [(each["name"], each["texts"]) for each in sent["variants"]] == [
        ("a", {}), *((name, {"en": {"title": None, "body": None, "link": None, "subject": f"Light, as {name} says it"}}) for name in "bd")
    ]  # fmt: skip
    assert (sent["experiment"]["holdout"], sent["experiment"]["metric"]) == (0.01, "conversion")


async def test_up_to_eight_ways_are_written_on_a_phone(shop: Gateway, browser: Browser):
    async with signed_in(browser, shop, "#/campaigns/new", viewport=PHONE) as page:
        add = page.get_by_role("button", name="Add a variant")
        for _ in range(7):
            await add.click()
        await expect(add).to_have_count(0)
        await expect(page.get_by_role("group", name="Variant h")).to_be_visible()
        await is_previewed(page)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await violations(page) == []
        await page.get_by_role("button", name="Remove variant e").click()
        await expect(add).to_be_focused()
        await add.click()
        await expect(page.get_by_role("group", name="Variant e").get_by_label("Its subject")).to_be_focused()


async def test_the_preview_is_of_the_campaign_in_each_variant_and_language(shop: Gateway, browser: Browser):
    async with signed_in(browser, shop, "#/campaigns/new") as page:
        await page.get_by_label("Type").select_option("NEWSLETTER")
        await page.get_by_label("Name").fill("Two ways")
        mail = page.get_by_role("region", name="Mail preview")
        await expect(mail).to_contain_text("Light for long evenings")
        await expect(page.get_by_role("group", name="Preview")).to_have_count(0)

        await page.get_by_label("Subject", exact=True).fill("{{ data.issue }} is ours")
        await expect(mail).to_contain_text("12 is ours")
        await page.get_by_role("button", name="Add a variant").click()
        other = page.get_by_role("group", name="Variant b")
        await other.get_by_label("Its subject").fill("Or theirs")
        ways = page.get_by_role("group", name="Preview")
        await ways.get_by_role("button", name="b").click()
        await expect(mail).to_contain_text("Or theirs")
        await other.get_by_label("Its title").fill("{{ data.nothing }}")
        await expect(other.get_by_label("Its title")).to_have_accessible_description(re.compile("nothing"))
        await other.get_by_label("Its title").fill("A title of its own")
        await expect(page.frame_locator("iframe").get_by_text("A title of its own").first).to_be_visible()

        # What is written in one language stays there while another is looked at.
        await page.get_by_label("Preview in").select_option("de")
        await expect(page.get_by_label("Subject", exact=True)).to_have_value("")
        await expect(mail).not_to_contain_text("Or theirs")
        await other.get_by_label("Its subject").fill("Auf Deutsch")
        await expect(mail).to_contain_text("Auf Deutsch")
        await looks_well(page, "campaign-new-ways")
        await page.get_by_role("button", name="Make the draft").click()

        await expect(page.get_by_role("heading", name="Two ways")).to_be_visible()
        made = await told(shop, "GET", f"/{page.url.rpartition('/')[2]}")
    assert {locale: said["subject"] for locale, said in made["texts"].items()} == {
        "en": "{{ data.issue }} is ours"
    }
    assert {locale: said["subject"] for locale, said in made["variants"][1]["texts"].items()} == {
        "en": "Or theirs", "de": "Auf Deutsch"
    }  # fmt: skip


async def test_the_language_of_the_preview_chooses_nobody_and_all_users_are_chosen_where_it_is_seen(
    shop: Gateway, browser: Browser
):
    async def draft(page: Page, name: str) -> Any:
        await page.get_by_label("Name").fill(name)
        await page.get_by_role("button", name="Make the draft").click()
        await expect(page.get_by_role("heading", name=name)).to_be_visible()
        return (await told(shop, "GET", f"/{page.url.rpartition('/')[2]}"))["audience"]

    async with signed_in(browser, shop, "#/campaigns/new") as page:
        await page.get_by_label("Type").select_option("NEWSLETTER")
        await page.get_by_label("Preview in").select_option("de")
        await expect(page.frame_locator("iframe").locator("html[lang=de]")).to_be_attached()
        await page.get_by_label("For whom").select_option("users")
        await expect(page.get_by_label("Readers of")).to_have_value("")
        await expect(page.get_by_label("Preview in")).to_have_value("de")
        assert await draft(page, "Everybody") == {"users": {}}

        await page.goto(f"{shop.public}/dashboard/#/campaigns/new")
        await page.get_by_label("Type").select_option("NEWSLETTER")
        await page.get_by_label("For whom").select_option("users")
        await page.get_by_label("Readers of").select_option("de")
        for name, value in (("plan", "pro"), ("seats", "5"), ("plan", "free")):
            await page.get_by_role("button", name="Add an attribute").click()
            await expect(page.get_by_label("Attribute", exact=True).last).to_be_focused()
            await page.keyboard.type(name)
            await page.get_by_label("Is", exact=True).last.fill(value)
        await page.get_by_label("Name").fill("Some")
        await expect(page.get_by_label("Attribute", exact=True).last).to_have_accessible_description(
            "It is there already."
        )
        await expect(page.get_by_role("button", name="Make the draft")).to_be_disabled()
        await looks_well(page, "campaign-new-users")
        await page.get_by_role("button", name="Remove the attribute plan").last.click()
        await expect(page.get_by_role("button", name="Add an attribute")).to_be_focused()
        assert await draft(page, "Some") == {
            "users": {"locale": "de", "attributes": {"plan": "pro", "seats": 5}}
        }
        await expect(page.get_by_text("to all users who read de, with plan pro and seats 5")).to_be_visible()


async def test_when_it_begins_and_how_fast_it_goes_is_asked_for_and_what_is_wrong_told_beside(
    shop: Gateway, browser: Browser
):
    async with signed_in(browser, shop, "#/campaigns/new", timezone_id="Europe/Berlin") as page:
        await page.get_by_label("Type").select_option("NEWSLETTER")
        await page.get_by_label("Name").fill("Later")
        await page.get_by_label("Begins").fill("9999-12-31T09:00")
        await page.get_by_label("At most a minute").fill("none")
        make = page.get_by_role("button", name="Make the draft")
        await make.click()
        await expect(page.get_by_label("Begins")).to_have_accessible_description(
            re.compile("before the year 9000")
        )
        await expect(page.get_by_label("At most a minute")).to_have_accessible_description(
            re.compile("integer")
        )
        await page.get_by_label("Begins").fill("2030-12-01T09:00")
        await page.get_by_label("At most a minute").fill("90")
        await make.click()

        await expect(page.get_by_role("heading", name="Later")).to_be_visible()
        await expect(page.get_by_text("90 mails a minute")).to_be_visible()
        made = await told(shop, "GET", f"/{page.url.rpartition('/')[2]}")
        await fill(shop, made["id"], people(1))
        await page.get_by_role("button", name="Start…").click()
        await expect(page.get_by_role("dialog")).to_contain_text("at Dec 1, 2030, 9:00:00")
        await page.get_by_role("dialog").get_by_role("button", name="Start", exact=True).click()
        await expect(page.locator(".heading").get_by_text("Scheduled")).to_be_visible()
    assert (made["send_at"], made["rate"]) == ("2030-12-01T08:00:00.000Z", 90)


async def test_a_test_is_sent_in_the_variant_and_the_language_that_are_chosen(
    shop: Gateway, relay: SMTPRelay, browser: Browser
):
    variants = [
        {"name": "a"},
        {"name": "b", "texts": {"de": {"subject": "Zweites"}, "en": {"subject": "Second"}}},
    ]
    plan = {"metric": "conversion", "baseline": 0.05, "effect": 0.05}
    made = await told(shop, "POST", body=NEWSLETTER | {"variants": variants, "experiment": plan}, status=201)
    async with signed_in(browser, shop, f"#/campaigns/{made['id']}") as page:
        await page.get_by_label("Send a test to").fill("me@example.org")
        await page.get_by_role("button", name="Send test").click()
        await relay.until_received(1)
        await page.get_by_label("Variant").select_option("b")
        await page.get_by_label("Language").select_option("de")
        await page.get_by_role("button", name="Send test").click()
        await relay.until_received(2)
        await looks_well(page, "campaign-test")
    assert [message_from_bytes(each.content)["Subject"] for each in relay.received] == ["Light", "Zweites"]


async def test_a_campaign_whose_lane_is_paused_says_so_and_goes_on_as_the_lane_does(
    shop: Gateway, relay: SMTPRelay, browser: Browser
):
    await shop.ask("POST", "/internal/lanes/bulk/pause", body={"reason": "too much came back"})
    made = await told(shop, "POST", body=NEWSLETTER, status=201)
    await fill(shop, made["id"], people(2))
    async with signed_in(browser, shop, f"#/campaigns/{made['id']}") as page:
        await told(shop, "POST", f"/{made['id']}/start")
        await expect(page.locator(".heading").get_by_text("Running")).to_be_visible()
        await expect(page.get_by_role("link", name="Bulk mail is paused: too much came back")).to_be_visible()
        await expect(page.get_by_text("Resume it first")).to_be_visible()
        await looks_well(page, "campaign-paused-lane")
        assert relay.received == []
        await page.get_by_role("button", name="Resume bulk mail…").click()
        await page.get_by_role("dialog").get_by_role("button", name="Resume", exact=True).click()

        await expect(page.locator(".heading").get_by_text("Finished")).to_be_visible()
        await expect(page.get_by_text("Resume it first")).to_have_count(0)
        await expect(page.get_by_role("img", name="2 sent", exact=True)).to_be_visible()
