"""The public site's HTTP: a user's history with the user's own token, the pages, and the probe.

Socket.IO stands on the same site and is attached by `gateway.process.node`.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from auth.principal import Principal
from auth.tokens import Verifier
from gateway.ground import prefix
from gateway.ground.origins import ANY, Origins
from gateway.ground.rooms import ALL, rooms_of, user_room
from gateway.ground.settings import Settings
from gateway.http import edge, static
from gateway.http.edge import json_response
from gateway.http.health import Health
from gateway.notify import events
from gateway.notify.contacts import ContactBook
from gateway.notify.notifier import Notifier
from gateway.observe.metrics import Metrics
from gateway.protocol import schemas, shapes
from gateway.protocol.problems import Problem
from storage.people import Contact

API = "/api/"
PREFLIGHT_SECONDS = 600

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build(
    *,
    settings: Settings,
    origins: Origins,
    notifier: Notifier,
    verifier: Verifier,
    contacts: ContactBook,
    health: Health,
    metrics: Metrics,
) -> web.Application:
    app = edge.application("public", metrics)
    CrossOrigin(origins, (API, settings.base_path + API)).attach(app)
    site = PublicSite(notifier=notifier, verifier=verifier, contacts=contacts)
    app.add_routes([*site.routes(), *health.liveness()])
    app.add_routes(static.public_routes())
    prefix.accept(app, settings.base_path)
    return app


class PublicSite:
    """The routes under `/api`."""

    def __init__(self, *, notifier: Notifier, verifier: Verifier, contacts: ContactBook) -> None:
        self._notifier = notifier
        self._verifier = verifier
        self._contacts = contacts

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/notifications", self._own_history),
            web.get("/api/notifications/{user}", self._history),
            web.post("/api/notifications/read", self._read),
        ]

    async def _principal(self, request: web.Request) -> Principal:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        principal = await self._verifier.verify(token.strip() if scheme.lower() == "bearer" else None)
        if principal.email or principal.name:
            # Who only ever asks over HTTP is to be mailed as well.
            self._contacts.hear(Contact(user=principal.user, email=principal.email, name=principal.name))
        return principal

    async def _own_history(self, request: web.Request) -> web.Response:
        principal = await self._principal(request)
        return await self._own_page(request, principal)

    async def _history(self, request: web.Request) -> web.Response:
        principal = await self._principal(request)
        user = schemas.user_id(request.match_info["user"])
        if user == principal.user:
            return await self._own_page(request, principal)
        if not principal.is_admin:
            raise Problem("forbidden", "Another's history needs the role admin.")
        # Which topics another has is known from that user's token only.
        return await self._page(request, user, (user_room(user), ALL))

    async def _own_page(self, request: web.Request, principal: Principal) -> web.Response:
        rooms = rooms_of(principal)
        await self._notifier.begin(principal.user, rooms)
        return await self._page(request, principal.user, rooms)

    async def _page(self, request: web.Request, user: str, rooms: tuple[str, ...]) -> web.Response:
        asked = schemas.history_parameters(edge.parameters(request, lists=frozenset({"type"})))
        page = await self._notifier.history(
            user,
            rooms,
            before=asked.before,
            limit=asked.limit,
            types=asked.types,
            unread_only=asked.unread_only,
        )
        return json_response(shapes.history(page))

    async def _read(self, request: web.Request) -> web.Response:
        principal = await self._principal(request)
        asked = schemas.read(await edge.read_json(request))
        rooms = rooms_of(principal)
        await self._notifier.begin(principal.user, rooms)
        if asked.ids is None:
            marked = await self._notifier.read_all(principal.user, rooms)
        else:
            marked = await self._notifier.read(principal.user, rooms, asked.ids)
        return json_response(events.count(marked))


class CrossOrigin:
    """Lets pages of other origins use `/api` (CORS). Credentials are in a header, so no cookie is ever allowed."""

    def __init__(self, origins: Origins, paths: tuple[str, ...]) -> None:
        """`paths` are what a path of `/api` may begin with."""
        self._origins = origins
        self._paths = paths

    def attach(self, app: web.Application) -> None:
        app.on_response_prepare.append(self._set_headers)
        app.middlewares.append(self._middleware())

    def _middleware(self) -> Any:
        @web.middleware
        async def answer_preflight(request: web.Request, handler: Handler) -> web.StreamResponse:
            if (
                request.method == "OPTIONS"
                and request.rel_url.raw_path.startswith(self._paths)
                and "Access-Control-Request-Method" in request.headers
            ):
                return web.Response(status=204)
            return await handler(request)

        return answer_preflight

    async def _set_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        if not request.rel_url.raw_path.startswith(self._paths):
            return
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
            response.headers["Access-Control-Allow-Methods"] = "GET, POST"
            response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, X-Request-Id"
            response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
