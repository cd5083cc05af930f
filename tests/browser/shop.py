"""The demo's shop in a browser: who opens it, what is where in it, and pictures of it."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import Browser, Locator, Page

from auth.signing import Signer
from gateway.process import demo, node
from gateway.process.shop import Shop
from tests.support.browser import ROOT, Complaints, open_page
from tests.support.gateway import SECRET, START_SECONDS, Gateway, token
from tests.support.servers import free_port

ARTEFACTS = ROOT / "artefacts"
TOAST_MS = 6000
"""How long a toast stays."""
Json = Any


CATALOG = str(demo.CATALOG)
"""What `bellhop demo` gives a gateway to read: the types that the shop emits."""


def open_shop(node: node.Node) -> None:
    """What `bellhop demo` adds to a gateway."""
    node.add(Shop(node.telling.emitter, node.inboxes.reading, node.access.verifier, Signer(SECRET)))


class Window:
    """One customer's shop window."""

    def __init__(self, page: Page, user: str) -> None:
        self.page = page
        self.whole = page.locator(f"section#{user}")
        self.element = self.whole.locator("bellhop-inbox")
        self.bell = self.whole.get_by_role("button", name=re.compile("^Notifications"))
        self.badge = self.whole.locator(".badge")
        self.panel = self.whole.get_by_role("dialog", name="Notifications")
        self.list = self.panel.get_by_role("feed")
        self.rows = self.panel.get_by_role("article")
        self.toasts = self.whole.locator(".toast")
        self.orders = self.whole.get_by_role("listitem")

    def button(self, name: str) -> Locator:
        return self.whole.get_by_role("button", name=name)

    def row(self, title: str) -> Locator:
        return self.rows.filter(has_text=title)

    async def show(self) -> None:
        """Chooses this customer's window, where one is shown of several."""
        await (
            self.page.get_by_role("group", name="Whose shop")
            .get_by_text((await self.whole.get_attribute("id") or "").title())
            .click()
        )

    async def read_all(self) -> None:
        """Marks all as read, and says that it is meant."""
        await self.panel.get_by_role("button", name="Mark all as read").click()
        await self.panel.get_by_role("button", name=re.compile(r"^Mark \d+ as read\?$")).click()

    async def titles(self) -> list[str]:
        """Of the rows that exist, from the top."""
        rows = await self.rows.evaluate_all(
            "rows => rows.map(row => [Number(row.getAttribute('aria-posinset')), row.querySelector('.name').textContent])"
        )
        return [title for _, title in sorted(rows)]

    async def until(self, condition: str, argument: Json = None) -> None:
        """Wait until `condition`, JavaScript about the inbox's snapshot `s` (and `a`, the argument), holds."""
        await self.page.wait_for_function(
            f"""([user, a]) => {{
                const s = document.querySelector(`section#${{user}} bellhop-inbox`)?.inbox?.getSnapshot();
                return s && ({condition});
            }}""",
            arg=[await self.whole.get_attribute("id"), argument],
        )

    async def ready(self) -> None:
        await self.until("s.state === 'ready' && !s.loading")

    async def remember_toasts(self) -> None:
        """Keep every toast from now on in `window.toasted`, however short it stays."""
        await self.element.evaluate(
            """element => {
                window.toasted = [];
                const note = list => {
                    for (const {addedNodes} of list)
                        for (const toast of addedNodes)
                            window.toasted.push(toast.querySelector(".name").textContent);
                };
                new MutationObserver(note).observe(element.shadowRoot.querySelector(".toasts"), {childList: true});
            }"""
        )

    async def has_toasted(self, *titles: str) -> None:
        """Wait until the toasts so far are these: each once, in this order."""
        await self.page.wait_for_function(
            "titles => window.toasted.length >= titles.length", arg=list(titles)
        )
        assert await self.page.evaluate("window.toasted") == list(titles)


def address(here: Gateway, *users: str, **claims: Any) -> str:
    """The shop's address, with tokens for `users`."""
    return f"{here.public}/demo/#" + "&".join(
        f"token={token(user, name=user.title(), **claims)}" for user in users
    )


async def keep_toasts(page: Page) -> None:
    """Let toasts stay in pages opened from now on, so that what looks at them need not be quick."""
    await page.add_init_script(
        f"""(set => {{
            window.setTimeout = (does, after, ...given) => set(does, after === {TOAST_MS} ? 2 ** 30 : after, ...given);
        }})(window.setTimeout)"""
    )


@asynccontextmanager
async def shopping(
    browser: Browser, here: Gateway, user: str = "ann", **options: Any
) -> AsyncIterator[Window]:
    """One customer's window on a page of its own, connected."""
    async with open_page(browser, here.public, **options) as page:
        await page.goto(address(here, user))
        window = Window(page, user)
        await window.ready()
        yield window


@asynccontextmanager
async def another_tab(window: Window, here: Gateway, user: str = "ann") -> AsyncIterator[Window]:
    """The same customer's window in a further tab of the same browser; it may be closed meanwhile."""
    page = await window.page.context.new_page()
    complaints = Complaints(page, here.public)
    await page.goto(address(here, user))
    tab = Window(page, user)
    await tab.ready()
    yield tab
    assert complaints.found == []
    await page.close()


async def picture(page: Page, name: str) -> None:
    """A picture of the page, for people to look at."""
    ARTEFACTS.mkdir(exist_ok=True)
    await page.screenshot(path=ARTEFACTS / f"{name}.png", animations="disabled")


class Demo:
    """`bellhop demo` in a process of its own, on ports that stay the same over restarts."""

    def __init__(self, folder: Path, http: aiohttp.ClientSession, *, empty: bool) -> None:
        self._folder = folder
        self._empty = ("--empty",) if empty else ()
        self._ports = free_port(), free_port()
        self._process: asyncio.subprocess.Process | None = None
        public, internal = (f"http://127.0.0.1:{port}" for port in self._ports)
        self.gateway = Gateway(public, internal, http)

    async def start(self) -> None:
        """Start it, and wait until it is ready."""
        public, internal = map(str, self._ports)
        with (self._folder / "demo.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gateway", "demo",
                "--dir", str(self._folder / "demo"), "--port", public, "--internal-port", internal, *self._empty,
                stdout=log, stderr=log,
            )  # fmt: skip
        async with asyncio.timeout(START_SECONDS):
            while not await self._is_ready():
                assert self._process.returncode is None, (self._folder / "demo.log").read_text()[-3000:]
                await asyncio.sleep(0.02)

    async def _is_ready(self) -> bool:
        with suppress(aiohttp.ClientError):
            return (await self.gateway.request("GET", self.gateway.internal + "/readyz")).status == 200
        return False

    def _secret(self, name: str) -> str:
        return str(json.loads((self._folder / "demo" / "secrets.json").read_text())[name])

    async def ask(self, method: str, path: str, *, body: Json = None, status: int = 200) -> Json:
        """What the internal site answers."""
        key = self._secret("api_key")
        answered = await self.gateway.ask(method, path, body=body, Authorization=f"Bearer {key}")
        assert answered.status == status, answered
        return answered.body

    async def emit(self, to: str, title: str, **fields: Json) -> None:
        fields = {"to": to, "type": "TEST", "title": title, **fields}
        await self.ask("POST", "/internal/emit", body=fields, status=202)

    async def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def run_demo(folder: Path, *, empty: bool = False) -> AsyncIterator[Demo]:
    """`empty`: without the day that a new one has behind it."""
    async with aiohttp.ClientSession() as http:
        demo = Demo(folder, http, empty=empty)
        try:
            await demo.start()
            yield demo
        finally:
            await demo.kill()
