"""The internal site: what backend services and operators ask over HTTP."""

from collections.abc import Sequence

from aiohttp import web

from auth.principal import ADMIN
from auth.services import Services
from gateway.http import edge, imports, openapi, routing, static
from gateway.http.edge import json_response
from gateway.http.health import Health
from gateway.http.rates import EmitRate
from gateway.http.settings import SiteSettings
from gateway.observe.metrics import Metrics
from gateway.protocol import batch, campaign_answers, emit, emit_rules, shapes
from gateway.protocol.auditing import audited
from gateway.protocol.offered.campaigns import IMPORT
from gateway.protocol.offered.notifications import EMIT_MANY, EMIT_ONE
from gateway.protocol.operation import USER, Operation
from gateway.protocol.operations import OPERATIONS
from gateway.protocol.parsing import Invalid
from gateway.protocol.problems import Problem
from gateway.protocol.use_cases import Caller, UseCases
from gateway.protocol.uses import emitting


def build(
    *, settings: SiteSettings, use: UseCases, services: Services, health: Health, metrics: Metrics
) -> web.Application:
    app = edge.application("internal", metrics)
    site = InternalSite(use=use, services=services, emit_rate=EmitRate(settings.emit_rate))
    app.add_routes([*site.routes(), *health.liveness(), *health.readiness(), *metrics.routes()])
    app.add_routes([*openapi.routes(settings.base_url), *static.internal_routes()])
    return app


class InternalSite:
    """The operations that services may ask.

    The two emits have answers of their own, for their bounds and headers; so has an import, whose body has any length.
    """

    def __init__(self, *, use: UseCases, services: Services, emit_rate: EmitRate) -> None:
        self._use = use
        self._services = services
        self._emit_rate = emit_rate

    def routes(self) -> list[web.RouteDef]:
        """All operations with a route that a service may ask. Emits and imports have handlers of their own: they are read in other ways."""
        return [
            routing.answered(EMIT_ONE, self._emit, self._authenticate),
            routing.answered(EMIT_MANY, self._emit_many, self._authenticate),
            routing.answered(IMPORT, self._import, self._authenticate),
            *[
                routing.route(operation, self._use, self._authenticate)
                for operation in OPERATIONS
                if operation.route is not None
                and operation.scope != USER
                and operation not in (EMIT_ONE, EMIT_MANY, IMPORT)
            ],
        ]

    async def _authenticate(self, request: web.Request, operation: Operation) -> Caller:
        service = await self._services.authenticate(request.headers.get("Authorization"))
        has_role = service.role is not None and service.role.covers(operation.role)
        if not has_role and not service.may(operation.scope):
            needed = operation.role if operation.scope == ADMIN else operation.scope
            raise Problem("forbidden", f"This needs the scope {needed}.")
        return Caller(scope=service.name)

    async def _emit(self, request: web.Request, caller: Caller) -> web.Response:
        try:
            body = await edge.read_json(request, limit=emit_rules.EMIT_BYTES_MAX)
            asked = emit.parse(body, idempotency_key=_idempotency_key(request))
            await self._emit_rate.spend(caller.scope, len(asked.rooms))
        except Exception as error:
            self._use.emitter.refuse(error)
            raise
        emitted = await emitting.emit(self._use, caller, asked)
        headers = {"Idempotency-Replayed": "true"} if emitted.duplicate else None
        return json_response(shapes.emitted(emitted), status=202, headers=headers)

    async def _emit_many(self, request: web.Request, caller: Caller) -> web.Response:
        text = await edge.read_json_text(request, limit=batch.BATCH_BYTES_MAX)
        items = await batch.parse(text, edge.json_of)
        await self._emit_rate.spend(caller.scope, batch.notifications_of(items))
        outcomes = await emitting.emit_many(self._use, caller, items)
        return json_response(batch.results(outcomes), status=207)

    async def _import(self, request: web.Request, caller: Caller) -> web.Response:
        asked = request.match_info["campaign"]
        imported = await audited(
            IMPORT, self._use, caller, asked, lambda: imports.take_in(request, self._use.campaigns)
        )
        return json_response(campaign_answers.imported(imported))


def _idempotency_key(request: web.Request) -> str | None:
    keys: Sequence[str] = request.headers.getall("Idempotency-Key", ())
    if len(keys) > 1:
        raise Invalid({"Idempotency-Key": ["Must be given once."]})
    return keys[0] if keys else None
