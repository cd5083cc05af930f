"""Routes made of operations: who is calling comes first, then what is asked, then the use case.

Errors are raised and become problems at the edge.

The table of operations (`gateway.protocol.operations`) says what can be asked. Here it becomes aiohttp's
routes; in `gateway.sockets.operation_events` it becomes events. Both sites call this, each with its own way to
know who calls.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any

from aiohttp import web
from yarl import URL

from gateway.http import reading
from gateway.http.edge import json_response
from gateway.protocol import queries
from gateway.protocol.auditing import perform
from gateway.protocol.operation import USER, Operation, Route
from gateway.protocol.parsing import Invalid, Parse, parser
from gateway.protocol.use_cases import Caller, UseCases

QUERIES_REMEMBERED = 128
"""Of each operation of users so many are remembered, if they are short."""
QUERY_CHARACTERS_REMEMBERED = 200
"""The length up to which a query is."""

Authenticate = Callable[[web.Request, Operation], Awaitable[Caller]]
"""Answers who calls. Raises AuthError or Problem where that is nobody, or somebody who may not ask this."""
AuthenticatedHandler = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]
"""Answers a request of whom is known who calls; reads the body itself."""


def route(operation: Operation, use: UseCases, authenticate: Authenticate) -> web.RouteDef:
    """The operation's route, as most are answered.

    Made once, at the start: how a request is read is decided then, not for each request.
    """
    answer = _answer_of(operation, _route_of(operation), use)
    return answered(operation, answer, authenticate)


def answered(operation: Operation, answer: AuthenticatedHandler, authenticate: Authenticate) -> web.RouteDef:
    """The operation's route, with an answer of its own.

    For emits and imports. Authentication comes before all else here too.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        # Before the body is read: who may not ask cannot make us read 16 MB.
        return await answer(request, await authenticate(request, operation))

    where = _route_of(operation)
    # A GET answers a HEAD as well, as aiohttp's own `web.get` does.
    return (
        web.get(where.path, handle) if where.method == "GET" else web.route(where.method, where.path, handle)
    )


def _answer_of(operation: Operation, where: Route, use: UseCases) -> AuthenticatedHandler:
    """What reads the request, has the operation performed, and shapes what came of it."""
    read = _reader(operation, where)

    async def answer(request: web.Request, caller: Caller) -> web.StreamResponse:
        asked = await read(request)
        return json_response(
            operation.shape(await perform(operation, use, caller, asked)), status=where.status
        )

    return answer


def _reader(operation: Operation, where: Route) -> Callable[[web.Request], Awaitable[Any]]:
    """What reads the request and parses it: the path, and the query or the body for what does not stand there.

    A path with `of_path` says all there is: nothing else is read or judged. A raw body is handed on as it
    came. Else the path's names join the query or the body, and one schema judges them together.

    What users ask of their own by a query is the same for nearly all of them, the first page above all: how it was read is
    remembered. Nothing personal can be in it.
    """
    if (raw := where.raw_body) is not None:

        async def read_raw(request: web.Request) -> bytes:
            return await reading.read_bytes(request, media_type=raw.media_type, limit=raw.bytes_max)

        return read_raw
    in_path, of_path = where.in_path, where.of_path
    has_more = bool(operation.asks().fields.keys() - in_path)
    parse, lists = operation.parse, frozenset[str]()
    if where.asks_by_query:
        # In a query everything is text and may be a list: the same fields are read more leniently there.
        schema = queries.in_query(operation.asks)
        parse, lists = parser(schema()), queries.lists_of(schema)
    is_asked_again = has_more and where.asks_by_query and not in_path and operation.scope == USER

    @lru_cache(QUERIES_REMEMBERED)
    def of_query(query: str) -> Any:
        return parse(reading.parameters(URL.build(query_string=query, encoded=True).query, lists=lists))

    async def read(request: web.Request) -> Any:
        query = request.rel_url.raw_query_string
        if is_asked_again and len(query) <= QUERY_CHARACTERS_REMEMBERED:
            return of_query(query)
        path: Mapping[str, str] = request.match_info
        if of_path is not None:
            return of_path(path)
        given: Any = {}
        if has_more and where.asks_by_query:
            given = reading.parameters(request.query, lists=lists)
        elif has_more:
            limit = where.body_bytes or reading.BODY_BYTES_MAX
            given = await reading.read_json(request, limit=limit, required=where.body_required)
        return _parsed(parse, given, {name: path[name] for name in in_path})

    return read


def _parsed(parse: Parse, given: Any, path: Mapping[str, str]) -> Any:
    """What was asked, judged by its schema. Raises `Invalid`, also for a name of the path that is given a second
    time in the body.
    """
    if not path:
        return parse(given)
    if isinstance(given, Mapping):
        twice = path.keys() & given.keys()
        if twice:
            raise Invalid({name: ["Unknown field."] for name in sorted(twice)})
        given = {**given, **path}
    return parse(given)


def _route_of(operation: Operation) -> Route:
    """The route of an operation that HTTP asks; callers have looked that there is one."""
    assert operation.route is not None
    return operation.route
