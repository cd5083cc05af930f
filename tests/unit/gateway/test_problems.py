"""Every error has its problem, and none says more than its caller may know."""

import pytest
from aiohttp import web

from auth.errors import ExpiredToken, InvalidServiceKey, KeysUnavailable, MissingToken
from gateway.cluster.presence.errors import PresenceUnavailable
from gateway.notify.emitting.owing import NoAddress
from gateway.protocol import problems
from gateway.protocol.parsing import Invalid
from gateway.protocol.problems import Problem
from storage.errors import IdempotencyMismatch, InvalidCursor, StorageError, StoreUnavailable, Unstorable


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (Problem("forbidden", "No."), "forbidden", 403),
        (Invalid({"to": ["x"]}), "validation_failed", 422),
        (InvalidCursor("x"), "validation_failed", 422),
        (NoAddress(["ann"]), "validation_failed", 422),
        (Unstorable("x"), "validation_failed", 422),
        (IdempotencyMismatch(), "idempotency_mismatch", 422),
        (StoreUnavailable("x"), "unavailable", 503),
        (PresenceUnavailable("x"), "unavailable", 503),
        (KeysUnavailable("x"), "unavailable", 503),
        (MissingToken("x"), "unauthorized", 401),
        (ExpiredToken("x"), "unauthorized", 401),
        (InvalidServiceKey("x"), "unauthorized", 401),
        (web.HTTPNotFound(), "not_found", 404),
        (web.HTTPMethodNotAllowed("GET", ["POST"]), "method_not_allowed", 405),
        (web.HTTPRequestEntityTooLarge(1, 2), "too_large", 413),
        (web.HTTPExpectationFailed(), "expectation_failed", 417),
        (web.HTTPRequestTimeout(), "request_timeout", 408),
        (web.HTTPRequestHeaderFieldsTooLarge(), "head_too_large", 431),
        (web.HTTPRequestURITooLong(), "uri_too_long", 414),
        (web.HTTPGone(), "bad_request", 410),
        (web.HTTPInternalServerError(text="hunter2"), "internal", 500),
        (StorageError("hunter2"), "internal", 500),
        (ZeroDivisionError("hunter2"), "internal", 500),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_every_error_has_its_problem(error: Exception, code: str, status: int):
    told = problems.of(error).json()

    assert (told["code"], told["status"]) == (code, status)
    assert "hunter2" not in str(told)
    assert None not in told.values()


def test_what_can_be_tried_again_says_when_in_whole_seconds():
    assert problems.of(StoreUnavailable("x", retry_after=0.2)).headers == {"Retry-After": "1"}
    assert problems.of(StoreUnavailable("x", retry_after=2.1)).headers == {"Retry-After": "3"}


def test_a_sentence_begins_with_a_capital_and_keeps_its_others():
    assert problems.of(InvalidServiceKey("the Authorization header holds no key")).detail == (
        "The Authorization header holds no key."
    )
