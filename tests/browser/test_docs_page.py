"""The page of the HTTP interface: one finds an operation, copies the line for a shell, and asks it."""

import re
import shlex

from playwright.async_api import Browser, expect

from tests.support.browser import PHONE, open_page, violations
from tests.support.gateway import API_KEY, Gateway


async def test_an_operation_is_found_copied_and_asked(gateway: Gateway, browser: Browser):
    await gateway.emit("user:ann", "Hello", type="SALE")
    async with open_page(
        browser, gateway.internal, permissions=["clipboard-read", "clipboard-write"]
    ) as page:
        await page.goto(f"{gateway.internal}/internal/docs/")
        shown = page.locator("article:visible")
        await expect(shown.first).to_be_visible()
        # By what they do, and not by their paths.
        await expect(page.get_by_role("link", name="What was emitted, newest first")).to_be_visible()
        await page.keyboard.press("/")
        await page.keyboard.type("notifications emitted newest")
        await expect(shown).to_have_count(1)
        await expect(page.get_by_role("status")).to_contain_text("1 of ")
        assert await violations(page) == []

        await shown.get_by_text("Try it").click()
        await shown.get_by_label("API key").fill(API_KEY)
        await shown.get_by_label("user", exact=True).fill("ann")
        await shown.get_by_role("button", name="Ask").click()
        await expect(shown.get_by_label("The answer")).to_contain_text('"title": "Hello"')

        await shown.get_by_role("button", name="Copy").click()
        await expect(shown.get_by_role("button", name="Copied")).to_be_visible()
        line = await page.evaluate("navigator.clipboard.readText()")
        # The key is on no screen, and in no history of a shell.
        assert API_KEY not in line
        program, url, *rest = shlex.split(line.replace("\\\n", ""))
        assert (program, rest) == ("curl", ["-H", "Authorization: Bearer $KEY"])
        told = await gateway.request("GET", url, headers={"Authorization": f"Bearer {API_KEY}"})
        assert [each["title"] for each in told.body["notifications"]] == ["Hello"]


async def test_an_emit_is_asked_with_the_sample_that_is_there_and_a_phone_is_wide_enough(
    gateway: Gateway, browser: Browser
):
    async with open_page(browser, gateway.internal, viewport=PHONE, dark=True) as page:
        await page.goto(f"{gateway.internal}/internal/docs/")
        await page.get_by_label("Search").fill("post /internal/emit emit a notification")
        emit = page.locator("article:visible").filter(
            has=page.locator("h3 code").filter(has_text=re.compile("^.internal.emit$"))
        )
        await expect(emit).to_have_count(1)
        await emit.get_by_text("Try it").click()
        await emit.get_by_label("API key").fill(API_KEY)
        await emit.get_by_role("button", name="Ask, in earnest").click()

        await expect(emit.get_by_label("The answer")).to_contain_text('"room": "user:ann"')
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
