"""The table of operations agrees with itself."""

from collections import Counter

from gateway.protocol.operation import EMIT, USER
from gateway.protocol.operations import OPERATIONS


def test_no_name_route_or_event_is_given_twice():
    routes = [operation.route for operation in OPERATIONS if operation.route is not None]

    for names in (
        [operation.name for operation in OPERATIONS],
        [(route.method, route.path) for route in routes],
        [operation.event for operation in OPERATIONS if operation.event is not None],
    ):
        assert [name for name, count in Counter(names).items() if count > 1] == []


def test_every_operation_is_asked_somewhere_and_where_its_scope_says():
    for operation in OPERATIONS:
        assert operation.route is not None or operation.event is not None
        if operation.route is not None:
            site = "/api/" if operation.scope == USER else "/internal/"
            assert operation.route.path.startswith(site)
        if operation.scope == USER:
            assert operation.event is None


def test_a_backend_that_may_emit_may_do_no_more_than_that():
    assert [operation.name for operation in OPERATIONS if operation.scope == EMIT] == [
        "emit",
        "emit_many",
        "cancel",
    ]


def test_what_stands_in_a_path_is_a_field_of_what_is_asked():
    for operation in OPERATIONS:
        if operation.route is not None:
            assert operation.route.in_path <= operation.asks().fields.keys()
