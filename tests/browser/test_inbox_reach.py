"""How `<bellhop-inbox>` reaches who does not look, in a real Chromium: title, the browser's own notifications, and a sound."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.shop import CATALOG, Window, another_tab, open_shop, picture, shopping
from tests.support.browser import require_pages, violations
from tests.support.gateway import Gateway
from tests.support.gateway import gateway as start_gateway

# A browser without a screen neither asks nor shows, nor is ever looked away from: it says what it would do.
SAYS = """
    window.Notification = class {
        static get permission() { return localStorage.may ?? "default" }
        static async requestPermission() { localStorage.may = "granted"; told("asked"); return "granted" }
        constructor(title) { told(title) }
        close() {}
    };
    window.AudioContext = class extends AudioContext { constructor() { super(); told("a sound") } };
    Object.defineProperty(document, "visibilityState", { get: () => (window.away ? "hidden" : "visible") });
"""


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    require_pages("demo")


@pytest_asyncio.fixture(loop_scope="module")
async def shop(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with start_gateway(tmp_path, extend=open_shop, CATALOG=CATALOG) as here:
        yield here


async def reach(window: Window) -> None:
    """Has the element be in its page anew, with all that it can do."""
    await window.element.evaluate(
        """element => {
            element.setAttribute("reach", "title desktop sound");
            const { parentElement, nextSibling } = element;
            element.remove();
            parentElement.insertBefore(element, nextSibling);
        }"""
    )


async def leave(window: Window, *, away: bool = True) -> None:
    await window.page.evaluate(
        "away => { window.away = away; document.dispatchEvent(new Event('visibilitychange')) }", away
    )


async def test_who_looks_away_is_told_once_for_all_tabs_and_asked_by_a_press_alone(
    shop: Gateway, browser: Browser
):
    async with shopping(browser, shop) as ann:
        told: list[str] = []

        def tell(what: str) -> None:
            told.append(what)

        await ann.page.context.expose_function("told", tell)
        await ann.page.context.add_init_script(SAYS)
        await ann.page.reload()
        await ann.ready()
        async with another_tab(ann, shop) as tab:
            for window in (ann, tab):
                await reach(window)
            await shop.emit("user:ann", "Before")
            for window in (ann, tab):
                await expect(window.page).to_have_title(re.compile(r"^\(1\) "))
            await heard(told, "a sound")

            await ann.page.bring_to_front()
            await ann.bell.click()
            asks = ann.panel.get_by_role("button", name="Show them while this page is in the background, too")
            await expect(asks).to_be_visible()
            assert await violations(ann.page) == []
            await picture(ann.page, "inbox-asks")
            await asks.click()
            await expect(asks).to_be_hidden()
            await heard(told, "a sound", "asked")

            for window in (ann, tab):
                await leave(window)
            await shop.emit("user:ann", "While away")
            await heard(told, "a sound", "asked", "a sound", "While away")
            await leave(tab, away=False)
            await shop.emit("user:ann", "While looking")
            for window in (ann, tab):
                await expect(window.page).to_have_title(re.compile(r"^\(3\) "))
            await heard(told, "a sound", "asked", "a sound", "While away", "a sound")


async def heard(told: list[str], *what: str) -> None:
    """Waits until this and no more was said, in whatever order within a moment."""
    async with asyncio.timeout(20):
        while len(told) < len(what):
            await asyncio.sleep(0.02)
    # Whoever would say it again has had the time.
    await asyncio.sleep(0.5)
    assert sorted(told) == sorted(what)
