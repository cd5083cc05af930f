"""Tabs of a browser as a person has them: one is in front, and the others are hidden.

Playwright holds each of its pages for the one that is looked at, so these are led past it, by Chromium's own protocol.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from playwright.async_api import Browser, CDPSession

from tests.support.browser import DEADLINE_MS

Json = Any


class Tab:
    def __init__(self, browser: CDPSession, target: str, session: str) -> None:
        self._browser = browser
        self._target = target
        self._session = session
        self._numbers = count()
        self._asked: dict[int, asyncio.Future[Json]] = {}
        browser.on("Target.receivedMessageFromTarget", self._hear)

    def _hear(self, event: Json) -> None:
        if event["sessionId"] == self._session:
            answered = json.loads(event["message"])
            if (asked := self._asked.pop(answered.get("id"), None)) is not None:
                asked.set_result(answered)

    async def ask(self, method: str, **params: Json) -> Json:
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        message = json.dumps({"id": number, "method": method, "params": params})
        await self._browser.send(
            "Target.sendMessageToTarget", {"sessionId": self._session, "message": message}
        )
        async with asyncio.timeout(DEADLINE_MS / 1000):
            answered = await answer
        assert "error" not in answered, answered
        return answered["result"]

    async def run(self, script: str) -> Json:
        """What JavaScript comes to, or what it promises."""
        found = await self.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, condition: str) -> None:
        async with asyncio.timeout(DEADLINE_MS / 1000):
            while not await self.run(condition):
                await asyncio.sleep(0.05)

    async def look(self) -> None:
        """Puts it in front of the others."""
        await self._browser.send("Target.activateTarget", {"targetId": self._target})
        await self.until("document.visibilityState === 'visible'")


@asynccontextmanager
async def open_tabs(
    browser: Browser, origin: str, *addresses: str, may: tuple[str, ...] = (), before: str = ""
) -> AsyncIterator[list[Tab]]:
    """One tab for each address, the last in front; their person has granted `origin` what it `may`.

    `before` is JavaScript that runs ahead of each page's own.
    """
    session = await browser.new_browser_cdp_session()
    context = (await session.send("Target.createBrowserContext"))["browserContextId"]
    try:
        granted = {"permissions": list(may), "browserContextId": context, "origin": origin}
        await session.send("Browser.grantPermissions", granted)
        tabs = []
        for address in addresses:
            made = await session.send(
                "Target.createTarget", {"url": "about:blank", "browserContextId": context}
            )
            target = made["targetId"]
            attached = await session.send("Target.attachToTarget", {"targetId": target, "flatten": False})
            tab = Tab(session, target, attached["sessionId"])
            await tab.ask("Page.enable")
            await tab.ask("Page.addScriptToEvaluateOnNewDocument", source=before)
            await tab.ask("Page.navigate", url=address)
            tabs.append(tab)
        await tabs[-1].look()
        yield tabs
    finally:
        await session.send("Target.disposeBrowserContext", {"browserContextId": context})
        await session.detach()
