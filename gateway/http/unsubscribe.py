"""What links in mails lead to: one click that says no (RFC 8058), and the page of all that one is sent, without a login.

To look changes nothing: scanners and prefetching browsers look. There is no cookie, and so nothing that another site could have
a browser do. Providers of mail post from few addresses, so nobody is turned away for coming often.

What a link may turn off, and for whom, is of `gateway.notify.choosing.leaving`; the HTML is made by
`unsubscribe_page`. The token in the path is the only proof, so it can only turn things off: a mail that was
forwarded must not let a stranger turn anything on.
"""

import re
from collections.abc import Callable, Sequence
from urllib.parse import parse_qs, quote

from aiohttp import web

from gateway.catalog.channels import CHANNELS
from gateway.ground.parts import Part
from gateway.http import reading
from gateway.http import unsubscribe_page as pages
from gateway.http.unsubscribe_words import WORDS, PageWords, language
from gateway.notify.choosing.leaving import Leaving, UnsubscribeVisit
from gateway.notify.choosing.lowering import CellPlace
from gateway.notify.choosing.ways_out import MAIL
from gateway.protocol.problems import Problem

BODY_BYTES = 64 * 1024
"""Of one click."""
FORM_BYTES = 256 * 1024
"""Of the form of all that is sent: a catalog may have hundreds of types."""
FIELDS_MAX = 4000
"""Of that form, two a box: to take apart more could take long."""
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
"""Of a mail."""


class UnsubscribePages(Part):
    """The pages `/u/{token}` and `/preferences/{token}` of the public site.

    One for a node, made where links are. It keeps nothing; raises `StorageError` while the store is away.
    """

    def __init__(self, leaving: Leaving) -> None:
        self._leaving = leaving

    def public_routes(self) -> Sequence[web.AbstractRouteDef]:
        """The two pages, each looked at and posted to."""
        return [
            web.get("/u/{token}", self._ask),
            web.post("/u/{token}", self._leave),
            web.get("/preferences/{token}", self._show),
            web.post("/preferences/{token}", self._lower),
        ]

    async def _ask(self, request: web.Request) -> web.Response:
        """The question of one mail's link; nothing is changed."""
        visit = await self._leaving.visit(_token(request))
        return _answered(
            request, visit, lambda found, words, tongue: pages.question(found, words, language=tongue, page=_page(request))
        )  # fmt: skip

    async def _leave(self, request: web.Request) -> web.Response:
        """Turn off what the link is of: the button of the page, and the one click of RFC 8058. Idempotent."""
        # Whatever stands in it: what is asked is said by the path alone.
        await reading.read_body(request, limit=BODY_BYTES)
        visit = await self._leaving.leave(_token(request), mail=_mail(request))
        return _answered(
            request, visit, lambda found, words, tongue: pages.answer(found, words, language=tongue, page=_page(request))
        )  # fmt: skip

    async def _show(self, request: web.Request) -> web.Response:
        """All that the person is sent; nothing is changed."""
        visit = await self._leaving.visit(_token(request))
        return _answered(
            request, visit, lambda found, words, tongue: pages.preferences(found, words, language=tongue)
        )

    async def _lower(self, request: web.Request) -> web.Response:
        """Turn off what was shown as on and is not ticked any more. Idempotent."""
        places, untrack = _unwanted(await reading.read_body(request, limit=FORM_BYTES))
        visit = await self._leaving.lower(_token(request), places, untrack=untrack, mail=_mail(request))
        return _answered(
            request, visit, lambda found, words, tongue: pages.preferences(found, words, language=tongue, saved=True)
        )  # fmt: skip


def _token(request: web.Request) -> str:
    """The token in the path."""
    return request.match_info["token"]


def _mail(request: web.Request) -> str | None:
    """The mail that the link stood in, as it says itself.

    Kept as the proof of a choice, and nothing is allowed by it: anybody can write another into a link.
    """
    said = request.query.get(MAIL, "")
    return said if _ID.fullmatch(said) else None


def _page(request: web.Request) -> str:
    """Where all is chosen, from where one click leads."""
    mail = _mail(request)
    behind = "" if mail is None else f"?{MAIL}={mail}"
    return f"../preferences/{quote(_token(request), safe='')}{behind}"


def _answered(
    request: web.Request,
    visit: UnsubscribeVisit | None,
    render: Callable[[UnsubscribeVisit, PageWords, str], str],
) -> web.Response:
    """The page for this visit, or the one that says that the link is unknown.

    An unknown link is answered in the browser's language, since whose it is nobody knows.
    """
    tongue = language(None if visit is None else visit.locale, request.headers.get("Accept-Language", ""))
    words = WORDS[tongue]
    text = pages.unknown(words, language=tongue) if visit is None else render(visit, words, tongue)
    return web.Response(
        status=404 if visit is None else 200,
        text=text,
        content_type="text/html",
        charset="utf-8",
        headers={"Content-Security-Policy": pages.POLICY, "Content-Language": tongue, "X-Robots-Tag": "noindex"},
    )  # fmt: skip


def _unwanted(body: bytes) -> tuple[list[CellPlace], bool]:
    """The places that were shown as on and are not to be kept, and whether tracking is one; a body that shows
    none turns none off.

    What was not shown is left alone: a form that a browser has kept since yesterday must not turn off what
    came since. Raises `Problem` for what is no form.
    """
    try:
        given = parse_qs(body.decode(), max_num_fields=FIELDS_MAX)
    except ValueError:
        raise Problem("bad_request", "The form cannot be read.") from None
    kept = set(given.get("keep", ()))
    shown = dict.fromkeys(given.get("shown", ()))
    places: list[CellPlace] = []
    for place in shown:
        key, _, channel = place.partition(".")
        found = next((each for each in CHANNELS if each == channel), None)
        if place not in kept and found is not None:
            places.append((None if key == "*" else key, found))
    return places, pages.TRACKING in shown and pages.TRACKING not in kept
