"""How `<bellhop-inbox>` reaches who does not look, in a real Chromium: title, the browser's own notifications, and a sound."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.shop import CATALOG, Window, address, another_tab, open_shop, picture, shopping
from tests.browser.tabs import Tab, open_tabs
from tests.support.browser import require_pages, violations
from tests.support.gateway import Gateway
from tests.support.gateway import gateway as start_gateway

# The browser's own, each of which is written down once it is on the screen.
KEEPS = """
    window.Notification = class extends Notification {
        constructor(...given) {
            super(...given);
            window.last = this;
            this.addEventListener("show", () => localStorage.shown = (localStorage.shown ?? "") + this.title + "\\n");
            this.addEventListener("error", () => localStorage.shown = "refused");
        }
    };
"""
SNAPSHOT = "document.querySelector('bellhop-inbox')?.inbox?.getSnapshot()"
# A browser without a screen neither asks nor shows, nor is ever looked away from: it says what it would do.
SAYS = """
    window.Notification = class {
        static get permission() { return localStorage.may ?? "default" }
        static async requestPermission() { localStorage.may = "granted"; told("asked"); return "granted" }
        constructor(title) { if (Notification.permission === "granted") told(title) }
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


ANEW = """element => {
    element.setAttribute("reach", "title icon desktop sound");
    const { parentElement, nextSibling } = element;
    element.remove();
    parentElement.insertBefore(element, nextSibling);
}"""
AGAIN = f"""new Promise(done => {{
    const element = document.querySelector("bellhop-inbox");
    ({ANEW})(element);
    const look = () => element.inbox?.getSnapshot().state === "ready" ? setTimeout(done, 300) : setTimeout(look, 20);
    look();
}})"""


async def reach(window: Window) -> None:
    """Has the element be in its page anew, with all that it can do."""
    await window.element.evaluate(ANEW)


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


async def test_the_browser_itself_shows_what_arrives_behind_hidden_tabs(shop: Gateway, browser: Browser):
    """With the permission of the browser and tabs that are hidden: once, by title and words, and not in quiet hours."""
    here = address(shop, "ann")
    tabs = open_tabs(browser, shop.public, here, here, "about:blank", may=("notifications",), before=KEEPS)
    async with tabs as (one, two, elsewhere):
        for tab in (one, two):
            await tab.until(f"{SNAPSHOT}?.state === 'ready'")
            assert await tab.run("[document.visibilityState, Notification.permission]") == [
                "hidden",
                "granted",
            ]
            await tab.run(AGAIN)

        await shop.emit("user:ann", "While away", body="Something happened")
        await one.until("localStorage.shown === 'While away\\n'")
        for tab in (one, two):
            await tab.until("document.title.startsWith('(1) ')")
            await tab.until("document.querySelector('link[rel~=icon]').href.startsWith('data:image/png')")
        await two.look()
        await tell(shop, "While looking", one, two)
        await elsewhere.look()
        now = datetime.now(UTC)
        start, end = (f"{now + timedelta(hours=hours):%H:%M}" for hours in (-1, 1))
        await quiet(shop, {"start": start, "end": end})
        for tab in (one, two):
            await tab.run(AGAIN)
        await tell(shop, "In quiet hours", one, two)
        await quiet(shop, None)
        for tab in (one, two):
            await tab.run(AGAIN)
        await shop.emit("user:ann", "Once more")
        await one.until("localStorage.shown?.includes('Once more')")

        assert await one.run("localStorage.shown") == "While away\nOnce more\n"
        shower = one if await one.run("window.last?.title") == "Once more" else two
        assert await shower.run("window.last.tag") == await shower.run(f"{SNAPSHOT}.items[0].id")
        await shower.run("window.last.dispatchEvent(new Event('click'))")
        for tab in (one, two):
            await tab.until(f"{SNAPSHOT}.items[0].read_at !== null")


async def tell(shop: Gateway, title: str, *tabs: Tab) -> None:
    """Emits, and waits until each tab has had the time to show it."""
    await shop.emit("user:ann", title)
    for tab in tabs:
        await tab.until(f"{SNAPSHOT}.items[0].title === '{title}'")
    await asyncio.sleep(0.3)


async def quiet(shop: Gateway, hours: dict[str, str] | None) -> None:
    body = {"quiet_hours": hours, "timezone": "UTC"}
    answered = await shop.ask("PATCH", "/internal/users/ann/preferences", body=body)
    assert answered.status == 200, answered


async def heard(told: list[str], *what: str) -> None:
    """Waits until this and no more was said, in whatever order within a moment."""
    async with asyncio.timeout(20):
        while len(told) < len(what):
            await asyncio.sleep(0.02)
    # Whoever would say it again has had the time.
    await asyncio.sleep(0.5)
    assert sorted(told) == sorted(what)
