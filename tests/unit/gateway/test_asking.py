"""What may be asked beside an emit: bounds, and what the use cases are given."""

from typing import Any

import pytest

from gateway.protocol.asking import connecting
from gateway.protocol.asking.basics import IdsSchema
from gateway.protocol.asking.inbox import AdminHistorySchema, HistorySchema, ReadSchema, UserHistorySchema
from gateway.protocol.asking.mail import MailSchema
from gateway.protocol.asking.users import DisconnectSchema, RosterSchema, UserSchema
from gateway.protocol.parsing import Invalid, parser
from gateway.protocol.queries import in_query
from gateway.protocol.soundness import INTEGER_MAX
from storage.mail import MailState


def errors(parse: Any, body: object) -> dict[str, list[str]]:
    with pytest.raises(Invalid) as caught:
        parse(body)
    return caught.value.errors


history = parser(HistorySchema())
ids = parser(IdsSchema())
read = parser(ReadSchema())
admin_history = parser(AdminHistorySchema())
user_history = parser(UserHistorySchema())
history_of_a_query = parser(in_query(HistorySchema)())
roster = parser(RosterSchema())
roster_of_a_query = parser(in_query(RosterSchema)())
mail = parser(MailSchema())
mail_of_a_query = parser(in_query(MailSchema)())
disconnect = parser(DisconnectSchema())
user = parser(UserSchema())


def test_reading_is_of_some_or_of_all():
    assert read({"ids": ["a", "b"]}) == ["a", "b"]
    assert read({"all": True}) is None
    for body in (
        {},
        {"ids": []},
        {"ids": ["a"], "all": True},
        {"all": False},
        {"ids": "a"},
        {"ids": [1]},
        {"ids": ["x" * 65]},
    ):
        assert errors(read, body)


def test_ids_are_one_to_a_thousand():
    assert ids({"ids": ["a"]}) == ["a"]
    assert errors(ids, {"ids": ["a"] * 1001})


def test_a_page_of_history():
    page = history({"before": "c", "limit": 100, "type": ["A", "B"], "unread": True})

    assert (page.before, page.limit, page.types, page.unread_only) == ("c", 100, ("A", "B"), True)
    assert history({}).limit == 20
    for body in (
        {"limit": 0},
        {"limit": 101},
        {"limit": "20"},
        {"limit": True},
        {"limit": 1.5},
        {"type": "A"},
        {"unread": 1},
    ):
        assert errors(history, body)


def test_the_same_page_as_the_query_of_a_url():
    page = history_of_a_query({"limit": "7", "unread": "true", "type": ["A"]})

    assert (page.limit, page.unread_only, page.types) == (7, True, ("A",))
    for query in (
        {"limit": "0"},
        {"limit": "٧"},
        {"limit": "1_0"},
        {"limit": ""},
        {"unread": "yes"},
        {"x": "1"},
    ):
        assert errors(history_of_a_query, query)


def test_an_admin_reads_a_user_or_a_room():
    assert admin_history({"user": "42", "limit": 5}).page.limit == 5
    assert admin_history({"room": "topic:deals"}).room == "topic:deals"
    assert errors(admin_history, {"user": "42", "room": "all"})
    assert errors(admin_history, {"room": "nobody"})


def test_a_page_of_the_roster_and_of_the_mail():
    assert roster({"after": "ann", "prefix": "a"}).after == "ann"
    assert roster_of_a_query({"limit": "1000"}).limit == 1000
    assert mail({"state": "dead"}).state is MailState.DEAD
    assert mail_of_a_query({"limit": "200"}).limit == 200
    assert errors(roster, {"after": " "})
    assert errors(mail_of_a_query, {"state": "alive"})


def test_small_requests():
    assert disconnect({"user": "ann"}).user == "ann"
    assert disconnect({"user": "ann"}).reason is None
    assert disconnect({"user": "ann", "reason": "spam"}).reason == "spam"
    assert connecting.token({"token": "a.b.c"}) == "a.b.c"
    assert user({"user": "ann"}) == "ann"
    assert user_history({"user": "ann"}).page.limit == 20
    assert errors(disconnect, {"user": ""})
    assert errors(connecting.token, {"token": "x" * 9000})
    assert errors(user, {"user": "a\n"})
    assert errors(disconnect, {"user": "ann", "reason": "a\n"})


def test_since_is_of_the_rooms_one_is_in():
    rooms = ("user:42", "topic:deals", "all")

    assert connecting.since(None, rooms) == {}
    since = {"user:42": 7, "topic:gone": "x", "all": None}
    assert connecting.since(since, rooms) == {"user:42": 7, "all": INTEGER_MAX}
    for wrong in (-1, True, "7", 1.5, 2**63):
        assert errors(lambda value: connecting.since(value, rooms), {"all": wrong})
    assert errors(lambda value: connecting.since(value, rooms), [])
