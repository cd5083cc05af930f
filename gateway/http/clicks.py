"""Where tracked links in mails lead: on, to what the store keeps for them, and nowhere else; and the picture that mails hold.

Whoever follows one is sent on at once. That it was followed is written down beside that; what only asks where it leads (HEAD)
is no click. A page that may use the public site is handed the token on, so that the person's own session there can say that it
was them: in the fragment, which no server is told and which outlasts redirects; in the query where the address has a fragment.
The picture is the same for every token, ours or not: nobody learns by it whether a mail is known.

It reads who asks; what a click counts for, and whether it was a person, is of `gateway.notify.clicks`.
"""

import logging
import re
from base64 import b64decode
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from aiohttp import web

from gateway.engine.admission import client_address
from gateway.engine.answers import peer
from gateway.ground.origins import Origins
from gateway.ground.parts import Part
from gateway.http import unsubscribe_page as pages
from gateway.http.unsubscribe_words import WORDS, language
from gateway.notify.clicks.book import ClickBook, Destination, Visit
from gateway.notify.clicks.judging import AGENT, NO_NAVIGATION, PREFETCH, PROXY
from gateway.notify.clicks.opens import OpenBook
from mailer.clicks import PICTURE_SUFFIX
from storage.errors import StorageError

HANDED_ON = "bellhop-click"
"""The name of the token in the address of the page that the link leads to. Pages read it; it is part of the public protocol."""
HEADER_CHARACTERS = 500
"""Of one that is looked at. Headers come from anybody, and a search through them costs."""
_AHEAD = re.compile("prefetch|prerender|preview", re.IGNORECASE)
"""What browsers put into a header when they fetch a page before somebody wants it."""
_PURPOSES = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
"""The headers in which browsers of different years say so."""
_PROGRAM = re.compile(
    "(?<!cu)bot|crawl|spider|scan|preview|headless|python|curl|wget|java/|go-http|okhttp|httpclient|http-client|axios"
    "|node-fetch|undici|libwww|ruby|php|barracuda|mimecast|proofpoint|symantec|trendmicro|sophos|fireeye|cisco|bitdefender",
    re.IGNORECASE,
)
"""What programs call themselves that look at the links of mail."""
_PROXY = re.compile(r"GoogleImageProxy|YahooMailProxy|^Mozilla/5\.0$", re.IGNORECASE)
"""What providers call themselves that fetch pictures: some as a reader looks, some long before."""
PICTURE = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""One dot that is not seen."""

logger = logging.getLogger(__name__)


class ClickPages(Part):
    """The links `/c/{token}` of the public site, and the pictures `/c/{token}.gif`.

    It keeps nothing itself. It stands on the public site, or on a domain of its own that leads there
    (`BELLHOP_CLICK_URL`). `origins` are those whose pages may use the public site: only they are handed the
    token.
    """

    def __init__(
        self,
        clicks: ClickBook,
        opens: OpenBook,
        origins: Origins,
        *,
        trusted_proxies: Sequence[IPv4Network | IPv6Network | str],
    ) -> None:
        self._clicks = clicks
        self._opens = opens
        self._origins = origins
        self._trusted_proxies = trusted_proxies

    def public_routes(self) -> Sequence[web.AbstractRouteDef]:
        return [
            web.get(f"/c/{{token}}{PICTURE_SUFFIX}", self._picture),
            web.get("/c/{token}", self._follow),
        ]

    async def _follow(self, request: web.Request) -> web.Response:
        """Send whoever follows a link on to its target; 404 with a page for people where nobody can read the
        token.

        Raises `StorageError` while the target cannot be looked up. The target comes from the store alone, so
        that a made-up link leads nowhere.
        """
        token = request.match_info["token"]
        destination = await self._clicks.destination(token)
        if destination is None:
            return await self._unknown(request, token)
        # aiohttp answers a HEAD by the same handler.
        if request.method != "HEAD":
            await self._note(request, destination)
        return web.Response(
            status=302,
            headers={"Location": self._handed_on(destination.url, token), "X-Robots-Tag": "noindex"},
        )

    async def _note(self, request: web.Request, destination: Destination) -> None:
        """Write down that a link was asked for, with what was seen of the asking. Never raises `StorageError`."""
        visit = Visit(network=self._network(request), signals=tuple(_signals_of_click(request)))
        try:
            await self._clicks.note(destination, visit)
        except StorageError:
            # Whoever wants to read on is not to wait for our books.
            logger.info("a click is not written down: the store is away")

    async def _picture(self, request: web.Request) -> web.Response:
        if request.method != "HEAD":
            visit = Visit(network=self._network(request), signals=tuple(_signals_of_open(request)))
            try:
                await self._opens.note(request.match_info["token"], visit)
            except StorageError:
                logger.info("an open is not written down: the store is away")
        return web.Response(
            body=PICTURE,
            content_type="image/gif",
            # A webmail's page, of whatever origin, is to show it.
            headers={"Cross-Origin-Resource-Policy": "cross-origin", "X-Robots-Tag": "noindex"},
        )

    def _network(self, request: web.Request) -> str:
        """The network that the request comes from, behind proxies that are trusted; an address is kept nowhere."""
        forwarded = ",".join(request.headers.getall("X-Forwarded-For", ()))
        return network_of(client_address(peer(request), forwarded, self._trusted_proxies))

    def _handed_on(self, url: str, token: str) -> str:
        """The target, with the token where its page may be told; another site's address goes unchanged."""
        parts = urlsplit(url)
        if not self._origins.allow(f"{parts.scheme}://{parts.netloc}", None):
            return url
        if not parts.fragment:
            return parts._replace(fragment=f"{HANDED_ON}={token}").geturl()
        # A fragment may be a route of a page's own: to add to it could break that.
        query = f"{parts.query}&" if parts.query else ""
        return parts._replace(query=f"{query}{HANDED_ON}={token}").geturl()

    async def _unknown(self, request: web.Request, token: str) -> web.Response:
        """The page for a link that nobody can read, in the language of its reader as far as that is known.

        Never raises for the store: a link that leads nowhere should say so even while the store is away.
        """
        try:
            locale = await self._clicks.language(token)
        except StorageError:
            locale = None
        tongue = language(locale, request.headers.get("Accept-Language", ""))
        words = WORDS[tongue].unknown
        return web.Response(
            status=404,
            text=pages.document(words, [], language=tongue, title=words),
            content_type="text/html",
            charset="utf-8",
            headers={"Content-Security-Policy": pages.POLICY, "Content-Language": tongue, "X-Robots-Tag": "noindex"},
        )  # fmt: skip


def network_of(address: str) -> str:
    """The network that an address is of: of IPv4 a /24, of IPv6 a /48; the text itself where it is no address.

    So a person is not known by it, and two requests of one scanner look alike. Never raises.
    """
    try:
        bits = 24 if ip_address(address).version == 4 else 48
        return str(ip_network(f"{address.partition('%')[0]}/{bits}", strict=False))
    except ValueError:
        return address


def _signals_of_click(request: web.Request) -> Iterator[str]:
    """What tells of a program.

    In the words of `gateway.notify.clicks.judging`; nothing for what looks like a person's browser.
    """
    yield from _signals(request)
    if _said(request, "Sec-Fetch-Mode") != "navigate":
        yield NO_NAVIGATION


def _signals_of_open(request: web.Request) -> Iterator[str]:
    """The same of whoever fetches a picture, as no browser navigates to."""
    yield from _signals(request)
    if _PROXY.search(_said(request, "User-Agent").strip()):
        yield PROXY


def _signals(request: web.Request) -> Iterator[str]:
    if any(_AHEAD.search(_said(request, name)) for name in _PURPOSES):
        yield PREFETCH
    agent = _said(request, "User-Agent")
    if not agent.strip() or _PROGRAM.search(agent):
        yield AGENT


def _said(request: web.Request, name: str) -> str:
    return request.headers.get(name, "")[:HEADER_CHARACTERS]
