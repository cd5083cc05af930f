"""The page of campaigns in a real Chromium: written with its mail beside it, counted, started, watched, and ended."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.shop import picture
from tests.browser.test_dashboard import signed_in
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
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await violations(page) == []
        await page.get_by_role("button", name="Remove variant e").click()
        await expect(add).to_be_focused()
        await add.click()
        await expect(page.get_by_role("group", name="Variant e").get_by_label("Its subject")).to_be_focused()
