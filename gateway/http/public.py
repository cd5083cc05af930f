"""The public site's HTTP: a user's history with the user's own token, the pages, and the probe.

Socket.IO stands on the same site and is attached by `gateway.process.node`.

Its routes are those operations of the table whose scope is a user's. What else the public site answers (links
in mails, hooks of providers) are parts with routes of their own.
"""

from typing import Any

from aiohttp import web

from auth.tokens import Verifier
from gateway.ground import prefix
from gateway.ground.origins import ANY, Origins
from gateway.ground.rooms import rooms_of
from gateway.http import edge, routing, static
from gateway.http.health import Health
from gateway.http.settings import SiteSettings
from gateway.http.times import RequestTimes
from gateway.notify.people.contacts import ContactBook, contact_of
from gateway.notify.people.topics import TopicBook
from gateway.protocol.operation import USER, Operation
from gateway.protocol.operations import OPERATIONS
from gateway.protocol.use_cases import Caller, UseCases

API = "/api/"
"""What the paths begin with that pages of other origins may ask."""
PREFLIGHT_SECONDS = 600
"""How long a browser may keep the answer to its question."""


def build(
    *,
    settings: SiteSettings,
    origins: Origins,
    use: UseCases,
    verifier: Verifier,
    contacts: ContactBook,
    topics: TopicBook,
    health: Health,
    times: RequestTimes,
) -> web.Application:
    """The application that browsers ask, without Socket.IO, which is attached to it later."""
    app = edge.application("public", times)
    CrossOrigin(origins, (API, settings.base_path + API)).attach(app)
    site = PublicSite(use=use, verifier=verifier, contacts=contacts, topics=topics)
    app.add_routes([*site.routes(), *health.liveness()])
    app.add_routes(static.public_routes())
    prefix.accept(app, settings.base_path)
    return app


class PublicSite:
    """The operations that users may ask over HTTP, with their tokens.

    It has no start and no stop. A caller here is a user with a role or without, and asks of the own rooms
    alone.
    """

    def __init__(
        self, *, use: UseCases, verifier: Verifier, contacts: ContactBook, topics: TopicBook
    ) -> None:
        self._use = use
        self._verifier = verifier
        self._contacts = contacts
        self._topics = topics

    def routes(self) -> list[web.RouteDef]:
        """The routes of all that users may ask."""
        return [
            routing.route(operation, self._use, self._authenticate)
            for operation in OPERATIONS
            if operation.scope == USER and operation.route is not None
        ]

    async def _authenticate(self, request: web.Request, operation: Operation) -> Caller:
        """Who asks, by the bearer token; what that tells of the user is remembered. Raises `AuthError`.

        The topics of the store are read for each request, as sessions read them when they open. Raises
        `StorageError`.
        """
        del operation
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        principal = await self._verifier.verify(token.strip() if scheme.lower() == "bearer" else None)
        if principal.email or principal.name or principal.locale:
            # Who only ever asks over HTTP is to be mailed as well.
            self._contacts.hear(contact_of(principal))
        user = principal.user
        rooms = rooms_of(principal, await self._topics.of(user))
        return Caller(
            scope=f"user:{user}", user=user, rooms=rooms, role=principal.role,
            locale=principal.locale,
        )  # fmt: skip


class CrossOrigin:
    """Lets pages of other origins use `/api` (CORS). Credentials are in a header, so no cookie is ever allowed.

    It is no protection of the gateway, which the token is: it is what browsers ask of it. It applies to
    answers of every kind, errors as well, so that a page can read what went wrong.
    """

    def __init__(self, origins: Origins, paths: tuple[str, ...]) -> None:
        """`paths` are what a path of `/api` may begin with."""
        self._origins = origins
        self._paths = paths

    def attach(self, app: web.Application) -> None:
        """Have the application's answers carry the headers. Called once, before the application is frozen."""
        app.on_response_prepare.append(self._set_headers)
        app.middlewares.append(self._middleware())

    def _middleware(self) -> Any:
        """What answers the question that a browser asks before a request to another origin (CORS).

        The preflight has no token, so it is answered before anybody is asked who they are.
        """

        @web.middleware
        async def answer_preflight(request: web.Request, handler: edge.Handler) -> web.StreamResponse:
            if (
                request.method == "OPTIONS"
                and request.rel_url.raw_path.startswith(self._paths)
                and "Access-Control-Request-Method" in request.headers
            ):
                return web.Response(status=204)
            return await handler(request)

        return answer_preflight

    async def _set_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        """Allow the page of an allowed origin to read the answer; another origin's is refused by its browser.

        Runs for every answer of the site, and must not raise.
        """
        if not request.rel_url.raw_path.startswith(self._paths):
            return
        # Also without an origin: a cache must not give that answer to a page that has one.
        response.headers["Vary"] = "Origin"
        origin = request.headers.get("Origin")
        if origin is None:
            return
        if not self._origins.allow(origin, request.headers.get("Host")):
            self._origins.refuse(origin, request.headers.get("Host"))
            return
        response.headers["Access-Control-Allow-Origin"] = ANY if self._origins.any else origin
        response.headers["Access-Control-Expose-Headers"] = "X-Request-Id, Retry-After"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "GET, POST, PATCH"
            response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, X-Request-Id"
            response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
