"""What an emit may say: bounds, agreement between fields, and that the short way and the schemas are one."""

import json
import math
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.notify.requests import EmailRequest, EmitRequest
from gateway.protocol import emit, emit_plain, emit_rules, soundness
from gateway.protocol.parsing import Invalid
from storage.mail import Unless
from storage.notifications import Action
from tests.support.amounts import amount

PLAIN = {"to": "user:42", "type": "ORDER_UPDATE", "title": "Your order has shipped"}


def errors(parse: Any, body: object) -> dict[str, list[str]]:
    with pytest.raises(Invalid) as caught:
        parse(body)
    return caught.value.errors


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


# Emit


def test_the_least_an_emission_can_say():
    assert emit.parse(PLAIN) == EmitRequest(
        rooms=("user:42",), type="ORDER_UPDATE", title="Your order has shipped", data={}
    )


def test_the_most_an_emission_can_say():
    request = emit.parse(
        PLAIN
        | {
            "to": ["user:42", "user:43", "user:42"],
            "body": "Two\nlines",
            "link": "https://shop.example/orders?id=1#top",
            "data": {"order": [1, None, {"a": 0.5}]},
            "email": {"subject": "Shipped", "after": 600, "unless": "read"},
            "expires_in": 2592000,
            "in_app": False,
            "store": True,
            "event": "notification",
        }
    )

    assert request.rooms == ("user:42", "user:43")
    assert request.email == EmailRequest(subject="Shipped", after_seconds=600, unless=Unless.READ)
    assert request.expires_in_seconds == 2592000
    assert request.in_app is False


def test_an_emit_may_leave_its_words_to_the_catalog():
    request = emit.parse({"to": "user:42", "type": "ORDER_UPDATE", "locale": "de-AT", "email": False})

    assert (request.title, request.locale, request.email, request.no_email) == (None, "de-AT", None, True)


def test_email_true_means_the_address_of_the_token():
    assert emit.parse(PLAIN | {"email": True}).email == EmailRequest()
    assert emit.parse(PLAIN | {"email": True, "in_app": False}).email == EmailRequest()


def test_null_stands_for_what_was_left_out_where_nothing_is_a_value():
    assert emit.parse(PLAIN | {"link": None, "email": None, "expires_in": None}) == emit.parse(PLAIN)


@pytest.mark.parametrize("body", [None, [], "text", 1, True])
def test_a_body_that_is_no_object_is_refused(body: object):
    assert errors(emit.parse, body) == {"": ["Must be an object."]}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("to", ""), ("to", "user:"), ("to", "42"), ("to", "topic:a b"), ("to", "user: 42"), ("to", 42), ("to", None),
        ("to", {"user": 42}), ("to", "user:\ud800"), ("to", "user:" + "x" * 129),
        ("type", "order"), ("type", ""), ("type", "A" * 65), ("type", 1), ("type", "A\n"), ("type", b"A"),
        ("title", ""), ("title", "x" * 201), ("title", "a\nb"), ("title", "a\0"), ("title", "\ud800"), ("title", 7),
        ("title", "bell\n"), ("title", "a\u2028b"), ("to", "user:a\u2029b"), ("to", "user:a\u3000"),
        ("body", "x" * 4001), ("body", "\x07"), ("body", None), ("body", "\udc00"),
        ("link", "orders"), ("link", "//evil.example"), ("link", "/\\evil.example"), ("link", "javascript:alert(1)"),
        ("link", "http://"), ("link", "https://user@evil.example"), ("link", "/a b"), ("link", "/a\n"), ("link", ""),
        ("link", "/" + "x" * 2048),
        ("data", []), ("data", "x"), ("data", None), ("data", {"a": 2**63}), ("data", {"a": [-(2**63)]}),
        ("data", {"a": math.nan}), ("data", {"a": [math.inf]}), ("data", {"a": "\ud800"}), ("data", {"\ud800": 1}),
        ("data", {"a\0": 1}), ("data", nested(34)),
        ("email", "ann@example.org"), ("email", 1), ("email", []),
        ("expires_in", 0), ("expires_in", -1), ("expires_in", "60"), ("expires_in", True), ("expires_in", math.nan),
        ("expires_in", 10**12), ("expires_in", 10**400),
        ("in_app", 1), ("in_app", "true"), ("in_app", None), ("store", 0),
        ("event", ""), ("event", "a b"), ("event", None),
        ("image", "http://shop.example/a.png"), ("image", "/a.png"), ("image", "data:image/png,x"), ("image", "https://a@b/c"),
        ("image", "https://"), ("image", "https://a/" + "x" * 2048), ("actions", {}),
        ("actions", [{"id": f"a{n}", "label": "A"} for n in range(4)]),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(field: str, value: object):
    assert set(errors(emit.parse, PLAIN | {field: value})) == {field}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("to", "all"), ("to", "admins"), ("to", "topic:deals"), ("to", "user:Jürgen Groß"), ("to", "user:a/b"),
        ("to", "user:علی\u200cرضا"), ("to", "user:山田\u3000太郎"), ("to", "user:\U0001fae9"), ("title", "ශ්\u200dරී \U0001fae9"),
        ("body", "a\u2028b"),
        ("title", "x" * 200), ("title", "👩‍👩‍👧 \u00a0"), ("body", ""), ("body", "x" * 4000), ("body", "a\r\n\tb"),
        ("link", "/"), ("link", "/a//b"), ("link", "https://shop.example"), ("link", "http://[::1]:8080/?q=ü"),
        ("data", {"a": 2**63 - 1}), ("data", nested(32)), ("data", {"": "\0"}), ("expires_in", 0.5),
    ],
)  # fmt: skip
def test_what_is_just_within_bounds_is_taken(field: str, value: object):
    emit.parse(PLAIN | {field: value})


@pytest.mark.parametrize(
    "blank",
    [" ", "   ", "\u00a0", "\u200b\u200d", "\u3000", "\u00ad", "\u034f", "\ufe0f", "\ufeff", "\u2060", "\u202e", "\u115f", "\u3164",
     "\uffa0", "\u2800", "\u180e", "\U000e0020", "\U0001d173", "\ufffc", "\u2066 \u2069"],
)  # fmt: skip
def test_a_title_has_something_to_see(blank: str):
    """A mail with an empty subject, and a line with nothing in it in an inbox, help nobody."""
    assert set(errors(emit.parse, PLAIN | {"title": blank})) == {"title"}
    assert emit.parse(PLAIN | {"title": f"{blank}x"}).title == f"{blank}x"
    assert emit.parse(PLAIN | {"title": f"x{blank}"}).title == f"x{blank}"


@pytest.mark.parametrize(
    "seen", ["a", "日", "😀", "👨\u200d👩\u200d👧", "e\u0301", "\u0301", "!", "\U0001fae8"]
)
def test_a_title_may_be_a_single_visible_character(seen: str):
    assert emit.parse(PLAIN | {"title": seen}).title == seen


@pytest.mark.parametrize(
    "to", ["ann@faß.de", "ann@نامه\u200cای.com", "a..b@docomo.ne.jp", "jörg@example.org", "ann@localhost"]
)
def test_an_address_is_kept_as_it_was_given(to: str):
    email = emit.parse(PLAIN | {"email": {"to": to}}).email

    assert email is not None
    assert email.to == to


@pytest.mark.parametrize("missing", ["to", "type"])
def test_what_is_needed_is_asked_for(missing: str):
    body = {name: value for name, value in PLAIN.items() if name != missing}

    assert errors(emit.parse, body) == {missing: ["Missing data for required field."]}


def test_unknown_fields_are_refused_and_cut_short():
    found = errors(emit.parse, PLAIN | {"titel": "x", "y" * 1000: 1, "\ud800": 1, "idempotency_key": "k"})

    assert set(found) == {"titel", "y" * 64, "?", "idempotency_key"}


def test_a_wrong_room_is_told_apart_from_other_mistakes_and_by_its_place():
    assert errors(emit.parse, PLAIN | {"to": "nobody"})["to"][0].startswith("invalid_room: ")
    assert set(errors(emit.parse, PLAIN | {"to": ["all", "nobody"]})) == {"to.1"}


def test_rooms_are_at_least_one_and_at_most_a_thousand():
    assert set(errors(emit.parse, PLAIN | {"to": []})) == {"to"}
    assert set(errors(emit.parse, PLAIN | {"to": [f"user:{n}" for n in range(1001)]})) == {"to"}
    assert len(emit.parse(PLAIN | {"to": [f"user:{n}" for n in range(1000)]}).rooms) == 1000


@pytest.mark.parametrize(
    ("email", "field"),
    [
        ({"to": "ann"}, "email.to"), ({"to": "Ann <ann@example.org>"}, "email.to"), ({"to": "a@b\nBcc: c@d"}, "email.to"),
        ({"to": "a@b,c@d"}, "email.to"), ({"to": "ann@☃.net"}, "email.to"), ({"to": "ann@example.org."}, "email.to"),
        ({"to": "ann@" + "a" * 64 + ".org"}, "email.to"), ({"subject": " "}, "email.subject"), ({"subject": "\u200b"}, "email.subject"),
        ({"to": "x" * 65 + "@example.org"}, "email.to"), ({"subject": ""}, "email.subject"),
        ({"subject": "a\nb"}, "email.subject"), ({"after": -1}, "email.after"), ({"after": "1"}, "email.after"),
        ({"unless": "never"}, "email.unless"), ({"cc": "a@b"}, "email.cc"),
    ],
)  # fmt: skip
def test_a_wrong_field_of_the_mail_is_named_by_its_path(email: dict[str, Any], field: str):
    assert set(errors(emit.parse, PLAIN | {"email": email})) == {field}


@pytest.mark.parametrize(
    ("fields_given", "field"),
    [
        ({"to": "all", "email": True}, "email"),
        ({"to": ["user:1", "topic:x"], "email": True}, "email"),
        ({"email": True, "store": False}, "email"),
        ({"to": ["user:1", "user:2"], "email": {"to": "a@example.org"}}, "email.to"),
        ({"in_app": False, "store": False}, "in_app"),
        ({"event": "price"}, "event"),
        ({"actions": [{"id": "a", "label": "A"}], "store": False}, "actions"),
        ({"actions": [{"id": "a", "label": "A"}, {"id": "a", "label": "B"}]}, "actions"),
        *[({"event": name, "store": False}, "event") for name in sorted(emit_rules.RESERVED_EVENTS)],
    ],
)
def test_fields_that_contradict_each_other_are_named(fields_given: dict[str, Any], field: str):
    assert set(errors(emit.parse, PLAIN | fields_given)) == {field}


@pytest.mark.parametrize(
    ("action", "field"),
    [
        ({"label": "A"}, "id"),
        ({"id": "A", "label": "A"}, "id"),
        ({"id": "a" * 33, "label": "A"}, "id"),
        ({"id": "a"}, "label"),
        ({"id": "a", "label": " "}, "label"),
        ({"id": "a", "label": "x" * 41}, "label"),
        ({"id": "a", "label": "A", "link": "javascript:alert(1)"}, "link"),
        ({"id": "a", "label": "A", "style": "huge"}, "style"),
        ({"id": "a", "label": "A", "color": "red"}, "color"),
    ],
)
def test_a_wrong_field_of_an_action_is_named_by_its_place(action: dict[str, Any], field: str):
    good = {"id": "good", "label": "Good"}

    assert set(errors(emit.parse, PLAIN | {"actions": [good, action]})) == {f"actions.1.{field}"}


def test_actions_and_a_picture_are_taken_as_they_are():
    asked = {
        "actions": [
            {"id": "track-1", "label": "Track it", "link": "/orders/1", "style": "primary"},
            {"id": "no_thanks", "label": "No"},
        ],
        "image": "https://shop.example/a.png?w=96",
    }

    request = emit.parse(PLAIN | asked)

    assert request.actions == (
        Action("track-1", "Track it", "/orders/1", "primary"),
        Action("no_thanks", "No", None, "default"),
    )
    assert request.image == asked["image"]
    # What is kept for later is written, and read again.
    assert msgspec.json.decode(msgspec.json.encode(request), type=EmitRequest) == request


def test_what_is_not_stored_may_have_an_event_of_its_own():
    assert emit.parse(PLAIN | {"store": False, "event": "price:changed"}).event == "price:changed"
    assert emit.parse(PLAIN | {"store": False}).event == "notification"


# Idempotency


@pytest.mark.parametrize("key", ["", "x" * 256, "ü", "a\tb", "a\n"])
def test_a_key_that_no_header_should_carry_is_refused(key: str):
    assert set(errors(lambda body: emit.parse(body, idempotency_key=key), PLAIN)) == {"Idempotency-Key"}


def test_a_key_for_what_is_not_stored_is_refused():
    assert set(errors(lambda body: emit.parse(body, idempotency_key="k"), PLAIN | {"store": False})) == {
        "Idempotency-Key"
    }
    assert set(errors(emit.parse_item, PLAIN | {"store": False, "idempotency_key": "k"})) == {
        "idempotency_key"
    }


def test_the_fingerprint_is_of_what_is_asked_not_of_how_it_is_written():
    one = emit.parse(PLAIN | {"data": {"a": 1, "b": 2}}, idempotency_key="k")
    other = emit.parse({"data": {"b": 2, "a": 1}} | PLAIN, idempotency_key="k")
    third = emit.parse(PLAIN | {"data": {"a": 1, "b": 3}}, idempotency_key="k")

    assert one.fingerprint == other.fingerprint != third.fingerprint
    assert len(one.fingerprint) == 16


@pytest.mark.parametrize("more", [{}, {"email": {"after": 1}}])
def test_a_key_means_the_same_in_a_batch_and_alone(more: dict[str, Any]):
    alone = emit.parse(PLAIN | more, idempotency_key="k")
    in_batch = emit.parse_item(PLAIN | more | {"idempotency_key": "k"})

    assert alone == in_batch


def test_without_a_key_there_is_no_fingerprint():
    assert emit.parse(PLAIN).fingerprint == b""
    assert emit.parse_item(PLAIN | {"idempotency_key": None, "store": False}).fingerprint == b""


# The short way

texts = st.text(max_size=12) | st.sampled_from(
    [
        " ",
        "\u2800",
        "\u3164",
        "\ufe0f",
        "\u115f x",
        "",
        "x" * 200,
        "x" * 201,
        "\0",
        "\n",
        "/",
        "//a",
        "/a?b=c",
        "A",
        "A1_",
    ]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
)
rooms = st.sampled_from(["user:42", "all", "admins", "topic:deals", "user:", "nobody", "user:ü"]) | texts
bodies = st.fixed_dictionaries(
    {
        "to": rooms | values,
        "type": st.sampled_from(["A", "ORDER_UPDATE", "a", ""]) | values,
        "title": texts | values,
    },
    optional={
        "body": texts | values,
        "link": texts | values,
        "data": st.dictionaries(texts, values, max_size=3) | values,
        "email": st.booleans() | values,
        "locale": st.sampled_from(["de", "pt-BR", "d", "de_AT", "de\n"]) | values,
        "idempotency_key": texts | values,
        "store": st.booleans() | values,
        "event": st.sampled_from(["notification", "cart:changed", "ready", "1st", "a b"]) | values,
        "unknown": values,
    },
)


@settings(max_examples=amount(60, long=400), deadline=None)
@given(bodies)
def test_the_short_way_takes_nothing_the_schemas_would_not_and_makes_the_same_of_it(body: dict[str, Any]):
    for shape, schema in (
        (emit_plain.PlainEmit, emit._parse_emit),
        (emit_plain.PlainItem, emit._parse_item),
    ):
        short = emit_plain.judged(body, shape)

        if short is not None:
            long = schema(body)
            assert (short, short.fingerprint != b"") == (
                replace(long, fingerprint=short.fingerprint),
                long.idempotency_key is not None,
            )


@settings(max_examples=amount(60, long=400), deadline=None)
@given(st.lists(bodies, min_size=1, max_size=3))
def test_the_short_way_makes_the_same_of_a_whole_batch(items: list[dict[str, Any]]):
    text = json.dumps({"notifications": items}).encode()

    short = emit_plain.judged_batch(text)

    if short is not None:
        assert short == [emit._parse_item(item) for item in orjson.loads(text)["notifications"]]


LARGE = {"data": {"text": "x" * emit_rules.EMIT_BYTES_MAX}}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[" * 100_000,
        b'{"notifications":[]}',
        b'{"notifications":[null]}',
        b'{"notifications":[{"to":"user:1","type":"A","title":"\xff"}]}',
        b'{"notifications":[{"to":"user:1","type":"A","title":"B","data":{"a":1e999}}]}',
        b'{"notifications":[{"to":"user:1","type":"A","title":"B","data":{"a":18446744073709551616}}]}',
        b'{"notifications":[{"to":"user:1","type":"A","title":"B","data":' + b"[" * 100_000,
        b'{"notifications":[{"to":"user:1","type":"A","title":"B","data":{"\\ud800":1}}]}',
        json.dumps({"notifications": [PLAIN | {"idempotency_key": "k"}]}).encode(),
        json.dumps({"notifications": [PLAIN, PLAIN | {"title": "\u2800"}]}).encode(),
        json.dumps({"notifications": [PLAIN] * (emit_rules.BATCH_MAX + 1)}).encode(),
        json.dumps({"notifications": [PLAIN, PLAIN | LARGE]}).encode(),
    ],
)
def test_a_batch_that_is_odd_anywhere_is_left_to_the_schemas(text: bytes):
    assert emit_plain.judged_batch(text) is None


def test_a_plain_batch_goes_the_short_way_however_long_it_is():
    items = [PLAIN | {"data": {"text": "x" * 1000}}] * (emit_rules.EMIT_BYTES_MAX // 1000 + 1)

    judged = emit_plain.judged_batch(json.dumps({"notifications": items}).encode())

    assert judged == [emit.parse_item(item) for item in items]


def test_the_common_bodies_go_the_short_way():
    for more in (
        {},
        {"body": "x", "link": "/orders/1?x=y#z", "data": {"a": [1, {"b": "c"}]}},
        {"email": True},
        {"email": False, "locale": "de"},
        {"store": True},
        {"store": False, "event": "cart:changed"},
    ):
        assert emit_plain.judged(PLAIN | more, emit_plain.PlainEmit) is not None


@settings(max_examples=amount(60, long=300), deadline=None)
@given(bodies)
def test_whatever_is_taken_can_be_written_as_json(body: dict[str, Any]):
    try:
        request = emit.parse(body)
    except Invalid as error:
        orjson.dumps(error.errors)
    else:
        orjson.dumps([request.title, request.body, request.link, request.data, request.rooms])


# Batches


def test_a_batch_hands_out_its_items_unjudged():
    assert emit.items({"notifications": [PLAIN, 1, None]}) == [PLAIN, 1, None]


@pytest.mark.parametrize(
    "body",
    [{}, {"notifications": []}, {"notifications": {}}, {"notifications": [PLAIN] * 1001}, {"items": [PLAIN]}],
)
def test_a_batch_is_a_list_of_one_to_a_thousand(body: dict[str, Any]):
    assert errors(emit.items, body)


def test_an_error_reads_as_a_sentence_where_there_is_no_room_for_fields():
    with pytest.raises(Invalid, match=r"^to: invalid_room: .*; title: Must have 1 to 200 characters\.$"):
        emit.parse(PLAIN | {"to": "x", "title": ""})
    with pytest.raises(Invalid, match=r"^Must be an object\.$"):
        emit.parse(None)


def test_depth_is_bounded_before_anything_recurses_deep():
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]

    assert soundness.unsound(deep, soundness.DATA_DEPTH_MAX)
    assert set(errors(emit.parse_item, PLAIN | {"data": {"a": deep}, "idempotency_key": "k"})) == {"data"}
