"""A shop on Next.js: pages drawn on its server, and in them the hook and the element, in a real Chromium."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
from playwright.async_api import Browser, WebSocket, expect

from tests.support.browser import open_page
from tests.support.gateway import gateway, token
from tests.support.servers import Server, ServerMissing, free_port, listening, node_program

APP = Path(__file__).parent / "next"
BUILT = APP / ".next" / "BUILD_ID"


@contextmanager
def serving(folder: Path, port: int, **environment: str) -> Iterator[str]:
    """Where the app answers, as `next build` has made it and `next start` serves it."""
    if not BUILT.exists():
        raise ServerMissing(
            f"not built: the shop on Next.js; `make {BUILT.relative_to(Path.cwd())}` builds it"
        )
    told = [f"{name}={value}" for name, value in environment.items()]
    program = str(APP / "node_modules" / "next" / "dist" / "bin" / "next")
    where = ["--hostname", "127.0.0.1", "--port", str(port)]
    command = ["env", "NEXT_TELEMETRY_DISABLED=1", *told, str(node_program()), program, "start", str(APP)]
    server = Server(command + where, ready=listening(port), url=f"http://127.0.0.1:{port}", folder=folder)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


async def test_a_shop_on_next_js_is_drawn_on_its_server_and_comes_to_life_without_a_complaint(
    browser: Browser, tmp_path: Path
):
    port = free_port()
    async with gateway(tmp_path, CORS_ORIGINS=f"http://127.0.0.1:{port}") as here:
        await here.emit("user:ann", "Before")
        with serving(tmp_path, port, BELLHOP_URL=here.public, BELLHOP_TOKEN=token("ann")) as site:
            async with aiohttp.ClientSession() as http, http.get(site) as answer:
                drawn = await answer.text()
            assert "<bellhop-inbox></bellhop-inbox>" in drawn
            assert re.search(r"<h2>0(<!-- -->)? unread</h2>", drawn)

            async with open_page(
                browser, site, forgive=[f"request to another host: .*{here.public[7:]}"]
            ) as page:
                sockets: list[WebSocket] = []

                def opened(socket: WebSocket) -> None:
                    sockets.append(socket)

                page.on("websocket", opened)
                await page.goto(site)
                titles = page.get_by_role("region", name="By the hook").get_by_role("listitem")
                await expect(page.get_by_role("heading", name="1 unread")).to_be_visible()
                await expect(page.get_by_role("button", name="Notifications, 1 unread")).to_be_visible()

                await here.emit("user:ann", "Live")
                await expect(titles).to_have_text(["Live", "Before"])
                await expect(page.get_by_role("button", name="Notifications, 2 unread")).to_be_visible()

                # To another page of the shop, which the layout stays over: nothing connects again.
                await page.get_by_role("link", name="Orders").click()
                await expect(page.get_by_role("heading", name="Orders")).to_be_visible()
                await page.get_by_role("button", name="Notifications, 2 unread").click()
                await page.get_by_role("dialog").get_by_role("article", name="Live").click()
                await expect(page.get_by_role("heading", name="1 unread")).to_be_visible()
                assert len(sockets) == 1
