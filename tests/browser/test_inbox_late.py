"""What `<bellhop-inbox>` fetches when, in a real Chromium: nothing that is pressed meanwhile is lost, and one file does as well."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, Page, Route, expect

from tests.browser.shop import CATALOG, Window, address, open_shop
from tests.browser.test_client import CLIENT
from tests.support import servers
from tests.support.browser import open_page, require_pages
from tests.support.gateway import Gateway, token
from tests.support.gateway import gateway as start_gateway
from tests.support.servers import free_port

PANEL, DEEDS = re.compile(r"/panel-[\w-]+\.js"), re.compile(r"/deeds-[\w-]+\.js")
SAVES_DATA = "Object.defineProperty(navigator, 'connection', {value: {saveData: true}})"
STRICT = "default-src 'none'; script-src 'nonce-shop'; style-src 'none'; connect-src {gateway}"


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    require_pages("demo")


@pytest_asyncio.fixture(loop_scope="module")
async def shop(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with start_gateway(tmp_path, extend=open_shop, CATALOG=CATALOG) as here:
        yield here


@asynccontextmanager
async def thrifty(
    browser: Browser, here: Gateway, **options: object
) -> AsyncIterator[tuple[Window, list[str]]]:
    """Ann's window where data is dear, so that nothing is fetched ahead; and all that is asked for."""
    async with open_page(browser, here.public, **options) as page:
        await page.add_init_script(SAVES_DATA)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(address(here, "ann"))
        ann = Window(page, "ann")
        await ann.ready()
        yield ann, asked


async def hold(page: Page, files: re.Pattern[str]) -> asyncio.Event:
    """Has the page wait for `files` until the event is set."""
    released = asyncio.Event()

    async def wait(route: Route) -> None:
        await released.wait()
        await route.continue_()

    await page.route(files, wait)
    return released


async def test_the_panel_is_fetched_when_the_bell_is_near_and_what_acts_when_it_is_open(
    shop: Gateway, browser: Browser
):
    await shop.emit("user:ann", "Hello")
    async with thrifty(browser, shop) as (ann, asked):
        await expect(ann.badge).to_have_text("1")
        assert not any(PANEL.search(url) for url in asked)

        async with ann.page.expect_request(PANEL):
            await ann.bell.hover()
        assert not any(DEEDS.search(url) for url in asked)
        async with ann.page.expect_request(DEEDS):
            await ann.bell.click()
        await expect(ann.row("Hello")).to_be_focused()


async def test_it_is_fetched_ahead_in_an_idle_moment(shop: Gateway, browser: Browser):
    async with open_page(browser, shop.public) as page, page.expect_request(PANEL):
        await page.goto(address(shop, "ann"))


async def test_a_press_of_the_bell_waits_for_the_panel_and_another_takes_it_back(
    shop: Gateway, browser: Browser
):
    await shop.emit("user:ann", "Hello")
    async with thrifty(browser, shop) as (ann, _):
        released = await hold(ann.page, PANEL)
        for _ in range(2):
            await ann.bell.click()
            await expect(ann.bell).to_have_attribute("aria-busy", "true")
            await ann.bell.click()
            await expect(ann.bell).to_have_attribute("aria-busy", "false")
        await ann.bell.click()
        await expect(ann.panel).to_have_count(0)

        released.set()

        await expect(ann.row("Hello")).to_be_focused()
        await expect(ann.bell).to_have_attribute("aria-busy", "false")


async def test_a_panel_that_cannot_be_fetched_opens_when_the_network_returns(shop: Gateway, browser: Browser):
    await shop.emit("user:ann", "Hello")
    async with thrifty(browser, shop, forgive=["net::ERR_"]) as (ann, _):
        async with ann.page.expect_event("requestfailed", lambda request: PANEL.search(request.url)):
            await ann.page.route(PANEL, lambda route: route.abort())
            await ann.bell.click()
        await ann.page.unroute(PANEL)

        await ann.page.evaluate("dispatchEvent(new Event('online'))")

        await expect(ann.row("Hello")).to_be_focused()


async def test_what_is_pressed_before_it_can_be_done_is_done_and_nothing_moves(
    shop: Gateway, browser: Browser
):
    for title in ("Third", "Second", "First"):
        await shop.emit("user:ann", title)
    async with thrifty(browser, shop) as (ann, _):
        released = await hold(ann.page, DEEDS)
        await ann.bell.click()
        await expect(ann.row("First")).to_be_focused()
        whole = await ann.panel.bounding_box()
        places = await ann.rows.evaluate_all("rows => rows.map(row => row.getBoundingClientRect().top)")

        await ann.page.keyboard.press("e")
        await expect(ann.row("Second")).to_be_focused()
        await ann.page.keyboard.press("Delete")
        await expect(ann.row("Third")).to_be_focused()
        await expect(ann.rows).to_have_count(3)
        assert await ann.panel.bounding_box() == whole
        assert (
            await ann.rows.evaluate_all("rows => rows.map(row => row.getBoundingClientRect().top)") == places
        )
        released.set()

        await expect(ann.rows).to_have_count(1)
        await expect(ann.row("Third").get_by_role("button", name="Archive")).to_be_visible()
        await expect(ann.row("Third")).to_be_visible()
        await expect(ann.panel.get_by_role("button", name="Undo")).to_be_visible()


@asynccontextmanager
async def serving(folder: Path, port: int, page: str, policy: str) -> AsyncIterator[str]:
    """A shop's own site: one page under a policy, and the script beside it."""

    async def index(_: web.Request) -> web.Response:
        return web.Response(text=page, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def script(_: web.Request) -> web.FileResponse:
        return web.FileResponse(folder / "single.js")

    app = web.Application()
    app.add_routes([web.get("/", index), web.get("/single.js", script)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def test_a_bundle_of_one_file_works_under_the_strictest_policy(browser: Browser, tmp_path: Path):
    """No script but that one, and no style sheet and no picture at all."""
    building = await asyncio.create_subprocess_exec(
        str(servers.node_program()), "test/consumer/single.mjs", str(tmp_path / "site"), cwd=CLIENT
    )
    assert await building.wait() == 0
    assert [file.name for file in (tmp_path / "site").iterdir()] == ["single.js"]
    port = free_port()
    async with start_gateway(tmp_path, CORS_ORIGINS=f"http://127.0.0.1:{port}") as here:
        await here.emit("user:ann", "Guten Tag")
        page_text = (
            '<!doctype html><html lang="de"><title>Shop</title><script nonce="shop" src="single.js"></script>'
            f'<bellhop-inbox url="{here.public}" token="{token("ann")}" share="off"></bellhop-inbox></html>'
        )
        policy = STRICT.format(gateway=f"{here.public} {here.public.replace('http', 'ws')}")
        other = f"request to another host: .*{here.public[7:]}"
        async with (
            serving(tmp_path / "site", port, page_text, policy) as site,
            open_page(browser, site, forgive=[other]) as page,
        ):
            await page.goto(site)
            await page.get_by_role("button", name="Mitteilungen, 1 ungelesen").click()
            row = page.get_by_role("dialog", name="Mitteilungen").get_by_role("article")
            await expect(row).to_contain_text("Guten Tag")
            await expect(row).to_be_focused()
            await page.keyboard.press("e")
            await expect(page.get_by_role("button", name="Rückgängig")).to_be_visible()
            await expect(row).to_have_count(0)
