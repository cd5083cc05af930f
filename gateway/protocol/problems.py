"""What a caller over HTTP is told when something is not as it should be: problem details (RFC 9457).

Every error that the use cases, the credentials or aiohttp raise has its problem here; what nobody foresaw is a 500 that
says nothing of its cause.

`gateway.sockets.events` has the same codes for sessions. An exception that is not named here is no answer for
anybody: it is logged where it was caught.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from aiohttp import web

from auth.errors import AuthError, KeysUnavailable
from gateway.cluster.presence.errors import PresenceUnavailable
from gateway.ground import encoding, logs
from gateway.notify.campaigns.accounts import NoSuchCampaign, WrongState
from gateway.notify.emitting.owing import NoAddress
from gateway.notify.requests import Unfit
from gateway.notify.wording.scribe import UnknownType
from gateway.protocol import shapes
from storage.errors import IdempotencyMismatch, InvalidCursor, StoreUnavailable, TooManySwitched, Unstorable

CONTENT_TYPE = "application/problem+json"
"""By RFC 9457."""
TYPE_PREFIX = "urn:bellhop:problem:"
"""Before the code. Such a name is not to be looked up."""

TITLES: Mapping[str, tuple[int, str]] = {
    "bad_request": (400, "The request cannot be understood"),
    "invalid_json": (400, "The body is not JSON"),
    "unauthorized": (401, "Who is calling is not known"),
    "forbidden": (403, "Not allowed"),
    "not_found": (404, "There is no such thing"),
    "method_not_allowed": (405, "The method does not fit"),
    "request_timeout": (408, "The body did not come in time"),
    "nothing_to_ship": (409, "There is nothing to ship"),
    "campaign_state": (409, "The campaign's state does not allow that"),
    "version_mismatch": (409, "It was changed meanwhile"),
    "too_large": (413, "The body is too large"),
    "uri_too_long": (414, "The address is too long"),
    "unsupported_media_type": (415, "The body is of another type than is taken here"),
    "unsupported_encoding": (415, "The body is coded in a way that cannot be undone"),
    "expectation_failed": (417, "What is expected cannot be met"),
    "validation_failed": (422, "The request is not valid"),
    "unknown_type": (422, "The catalog has no such type"),
    "idempotency_mismatch": (422, "The idempotency key was used with another request"),
    "locked_preference": (422, "Nobody can choose this"),
    "rate_limited": (429, "Too many requests"),
    "head_too_large": (431, "The headers are too large"),
    "internal": (500, "Something went wrong here"),
    "unavailable": (503, "Not available now"),
}
"""Of each code, its status and its title. Part of the public protocol: a code keeps its meaning, and its title
is the same for all who get it.
"""

_CODES = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed",
          408: "request_timeout", 413: "too_large", 414: "uri_too_long", 415: "unsupported_media_type",
          417: "expectation_failed", 422: "validation_failed", 429: "rate_limited", 431: "head_too_large",
          503: "unavailable"}  # fmt: skip
"""The code for a status that aiohttp has answered by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """One problem, told to one caller."""

    code: str
    """One of `TITLES`."""
    detail: str | None = None
    """A sentence about this request."""
    errors: Mapping[str, Sequence[str]] | None = None
    """Sentences by field, of what was not valid."""
    without_address: Mapping[str, Any] | None = None
    """The users who could not be mailed: how many, and some of them."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the answer, beside the usual ones."""
    status: int = 0
    """The code's own, unless it is given."""

    def json(self) -> dict[str, Any]:
        """The members of the problem; those that say nothing are left out.

        `request_id` comes from the context, so it must be called while the request is handled.
        """
        status, title = TITLES[self.code]
        members = {
            "type": TYPE_PREFIX + self.code,
            "title": title,
            "status": self.status or status,
            "detail": self.detail,
            "code": self.code,
            "errors": self.errors,
            "without_address": self.without_address,
            "request_id": logs.request_id.get(),
        }
        return {name: value for name, value in members.items() if value is not None}

    def response(self) -> web.Response:
        """The answer with this problem."""
        members = self.json()
        return web.Response(
            status=members["status"],
            body=encoding.dumps(members),
            content_type=CONTENT_TYPE,
            headers=self.headers,
        )


class Problem(Exception):
    """Raised where a request ends with a problem.

    For what is particular to HTTP, or to one request. What a use case raises keeps its own class, and is
    translated by `of`.
    """

    def __init__(
        self, code: str, detail: str | None = None, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.headers = headers or {}

    @property
    def details(self) -> Details:
        return Details(code=self.code, detail=self.detail, headers=self.headers)


def _retry_after(seconds: float) -> dict[str, str]:
    """Whole seconds, one at least."""
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


def of(error: BaseException) -> Details:
    """What the caller is told of an error. `internal` is what nobody foresaw: the callers log it.

    Never raises. The order of the cases matters where one error is a kind of another: `Unfit` has several
    below it.
    """
    match error:
        case Problem():
            return error.details
        case UnknownType():
            return Details(code="unknown_type", errors={"type": [f"{error}."]})
        case Unfit():
            return Details(code="validation_failed", errors=error.errors)
        case InvalidCursor():
            return Details(
                code="validation_failed", errors={error.parameter: ["Must be the `next` of a page before."]}
            )
        case NoSuchCampaign():
            return Details(code="not_found", detail="No campaign has this id.")
        case WrongState():
            return Details(code="campaign_state", detail=f"It is {error.state}.")
        case NoAddress():
            return Details(
                code="validation_failed",
                errors={"email": [f"{error}."]},
                without_address=shapes.some_users(error.users),
            )
        case TooManySwitched():
            return Details(
                code="validation_failed",
                errors={"type": ["Must be one of those switched: there are too many."]},
            )
        case Unstorable():
            return Details(code="validation_failed", detail="The store can never take this.")
        case IdempotencyMismatch():
            return Details(code="idempotency_mismatch", detail="Use a new key for another request.")
        case StoreUnavailable() | PresenceUnavailable():
            return Details(code="unavailable", headers=_retry_after(error.retry_after))
        case KeysUnavailable():
            return Details(code="unavailable", headers=_retry_after(1))
        case AuthError():
            headers = {"WWW-Authenticate": "Bearer"}
            said = f"{error}."
            return Details(code="unauthorized", detail=said[0].upper() + said[1:], headers=headers)
        case web.HTTPException():
            return _of_http(error)
        case _:
            return Details(code="internal")


def code_of(error: BaseException) -> str:
    """The code by which an error is counted. Metrics and audits have it: the codes are few."""
    return of(error).code


def of_status(status: int, *, headers: Mapping[str, str] | None = None) -> Details:
    """What is told of a status of HTTP alone.

    The status stays as it is, also where its code is another's.
    """
    code = _CODES.get(status)
    if code is None:
        code = "bad_request" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "internal"
    return Details(code=code, status=status, headers=headers or {})


def _of_http(error: web.HTTPException) -> Details:
    """What aiohttp answers by itself, as for a path that is none or a method that does not fit."""
    return of_status(
        error.status, headers={"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    )
