"""The README's two pictures, of a gateway with an hour behind it and of a demo with a day: `make screenshots`."""

import asyncio
import re
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, expect

from tests.browser.morning import an_hour
from tests.browser.shop import CATALOG, Demo, Window, run_demo
from tests.support.browser import ROOT, open_page, require_pages, run_browser
from tests.support.gateway import Gateway, gateway, token
from tests.support.node import run_clients

PICTURES = ROOT / "docs" / "pictures"
WIDE = {"width": 1360, "height": 900}
SCALE = 1.25
# What the catalog's links in mail want, or the overview says what is missing.
SETTINGS = {
    "NODE_ID": "bellhop-0",
    "LINK_SECRET": "a-secret-of-thirty-two-bytes-or-more",
    "CLICK_URL": "https://shop.example",
}
Json = Any
LETTER = {"complaint": "C-310", "answer": "Of course, we can engrave the base for you.", "agent": "Mira"}
TOLD: tuple[tuple[str, str, Json], ...] = (
    ("user:ben", "COMPLAINT_RESPONSE", LETTER),
    ("user:elif", "REVIEW", {"product": "Linen notebook", "order": "58201"}),
    ("all", "SALE_OFFER", {"name": "Rugs and cushions", "discount": 0.15, "slug": "rugs"}),
    ("admins", "NEW_COMPLAINT", {"complaint": "C-311", "customer": "Bob", "text": "The shade has a crack."}),
)


async def shop(browser: Browser, demo: Demo) -> None:
    """Ann's inbox, her mail, and the dashboard, of a demo that has a day behind it."""
    here = demo.gateway.public
    async with open_page(browser, here, viewport=WIDE, device_scale_factor=SCALE) as page:
        await page.goto(f"{here}/demo/")
        ann = Window(page, "ann")
        await ann.ready()
        await demo.ask(
            "POST", "/internal/emit", status=202,
            body={"to": "user:ann", "type": "COMPLAINT_RESPONSE", "data": LETTER, "email": False},
        )  # fmt: skip
        await page.get_by_role("button", name="Publish an offer to everyone").click()
        await expect(ann.badge).to_have_text("5")
        await ann.button("Place order").click()
        await expect(ann.badge).to_have_text("6")
        order = await ann.orders.first.get_attribute("data-order")
        await expect(page.get_by_role("heading", name=f"Your order {order}")).to_be_visible()
        await ann.bell.click()
        await expect(ann.row("is placed").get_by_role("button", name="Archive").first).to_be_attached()
        await ann.list.evaluate("list => list.scrollTo(0, 0)")
        await save(page, "shop")


async def dashboard(browser: Browser, here: Gateway) -> None:
    options = {"viewport": WIDE | {"height": 1130}, "device_scale_factor": SCALE}
    async with open_page(browser, here.public, **options) as page:
        await page.goto(f"{here.public}/dashboard/#token={token('mira', name='Mira', roles=('admin',))}")
        await expect(page.get_by_role("status", name="Connection")).to_have_text("Live")
        told = await here.batch([{"to": to, "type": kind, "data": data} for to, kind, data in TOLD])
        assert [each["status"] for each in told] == [202] * len(TOLD), told
        await expect(page).to_have_title(re.compile(r"^\(1\)"))
        await expect(page.get_by_label("Loading")).to_have_count(0)
        await save(page, "dashboard")


async def save(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    file = PICTURES / f"{name}.png"
    await page.screenshot(path=file, animations="disabled")
    sys.stdout.write(f"{file.relative_to(ROOT)}: {file.stat().st_size // 1024} KB\n")


async def main() -> None:
    require_pages("demo", "dashboard")
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        here = await stack.enter_async_context(gateway(folder / "hour", CATALOG=CATALOG, **SETTINGS))
        node = await stack.enter_async_context(run_clients())
        browser = await stack.enter_async_context(run_browser())
        await an_hour(here, node)
        await dashboard(browser, here)
        await shop(browser, await stack.enter_async_context(run_demo(folder)))


if __name__ == "__main__":
    asyncio.run(main())
