"""Clicks on links in mail, for a process that cannot do what they say: the public site does it.

The taker of returns gets the letters of readers whose mail program can only write. It has no catalog, tells no user anything, and
needs none of it for this: what a letter asks for is what one click does (RFC 8058).
"""

from http import HTTPStatus

import aiohttp

from gateway.ground.parts import Part
from mailer.unsubscribe import UnsubscribeLinks
from storage.errors import StoreUnavailable

CLICK_SECONDS = 10.0
RETRY_SECONDS = 60
CLICK = {"List-Unsubscribe": "One-Click"}


class Clicker(Part):
    """Clicks, from its start to its stop. While the public site cannot be reached, that is a concern."""

    def __init__(self, links: UnsubscribeLinks) -> None:
        self._links = links
        self._http: aiohttp.ClientSession | None = None
        self._trouble: str | None = None

    def start(self) -> None:
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(CLICK_SECONDS))

    async def stop(self) -> None:
        if self._http is not None:
            await self._http.close()

    def concerns(self) -> list[str]:
        return [] if self._trouble is None else [f"unsubscribing: {self._trouble}"]

    async def click(self, token: str) -> bool:
        """Do what the link says; False where the site knows no such link, as after its user was erased.

        Raises `StoreUnavailable` while the site does not answer so: the letter is to come again.
        """
        assert self._http is not None
        try:
            async with self._http.post(
                self._links.url_of(token), data=CLICK, allow_redirects=False
            ) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._trouble = f"the public site is not reached: {type(error).__name__}"
            raise StoreUnavailable(self._trouble, retry_after=RETRY_SECONDS) from error
        if status not in (HTTPStatus.OK, HTTPStatus.NOT_FOUND):
            self._trouble = f"the public site answers a click with {status}"
            raise StoreUnavailable(self._trouble, retry_after=RETRY_SECONDS)
        self._trouble = None
        return status == HTTPStatus.OK
