"""The README's two pictures, made of a demo with a morning behind it: `make screenshots`."""

import asyncio
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from tests.browser.morning import an_hour
from tests.browser.shop import CATALOG, Window, open_shop
from tests.support.browser import ROOT, open_page, require_pages, run_browser
from tests.support.gateway import Gateway, gateway, token
from tests.support.node import run_clients

PICTURES = ROOT / "docs" / "pictures"
WIDE = {"width": 1360, "height": 900}
SCALE = 1.25
LETTERS = (
    ("PAYMENT_RECEIVED", "Payment received", "€ 89.00 for order 58201. Thank you."),
    ("DELIVERY_TODAY", "Order 58201 is out for delivery", "With Mira, between 14:00 and 16:00."),
    ("MESSAGE", "Mira from Fernwood replied", "“Of course, we can engrave the base for you.”"),
)


async def shop(browser: Browser, here: Gateway) -> None:
    async with open_page(browser, here.public, viewport=WIDE, device_scale_factor=SCALE) as page:
        await page.goto(f"{here.public}/demo/")
        ann, bob = Window(page, "ann"), Window(page, "bob")
        await ann.ready()
        await bob.ready()
        for kind, title, body in LETTERS:
            await here.emit("user:ann", title, type=kind, body=body)
        await ann.button("Place order").click()
        await ann.button("Ship it").click()
        await ann.button("Place order").click()
        # What is new of an order takes the place of what was.
        await expect(ann.badge).to_have_text("5")
        await bob.show()
        await bob.button("Place order").click()
        await bob.button("File a complaint").click()
        await expect(bob.badge).to_be_visible()
        await ann.element.evaluate(
            """element => {
                const {items} = element.inbox.getSnapshot();
                element.inbox.read(...items.slice(-2).map(item => item.id));
            }"""
        )
        await page.get_by_role("button", name="Publish an offer to everyone").click()
        await expect(bob.toasts.nth(1)).to_be_visible()
        await ann.show()
        await ann.bell.click()
        await expect(ann.rows.first).to_be_visible()
        await ann.list.evaluate("list => list.scrollTo(0, 0)")
        await save(page, "shop")


@asynccontextmanager
async def dashboard(browser: Browser, here: Gateway) -> AsyncIterator[None]:
    """Watches what is done meanwhile, and has its picture taken at the end."""
    options = {"viewport": WIDE | {"height": 1130}, "device_scale_factor": SCALE}
    async with open_page(browser, here.public, **options) as page:
        await page.goto(f"{here.public}/dashboard/#token={token('mira', name='Mira', roles=('admin',))}")
        await expect(page.get_by_role("status", name="Connection")).to_have_text("Live")
        yield
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
        here = await stack.enter_async_context(
            gateway(folder, extend=open_shop, CATALOG=CATALOG, NODE_ID="bellhop-0")
        )
        node = await stack.enter_async_context(run_clients())
        browser = await stack.enter_async_context(run_browser())
        await an_hour(here, node)
        async with dashboard(browser, here):
            await shop(browser, here)


if __name__ == "__main__":
    asyncio.run(main())
