"""The internal site: what backend services and operators ask over HTTP.

Who is calling comes first, then what is asked, then the use case. Errors are raised and become problems at the edge.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson
from aiohttp import web

from auth.principal import ADMIN, Service
from auth.services import Services
from gateway.http import edge, openapi, static
from gateway.http.edge import json_response
from gateway.http.health import Health
from gateway.http.rates import EmitRate
from gateway.http.settings import SiteSettings
from gateway.notify.notifier import STEP_NOTIFICATIONS, EmitRequest, Emitted, Notifier, left_out
from gateway.observe.metrics import Metrics
from gateway.protocol import problems, schemas, shapes
from gateway.protocol.problems import Problem

EMIT = "emit"
"""The scope that lets a service emit; everything else needs `admin`."""
BATCH_BYTES_MAX = 16 * 1024 * 1024
NOTIFICATIONS_MAX = 10_000
"""Of all items of a batch together, each room of each counted."""

Handler = Callable[[web.Request, Service], Awaitable[web.StreamResponse]]


def build(
    *, settings: SiteSettings, notifier: Notifier, services: Services, health: Health, metrics: Metrics
) -> web.Application:
    app = edge.application("internal", metrics)
    site = InternalSite(
        notifier=notifier, services=services, metrics=metrics, emit_rate=EmitRate(settings.emit_rate)
    )
    app.add_routes([*site.routes(), *health.liveness(), *health.readiness(), *metrics.routes()])
    app.add_routes([*openapi.routes(settings.base_url), *static.internal_routes()])
    return app


class InternalSite:
    """The routes under `/internal` that need to know who is calling."""

    def __init__(
        self, *, notifier: Notifier, services: Services, metrics: Metrics, emit_rate: EmitRate
    ) -> None:
        self._notifier = notifier
        self._services = services
        self._metrics = metrics
        self._emit_rate = emit_rate

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/internal/emit", self._for(EMIT, self._emit)),
            web.post("/internal/emit/batch", self._for(EMIT, self._emit_batch)),
            web.get("/internal/presence", self._for(ADMIN, self._roster)),
            web.get("/internal/presence/{user}", self._for(ADMIN, self._presence)),
            web.get("/internal/notifications/{id}", self._for(ADMIN, self._notification)),
            web.delete("/internal/notifications/{id}", self._for(ADMIN, self._recall)),
            web.get("/internal/mail", self._for(ADMIN, self._mail)),
            web.post("/internal/mail/{id}/revive", self._for(ADMIN, self._revive)),
            web.post("/internal/users/{user}/disconnect", self._for(ADMIN, self._disconnect)),
            web.get("/internal/users/{user}/data", self._for(ADMIN, self._user_data)),
            web.delete("/internal/users/{user}/data", self._for(ADMIN, self._erase)),
        ]

    def _for(self, scope: str, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            # Before the body is read: who may not ask cannot make us read 16 MB.
            service = await self._services.authenticate(request.headers.get("Authorization"))
            if not service.may(scope):
                raise Problem("forbidden", f"This needs the scope {scope}.")
            return await handler(request, service)

        return handle

    # Emit

    async def _emit(self, request: web.Request, service: Service) -> web.Response:
        try:
            body = await edge.read_json(request, limit=schemas.EMIT_BYTES_MAX)
            asked = schemas.emit(body, idempotency_key=_idempotency_key(request))
            await self._emit_rate.spend(service.name, len(asked.rooms))
            emitted = await self._notifier.emit(asked, scope=service.name)
        except Exception as error:
            self._metrics.emitted(problems.of(error).code)
            raise
        self._metrics.emitted(_outcome(emitted))
        headers = {"Idempotency-Replayed": "true"} if emitted.duplicate else None
        return json_response(_emitted(emitted), status=202, headers=headers)

    async def _emit_batch(self, request: web.Request, service: Service) -> web.Response:
        text = await edge.read_json_text(request, limit=BATCH_BYTES_MAX)
        # Where the whole is no longer than an item may be, none need be measured.
        parse = _parsed if len(text) <= schemas.EMIT_BYTES_MAX else _measured
        parsed = await _in_steps(parse, schemas.batch(edge.json_of(text)))
        asked = [item for item in parsed if isinstance(item, EmitRequest)]
        await self._emit_rate.spend(service.name, sum(len(item.rooms) for item in asked))
        outcomes = iter(await self._notifier.emit_many(asked, scope=service.name) if asked else ())
        results = []
        counts: Counter[str] = Counter()
        for item in parsed:
            outcome = next(outcomes) if isinstance(item, EmitRequest) else item
            if isinstance(outcome, Emitted):
                counts[_outcome(outcome)] += 1
                results.append({"status": 202, **_emitted(outcome)})
            else:
                details = problems.of(outcome)
                counts[details.code] += 1
                if details.code == "internal":
                    edge.logger.error("emit failed", exc_info=outcome)
                results.append(details.json())
        for name, count in counts.items():
            self._metrics.emitted(name, count)
        return json_response({"results": results}, status=207)

    # Presence

    async def _roster(self, request: web.Request, service: Service) -> web.Response:
        del service
        asked = schemas.roster_parameters(edge.parameters(request))
        page = await self._notifier.roster(after=asked.after, limit=asked.limit, prefix=asked.prefix)
        return json_response(shapes.roster(page))

    async def _presence(self, request: web.Request, service: Service) -> web.Response:
        del service
        user = _user(request)
        online = await self._notifier.find(user)
        last_seen = await self._notifier.last_seen(user)
        return json_response(shapes.presence(user, online, last_seen))

    # Notifications

    async def _notification(self, request: web.Request, service: Service) -> web.Response:
        del service
        notification_id = request.match_info["id"]
        found = await self._notifier.notification(notification_id)
        if found is None:
            raise Problem("not_found")
        receipts = await self._notifier.receipts(notification_id)
        return json_response({**shapes.record(found), "receipts": shapes.receipts(receipts)})

    async def _recall(self, request: web.Request, service: Service) -> web.Response:
        del service
        recalled = await self._notifier.recall(request.match_info["id"])
        if recalled is None:
            raise Problem("not_found")
        return json_response(shapes.record(recalled))

    # Mail

    async def _mail(self, request: web.Request, service: Service) -> web.Response:
        del service
        asked = schemas.mail_parameters(edge.parameters(request))
        page = await self._notifier.mail_page(state=asked.state, before=asked.before, limit=asked.limit)
        return json_response(shapes.mail_page(page))

    async def _revive(self, request: web.Request, service: Service) -> web.Response:
        del service
        revived = await self._notifier.revive([request.match_info["id"]])
        if not revived:
            raise Problem("not_found", "No dead mail has this id.")
        return json_response({"revived": revived})

    # Users

    async def _disconnect(self, request: web.Request, service: Service) -> web.Response:
        del service
        reason = schemas.reason(await edge.read_json(request, required=False))
        return json_response({"disconnected": await self._notifier.disconnect_user(_user(request), reason)})

    async def _user_data(self, request: web.Request, service: Service) -> web.Response:
        del service
        user = _user(request)
        return json_response(shapes.user_data(user, await self._notifier.user_data(user)))

    async def _erase(self, request: web.Request, service: Service) -> web.Response:
        del service
        return json_response({"erased": await self._notifier.erase_user(_user(request))})


def _user(request: web.Request) -> str:
    return schemas.user_id(request.match_info["user"])


def _idempotency_key(request: web.Request) -> str | None:
    keys: Sequence[str] = request.headers.getall("Idempotency-Key", ())
    if len(keys) > 1:
        raise schemas.Invalid({"Idempotency-Key": ["Must be given once."]})
    return keys[0] if keys else None


def _parsed(item: Any) -> EmitRequest | Exception:
    try:
        return schemas.item(item)
    except schemas.Invalid as error:
        return error


def _measured(item: Any) -> EmitRequest | Exception:
    parsed = _parsed(item)
    # Only the data can be of any length; what is measured is what it is when written without spaces.
    if isinstance(parsed, EmitRequest) and parsed.data and len(orjson.dumps(item)) > schemas.EMIT_BYTES_MAX:
        return Problem("too_large", f"{schemas.EMIT_BYTES_MAX} bytes an item at most.")
    return parsed


async def _in_steps(parse: Callable[[Any], EmitRequest | Exception], items: Sequence[Any]) -> list[Any]:
    """Each item parsed; others have their turn in between. Raises Problem when all together name too many rooms."""
    weights = [_weight(item) for item in items]
    asked = sum(weights)
    if asked > NOTIFICATIONS_MAX:
        raise Problem(
            "too_large", f"{NOTIFICATIONS_MAX} notifications a request at most; this one asks for {asked}."
        )
    parsed = []
    done = 0
    for item, weight in zip(items, weights, strict=True):
        parsed.append(parse(item))
        done += weight
        if done >= STEP_NOTIFICATIONS:
            done = 0
            await asyncio.sleep(0)
    return parsed


def _weight(item: Any) -> int:
    """How many notifications an item asks for, before anything of it is judged."""
    rooms = item.get("to") if isinstance(item, dict) else None
    return len(rooms) if isinstance(rooms, list) else 1


def _outcome(emitted: Emitted) -> str:
    return "duplicate" if emitted.duplicate else "accepted"


def _emitted(emitted: Emitted) -> dict[str, Any]:
    return shapes.emitted(emitted, left_out(emitted.notifications))
