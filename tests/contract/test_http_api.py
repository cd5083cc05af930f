"""The HTTP interface of both sites, asked of a whole gateway over the network."""

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.http import descriptions, static
from storage.endings import Buried
from storage.errors import StoreUnavailable
from storage.mail import LaneName
from tests.support.gateway import API_KEY, SECRET, Answered, Gateway, gateway, token

BODY = {"to": "user:ann", "type": "ORDER_UPDATE", "title": "Your order has shipped"}
UNKNOWN_ID = "01900000-0000-7000-8000-000000000000"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway(tmp_path) as running:
        yield running


def service_token(scope: str) -> str:
    import jwt

    claims = {"sub": "billing", "exp": 4102444800, "scope": scope}
    return jwt.encode(claims, SECRET, algorithm="HS256")


def is_problem(answered: Answered, status: int, code: str) -> bool:
    body = answered.body
    assert answered.headers["Content-Type"] == "application/problem+json", answered
    assert (answered.status, body["status"], body["code"]) == (status, status, code), answered
    assert body["type"] == f"urn:bellhop:problem:{code}"
    assert body["title"]
    assert body["request_id"] == answered.headers["X-Request-Id"]
    return True


async def api(site: Gateway, method: str, path: str, user_token: str, **given: Any) -> Answered:
    headers = {"Authorization": f"Bearer {user_token}"} | given.pop("headers", {})
    return await site.request(method, site.public + path, headers=headers, **given)


# Emit


async def test_an_emit_is_answered_with_where_its_notifications_stand(site: Gateway):
    answered = await site.ask("POST", "/internal/emit", body=BODY | {"to": ["user:ann", "topic:deals"]})

    assert answered.status == 202
    assert answered.body["duplicate"] is False
    assert [(each["room"], each["seq"]) for each in answered.body["notifications"]] == [
        ("user:ann", 1),
        ("topic:deals", 1),
    ]
    assert "Idempotency-Replayed" not in answered.headers


async def test_a_repeated_emit_answers_as_the_first_time_and_says_so(site: Gateway):
    first = await site.ask("POST", "/internal/emit", body=BODY, Idempotency_Key="order-1")
    again = await site.ask(
        "POST", "/internal/emit", raw=json.dumps(dict(reversed(BODY.items()))).encode(),
        Idempotency_Key="order-1", Content_Type="application/json",
    )  # fmt: skip

    assert again.status == 202
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.body == first.body | {"duplicate": True}


async def test_the_same_key_for_another_emit_is_a_mismatch(site: Gateway):
    await site.ask("POST", "/internal/emit", body=BODY, Idempotency_Key="order-1")

    answered = await site.ask("POST", "/internal/emit", body=BODY | {"title": "x"}, Idempotency_Key="order-1")

    assert is_problem(answered, 422, "idempotency_mismatch")


async def test_a_key_means_the_same_alone_and_in_a_batch(site: Gateway):
    alone = await site.ask("POST", "/internal/emit", body=BODY, Idempotency_Key="order-1")

    [result] = await site.batch([BODY | {"idempotency_key": "order-1"}])

    assert result == {"status": 202, "notifications": alone.body["notifications"], "duplicate": True}


async def test_a_key_given_twice_or_too_long_is_refused(site: Gateway):
    import aiohttp

    async with aiohttp.ClientSession() as http:
        headers = [("Authorization", f"Bearer {API_KEY}"), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
        async with http.post(site.internal + "/internal/emit", json=BODY, headers=headers) as answer:
            assert answer.status == 422
            assert (await answer.json(content_type=None))["errors"] == {
                "Idempotency-Key": ["Must be given once."]
            }
    answered = await site.ask("POST", "/internal/emit", body=BODY, Idempotency_Key="x" * 256)
    assert set(answered.body["errors"]) == {"Idempotency-Key"}


async def test_what_is_wrong_is_told_by_field(site: Gateway):
    answered = await site.ask("POST", "/internal/emit", body={"to": ["all", "me"], "type": "x", "titel": "y"})

    assert is_problem(answered, 422, "validation_failed")
    assert set(answered.body["errors"]) == {"to.1", "type", "titel"}
    assert answered.body["errors"]["to.1"][0].startswith("invalid_room")


async def test_mail_to_a_user_of_whom_no_address_is_known_is_refused(site: Gateway):
    answered = await site.ask("POST", "/internal/emit", body=BODY | {"email": True})

    assert is_problem(answered, 422, "validation_failed")
    assert set(answered.body["errors"]) == {"email"}


async def told(site: Gateway, *users: str) -> None:
    """Have users tell their address by asking for their history."""
    for user in users:
        seen = await api(
            site, "GET", "/api/notifications", token(user, email=f"{user}@shop.example", name=user.title())
        )
        assert seen.status == 200


async def test_a_list_of_which_some_have_no_address_is_refused_with_their_names(site: Gateway):
    await told(site, "ann")
    rooms = ["user:ann", *(f"user:{number}" for number in range(150))]

    answered = await site.ask("POST", "/internal/emit", body=BODY | {"to": rooms, "email": True})

    assert is_problem(answered, 422, "validation_failed")
    assert answered.body["without_address"] == {"users": [str(number) for number in range(100)], "count": 150}
    [text] = answered.body["errors"]["email"]
    assert "0, 1, 2" in text
    assert "and 50 more" in text
    assert "ann" not in text


async def test_those_are_mailed_whose_address_is_known_and_all_have_it_in_their_history(site: Gateway):
    await told(site, "ann", "bob")
    body = BODY | {
        "to": ["user:ann", "user:nobody", "user:bob"],
        "email": {"if_known": True, "subject": "Hello"},
    }

    first = await site.ask("POST", "/internal/emit", body=body, Idempotency_Key="k")
    again = await site.ask("POST", "/internal/emit", body=body, Idempotency_Key="k")
    [in_a_batch] = await site.batch([body])

    for answer in (first.body, again.body, in_a_batch):
        assert answer["without_address"] == {"users": ["nobody"], "count": 1}
        assert [each["seq"] is not None for each in answer["notifications"]] == [True] * 3
    mails = [
        (await site.ask("GET", f"/internal/notifications/{each['id']}")).body["mail"]
        for each in first.body["notifications"]
    ]
    assert [mail["to"] for mail in mails] == ["ann@shop.example", "", "bob@shop.example"]
    assert (mails[1]["state"], mails[1]["reason"]) == ("skipped", "no address is known")
    history = await api(site, "GET", "/api/notifications", token("nobody"))
    assert len(history.body["notifications"]) == 2


async def test_where_all_have_an_address_nobody_is_named_and_a_given_one_is_known(site: Gateway):
    await told(site, "ann")

    emitted = await site.emit("user:ann", email={"if_known": True})
    odd = BODY | {"email": {"to": "ann@shop.example", "if_known": True}}
    refused = await site.ask("POST", "/internal/emit", body=odd)

    assert "without_address" not in emitted
    assert set(refused.body["errors"]) == {"email.if_known"}


async def test_a_batch_of_too_many_notifications_is_refused_before_anything_is_done(site: Gateway):
    item = BODY | {"to": [f"user:{number}" for number in range(1000)]}
    ten = {"notifications": [item] * 10}

    refused = await site.ask(
        "POST", "/internal/emit/batch", body={"notifications": [*ten["notifications"], BODY]}
    )
    taken = await site.ask("POST", "/internal/emit/batch", body=ten)

    assert is_problem(refused, 413, "too_large")
    assert "10000 notifications" in refused.body["detail"]
    assert [result["status"] for result in taken.body["results"]] == [202] * 10
    seqs = {each["seq"] for result in taken.body["results"] for each in result["notifications"]}
    assert seqs == set(range(1, 11))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"to": NaN}',
        b'{"title": "\\ud800"}',
        b"\xff\xfe{}",
        b"[" * 5000,
        b'{"data": {"a": 1e999}}',
    ],
    ids=["empty", "unfinished", "NaN", "surrogate", "not UTF-8", "bottomless", "infinite"],
)
async def test_what_is_not_json_is_refused_as_such(site: Gateway, raw: bytes):
    answered = await site.ask("POST", "/internal/emit", raw=raw, Content_Type="application/json")

    assert is_problem(answered, 400, "invalid_json")


@pytest.mark.parametrize(
    "value", ["9223372036854775808", "[[[1]]]", '"\\u0000"', "-0.0", "1e308", "18446744073709551616"]
)
async def test_strange_but_sound_json_is_never_an_error_of_ours(site: Gateway, value: str):
    raw = b'{"to": "user:ann", "type": "X", "title": "x", "data": {"value": %s}}' % value.encode()

    answered = await site.ask("POST", "/internal/emit", raw=raw, Content_Type="application/json")

    assert answered.status in (202, 422)


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
async def test_only_json_in_utf8_is_taken(site: Gateway, media_type: str):
    answered = await site.ask(
        "POST", "/internal/emit", raw=json.dumps(BODY).encode(), Content_Type=media_type
    )

    assert is_problem(answered, 415, "unsupported_media_type")


@pytest.mark.parametrize("media_type", ["application/json; charset=UTF-8", "application/vnd.shop+json"])
async def test_json_may_have_a_longer_name(site: Gateway, media_type: str):
    answered = await site.ask(
        "POST", "/internal/emit", raw=json.dumps(BODY).encode(), Content_Type=media_type
    )

    assert answered.status == 202


async def test_a_body_beyond_64_kib_is_refused_declared_chunked_or_compressed(site: Gateway):
    raw = json.dumps(BODY | {"data": {"a": "x" * 70_000}}).encode()

    async def chunks() -> AsyncIterator[bytes]:
        yield raw

    for data, headers in (
        (raw, {}),
        (chunks(), {}),
        (gzip.compress(raw), {"Content_Encoding": "gzip"}),
    ):
        answered = await site.ask(
            "POST", "/internal/emit", raw=data, Content_Type="application/json", **headers
        )  # type: ignore[arg-type]
        assert is_problem(answered, 413, "too_large")


async def test_a_compressed_body_is_read(site: Gateway):
    raw = gzip.compress(json.dumps(BODY).encode())

    answered = await site.ask(
        "POST", "/internal/emit", raw=raw, Content_Type="application/json", Content_Encoding="gzip"
    )

    assert answered.status == 202


async def test_a_body_that_is_not_as_compressed_as_it_says_is_refused(site: Gateway):
    answered = await site.ask(
        "POST",
        "/internal/emit",
        raw=b"not gzip at all",
        Content_Type="application/json",
        Content_Encoding="gzip",
    )

    assert is_problem(answered, 400, "bad_request")


# Batches


async def test_a_batch_answers_each_item_in_order_and_a_bad_one_spoils_nothing(site: Gateway):
    results = await site.batch(
        [
            BODY,
            BODY | {"to": "nobody"},
            "no object",
            BODY | {"email": True},
            BODY | {"data": {"a": "x" * 70_000}},
            BODY | {"idempotency_key": "k"},
            BODY | {"idempotency_key": "k"},
            BODY | {"idempotency_key": "k", "title": "Another"},
            BODY | {"store": False},
        ]
    )

    assert [(each["status"], each.get("code")) for each in results] == [
        (202, None),
        (422, "validation_failed"),
        (422, "validation_failed"),
        (422, "validation_failed"),
        (413, "too_large"),
        (202, None),
        (202, None),
        (422, "idempotency_mismatch"),
        (202, None),
    ]
    assert [each["notifications"][0]["seq"] for each in results if each["status"] == 202] == [1, 2, 2, None]
    assert results[6]["duplicate"] is True


async def test_data_of_any_depth_spoil_no_batch_with_a_key_either(site: Gateway):
    deep: dict[str, object] = {}
    for _ in range(300):
        deep = {"a": deep}

    results = await site.batch([BODY, BODY | {"idempotency_key": "k", "data": deep}])

    assert [(each["status"], each.get("code")) for each in results] == [
        (202, None),
        (422, "validation_failed"),
    ]


async def test_a_batch_in_which_nothing_is_sound_is_still_answered(site: Gateway):
    assert [each["status"] for each in await site.batch([1, 2])] == [422, 422]


async def test_an_empty_batch_is_refused(site: Gateway):
    answered = await site.ask("POST", "/internal/emit/batch", body={"notifications": []})

    assert is_problem(answered, 422, "validation_failed")


# Who is calling


@pytest.mark.parametrize("credential", ["", "Bearer", "Bearer wrong", "Basic YTpi", f"Token {API_KEY}"])
async def test_nobody_emits_without_a_key(site: Gateway, credential: str):
    answered = await site.ask("POST", "/internal/emit", body=BODY, Authorization=credential)

    assert is_problem(answered, 401, "unauthorized")
    assert answered.headers["WWW-Authenticate"] == "Bearer"


async def test_who_may_not_ask_is_told_so_before_the_body_is_looked_at(site: Gateway):
    answered = await site.ask("POST", "/internal/emit", raw=b"no json", Authorization="Bearer wrong")

    assert is_problem(answered, 401, "unauthorized")


async def test_a_user_is_not_a_service(site: Gateway):
    answered = await site.ask(
        "POST", "/internal/emit", body=BODY, Authorization=f"Bearer {token('ann', roles=('admin',))}"
    )

    assert is_problem(answered, 401, "unauthorized")


async def test_a_service_with_the_scope_emit_emits_and_does_nothing_else(site: Gateway):
    credential = f"Bearer {service_token('emit')}"

    emitted = await site.ask("POST", "/internal/emit", body=BODY, Authorization=credential)
    looked = await site.ask("GET", "/internal/presence", Authorization=credential)

    assert emitted.status == 202
    assert is_problem(looked, 403, "forbidden")
    assert (
        await site.ask("GET", "/internal/presence", Authorization=f"Bearer {service_token('admin')}")
    ).status == 200


async def test_two_services_may_use_the_same_key(site: Gateway):
    ours = await site.ask("POST", "/internal/emit", body=BODY, Idempotency_Key="k")
    theirs = await site.ask(
        "POST", "/internal/emit", body=BODY | {"title": "x"}, Idempotency_Key="k",
        Authorization=f"Bearer {service_token('emit')}",
    )  # fmt: skip

    assert (ours.status, theirs.status) == (202, 202)


async def test_a_service_that_emits_too_fast_is_told_when_to_come_back(tmp_path: Path):
    async with gateway(tmp_path, EMIT_RATE="1") as site:
        allowed = await site.ask(
            "POST", "/internal/emit", body=BODY | {"to": [f"user:{n}" for n in range(10)]}
        )
        refused = await site.ask("POST", "/internal/emit", body=BODY)
        other = await site.ask(
            "POST", "/internal/emit", body=BODY, Authorization=f"Bearer {service_token('emit')}"
        )

        assert allowed.status == 202
        assert is_problem(refused, 429, "rate_limited")
        assert 1 <= int(refused.headers["Retry-After"]) <= 20
        assert other.status == 202


async def test_a_batch_that_the_rate_never_has_room_for_passes_and_is_waited_for_afterwards(tmp_path: Path):
    """Refused it would be asked again without end."""
    async with gateway(tmp_path, EMIT_RATE="2") as site:
        first = await site.ask("POST", "/internal/emit", body=BODY)
        batch = await site.ask("POST", "/internal/emit/batch", body={"notifications": [BODY] * 60})
        emitted = await site.ask("POST", "/internal/emit", body=BODY)
        again = await site.ask("POST", "/internal/emit/batch", body={"notifications": [BODY] * 60})
        other = await site.ask(
            "POST", "/internal/emit", body=BODY, Authorization=f"Bearer {service_token('emit')}"
        )

        assert (first.status, other.status) == (202, 202)
        assert (batch.status, {each["status"] for each in batch.body["results"]}) == (207, {202})
        for refused in (emitted, again):
            assert is_problem(refused, 429, "rate_limited")
            assert 20 < int(refused.headers["Retry-After"]) <= 30


# What became of it


async def test_a_notification_is_shown_with_its_mail_and_its_receipts(site: Gateway):
    emitted = await site.emit("user:ann", email={"to": "ann@example.org", "after": 3600, "unless": "read"})
    notification_id = emitted["notification"]["id"]
    await api(site, "POST", "/api/notifications/read", token("ann"), body={"ids": [notification_id]})

    answered = await site.ask("GET", f"/internal/notifications/{notification_id}")

    assert answered.status == 200
    assert answered.body["title"] == "Hello"
    assert answered.body["mail"]["state"] == "pending"
    assert answered.body["mail"]["to"] == "ann@example.org"
    assert answered.body["mail"]["unless"] == "read"
    assert set(answered.body["receipts"]) == {"ann"}
    assert answered.body["receipts"]["ann"]["read_at"] is not None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", answered.body["created_at"])


async def test_a_recall_wipes_and_can_be_repeated(site: Gateway):
    emitted = await site.emit("user:ann", "A secret")
    path = f"/internal/notifications/{emitted['notification']['id']}"

    first = await site.ask("DELETE", path)
    again = await site.ask("DELETE", path)

    assert first.status == again.status == 200
    assert first.body == again.body
    assert first.body["recalled_at"] is not None
    assert "A secret" not in json.dumps(first.body)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/internal/notifications/{UNKNOWN_ID}"),
        ("DELETE", f"/internal/notifications/{UNKNOWN_ID}"),
        ("POST", f"/internal/mail/{UNKNOWN_ID}/revive"),
        ("GET", "/internal/notifications/no%2Fid%00at%20all"),
        ("GET", "/internal/nothing"),
        ("GET", "/"),
    ],
)
async def test_what_there_is_not_is_not_found(site: Gateway, method: str, path: str):
    assert is_problem(await site.ask(method, path), 404, "not_found")


async def test_a_method_that_does_not_fit_is_told_which_do(site: Gateway):
    answered = await site.ask("GET", "/internal/emit")

    assert is_problem(answered, 405, "method_not_allowed")
    assert answered.headers["Allow"] == "POST"


async def test_dead_mail_is_put_back(site: Gateway):
    emitted = await site.emit("user:ann", email={"to": "ann@example.org", "after": 3600})
    mail_id = emitted["notification"]["id"]
    assert site.node is not None
    later = datetime.now(UTC) + timedelta(hours=2)
    [lease] = await site.node.store.outbox.lease(
        lane=LaneName.TRANSACTIONAL, limit=1, lease_seconds=60, now=later
    )
    assert await site.node.store.outbox.end(lease, Buried(reason="user unknown", code=550), now=later)

    dead = await site.ask("GET", "/internal/mail?state=dead")
    revived = await site.ask("POST", f"/internal/mail/{mail_id}/revive")

    assert [(each["mail"]["reason"], each["mail"]["code"]) for each in dead.body["mail"]] == [
        ("user unknown", 550)
    ]
    assert revived.body == {"revived": [mail_id]}
    assert (await site.ask("GET", "/internal/mail?state=dead")).body["mail"] == []


async def test_mail_is_listed_by_state(site: Gateway):
    emitted = await site.emit("user:ann", email={"to": "ann@example.org", "after": 3600})

    pending = await site.ask("GET", "/internal/mail?state=pending&limit=1")
    dead = await site.ask("GET", "/internal/mail?state=dead")

    assert [each["id"] for each in pending.body["mail"]] == [emitted["notification"]["id"]]
    assert dead.body == {"mail": [], "next": None}


async def test_mail_that_is_not_dead_cannot_be_revived(site: Gateway):
    emitted = await site.emit("user:ann", email={"to": "ann@example.org", "after": 3600})

    assert is_problem(
        await site.ask("POST", f"/internal/mail/{emitted['notification']['id']}/revive"), 404, "not_found"
    )


@pytest.mark.parametrize(
    "query",
    [
        "state=alive",
        "limit=0",
        "limit=x",
        "limit=1&limit=2",
        "before=nonsense",
        "colour=red",
        "before=%F0%9F%98%80",
    ],
)
async def test_a_query_that_cannot_be_understood_is_refused(site: Gateway, query: str):
    assert is_problem(await site.ask("GET", f"/internal/mail?{query}"), 422, "validation_failed")


# Users


async def test_a_user_who_is_not_there_is_offline(site: Gateway):
    answered = await site.ask("GET", "/internal/presence/J%C3%BCrgen%2FGro%C3%9F")

    assert answered.body == {"user": "Jürgen/Groß", "online": False, "connections": 0, "last_seen": None}
    assert (await site.ask("GET", "/internal/presence")).body == {
        "online": [], "users": 0, "connections": 0, "next": None
    }  # fmt: skip


@pytest.mark.parametrize("path", ["/internal/presence/%20", "/internal/users/a%00/data"])
async def test_what_cannot_be_a_user_is_refused(site: Gateway, path: str):
    assert is_problem(await site.ask("GET", path), 422, "validation_failed")


async def test_disconnecting_needs_no_body_and_takes_a_reason(site: Gateway):
    bare = await site.ask("POST", "/internal/users/ann/disconnect")
    reasoned = await site.ask("POST", "/internal/users/ann/disconnect", body={"reason": "spam"})
    wrong = await site.ask("POST", "/internal/users/ann/disconnect", body={"why": "spam"})

    assert bare.body == reasoned.body == {"disconnected": 0}
    assert is_problem(wrong, 422, "validation_failed")


async def test_everything_about_a_user_can_be_had_and_forgotten(site: Gateway):
    emitted = await site.emit("user:ann", "Personal")
    await api(site, "POST", "/api/notifications/read", token("ann"), body={"all": True})

    held = await site.ask("GET", "/internal/users/ann/data")
    erased = await site.ask("DELETE", "/internal/users/ann/data")
    left = await site.ask("GET", "/internal/users/ann/data")

    assert [each["title"] for each in held.body["notifications"]] == ["Personal"]
    assert held.body["read_upto"]["user:ann"] == emitted["notification"]["seq"]
    assert erased.body == {"erased": 1}
    assert "Personal" not in json.dumps(left.body)
    assert (await site.ask("DELETE", "/internal/users/ann/data")).body == {"erased": 0}


# The public site


async def test_a_user_reads_the_own_history_page_by_page(site: Gateway):
    for number in range(3):
        await site.emit("user:ann", f"Number {number}")
    await site.emit("topic:deals", "A deal", type="DEAL")
    await site.emit("user:bob", "Not hers")
    hers = token("ann", topics=("deals",))
    # The topic begins when she first has it: what came before counts as read.
    before = await api(site, "GET", "/api/notifications?unread=true", hers)
    assert [each["title"] for each in before.body["notifications"]] == ["Number 2", "Number 1", "Number 0"]
    await site.emit("topic:deals", "Another deal", type="DEAL")

    first = await api(site, "GET", "/api/notifications?limit=3", hers)
    second = await api(site, "GET", f"/api/notifications?limit=3&before={first.body['next']}", hers)
    deals = await api(site, "GET", "/api/notifications/ann?type=DEAL,OTHER&type=X&unread=true", hers)

    shown = [(each["title"], each["read"]) for each in first.body["notifications"]]
    assert shown == [("Another deal", False), ("A deal", True), ("Number 2", False)]
    assert [each["title"] for each in second.body["notifications"]] == ["Number 1", "Number 0"]
    assert second.body["next"] is None
    assert [each["title"] for each in deals.body["notifications"]] == ["Another deal"]


async def test_reading_is_counted(site: Gateway):
    emitted = await site.emit("user:ann")
    await site.emit("user:ann")

    one = await api(
        site, "POST", "/api/notifications/read", token("ann"), body={"ids": [emitted["notification"]["id"]]}
    )
    every = await api(site, "POST", "/api/notifications/read", token("ann"), body={"all": True})

    assert (one.body["unread"], every.body["unread"]) == (1, 0)
    assert one.body["heads"] == every.body["heads"]


async def test_anothers_history_is_for_admins(site: Gateway):
    await site.emit("user:ann", "Hers")

    by_bob = await api(site, "GET", "/api/notifications/ann", token("bob"))
    by_admin = await api(site, "GET", "/api/notifications/ann", token("root", roles=("admin",)))

    assert is_problem(by_bob, 403, "forbidden")
    assert [each["title"] for each in by_admin.body["notifications"]] == ["Hers"]


@pytest.mark.parametrize("credential", [None, "Bearer ", "Bearer x.y.z", f"Bearer {API_KEY}"])
async def test_without_a_users_token_there_is_no_history(site: Gateway, credential: str | None):
    headers = {} if credential is None else {"Authorization": credential}

    answered = await site.request("GET", site.public + "/api/notifications", headers=headers)

    assert is_problem(answered, 401, "unauthorized")


async def test_an_expired_token_is_no_token(site: Gateway):
    assert is_problem(
        await api(site, "GET", "/api/notifications", token("ann", ttl_seconds=-60)), 401, "unauthorized"
    )


async def test_the_internal_routes_are_not_on_the_public_site(site: Gateway):
    for path in ("/internal/emit", "/metrics", "/readyz", "/internal/openapi.json"):
        assert (await site.request("GET", site.public + path)).status == 404
    assert (await site.request("GET", site.public + "/healthz")).status == 200


# Pages of other origins


async def test_pages_of_a_listed_origin_may_use_the_api(tmp_path: Path):
    async with gateway(tmp_path, CORS_ORIGINS="https://shop.example") as site:
        asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}
        preflight = await site.request("OPTIONS", site.public + "/api/notifications", headers=asked)
        answered = await api(
            site, "GET", "/api/notifications", token("ann"), headers={"Origin": "https://shop.example"}
        )
        failed = await api(site, "GET", "/api/notifications", "x", headers={"Origin": "https://shop.example"})
        foreign = await api(
            site, "GET", "/api/notifications", token("ann"), headers={"Origin": "https://evil.example"}
        )

        assert preflight.status == 204
        assert (
            preflight.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type, X-Request-Id"
        )
        for each in (preflight, answered, failed):
            assert each.headers["Access-Control-Allow-Origin"] == "https://shop.example"
            assert each.headers["Vary"] == "Origin"
            assert "Access-Control-Allow-Credentials" not in each.headers
        assert "Access-Control-Allow-Origin" not in foreign.headers


async def test_pages_of_any_origin_when_any_is_listed(tmp_path: Path):
    async with gateway(tmp_path, CORS_ORIGINS="*") as site:
        answered = await api(
            site, "GET", "/api/notifications", token("ann"), headers={"Origin": "https://a.example"}
        )

        assert answered.headers["Access-Control-Allow-Origin"] == "*"


async def test_without_origins_no_page_of_another_may(site: Gateway):
    answered = await api(
        site, "GET", "/api/notifications", token("ann"), headers={"Origin": "https://a.example"}
    )
    preflight = await site.request(
        "OPTIONS", site.public + "/api/notifications", headers={"Origin": "https://a.example"}
    )

    assert "Access-Control-Allow-Origin" not in answered.headers
    assert preflight.status == 405


# The edge


async def test_a_callers_request_id_comes_back_when_it_is_sound(site: Gateway):
    kept = await site.ask("GET", "/healthz", X_Request_Id="order-7/retry")
    made = await site.ask("GET", "/healthz", X_Request_Id="a b<script>")

    assert kept.headers["X-Request-Id"] == "order-7/retry"
    assert re.fullmatch(r"[0-9a-f]{32}", made.headers["X-Request-Id"])


async def test_every_answer_has_the_headers_that_browsers_heed(site: Gateway):
    for answered in (await site.ask("GET", "/internal/presence"), await site.ask("GET", "/nothing")):
        assert answered.headers["X-Content-Type-Options"] == "nosniff"
        assert answered.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answered.headers["Cache-Control"] == "no-store"
        assert answered.headers["Server"] == "bellhop"
        assert parsedate_to_datetime(answered.headers["Date"])


async def test_what_nobody_foresaw_is_logged_once_and_not_shown(site: Gateway, monkeypatch, caplog):
    async def break_down(*_: object, **__: object) -> None:
        raise RuntimeError("hunter2")

    assert site.node is not None
    monkeypatch.setattr(site.node.use_cases.records, "find", break_down)

    answered = await site.ask("GET", f"/internal/notifications/{UNKNOWN_ID}", X_Request_Id="r-1")

    assert is_problem(answered, 500, "internal")
    assert "hunter2" not in json.dumps(answered.body)
    [record] = [record for record in caplog.records if record.exc_info]
    assert record.getMessage() == "request failed"


async def test_what_breaks_in_a_batch_is_logged_and_not_shown(site: Gateway, monkeypatch, caplog):
    async def break_down(requests: list[object], **_: object) -> list[Exception]:
        return [RuntimeError("hunter2") for _ in requests]

    assert site.node is not None
    monkeypatch.setattr(site.node.telling.emitter, "emit_many", break_down)

    [result] = await site.batch([BODY])

    assert (result["status"], result["code"]) == (500, "internal")
    assert "hunter2" not in json.dumps(result)
    assert [record.getMessage() for record in caplog.records if record.exc_info] == ["emit failed"]


async def test_a_broken_connection_to_somebody_else_is_an_error_of_ours(site: Gateway, monkeypatch):
    async def reset(*_: object) -> None:
        raise ConnectionResetError

    assert site.node is not None
    monkeypatch.setattr(site.node.use_cases.records, "find", reset)

    assert is_problem(await site.ask("GET", f"/internal/notifications/{UNKNOWN_ID}"), 500, "internal")


async def test_who_leaves_before_the_answer_is_not_logged_as_an_error(site: Gateway, monkeypatch, caplog):
    caplog.set_level("INFO", logger="gateway.access")
    came, left = asyncio.Event(), asyncio.Event()

    async def wait(*_: object) -> None:
        came.set()
        await left.wait()
        raise ConnectionResetError

    assert site.node is not None
    monkeypatch.setattr(site.node.use_cases.records, "find", wait)
    host, port = site.internal.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"GET /internal/notifications/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {API_KEY}\r\n\r\n".encode()
    )
    await came.wait()

    writer.transport.abort()
    # A later connection is served only after the loop has heard of the end of the earlier one.
    await site.ask("GET", "/healthz")
    left.set()
    async with asyncio.timeout(20):
        while not any(getattr(record, "status", None) == 499 for record in caplog.records):
            await asyncio.sleep(0)

    assert not [record for record in caplog.records if record.exc_info]


async def test_a_store_that_is_away_is_a_503_with_a_time(site: Gateway, monkeypatch):
    async def unavailable(*_: object, **__: object) -> None:
        raise StoreUnavailable("away", retry_after=1.2)

    assert site.node is not None
    monkeypatch.setattr(site.node.telling.emitter, "emit", unavailable)

    answered = await site.ask("POST", "/internal/emit", body=BODY)

    assert is_problem(answered, 503, "unavailable")
    assert answered.headers["Retry-After"] == "2"


# Pages


async def test_the_description_has_a_page_that_needs_nothing_from_elsewhere(site: Gateway):
    page = await site.ask("GET", "/internal/docs")
    script = await site.ask("GET", "/internal/docs/docs.js")
    style = await site.ask("GET", "/internal/docs/docs.css")

    assert page.status == script.status == style.status == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    for text in (page.body, script.body, style.body):
        assert "http://" not in text
        assert "https://" not in text
    assert "innerHTML" not in script.body


@pytest.mark.parametrize(
    "path", ["/internal/docs/../settings.py", "/internal/docs/%2e%2e/settings.py", "/internal/docs/x"]
)
async def test_no_path_leads_out_of_the_pages(site: Gateway, path: str):
    assert (await site.ask("GET", path)).status == 404


async def test_built_pages_are_served_with_their_files_for_ever_and_themselves_not(tmp_path: Path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "assets" / "app-1a2b.js").write_text("1")
    from aiohttp import web
    from aiohttp.test_utils import TestClient, TestServer

    app = web.Application()
    app.add_routes(static.Page("/demo", tmp_path).routes())
    async with TestClient(TestServer(app)) as client:
        moved = await client.get("/demo?a=b", allow_redirects=False)
        page = await client.get("/demo/")
        asset = await client.get("/demo/assets/app-1a2b.js")

        assert (moved.status, moved.headers["Location"]) == (308, "demo/")
        assert page.headers["Cache-Control"] == "no-cache"
        assert asset.headers["Cache-Control"] == "public, max-age=31536000, immutable"


async def test_a_page_that_was_not_built_says_how_it_is(tmp_path: Path):
    page = static.Page("/demo", tmp_path / "nowhere")

    with pytest.raises(static.Problem) as caught:
        from aiohttp.test_utils import make_mocked_request

        await page._file(make_mocked_request("GET", "/demo/", match_info={"file": ""}))

    assert "npm run build" in str(caught.value.detail)


# The description


async def test_the_description_and_the_routes_are_the_same_list(site: Gateway):
    assert site.node is not None
    routes = {
        (route.method.lower(), route.resource.canonical)
        for app in (site.node.sites.public, site.node.internal)
        for route in app.router.routes()
        if route.resource is not None and route.method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    }
    pages = {path for _, path in routes if re.match(r"/(demo|dashboard|internal/docs|socket\.io)", path)}

    described = {(operation.method, operation.path) for operation in descriptions.DESCRIPTIONS}

    assert {(method, path) for method, path in routes if path not in pages} == described
