"""The internal site: what backend services and operators ask over HTTP.

Never exposed: whoever reaches it with a key may emit. It makes routes of the table of operations, and knows
by itself only the three that are read in another way.
"""

from collections.abc import Sequence

from aiohttp import web

from auth.principal import ADMIN, Role, Service
from auth.services import Services
from gateway.http import edge, imports, openapi, reading, routing, static
from gateway.http.edge import json_response
from gateway.http.health import Health
from gateway.http.rates import EmitRate
from gateway.http.settings import SiteSettings
from gateway.http.times import RequestTimes
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
    *,
    settings: SiteSettings,
    use: UseCases,
    services: Services,
    health: Health,
    metrics: Metrics,
    times: RequestTimes,
) -> web.Application:
    """The application of the internal site, with its probes, metrics and pages. Called once for a node."""
    app = edge.application("internal", times)
    site = InternalSite(use=use, services=services, emit_rate=EmitRate(settings.emit_rate))
    app.add_routes([*site.routes(), *health.liveness(), *health.readiness(), *metrics.routes()])
    app.add_routes([*openapi.routes(settings.base_url), *static.internal_routes()])
    return app


class InternalSite:
    """The operations that services may ask.

    The two emits have answers of their own, for their bounds and headers; so has an import, whose body has any length.

    It is a class so that its handlers share the bound on emits. It has no start and no stop.
    """

    def __init__(self, *, use: UseCases, services: Services, emit_rate: EmitRate) -> None:
        self._use = use
        self._services = services
        self._emit_rate = emit_rate

    def routes(self) -> list[web.RouteDef]:
        """All operations with a route that a service may ask.

        Emits and imports have handlers of their own: they are read in other ways.
        """
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
        """Who calls, by the API key. Raises `AuthError` without a key that is known, and `Problem` `forbidden`
        for one that may not ask this.

        A service may ask by a scope, or by a role that covers the operation's. The body was not read yet.
        """
        service = await self._services.authenticate(request.headers.get("Authorization"))
        # The scope first: it is what most ask by, and every emit.
        if not service.may(operation.scope) and not _has_role(service, operation.role):
            needed = operation.role if operation.scope == ADMIN else operation.scope
            raise Problem("forbidden", f"This needs the scope {needed}.")
        return Caller(scope=service.name, scopes=service.scopes)

    async def _emit(self, request: web.Request, caller: Caller) -> web.Response:
        """Answer `POST /internal/emit`: 202 once it is stored, with `Idempotency-Replayed` if it had been before."""
        try:
            body = await reading.read_json(request, limit=emit_rules.EMIT_BYTES_MAX)
            asked = emit.parse(body, idempotency_key=_idempotency_key(request))
            await self._emit_rate.spend(caller.scope, len(asked.rooms))
        except Exception as error:
            # What is refused here never comes to the emitter, which counts refusals: the operator's figures
            # should have these too.
            self._use.emitter.refuse(error)
            raise
        emitted = await emitting.emit(self._use, caller, asked)
        headers = {"Idempotency-Replayed": "true"} if emitted.duplicate else None
        return json_response(shapes.emitted(emitted), status=202, headers=headers)

    async def _emit_many(self, request: web.Request, caller: Caller) -> web.Response:
        """Answer a batch: 207, with an outcome for each item in its place. Only what concerns the whole is an
        error: the text is no JSON, the rate is used up.
        """
        text = await reading.read_json_text(request, limit=batch.BATCH_BYTES_MAX)
        items = await batch.parse(text, reading.json_of)
        # All at once: a batch passes the rate as a whole, or is tried again as a whole.
        await self._emit_rate.spend(caller.scope, batch.notifications_of(items))
        outcomes = await emitting.emit_many(self._use, caller, items)
        return json_response(batch.results(outcomes), status=207)

    async def _import(self, request: web.Request, caller: Caller) -> web.Response:
        """Answer an import of recipients: read as it comes, and written down as a deed once for all of it."""
        asked = request.match_info["campaign"]
        imported = await audited(
            IMPORT, self._use, caller, asked,
            lambda: imports.take_in(
                request, self._use.campaigns, by=caller.name, may_choose=ADMIN in caller.scopes
            ),
        )  # fmt: skip
        return json_response(campaign_answers.imported(imported))


def _has_role(service: Service, needed: Role) -> bool:
    """Whether one of its scopes is a role that covers this one."""
    return service.role is not None and service.role.covers(needed)


def _idempotency_key(request: web.Request) -> str | None:
    """The key that the caller gave; None without. Raises `Invalid` for several: proxies join or choose, each in its own way."""
    keys: Sequence[str] = request.headers.getall("Idempotency-Key", ())
    if len(keys) > 1:
        raise Invalid({"Idempotency-Key": ["Must be given once."]})
    return keys[0] if keys else None
