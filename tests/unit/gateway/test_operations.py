"""The table of operations agrees with itself."""

from collections import Counter

from auth.principal import Role
from gateway.protocol.operation import EMIT, USER
from gateway.protocol.operations import OPERATIONS, events_for


def test_no_name_route_or_event_is_given_twice():
    routes = [operation.route for operation in OPERATIONS if operation.route is not None]

    for names in (
        [operation.name for operation in OPERATIONS],
        [(route.method, route.path) for route in routes],
        [each.event for each in OPERATIONS if each.event is not None and each.scope == USER],
        [
            each.event
            for each in OPERATIONS
            if each.event is not None and (each.scope != USER or each.in_both)
        ],
    ):
        assert [name for name, count in Counter(names).items() if count > 1] == []


def test_every_operation_is_asked_somewhere_and_where_its_scope_says():
    for operation in OPERATIONS:
        assert operation.route is not None or operation.event is not None
        if operation.route is not None:
            site = "/api/" if operation.scope == USER else "/internal/"
            assert operation.route.path.startswith(site)
        if operation.in_both:
            assert operation.scope == USER
            assert operation.event is not None


def test_a_backend_that_may_emit_may_do_no_more_than_that_and_say_what_came_of_it():
    assert [operation.name for operation in OPERATIONS if operation.scope == EMIT] == [
        "emit",
        "emit_many",
        "cancel",
        "convert",
    ]


def test_what_stands_in_a_path_is_a_field_of_what_is_asked():
    for operation in OPERATIONS:
        if operation.route is not None:
            assert operation.route.in_path <= operation.asks().fields.keys()


UNAUDITED = {
    "cancel", "convert", "emit_many",  # what backends do all day
    "replace_profile", "change_profile", "change_profiles", "forget_profile", "add_member", "remove_member",
    "report", "hearsay",  # what mail servers tell
    "preview", "dry_run",  # of these nothing is kept or sent
}  # fmt: skip
"""What more than a viewer may ask, and is not written down all the same."""


def test_whatever_more_than_a_viewer_may_ask_is_audited_or_said_not_to_be():
    """A new operation is an admin's until it says otherwise, and has to say what of it is written down."""
    others = {
        operation.name
        for operation in OPERATIONS
        if operation.scope != USER and operation.role is not Role.VIEWER and operation.audit is None
    }

    assert others == UNAUDITED


def test_who_only_looks_changes_nothing():
    """An event cannot be told from its name, so this goes by HTTP: a viewer's route reads, but for what is only tried."""
    for operation in OPERATIONS:
        if operation.role is Role.VIEWER and operation.route is not None:
            assert operation.route.method == "GET" or operation.name == "preview_type"
            assert operation.audit is None


def test_support_may_help_a_person_to_their_mail_and_no_more():
    assert [operation.name for operation in OPERATIONS if operation.role is Role.SUPPORT] == [
        "revive_one",
        "revive",
        "hasten_mail",
        "lift_suppression",
    ]
    assert set(events_for(Role.ADMIN)) > set(events_for(Role.SUPPORT)) > set(events_for(Role.VIEWER))


def test_of_what_a_role_may_nothing_is_told_that_everybody_may():
    own = {each.event for each in OPERATIONS if each.scope == USER}

    # Of this name there are two: one's own in `/`, and that of any room in `/admin`.
    assert own & set(events_for(Role.ADMIN)) == {"history"}
