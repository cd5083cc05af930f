"""The description of the HTTP interface (OpenAPI 3.1), made from the schemas that validate and that answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from aiohttp import web
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema, validate
from marshmallow import fields as marshmallow_fields

from auth.principal import USER_ID_MAX
from gateway.http.edge import json_response
from gateway.observe.metrics import release
from gateway.protocol import answers, schemas
from gateway.protocol.fields import KEY, ROOMS_MAX, Rooms
from gateway.protocol.problems import CONTENT_TYPE, TITLES

_PUBLIC = "public site"
_INTERNAL = "internal site"
_PROBES = "probes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path, as it is described."""

    path: str
    method: str
    summary: str
    tag: str
    answers: Mapping[int, type[Schema] | None]
    """By status; None for an answer that is not JSON."""
    problems: Sequence[str] = ()
    scope: str | None = None
    """`emit` or `admin` for a service, `user` for a user's token; None for everyone."""
    body: type[Schema] | None = None
    body_required: bool = True
    query: type[Schema] | None = None
    headers: Sequence[Mapping[str, Any]] = ()
    description: str | None = None
    content_type: str = "application/json"
    answer_headers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class _BatchSchema(Schema):
    """`schemas.BatchSchema` with its items, which are judged one by one, and answered so."""

    notifications = marshmallow_fields.List(
        marshmallow_fields.Nested(schemas.ItemSchema),
        required=True,
        validate=validate.Length(min=1, max=schemas.BATCH_MAX),
    )


_KEY_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A retry under the same key is the same notification.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": f"^{KEY}$"},
}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        path="/internal/emit", method="post", tag=_INTERNAL, scope="emit",
        summary="Emit a notification",
        description="When this answers 202 the notification is stored, and cannot be lost any more.",
        body=schemas.EmitSchema, headers=(_KEY_HEADER,), answers={202: answers.EmittedSchema},
        problems=("bad_request", "invalid_json", "too_large", "unsupported_media_type", "validation_failed",
                  "idempotency_mismatch", "rate_limited"),
        answer_headers={"Idempotency-Replayed": {"schema": {"type": "string", "enum": ["true"]}}},
    ),
    Operation(
        path="/internal/emit/batch", method="post", tag=_INTERNAL, scope="emit",
        summary="Emit up to 1000 notifications",
        description="Each item is answered for itself, in order: a bad one does not spoil the others. An item has 64 KiB at most, the whole 16 MiB and 10,000 notifications, each room of each item counted; more is 413.",
        body=_BatchSchema, answers={207: answers.ResultsSchema},
        problems=("bad_request", "invalid_json", "too_large", "unsupported_media_type", "validation_failed", "rate_limited"),
    ),
    Operation(
        path="/internal/presence", method="get", tag=_INTERNAL, scope="admin", summary="Who is online",
        query=schemas.RosterParameters, answers={200: answers.RosterSchema}, problems=("validation_failed",),
    ),
    Operation(
        path="/internal/presence/{user}", method="get", tag=_INTERNAL, scope="admin", summary="Whether a user is online",
        answers={200: answers.PresenceSchema}, problems=("validation_failed",),
    ),
    Operation(
        path="/internal/notifications/{id}", method="get", tag=_INTERNAL, scope="admin",
        summary="A notification, its mail and its receipts",
        answers={200: answers.RecordWithReceiptsSchema}, problems=("not_found",),
    ),
    Operation(
        path="/internal/notifications/{id}", method="delete", tag=_INTERNAL, scope="admin",
        summary="Recall a notification",
        description="It is taken off every screen, its texts are wiped, its mail is not sent. Repeating it changes nothing.",
        answers={200: answers.RecordSchema}, problems=("not_found",),
    ),
    Operation(
        path="/internal/mail", method="get", tag=_INTERNAL, scope="admin", summary="Mail by its state, newest first",
        query=schemas.MailParameters, answers={200: answers.MailPageSchema}, problems=("validation_failed",),
    ),
    Operation(
        path="/internal/mail/{id}/revive", method="post", tag=_INTERNAL, scope="admin", summary="Try dead mail again",
        answers={200: answers.RevivedSchema}, problems=("not_found",),
    ),
    Operation(
        path="/internal/users/{user}/disconnect", method="post", tag=_INTERNAL, scope="admin",
        summary="End a user's connections, on every node",
        body=schemas.ReasonSchema, body_required=False, answers={200: answers.DisconnectedSchema},
        problems=("bad_request", "invalid_json", "too_large", "unsupported_media_type", "validation_failed"),
    ),
    Operation(
        path="/internal/users/{user}/data", method="get", tag=_INTERNAL, scope="admin",
        summary="Everything held about a user",
        answers={200: answers.UserDataSchema}, problems=("validation_failed",),
    ),
    Operation(
        path="/internal/users/{user}/data", method="delete", tag=_INTERNAL, scope="admin",
        summary="Forget a user", answers={200: answers.ErasedSchema}, problems=("validation_failed",),
    ),
    Operation(
        path="/internal/openapi.json", method="get", tag=_PROBES, summary="This document", answers={200: None}
    ),
    Operation(
        path="/metrics", method="get", tag=_PROBES, summary="Metrics for Prometheus", answers={200: None},
        content_type="text/plain",
    ),
    Operation(
        path="/healthz", method="get", tag=_PROBES, summary="Whether the process lives", answers={200: answers.AliveSchema}
    ),
    Operation(
        path="/readyz", method="get", tag=_PROBES, summary="Whether it can do its job now",
        answers={200: answers.ReadinessSchema, 503: answers.ReadinessSchema},
    ),
    Operation(
        path="/api/notifications", method="get", tag=_PUBLIC, scope="user", summary="One's own history, newest first",
        query=schemas.HistoryParameters, answers={200: answers.HistorySchema}, problems=("validation_failed",),
    ),
    Operation(
        path="/api/notifications/{user}", method="get", tag=_PUBLIC, scope="user",
        summary="A user's history: one's own, or any with the role admin",
        query=schemas.HistoryParameters, answers={200: answers.HistorySchema}, problems=("forbidden", "validation_failed"),
    ),
    Operation(
        path="/api/notifications/read", method="post", tag=_PUBLIC, scope="user", summary="Mark as read",
        body=schemas.ReadSchema, answers={200: answers.CountSchema},
        problems=("bad_request", "invalid_json", "too_large", "unsupported_media_type", "validation_failed"),
    ),
)  # fmt: skip
"""All of them; a test compares the list with the routes."""

_OF_ALL = ("unsupported_encoding", "uri_too_long", "expectation_failed", "head_too_large", "internal")
"""Problems that do not depend on what is asked."""

_ROOM = rf"^(user:\S(.{{0,{USER_ID_MAX - 2}}}\S)?|topic:[A-Za-z0-9_.-]{{1,64}}|admins|all)$"
_PATH_PARAMETERS = {
    "user": {"type": "string", "minLength": 1, "maxLength": USER_ID_MAX, "description": "A user id."},
    "id": {"type": "string", "minLength": 1, "description": "The id of a notification."},
}


def routes(base_url: str | None) -> list[web.RouteDef]:
    async def answer(request: web.Request) -> web.Response:
        del request
        return json_response(document(base_url))

    return [web.get("/internal/openapi.json", answer)]


@cache
def document(base_url: str | None = None) -> Mapping[str, Any]:
    """The description. With a `base_url` it says that the public site's operations are there."""
    plugin = MarshmallowPlugin(schema_name_resolver=_name)
    spec = APISpec(
        title="Bellhop",
        version=release(),
        openapi_version="3.1.0",
        info={
            "description": "A self-hosted Socket.IO gateway for notifications.",
            "license": {"name": "Apache-2.0"},
        },
        plugins=[plugin],
    )
    converter = plugin.converter
    assert converter is not None
    converter.add_attribute_function(_own_field)  # type: ignore[no-untyped-call]  # apispec has no types for it
    for name in ("service", "user"):
        spec.components.security_scheme(name, {"type": "http", "scheme": "bearer"})
    for operation in OPERATIONS:
        described = _described(operation)
        if base_url is not None and operation.tag == _PUBLIC:
            described["servers"] = [{"url": base_url}]
        spec.path(path=operation.path, operations={operation.method: described})
    whole: Mapping[str, Any] = spec.to_dict()
    return whole


def _name(schema: Any) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    answer = "Answer" if kind.__module__ == answers.__name__ and kind is not answers.ProblemSchema else ""
    return str(kind.__name__).removeprefix("_").removesuffix("Schema").removesuffix("Parameters") + answer


def _own_field(converter: Any, field: marshmallow_fields.Field[Any], **_: Any) -> dict[str, Any]:
    """What apispec cannot know of the fields that take one of two shapes."""
    room = {
        "type": "string",
        "pattern": _ROOM,
        "description": "`user:<id>`, `topic:<name>`, `admins` or `all`.",
    }
    if isinstance(field, Rooms):
        return {"oneOf": [room, {"type": "array", "items": room, "minItems": 1, "maxItems": ROOMS_MAX}]}
    if isinstance(field, schemas.Email):
        inner = converter.resolve_nested_schema(schemas.EmailSchema)
        return {"oneOf": [{"type": "boolean", "enum": [True]}, inner, {"type": "null"}]}
    return {}


def _described(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": f"{operation.method} {operation.path}",
        "tags": [operation.tag],
        "parameters": [*_path_parameters(operation.path), *operation.headers],
        "responses": _responses(operation),
    }
    if operation.description:
        described["description"] = operation.description
    if operation.query is not None:
        described["parameters"].append({"in": "query", "schema": operation.query})
    if operation.scope is not None:
        described["security"] = [{"user" if operation.scope == "user" else "service": []}]
        if operation.scope != "user":
            described["description"] = (
                f"{described.get('description', '')} Scope: `{operation.scope}`.".strip()
            )
    if operation.body is not None:
        content = {"application/json": {"schema": operation.body}}
        described["requestBody"] = {"required": operation.body_required, "content": content}
    return described


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"in": "path", "name": name, "required": True, "schema": schema}
        for name, schema in _PATH_PARAMETERS.items()
        if f"{{{name}}}" in path
    ]


def _responses(operation: Operation) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, schema in operation.answers.items():
        content: dict[str, Any] = {"schema": {} if schema is None else schema}
        responses[str(status)] = {
            "description": "The answer.", "content": {operation.content_type: content},
        }  # fmt: skip
        if operation.answer_headers:
            responses[str(status)]["headers"] = operation.answer_headers
    codes = [*operation.problems, *_OF_ALL]
    if operation.body is not None:
        codes.append("request_timeout")
    if operation.scope is not None:
        codes += ["unauthorized", "unavailable"]
        if operation.scope != "user":
            codes.append("forbidden")
    for code in codes:
        status, title = TITLES[code]
        known = responses.setdefault(str(status), _problem_response(status))
        if "x-codes" in known:
            known["x-codes"].append(code)
            known["description"] = f"{known['description']} `{code}`: {title}.".strip()
    return responses


def _problem_response(status: int) -> dict[str, Any]:
    described: dict[str, Any] = {
        "description": "", "x-codes": [], "content": {CONTENT_TYPE: {"schema": answers.ProblemSchema}}
    }  # fmt: skip
    if status in (429, 503):
        described["headers"] = {
            "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}
        }
    return described
