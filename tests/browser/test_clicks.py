"""A newsletter of the demo in a real Chromium: its reader agrees, follows the link in the mail, and every badge turns."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.shop import CATALOG, Window, open_shop, shopping
from tests.browser.test_preferences import settings, switch
from tests.journeys.news import fill, told
from tests.journeys.test_mailing import spooled, until
from tests.support.browser import require_pages, violations
from tests.support.gateway import Gateway
from tests.support.gateway import gateway as start_gateway
from tests.support.servers import free_port

ISSUE = {
    "name": "Autumn letter",
    "type": "NEWSLETTER",
    "data": {"issue": 12, "headline": "Light", "articles": [{"title": "A", "teaser": "B", "slug": "c"}]},
    "audience": "import",
    "in_app": "all",
}


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    require_pages("demo")


@pytest_asyncio.fixture(loop_scope="module")
async def shop(tmp_path: Path) -> AsyncIterator[Gateway]:
    port = free_port()
    async with start_gateway(
        tmp_path, extend=open_shop, CATALOG=CATALOG, PORT=str(port), BASE_URL=f"http://127.0.0.1:{port}",
        LINK_SECRET="a-secret-of-links-that-is-long-enough-for-all",
    ) as here:  # fmt: skip
        yield here


async def test_a_click_in_the_newsletters_mail_turns_the_badge(
    shop: Gateway, browser: Browser, tmp_path: Path
):
    # Of him it is heard before the newsletter: so it is not over for him as he comes.
    await shop.ask("PUT", "/internal/users/bob", body={"name": "Bob"})
    async with shopping(browser, shop) as ann:
        dialog = await settings(ann)
        await switch(dialog, "Let the sender see which I follow").click()
        await expect(dialog.get_by_text("Saved: Links in email")).to_be_visible()
        assert await violations(ann.page) == []
        await dialog.get_by_role("button", name="Done").click()

        made = await told(shop, "POST", body=ISSUE, status=201)
        await fill(shop, made["id"], [{"user": "ann", "address": "ann@demo.example"}])
        await told(shop, "POST", f"/{made['id']}/start")
        await expect(ann.badge).to_have_text("1")
        link = await _link(shop, tmp_path)

        # In a tab of its own, as a mail program opens it; the demo's customers are both there, and Bob has got no mail.
        page = await ann.page.context.new_page()
        await page.goto(link)
        await expect(page).to_have_url(f"{shop.public}/demo/")
        there = Window(page, "ann")

        await expect(ann.badge).to_be_hidden()
        await there.until("s.unread === 0 && s.items.some((n) => n.clicked && n.read)")
        await expect(Window(page, "bob").badge).to_have_text("1")
        announced = (await told(shop, "GET", f"/{made['id']}"))["notification"]
        record = (await shop.ask("GET", f"/internal/notifications/{announced}")).body
        assert [(hit["user"], hit["confirmed_at"] is not None) for hit in record["clicks"]] == [("ann", True)]
        assert record["receipts"]["ann"]["clicked_at"] is not None


async def _link(shop: Gateway, folder: Path) -> str:
    """The tracked link in the mail."""
    found: list[str] = []

    async def is_there() -> bool:
        for mail in spooled(folder):
            body = mail.get_body(("html",))
            assert body is not None
            found.extend(re.findall(rf'href="({re.escape(shop.public)}/c/[\w-]+)"', body.get_content()))
        return bool(found)

    await until(is_there)
    return found[0]
