"""A real Chromium, and pages that remember what a user would never see: console errors and requests to other hosts.

    async with run_browser() as browser, open_page(browser, gateway.public) as page:
        await page.goto(gateway.public + "/dashboard/")

When the page closes, whatever it complained of in the meantime fails the test; `open_page(…, forgive=…)` names what a
test provokes.
"""

import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page, async_playwright, expect

from tests.support.servers import ServerMissing

ROOT = Path(__file__).parents[2]
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
PAGES = ROOT / "gateway" / "pages"
DEADLINE_MS = 20_000
DESK = {"width": 1360, "height": 860}
PHONE = {"width": 390, "height": 844}

# A machine that is busy with other tests takes its time.
expect.set_options(timeout=DEADLINE_MS)

_OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
]


@asynccontextmanager
async def run_browser() -> AsyncIterator[Browser]:
    """The Chromium of this machine."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise ServerMissing("no Chromium here: install the package chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=_OPTIONS)
        try:
            yield browser
        finally:
            await browser.close()


def require_pages(*names: str) -> None:
    """Fail with what to do about it when a page was not built."""
    missing = [name for name in names if not (PAGES / name / "index.html").exists()]
    if missing:
        raise ServerMissing(f"not built: {', '.join(missing)}; `make pages` builds them")


class Complaints:
    """What a page complained of: console errors, uncaught exceptions, requests to another host."""

    def __init__(self, page: Page, origin: str, forgive: Sequence[str] = ()) -> None:
        self.found: list[str] = []
        self._hosts = {urlsplit(origin).netloc}
        self._forgiven = [re.compile(pattern) for pattern in forgive]
        page.on("console", lambda message: message.type in ("error", "warning") and self._note(message.text))
        page.on("pageerror", lambda error: self._note(f"uncaught: {error}"))
        page.on("request", lambda request: self._check(request.url))
        page.on("websocket", lambda socket: self._check(socket.url))

    def _check(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc not in self._hosts:
            self._note(f"request to another host: {url}")

    def _note(self, text: str) -> None:
        if not any(pattern.search(text) for pattern in self._forgiven):
            self.found.append(text)


@asynccontextmanager
async def open_page(
    browser: Browser,
    origin: str,
    *,
    forgive: Sequence[str] = (),
    viewport: Any = DESK,
    dark: bool = False,
    **context_options: Any,
) -> AsyncIterator[Page]:
    """A page in a context of its own: no cookie and no storage is shared. Fails at the end if it complained."""
    context = await browser.new_context(
        viewport=viewport,
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        **context_options,
    )
    context.set_default_timeout(DEADLINE_MS)
    try:
        page = await context.new_page()
        complaints = Complaints(page, origin, forgive)
        yield page
        assert complaints.found == [], complaints.found
    finally:
        await context.close()


async def violations(page: Page) -> list[str]:
    """What axe-core finds in the page as it is now: rule, and the elements that break it."""
    if not AXE.exists():
        raise ServerMissing("no axe-core here: `npm ci` in the folder web installs it")
    # Evaluated, not added as an element: the page's own policy would refuse a script from elsewhere.
    await page.evaluate(AXE.read_text(encoding="utf-8") + "\n;0")
    found = await page.evaluate(
        "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
    )
    return [
        f"{rule['id']} ({rule['impact']}): {', '.join(' '.join(map(str, node['target'])) for node in rule['nodes'][:4])}"
        for rule in found
    ]
