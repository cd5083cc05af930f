"""The document that describes the HTTP interface (OpenAPI 3.1), written of `gateway.http.descriptions`.

What marshmallow knows of a field, apispec writes; what it cannot know of our own fields is written here.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from aiohttp import web
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow.fields import Enum, Field
from marshmallow.validate import OneOf

from auth.principal import USER_ID_MAX, Role
from gateway.catalog.timing import CLOCK, WINDOW_SECONDS_MAX
from gateway.ground import spans
from gateway.http.descriptions import DESCRIPTIONS, PUBLIC, Description
from gateway.http.edge import json_response
from gateway.observe.metrics import release
from gateway.protocol import campaigns, emit_mail, rhythms, timing, topics
from gateway.protocol.answers.emitting import ProblemSchema
from gateway.protocol.fields import ROOMS_MAX, WISHES, Rooms, Wish
from gateway.protocol.problems import CONTENT_TYPE, TITLES

_OF_ALL = ("unsupported_encoding", "uri_too_long", "expectation_failed", "head_too_large", "internal")
"""Problems that do not depend on what is asked."""

_ROOM = rf"^(user:\S(.{{0,{USER_ID_MAX - 2}}}\S)?|topic:[A-Za-z0-9_.-]{{1,64}}|admins|all)$"
"""What a room looks like, as a pattern of JSON Schema. A user id neither begins nor ends with a space."""
_TOPIC_AUDIENCE = {
    "type": "object", "required": ["topic"], "additionalProperties": False,
    "properties": {"topic": {"type": "string", **topics.TopicName().metadata}},
}  # fmt: skip
"""An audience of a campaign, which is a union that apispec cannot see."""
_USERS_AUDIENCE = {
    "type": "object", "required": ["users"], "additionalProperties": False,
    "properties": {
        "users": {
            "type": "object", "additionalProperties": False,
            "properties": {"locale": {"type": "string"}, "attributes": {"type": "object"}},
        }
    },
}  # fmt: skip
"""The same of known users."""


def routes(base_url: str | None) -> list[web.RouteDef]:
    """The route of the document."""

    async def answer(request: web.Request) -> web.Response:
        del request
        return json_response(document(base_url))

    return [web.get("/internal/openapi.json", answer)]


@cache
def document(base_url: str | None = None) -> Mapping[str, Any]:
    """The description. With a `base_url` it says that the public site's operations are there.

    Made at the first call and kept: it takes a moment, and depends on nothing but the release and the
    address.
    """
    plugin = MarshmallowPlugin()
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
    for description in DESCRIPTIONS:
        described = _described(description)
        if base_url is not None and description.tag == PUBLIC:
            described["servers"] = [{"url": base_url}]
        spec.path(path=description.path, operations={description.method: described})
    whole: Mapping[str, Any] = spec.to_dict()
    return whole


def _own_field(converter: Any, field: Field[Any], **_: Any) -> dict[str, Any]:
    """What apispec cannot know of the fields that take one of two shapes.

    apispec calls it for each field. Fields that it does not know get nothing added.
    """
    room = {
        "type": "string",
        "pattern": _ROOM,
        "description": "`user:<id>`, `topic:<name>`, `admins` or `all`.",
    }
    if isinstance(field, Enum):
        # Of an enumeration, apispec writes all members, also where not all are taken.
        taken = [each.choices for each in field.validators if isinstance(each, OneOf)]
        return {"type": "string", "enum": [member.value for member in taken[0]]} if taken else {}
    if isinstance(field, Rooms):
        return {"oneOf": [room, {"type": "array", "items": room, "minItems": 1, "maxItems": ROOMS_MAX}]}
    if isinstance(field, campaigns.AudienceField):
        return {"oneOf": [{"type": "string", "enum": ["import"]}, _TOPIC_AUDIENCE, _USERS_AUDIENCE]}
    if isinstance(field, Wish):
        nothing = [{"type": "null"}] if field.allow_none else []
        return {"oneOf": [{"type": "boolean"}, {"type": "string", "enum": list(WISHES)}, *nothing]}
    if isinstance(field, timing.SendAt):
        inner = converter.resolve_nested_schema(timing.LocalTimeSchema)
        return {"oneOf": [{"type": "string", "format": "date-time"}, inner, {"type": "null"}]}
    if isinstance(field, rhythms.Span):
        clock = f"|{CLOCK}" if isinstance(field, rhythms.Every) else ""
        seconds = {"type": "number", "exclusiveMinimum": 0, "maximum": WINDOW_SECONDS_MAX}
        return {"oneOf": [seconds, {"type": "string", "pattern": f"^({spans.PATTERN}{clock})$"}]}
    if isinstance(field, emit_mail.Email):
        inner = converter.resolve_nested_schema(emit_mail.EmailSchema)
        return {"oneOf": [{"type": "boolean"}, inner, {"type": "null"}]}
    return {}


def _described(description: Description) -> dict[str, Any]:
    """One operation, as OpenAPI writes it.

    Schemas are handed on as objects; apispec puts each into the components once, and refers to it.
    """
    in_path = [] if description.in_path is None else [{"in": "path", "schema": description.in_path}]
    described: dict[str, Any] = {
        "summary": description.summary,
        "operationId": f"{description.method} {description.path}",
        "tags": [description.tag],
        "parameters": [*in_path, *description.headers],
        "responses": _responses(description),
    }
    if description.description:
        described["description"] = description.description
    if description.query is not None:
        described["parameters"].append({"in": "query", "schema": description.query})
    if description.scope is not None:
        described["security"] = [{"user" if description.scope == "user" else "service": []}]
        if description.scope != "user":
            described["description"] = f"{described.get('description', '')} {_enough(description)}".strip()
    if description.body is not None:
        content = {"application/json": {"schema": description.body}}
        described["requestBody"] = {"required": description.body_required, "content": content}
    if description.raw_body:
        binary = {"schema": {"type": "string", "format": "binary"}}
        raw = dict.fromkeys(description.raw_body, binary)
        described["requestBody"] = {"required": True, "content": raw}
    return described


def _enough(description: Description) -> str:
    """Which scope lets a service ask, and which roles do: those that may do everything are not named."""
    roles = [
        f"`{role}`" for role in reversed(Role) if role is not Role.ADMIN and role.covers(description.role)
    ]
    by_role = f", or the role {' or '.join(roles)}" if roles else ""
    return f"Scope: `{description.scope}`{by_role}."


def _responses(description: Description) -> dict[str, Any]:
    """Its answers by status: the one that is meant, and every problem that it can have.

    Codes of the same status share an answer: the status names the kind, `x-codes` lists the codes.
    """
    responses: dict[str, Any] = {}
    for status, schema in description.answers.items():
        content: dict[str, Any] = {"schema": {} if schema is None else schema}
        responses[str(status)] = {
            "description": "The answer.", "content": {description.content_type: content},
        }  # fmt: skip
        if description.answer_headers:
            responses[str(status)]["headers"] = description.answer_headers
    codes = [*description.problems, *_OF_ALL]
    if description.body is not None or description.raw_body:
        codes.append("request_timeout")
    if description.scope is not None:
        codes += ["unauthorized", "unavailable"]
        if description.scope != "user":
            codes.append("forbidden")
    for code in codes:
        status, title = TITLES[code]
        known = responses.setdefault(str(status), _problem_response(status))
        if "x-codes" in known:
            known["x-codes"].append(code)
            known["description"] = f"{known['description']} `{code}`: {title}.".strip()
    return responses


def _problem_response(status: int) -> dict[str, Any]:
    """An answer of this status without codes yet."""
    described: dict[str, Any] = {
        "description": "", "x-codes": [], "content": {CONTENT_TYPE: {"schema": ProblemSchema}}
    }  # fmt: skip
    if status in (429, 503):
        described["headers"] = {
            "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}
        }
    return described
