"""The pages behind a real nginx under a path, in a real Chromium: with the configuration that the documents give."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.shop import CATALOG, Window, open_shop
from tests.support.browser import open_page, require_pages
from tests.support.gateway import Gateway, gateway, token
from tests.support.nginx import documented, nginx
from tests.support.servers import free_port

ADMIN = token("root", roles=("admin",), name="Root")
KEPT, STRIPPED = "", "/"
"""What stands behind the port in nginx's `proxy_pass`."""


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    require_pages("dashboard", "demo")


@asynccontextmanager
async def hosted(
    folder: Path, behind: str, *, passes_host: bool = True, unix: bool = False, **settings: str
) -> AsyncIterator[tuple[Gateway, str]]:
    """A gateway and where browsers find it: `/notify/` at nginx."""
    port = free_port()
    site = f"http://127.0.0.1:{port}"
    given: dict[str, Any] = {"BASE_URL": f"{site}/notify", "TRUSTED_PROXIES": "127.0.0.1,unix"} | settings
    if unix:
        given["HOST"] = f"unix:{folder}/public.sock"
    async with gateway(
        folder, extend=open_shop, CATALOG=CATALOG, **{k: v for k, v in given.items() if v}
    ) as here:
        upstream = here.public.removeprefix("http://") + (":/" if unix and behind else behind)
        configuration = documented(upstream).replace("listen 80;", f"listen 127.0.0.1:{port};")
        if not passes_host:
            configuration = configuration.replace("proxy_set_header Host $http_host;", "")
        with nginx(port, configuration):
            yield here, site


async def is_live(page: Page) -> None:
    await expect(page.get_by_role("status", name="Connection")).to_have_text("Live")


@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix socket"])
@pytest.mark.parametrize("behind", [KEPT, STRIPPED], ids=["kept", "stripped"])
async def test_the_dashboard_works_under_a_path_that_is_kept_or_stripped(
    browser: Browser, tmp_path: Path, behind: str, unix: bool
):
    async with (
        hosted(tmp_path, behind, unix=unix) as (here, site),
        open_page(browser, site) as page,
    ):
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url.replace("ws://", "http://")))
        # Without the slash at the end: the redirect must stay below the path, and keep the fragment.
        await page.goto(f"{site}/notify/dashboard#token={ADMIN}")
        await is_live(page)
        assert page.url.startswith(f"{site}/notify/dashboard/")

        await page.goto(f"{site}/notify/dashboard/index.html#/feed")
        await is_live(page)
        await here.emit("admins", "Under a path")
        await expect(page.get_by_text("Under a path").first).to_be_visible()

        assert any("/notify/socket.io/" in url and "transport=websocket" in url for url in asked)
        assert [url for url in asked if not url.startswith(f"{site}/notify/")] == []


@pytest.mark.parametrize("behind", [KEPT, STRIPPED], ids=["kept", "stripped"])
async def test_the_dashboard_works_under_a_path_without_websockets(
    browser: Browser, tmp_path: Path, behind: str
):
    async with (
        hosted(tmp_path, behind, TRANSPORTS="polling") as (_, site),
        open_page(browser, site, forgive=["WebSocket"]) as page,
    ):
        await page.goto(f"{site}/notify/dashboard/#token={ADMIN}")
        await is_live(page)


@pytest.mark.parametrize("behind", [KEPT, STRIPPED], ids=["kept", "stripped"])
async def test_the_demo_works_under_a_path_and_leads_to_the_dashboard_there(
    browser: Browser, tmp_path: Path, behind: str
):
    async with hosted(tmp_path, behind) as (_, site), open_page(browser, site) as page:
        # nginx adds the slash, the demo leads on to its page.
        await page.goto(f"{site}/notify")
        assert page.url == f"{site}/notify/demo/"
        ann = Window(page, "ann")
        await ann.ready()
        await ann.button("Place order").click()
        await expect(ann.badge).to_have_text("1")

        async with page.expect_popup() as opened:
            await page.get_by_role("link", name="Open the dashboard").click()
        dashboard = await opened.value
        await is_live(dashboard)
        assert dashboard.url.startswith(f"{site}/notify/dashboard/")


@pytest.mark.parametrize("transports", ["websocket", "polling"])
async def test_behind_a_proxy_that_hides_the_host_the_base_url_says_whose_the_page_is(
    browser: Browser, tmp_path: Path, transports: str
):
    async with (
        hosted(tmp_path, STRIPPED, passes_host=False, TRANSPORTS=transports) as (here, site),
        open_page(browser, site, forgive=["WebSocket", "401"]) as page,
    ):
        await page.goto(f"{site}/notify/dashboard/#token={ADMIN}")
        await is_live(page)
        # Browsers send an origin with whatever is no GET.
        status = await page.evaluate(
            "async () => (await fetch('../api/notifications/read', {method: 'POST', body: '{}'})).status"
        )
        assert status == 401
        assert here.node is not None
        assert here.node.origins.refused == 0


async def test_without_a_base_url_it_is_refused_and_the_log_says_what_to_do(
    browser: Browser, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    async with (
        hosted(tmp_path, STRIPPED, passes_host=False, BASE_URL="") as (here, site),
        open_page(browser, site, forgive=["WebSocket", "403", "Forbidden"]) as page,
    ):
        async with page.expect_console_message(lambda message: "403" in message.text):
            await page.goto(f"{site}/notify/dashboard/#token={ADMIN}")
        scraped = (await here.ask("GET", "/metrics")).body

    (record,) = [each for each in caplog.records if "another origin was refused" in each.message]
    assert (record.origin, record.host) == (site, here.public)  # type: ignore[attr-defined]
    assert "BELLHOP_BASE_URL" in record.message
    assert float(scraped.partition("\nbellhop_origins_refused_total ")[2].split()[0]) >= 1


async def test_behind_nginx_each_client_has_its_own_address(tmp_path: Path):
    async with (
        hosted(tmp_path, KEPT, CONNECT_RATE="0.001", CONNECT_BURST="1") as (_, site),
        aiohttp.ClientSession() as http,
    ):
        statuses = []
        for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
            poll = f"{site}/notify/socket.io/?EIO=4&transport=polling"
            # nginx appends its own peer to it, who is trusted here.
            async with http.get(poll, headers={"X-Forwarded-For": address}) as answer:
                statuses.append(answer.status)

    assert statuses == [200, 200, 429]


async def test_the_description_works_under_a_path_too(browser: Browser, tmp_path: Path):
    """The internal site's page, for those who show it to their colleagues."""
    port = free_port()
    async with gateway(tmp_path, BASE_URL="https://shop.example/notify") as here:
        configuration = (
            f"server {{ listen 127.0.0.1:{port}; location /inside/ {{ proxy_pass {here.internal}/; }} }}"
        )
        with nginx(port, configuration) as server:
            async with open_page(browser, server.url) as page:
                await page.goto(f"{server.url}/inside/internal/docs")
                await expect(page.get_by_role("heading", name="/internal/emit/batch")).to_be_visible()
                assert page.url == f"{server.url}/inside/internal/docs/"
