"""What there is to describe of the HTTP interface: each method of each path, made from the table of operations.

It says what can be asked, not who asks: that is the scope beside each. Contract tests compare it with the routes
that the sites have.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema

from auth.principal import Role
from gateway.protocol import queries
from gateway.protocol.answers.nodes import READINESS_QUESTION, AliveAnswer, ReadinessAnswer
from gateway.protocol.operation import USER, Operation, Route
from gateway.protocol.operations import OPERATIONS

PUBLIC = "public site"
"""Tags group operations in the description."""
_INTERNAL = "internal site"
"""For services and operators."""
_PROBES = "probes"
"""For probes and Prometheus."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """One method of one path, as it is described.

    Made from an operation, or by hand for the probes. It is only read.
    """

    path: str
    """As aiohttp has it, such as `"/internal/users/{user}"`, which is OpenAPI's way as well."""
    method: str
    """In lower case."""
    summary: str
    tag: str
    answers: Mapping[int, type[Schema] | None]
    """By status; None for an answer that is not JSON."""
    problems: Sequence[str] = ()
    """The codes of problems that it has beside those of all."""
    scope: str | None = None
    """`emit`, `campaigns` or `admin` for a service, `user` for a user's token; None for everyone."""
    role: Role = Role.ADMIN
    """The least that is enough for a service without that scope."""
    in_path: Schema | None = None
    """What stands in the path, by the names that have braces there; None where nothing does."""
    body: Schema | None = None
    body_required: bool = True
    raw_body: Sequence[str] = ()
    """The types of a body that is no JSON."""
    query: Schema | None = None
    """What stands in the query; a GET has no body."""
    headers: Sequence[Mapping[str, Any]] = ()
    """Parameters in headers, as OpenAPI writes them."""
    description: str | None = None
    """A longer text than the summary, in Markdown."""
    content_type: str = "application/json"
    answer_headers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Headers of the answer by name, as OpenAPI writes them."""


_OF_A_BODY = ("bad_request", "invalid_json", "too_large", "unsupported_media_type")
"""Problems that reading JSON may have."""


_OF_A_RAW_BODY = ("bad_request", "too_large", "unsupported_media_type")
"""Those of a body of another type."""


def described(operation: Operation, route: Route) -> Description:
    """An operation that HTTP asks: what does not stand in the path is the query, or the body.

    It follows `gateway.http.routing` in what is path, query and body: whoever changes one changes both.
    """
    in_path = route.in_path
    judged = route.of_path is None
    has_more = judged and bool(operation.asks().fields.keys() - in_path)
    body = query = None
    if has_more and route.asks_by_query:
        query = queries.in_query(operation.asks)(exclude=in_path)
    elif has_more:
        body = operation.asks(exclude=in_path)
    return Description(
        path=route.path,
        method=route.method.lower(),
        summary=operation.summary,
        tag=PUBLIC if operation.scope == USER else _INTERNAL,
        answers={route.status: operation.answers},
        problems=(
            *(_OF_A_BODY if body is not None else ()),
            *(_OF_A_RAW_BODY if route.raw_body is not None else ()),
            *(("validation_failed",) if judged and route.raw_body is None else ()),
            *route.problems,
        ),
        scope=operation.scope,
        role=operation.role,
        in_path=operation.asks(only=sorted(in_path)) if in_path else None,
        body=body,
        body_required=route.body_required,
        raw_body=() if (raw := route.raw_body) is None else (raw.media_type, *raw.also),
        query=query,
        headers=route.headers,
        description=route.description,
        answer_headers=route.answer_headers,
    )


PROBES: tuple[Description, ...] = (
    Description(
        path="/internal/openapi.json", method="get", tag=_PROBES, summary="This document", answers={200: None}
    ),
    Description(
        path="/metrics", method="get", tag=_PROBES, summary="Metrics for Prometheus", answers={200: None},
        content_type="text/plain",
    ),
    Description(
        path="/healthz", method="get", tag=_PROBES, summary="Whether the process lives",
        answers={200: AliveAnswer},
    ),
    Description(
        path="/readyz", method="get", tag=_PROBES, summary="Whether it can do its job now",
        answers={200: ReadinessAnswer, 503: ReadinessAnswer}, query=READINESS_QUESTION(),
    ),
)  # fmt: skip
"""What is asked of the process, not of the gateway: these are no operations."""


DESCRIPTIONS: tuple[Description, ...] = (
    *[described(operation, operation.route) for operation in OPERATIONS if operation.route is not None],
    *PROBES,
)
"""All of them; a test compares the list with the routes."""
