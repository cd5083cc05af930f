"""A picture of each page of the dashboard, light and dark, on a desk and on a phone: kept in `artefacts/` for people.

What can be judged without eyes is judged here: nothing is wider than the screen, and no word is cut off unless it says so.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.morning import an_hour, bury
from tests.browser.shop import picture
from tests.support.amounts import AT_LENGTH
from tests.support.browser import DESK, PHONE, open_page, require_pages
from tests.support.gateway import Gateway, token
from tests.support.gateway import gateway as start_gateway
from tests.support.node import run_clients

PAGES = {
    "overview": "#/",
    "online": "#/online",
    "feed": "#/feed",
    "users": "#/users",
    "user": "#/users/ada",
    "mail": "#/mail",
    "mail-dead": "#/mail?state=dead",
    "compose": "#/compose?to=user%3Aada",
}
CUT_OFF = """() => [...document.querySelectorAll("h1, h2, h3, p, a, button, label, dt, dd, th, td, span, code")]
    .filter(node => {
        const style = getComputedStyle(node);
        return !node.closest(".unseen, .skip") && node.clientWidth > 1 && node.scrollWidth > node.clientWidth + 1 && style.overflowX !== "visible"
            && style.overflowX !== "auto" && style.textOverflow !== "ellipsis";
    })
    .map(node => `${node.localName}.${node.className}: ${node.textContent}`)"""


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    require_pages("dashboard")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def morning(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("morning")
    async with start_gateway(folder, NODE_ID="bellhop-0") as here, run_clients() as node:
        await an_hour(here, node)
        await bury(here)
        complaint = "Bob Byrne: “The shade has a crack all along one side.”"
        await here.emit("admins", "The lamp arrived broken", type="COMPLAINT", body=complaint)
        yield here


async def look(page: Page, name: str) -> None:
    await expect(page.get_by_label("Loading")).to_have_count(0)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    assert (name, await page.evaluate(CUT_OFF)) == (name, [])
    await picture(page, name)


@pytest.mark.parametrize(
    ("viewport", "dark"),
    [
        pytest.param(DESK, False, id="wide-light"),
        pytest.param(DESK, True, id="wide-dark", marks=AT_LENGTH),
        pytest.param(PHONE, False, id="phone-light", marks=AT_LENGTH),
        pytest.param(PHONE, True, id="phone-dark"),
    ],
)
async def test_each_page_has_its_picture(
    morning: Gateway, browser: Browser, viewport: dict[str, Any], dark: bool
):
    kind = f"{'wide' if viewport is DESK else 'phone'}-{'dark' if dark else 'light'}"
    here = f"{morning.public}/dashboard/"
    async with open_page(browser, morning.public, viewport=viewport, dark=dark) as page:
        await page.goto(here)
        await look(page, f"dashboard-signin-{kind}")
        await page.goto(f"{here}#token={token('mira', name='Mira', roles=('admin',))}")
        await expect(page.get_by_role("status", name="Connection")).to_have_text("Live")
        for room, kind_of, title in (
            ("user:ada", "PAYMENT_RECEIVED", "Payment received"),
            ("topic:deals", "OFFER", "Ten per cent off everything made of brass"),
            ("user:ben", "ORDER_UPDATE", "Order 58201 is out for delivery"),
            ("all", "ANNOUNCEMENT", "We are closed on Monday"),
        ):
            await morning.emit(room, title, type=kind_of, body="€ 89.00 for order 58201. Thank you.")
        for name, fragment in PAGES.items():
            await page.goto(f"{here}{fragment}")
            if name == "compose":
                await page.get_by_label("Start from a pattern").select_option("Order confirmation")
                await expect(page.frame_locator("iframe").get_by_text("Beeswax candle")).to_be_visible()
            await look(page, f"dashboard-{name}-{kind}")
        await page.goto(f"{here}#/mail?state=dead")
        await page.get_by_role("button", name="Payment received for order 4100", exact=True).click()
        await expect(page.frame_locator("iframe").get_by_role("heading")).to_be_visible()
        await look(page, f"dashboard-notification-{kind}")
