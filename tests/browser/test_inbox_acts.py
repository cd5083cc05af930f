"""What a person does in `<bellhop-inbox>` beyond reading: answering, putting away and off, taking back, searching."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route, expect

from tests.browser.shop import CATALOG, another_tab, open_shop, picture, shopping
from tests.support.browser import PHONE, ROOT, require_pages, violations
from tests.support.gateway import Gateway
from tests.support.gateway import gateway as start_gateway

ANSWERS = [
    {"id": "accept", "label": "Accept", "style": "primary"},
    {"id": "refuse", "label": "Refuse", "style": "danger"},
]


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    require_pages("demo")


@pytest_asyncio.fixture(loop_scope="module")
async def shop(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with start_gateway(
        tmp_path, extend=open_shop, CATALOG=CATALOG, CLIENT_EVENTS_PER_SECOND="0"
    ) as here:
        yield here


async def test_what_is_answered_archived_and_snoozed_is_so_in_both_tabs_and_can_be_undone(
    shop: Gateway, browser: Browser
):
    """By keyboard and pointer; without a violation in any of its states."""
    await shop.emit("user:ann", "Your lamp has shipped")
    await shop.emit("user:ann", "Newsletter of the week")
    asked = await shop.emit("user:ann", "Return order 1234?", body="It flickers.", actions=ANSWERS)
    async with shopping(browser, shop) as ann, another_tab(ann, shop) as tab:
        await tab.bell.click()
        await ann.page.bring_to_front()
        await ann.bell.click()
        await expect(ann.rows.first).to_contain_text("today")
        await ann.row("Return order").get_by_role("button", name="Accept").click()
        await expect(tab.row("Return order").get_by_role("button", name="Accept")).to_have_attribute(
            "aria-pressed", "true"
        )
        await expect(tab.row("Return order").get_by_role("button", name="Refuse")).to_be_hidden()
        record = await shop.ask("GET", f"/internal/notifications/{asked['notification']['id']}")
        assert record.body["receipts"]["ann"]["acted"] == "accept"
        assert await violations(ann.page) == []

        await ann.row("Newsletter").focus()
        await ann.page.keyboard.press("e")
        await expect(ann.row("Your lamp")).to_be_focused()
        await expect(tab.row("Newsletter")).to_have_count(0)
        await picture(ann.page, "inbox-undo")
        assert await violations(ann.page) == []
        await ann.panel.get_by_role("button", name="Undo").click()
        await expect(tab.row("Newsletter")).to_be_visible()
        await expect(ann.badge).to_have_text("2")

        later = ann.row("Newsletter").get_by_role("combobox", name="Later")
        await later.focus()
        await later.select_option(label="Tomorrow morning")
        await expect(tab.row("Newsletter")).to_have_count(0)
        await ann.panel.get_by_role("button", name="Later", exact=True).click()
        await expect(ann.rows).to_have_count(1)
        await expect(ann.row("Newsletter")).to_contain_text("tomorrow")
        await picture(ann.page, "inbox-later")
        assert await violations(ann.page) == []
        await ann.row("Newsletter").hover()
        await ann.row("Newsletter").get_by_role("button", name="Back now").click()
        await expect(ann.badge).to_have_text("2")

        await ann.panel.get_by_role("button", name="All", exact=True).first.click()
        await ann.row("Your lamp").focus()
        await ann.page.keyboard.press("Delete")
        await expect(ann.row("Your lamp")).to_have_count(0)
        await expect(tab.badge).to_have_text("1")
        await ann.panel.get_by_role("button", name="Undo").click()
        await expect(ann.row("Your lamp")).to_be_visible()
        await expect(tab.badge).to_have_text("2")

        await ann.panel.get_by_role("button", name="Search").click()
        await ann.page.keyboard.type("flick")
        await expect(ann.rows).to_have_count(1)
        await expect(ann.rows).to_contain_text("Return order")
        await ann.page.keyboard.press("Escape")
        await expect(ann.rows).to_have_count(3)


async def test_pictures_days_and_what_is_new_come_without_a_jump(shop: Gateway, browser: Browser):
    """A picture from elsewhere takes the place that was kept for it; a time grows older by itself and tells its date where one points."""
    for title in ("Older", "Old"):
        await shop.emit("user:ann", title)
    may = asyncio.Event()

    async def lend(route: Route) -> None:
        await may.wait()
        await route.fulfill(path=ROOT / "docs" / "pictures" / "shop.png")

    # The demo itself may show no picture of another host; a shop's own page may.
    options = {"bypass_csp": True, "forgive": ["another host: https://shop.example/"]}
    async with shopping(browser, shop, **options) as ann:
        await ann.page.route("https://shop.example/**", lend)
        await ann.page.clock.install()
        await ann.bell.click()
        await ann.until("s.items.length === 2 && s.items.every(item => item.seen)")
        await ann.page.keyboard.press("Escape")
        await shop.emit("user:ann", "New", image="https://shop.example/lamp.png")
        unsafe = {
            "to": "user:ann",
            "type": "TEST",
            "title": "No picture",
            "image": "http://shop.example/lamp.png",
        }
        assert (await shop.ask("POST", "/internal/emit", body=unsafe)).status == 422
        await ann.bell.click()
        await expect(ann.rows.first).to_contain_text("New")
        await expect(ann.rows.first.locator(".day")).to_have_text("today")
        await expect(ann.rows.nth(1).locator(".day")).to_have_text("↑ New since you looked")
        places = "rows => rows.map(row => JSON.stringify(row.getBoundingClientRect()))"
        before = await ann.rows.evaluate_all(places)

        may.set()
        image = ann.rows.first.locator("img")
        await expect(image).to_have_js_property("naturalWidth", 1700)

        assert await ann.rows.evaluate_all(places) == before
        size = await image.bounding_box()
        assert size is not None
        assert (size["width"], size["height"]) == (36, 36)
        when = ann.rows.first.locator("time")
        await expect(when).to_have_text("now")
        await expect(when).to_have_attribute("title", re.compile(r"\d"))
        await ann.page.clock.fast_forward("05:01")
        await expect(when).to_have_text("5m ago")
        await picture(ann.page, "inbox-picture")


async def test_on_a_phone_in_arabic_all_of_it_is_within_reach(shop: Gateway, browser: Browser):
    await shop.emit("user:ann", "شحنا طلبك", body="يصل يوم الخميس.")
    await shop.emit("user:ann", "هل تعيد الطلب؟", body="المصباح يومض.", actions=ANSWERS)
    async with shopping(browser, shop, viewport=PHONE, has_touch=True, is_mobile=True) as ann:
        await ann.element.evaluate(
            """element => {
                document.documentElement.dir = "rtl";
                document.documentElement.lang = "ar";
                const { parentElement } = element;
                element.remove();
                parentElement.append(element);
            }"""
        )
        bell = ann.whole.get_by_role("button", name="الإشعارات")
        await bell.click()
        panel = ann.whole.get_by_role("dialog", name="الإشعارات")
        row = panel.get_by_role("article").filter(has_text="شحنا")
        await row.get_by_role("button", name="المزيد").last.click()
        await picture(ann.page, "inbox-arabic")
        assert await violations(ann.page) == []
        await row.get_by_role("button", name="أرشفة").click()
        await expect(row).to_have_count(0)

        await panel.get_by_role("button", name="الأرشيف").click()

        await expect(panel.get_by_role("article")).to_contain_text("شحنا طلبك")


async def test_what_is_dismissed_is_gone_at_once_and_taken_back_everywhere(shop: Gateway, browser: Browser):
    """Though the tab is closed in the same moment; in its other tab, on another device, and over a reload."""
    for title in ("First", "Second", "Third"):
        await shop.emit("user:ann", title)
    async with shopping(browser, shop) as ann, shopping(browser, shop) as phone:
        for window in (ann, phone):
            await window.bell.click()
            await expect(window.badge).to_have_text("3")
        async with another_tab(ann, shop) as tab:
            await tab.bell.click()
            await tab.row("Second").focus()
            await tab.page.keyboard.press("Delete")
            await tab.page.close(run_before_unload=False)
        for window in (ann, phone):
            await expect(window.row("Second")).to_have_count(0)
            await expect(window.badge).to_have_text("2")

        await ann.row("First").focus()
        await ann.page.keyboard.press("Delete")
        await expect(phone.row("First")).to_have_count(0)
        await expect(phone.badge).to_have_text("1")
        await ann.panel.get_by_role("button", name="Undo").click()
        for window in (ann, phone):
            await expect(window.row("First")).to_be_visible()
            await expect(window.badge).to_have_text("2")
            assert await window.titles() == ["Third", "First"]
        await ann.page.reload()
        await ann.ready()
        await ann.bell.click()
        await expect(ann.badge).to_have_text("2")
        assert await ann.titles() == ["Third", "First"]
