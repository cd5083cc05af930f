"""What an operation is: one thing that can be asked of a gateway from outside.

It is its name, who may ask, the shapes of what is asked and answered, where it is asked (a route of HTTP, an event of a
namespace, or both), and its use case.

It is only a description: who calls is found out by the sites and sessions, and the use case does the work.
Which ones there are is in `gateway.protocol.offered`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema

from auth.principal import ADMIN, Role
from gateway.ground.encoding import Json
from gateway.protocol import emit
from gateway.protocol.parsing import Parse, parser
from gateway.protocol.use_cases import Caller, UseCases

EMIT = "emit"
"""The scope that lets a service emit, cancel what is still to come under a key, and say who has converted; nothing else."""
CAMPAIGNS = "campaigns"
"""The scope that lets a service make campaigns, run them, and ask for the figures of what came of them; and nothing else."""
USER = "user"
"""Asked by a user with the user's own token: on the public site, and by connections in `/`."""

UseCase = Callable[[UseCases, Caller, Any], Awaitable[Any]]
"""Takes what was parsed, answers what `shape` takes. Raises what the use cases raise, and Problem. The caller
may ask it: that was judged before.
"""


@dataclass(frozen=True, slots=True)
class RawBody:
    """A body that is no JSON, and is all that is asked: its bytes."""

    media_type: str
    bytes_max: int
    """Once decompressed."""
    also: Sequence[str] = ()
    """Other types that are taken as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where HTTP asks an operation. What stands in the path is part of what is asked."""

    method: str
    path: str
    """With names in braces, such as `"/internal/users/{user}"`; they are fields of the schema, unless `of_path` is given."""
    status: int = 200
    """Of an answer that is as it should be."""
    body_required: bool = True
    """Whether an empty body is an error; else it is `{}`."""
    body_bytes: int | None = None
    """Of the body at most; None: as much as of most."""
    raw_body: RawBody | None = None
    """None for JSON."""
    description: str | None = None
    """For the OpenAPI document."""
    problems: Sequence[str] = ()
    """Codes beyond those that every route of this kind has."""
    headers: Sequence[Mapping[str, Any]] = ()
    """Parameters in headers, as OpenAPI writes them."""
    answer_headers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Headers of the answer, as OpenAPI writes them."""
    of_path: Callable[[Mapping[str, str]], Any] | None = None
    """What is asked, where the path alone says it and the schema is not to judge."""

    @property
    def asks_by_query(self) -> bool:
        """Whether what does not stand in the path stands in the query of the URL; else in the body."""
        return self.method in ("GET", "DELETE")

    @property
    def in_path(self) -> frozenset[str]:
        """The names of what stands in the path."""
        return frozenset(step[1:-1] for step in self.path.split("/") if step.startswith("{"))


def _nothing(asked: Any) -> None:
    """The target of what is done to no one thing."""
    del asked


def _no_detail(asked: Any) -> Mapping[str, Any]:
    """The detail of what needs none."""
    del asked
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRule:
    """What of an operation is written down, in `storage.audit`: ids and names, and nothing else of a person.

    Its functions get what was parsed, are called before the deed is done, and must not raise.
    """

    target: Callable[[Any], str | None] = _nothing
    """What it is done to, by what was asked."""
    detail: Callable[[Any], Mapping[str, Any]] = _no_detail
    """What else was asked."""
    of_services: bool = True
    """Whether it is written down of services too: what backends do all day is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that can be asked.

    Made once, when its module is read. Never changed.
    """

    name: str
    """By which it is audited, and known in the OpenAPI document; small letters and `_`."""
    summary: str
    """A line for people."""
    scope: str = ADMIN
    """`emit`, `campaigns` or `admin` for a service, `user` for a user's token."""
    role: Role = Role.ADMIN
    """The least that may ask it in `/admin`, and, as a scope of a service, on the internal site. It says nothing of what users ask."""
    audit: AuditRule | None = None
    """What is written down of who asks it; None: nothing is."""
    asks: type[Schema]
    """The schema of what is asked, path, query and body together."""
    answers: type[Schema]
    """The schema of the answer. `shape` must make what it says; a contract test compares them."""
    use: UseCase
    shape: Callable[[Any], Json]
    """Takes what the use case answers and makes JSON of it."""
    route: Route | None = None
    event: str | None = None
    """Its name as an event: what a user asks of the own inbox in the namespace `/`, all else in `/admin`. None where only HTTP asks."""
    in_both: bool = False
    """Whether such an event of `/` is there in `/admin` too, of the rooms that the connection is in."""
    under: str | None = None
    """The name that the answer has within an event's `{ok: true, …}`; None where its members stand there themselves."""
    refused: Callable[[UseCases, Exception], None] | None = None
    """Told of a request that cannot be parsed, where those are counted."""
    parse: Parse = field(init=False)
    """Parses what an event, or a body, says. Raises `Invalid`."""

    def __post_init__(self) -> None:
        """An emit has a parser of its own, which takes the short way where it can."""
        parse = emit.parse if self.asks is emit.EmitSchema else parser(self.asks())
        object.__setattr__(self, "parse", parse)


def id_in(path: Mapping[str, str]) -> str:
    """What an operation asks that is about one notification: the id in its path, not judged."""
    # An id that no notification can have names none: 404, and no matter of validation.
    return path["id"]
