"""A catalog in a running gateway: emits of nothing but data, readers of two languages, and mail by its designs."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from gateway.catalog import loading
from gateway.catalog.buckets import bucket
from tests.journeys.test_mailing import mail_in, spooled
from tests.support.gateway import Gateway, token
from tests.support.gateway import gateway as start_gateway
from tests.support.node import JSClient, NodeProcess
from tests.support.servers import mongod

SHOP = Path(loading.__file__).parent / "shop"
CATALOG = loading.load(SHOP)
ORDER = {"order": "1234", "status": "shipped", "carrier": "DHL"}
ENGLISH = "Order 1234 has shipped"
GERMAN = "Bestellung 1234 ist unterwegs"


@pytest.fixture(params=["sqlite", "mongodb"])
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Gateway]:
    """A gateway with the example catalog, on each store."""
    async with AsyncExitStack() as stack:
        more = {}
        if request.param == "mongodb":
            more["STORE_URL"] = stack.enter_context(mongod()).url
        yield await stack.enter_async_context(
            start_gateway(tmp_path, CATALOG=str(SHOP), MAIL_FROM="Shop <shop@shop.example>", **more)
        )


async def reader(shop: Gateway, node: NodeProcess, user: str, locale: str | None, **claims: Any) -> JSClient:
    client = await node.open(
        shop.public, auth={"token": token(user, locale=locale, email=f"{user}@shop.example", **claims)}
    )
    await client.event("ready")
    return client


async def emit(shop: Gateway, to: str | list[str], type_: str, data: Any, **fields: Any) -> Any:
    answered = await shop.ask(
        "POST", "/internal/emit", body={"to": to, "type": type_, "data": data, **fields}
    )
    assert answered.status == 202, answered
    return answered.body["notifications"][0]


async def test_readers_get_the_words_of_their_languages_live_and_ever_after(shop: Gateway, node: NodeProcess):
    ann = await reader(shop, node, "ann", "de-AT", topics=("orders",))
    bob = await reader(shop, node, "bob", None, topics=("orders",))

    own = await emit(shop, "user:ann", "ORDER_UPDATE", ORDER)
    shared = await emit(shop, "topic:orders", "ORDER_UPDATE", ORDER)

    first, second = await ann.events("notification", 2)
    assert [first["title"], second["title"]] == [GERMAN, GERMAN]
    assert (second["locale"], second["category"], second["seq"]) == ("de", "orders", shared["seq"])
    assert second["catalog_version"] == CATALOG.version
    assert (await bob.event("notification"))["title"] == ENGLISH
    histories = [(await each.call("history"))["notifications"] for each in (ann, bob)]
    assert [[each["title"] for each in history] for history in histories] == [[GERMAN, GERMAN], [ENGLISH]]
    again = await node.open(
        shop.public,
        auth={
            "token": token("ann", locale="de", topics=("orders",)),
            "since": {"user:ann": 0, "topic:orders": 0},
        },
    )
    assert [each["title"] for each in await again.events("notification", 2)] == [GERMAN, GERMAN]
    replayed = await bob.call("replay", {"since": {"topic:orders": 0}})
    assert [each["title"] for each in replayed["notifications"]] == [ENGLISH]
    record = await shop.ask("GET", f"/internal/notifications/{own['id']}")
    assert (record.body["locale"], record.body["data"], record.body["skipped"]) == ("de", ORDER, None)


async def test_the_language_that_a_reader_has_chosen_goes_before_the_tokens_in_rooms_of_many_too(
    shop: Gateway, node: NodeProcess
):
    ann = await reader(shop, node, "ann", "en", topics=("orders",))
    bob = await reader(shop, node, "bob", "en", topics=("orders",))
    await emit(shop, "topic:orders", "ORDER_UPDATE", ORDER)
    assert [(await each.event("notification"))["title"] for each in (ann, bob)] == [ENGLISH, ENGLISH]

    await ann.call("preferences", {"set": {"locale": "de"}})
    async with asyncio.timeout(20):
        while (await ann.call("history"))["notifications"][0]["title"] != GERMAN:
            await asyncio.sleep(0.02)
    await emit(shop, "topic:orders", "ORDER_UPDATE", ORDER)

    assert [(await each.event("notification"))["title"] for each in (ann, bob)] == [GERMAN, ENGLISH]
    auth = {
        "token": token("ann", locale="en", topics=("orders",)),
        "since": {"user:ann": 0, "topic:orders": 0},
    }
    again = await node.open(shop.public, auth=auth)
    assert (await again.event("notification"))["title"] == GERMAN
    await again.call("token", {"token": token("ann", locale="fr", topics=("orders",))})
    replayed = await again.call("replay", {"since": {"topic:orders": 0}})
    assert {each["title"] for each in replayed["notifications"]} == {GERMAN}
    headers = {"Authorization": f"Bearer {auth['token']}"}
    history = await shop.request("GET", f"{shop.public}/api/notifications", headers=headers)
    assert {each["title"] for each in history.body["notifications"]} == {GERMAN}
    categories = await shop.request("GET", f"{shop.public}/api/categories", headers=headers)
    assert categories.body["categories"][0]["name"] == "Bestellungen"


async def test_whose_token_names_no_language_reads_what_a_backend_has_told(shop: Gateway, node: NodeProcess):
    await shop.ask("PUT", "/internal/users/eve", body={"locale": "de"})

    eve = await reader(shop, node, "eve", None, topics=("orders",))
    await emit(shop, "topic:orders", "ORDER_UPDATE", ORDER)

    assert (await eve.event("notification"))["title"] == GERMAN


async def test_a_time_is_told_by_the_clock_of_its_reader_and_stays_so(shop: Gateway, node: NodeProcess):
    ann = await reader(shop, node, "ann", "de")
    await ann.call("preferences", {"set": {"timezone": "Asia/Tokyo"}})
    told = {"complaint": "C", "customer": "Eve", "text": "x", "received": "2026-11-22T08:27:41Z"}

    own = await emit(shop, "user:ann", "NEW_COMPLAINT", told)
    await emit(shop, "admins", "NEW_COMPLAINT", told)

    assert (await ann.event("notification"))["body"] == "„x“ (22.11.26, 17:27)"
    assert (await record(shop, own))["body"] == "„x“ (22.11.26, 17:27)"
    admin = await node.open(
        shop.public, auth={"token": token("root", roles=("admin",), locale="de")}, namespace="/admin"
    )
    await admin.event("ready")
    [seen] = (await admin.call("history", {"room": "admins"}))["notifications"]
    assert seen["body"] == "„x“ (22.11.26, 08:27)"


async def test_the_clock_that_a_backend_tells_counts_from_the_next_emit_on(shop: Gateway):
    """Though a moment ago, when something was emitted, nobody knew of any."""
    told = {"complaint": "C", "customer": "Eve", "text": "x", "received": "2026-11-22T08:27:41Z"}
    await shop.ask("PUT", "/internal/users/ann", body={"locale": "de"})
    before = await emit(shop, "user:ann", "NEW_COMPLAINT", told)
    await shop.ask("PATCH", "/internal/users/ann", body={"timezone": "Asia/Tokyo"})

    since = await emit(shop, "user:ann", "NEW_COMPLAINT", told)

    bodies = [(await record(shop, each))["body"] for each in (before, since)]
    assert bodies == ["„x“ (22.11.26, 08:27)", "„x“ (22.11.26, 17:27)"]


async def test_a_history_of_one_category(shop: Gateway, node: NodeProcess):
    ann = await reader(shop, node, "ann", "en")
    await emit(shop, "user:ann", "ORDER_UPDATE", ORDER)
    await emit(shop, "user:ann", "REVIEW", {"product": "Lamp", "order": "1234"}, email=False)
    await shop.emit("user:ann", "Without a category")

    page = await ann.call("history", {"category": ["service"]})

    assert [each["type"] for each in page["notifications"]] == ["REVIEW"]
    assert len((await ann.call("history"))["notifications"]) == 3


async def test_data_that_do_not_fit_are_told_by_pointers_and_store_nothing(shop: Gateway, node: NodeProcess):
    ann = await reader(shop, node, "ann", None)
    bad = {"order": 7, "status": "lost"}

    one = await shop.ask(
        "POST", "/internal/emit", body={"to": "user:ann", "type": "ORDER_UPDATE", "data": bad}
    )
    good, other = await shop.batch(
        [
            {"to": "user:ann", "type": "ORDER_UPDATE", "data": ORDER},
            {"to": "user:ann", "type": "ORDER_UPDATE", "data": {}},
        ]
    )

    assert (one.status, one.body["code"]) == (422, "validation_failed")
    assert set(one.body["errors"]) == {"/data/order", "/data/status"}
    assert (good["status"], other["status"]) == (202, 422)
    assert set(other["errors"]) == {"/data/order", "/data/status"}
    assert len((await ann.call("history"))["notifications"]) == 1


async def test_whatever_does_not_fit_a_schema_is_422_and_stores_nothing(shop: Gateway):
    """Each example of each type, with each of its members gone or something else than it was."""
    shown = 0
    for kind in CATALOG.types.values():
        assert kind.payload is not None
        spoilt = [each for example in kind.examples for each in _spoilt(example)]
        wrong = [{pointer for pointer, _ in kind.payload.problems(data)} for data in spoilt]
        assert sum(map(bool, wrong)) > 10
        # Mail alone is what the confirmation has.
        items = [
            {"to": "user:ann", "type": kind.name, "data": data} | ({"email": False} if kind.in_app else {})
            for data in spoilt
        ]
        answers = [
            each
            for start in range(0, len(items), 100)
            for each in await shop.batch(items[start : start + 100])
        ]
        for data, problems, answer in zip(spoilt, wrong, answers, strict=True):
            assert answer["status"] == (422 if problems else 202), (kind.name, data, answer)
            assert set(answer.get("errors", ())) == problems
        shown += kind.in_app * wrong.count(set())

    last = await emit(shop, "user:ann", "REVIEW", {"product": "x", "order": "1"}, email=False)
    assert shown > 0
    assert last["seq"] == shown + 1


def _spoilt(data: Any) -> Iterator[Any]:
    """The data with one member, at any depth, gone or of another kind."""
    keys = list(data) if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
    for key in keys:
        without = data.copy()
        del without[key]
        yield without
        for other in (None, 7, -1.5, "", "x" * 5000, [], {}, True, *_spoilt(data[key])):
            changed = data.copy()
            changed[key] = other
            yield changed


async def test_mail_is_made_by_the_catalogs_designs_in_the_readers_language(
    shop: Gateway, node: NodeProcess, tmp_path: Path
):
    await reader(shop, node, "ann", "de")
    await reader(shop, node, "bob", "en")
    confirmed = CATALOG.types["ORDER_CONFIRMATION"].examples[0]

    sent = [await emit(shop, f"user:{user}", "ORDER_CONFIRMATION", confirmed) for user in ("ann", "bob")]

    told = [await mail_in(shop, each["id"], "sent") for each in sent]
    assert [each["lane"] for each in told] == ["transactional", "transactional"]
    mails = {mail["To"]: mail for mail in spooled(tmp_path)}
    german, english = mails["ann@shop.example"], mails["bob@shop.example"]
    assert (german["Subject"], english["Subject"]) == ("Ihre Bestellung 1234", "Your order 1234")
    html = german.get_body(("html",)).get_content()
    assert "108,90" in html
    assert "mso" in html  # MJML's way with Outlook
    assert "€108.90" in english.get_body(("plain",)).get_content()
    # It is for mail only.
    assert [each["seq"] for each in sent] == [None, None]


async def test_an_emit_may_do_without_the_mail_of_its_type(shop: Gateway, node: NodeProcess):
    await reader(shop, node, "ann", None)

    without = await emit(shop, "user:ann", "ORDER_UPDATE", ORDER, email=False)
    with_ = await emit(shop, "user:ann", "ORDER_UPDATE", ORDER)
    unknown = await emit(shop, "user:nobody", "ORDER_UPDATE", ORDER)

    mails = [
        (await shop.ask("GET", f"/internal/notifications/{each['id']}")).body["mail"]
        for each in (without, with_, unknown)
    ]
    assert mails[0] is None
    assert (mails[1]["state"], mails[1]["unless"]) == ("pending", "read")
    assert (mails[2]["state"], mails[2]["decided_by"]) == ("skipped", "address")


async def test_a_type_is_seen_before_it_is_sent(shop: Gateway, node: NodeProcess):
    await reader(shop, node, "ann", "de")
    path = "/internal/types/ORDER_UPDATE/preview"

    first = (await shop.ask("POST", path)).body
    german = (await shop.ask("POST", path, body={"user": "ann", "data": ORDER})).body
    wrong = await shop.ask("POST", path, body={"data": {"order": "1", "status": "lost"}})
    none = await shop.ask("POST", path, body={"example": 99})
    unknown = await shop.ask("POST", "/internal/types/NO_SUCH/preview")

    assert (first["locale"], first["item"]["title"]) == ("en", "Order 1234 is placed")
    assert first["mail"]["bytes"] == len(first["mail"]["html"].encode())
    assert first["mail"]["templates"] == ["default.mjml"]
    assert first["explain"] == []
    assert german["item"] == {
        "type": "ORDER_UPDATE",
        "category": "orders",
        "title": GERMAN,
        "body": "",
        "link": "/orders/1234",
        "collapse_key": "order:1234",
    }
    explained = {each["channel"]: each for each in german["explain"]}
    assert {each["verdict"] for each in explained.values()} == {"send"}
    address = next(each for each in explained["email"]["gates"] if each["rule"] == "address")
    assert address == {"rule": "address", "passed": True, "facts": {"email": "ann@shop.example"}}
    assert (wrong.status, set(wrong.body["errors"])) == (422, {"/data/status"})
    assert (none.status, set(none.body["errors"])) == (422, {"example"})
    assert unknown.status == 404


async def test_a_strict_catalog_takes_no_other_types(tmp_path: Path):
    async with start_gateway(tmp_path, CATALOG=str(SHOP), CATALOG_STRICT="true") as shop:
        refused = await shop.ask(
            "POST", "/internal/emit", body={"to": "user:ann", "type": "OTHER", "title": "x"}
        )

    assert (refused.status, refused.body["code"]) == (422, "unknown_type")


async def test_what_the_shop_emits_in_both_languages_reaches_its_readers(shop: Gateway, node: NodeProcess):
    clients = {
        "en": await reader(shop, node, "ann", "en"),
        "de": await reader(shop, node, "bob", "de"),
    }
    shown = [kind for kind in CATALOG.types.values() if kind.in_app and kind.name != "NEW_COMPLAINT"]
    emitted = 0

    for kind in shown:
        for data in kind.examples:
            await emit(shop, ["user:ann", "user:bob"], kind.name, data)
            emitted += 1

    for locale, client in clients.items():
        got = await client.events("notification", emitted)
        assert {each["locale"] for each in got} == {locale}
        assert {each["type"] for each in got} == {kind.name for kind in shown}


async def record(shop: Gateway, emitted: Any) -> Any:
    return (await shop.ask("GET", f"/internal/notifications/{emitted['id']}")).body


async def test_what_is_switched_off_is_taken_and_reaches_nobody(shop: Gateway, node: NodeProcess):
    ann = await reader(shop, node, "ann", None, topics=("orders",))
    for type_ in ("ORDER_UPDATE", "OTHER"):
        answered = await shop.ask("PATCH", f"/internal/types/{type_}", body={"enabled": False})
        assert answered.status == 200, answered

    off = await emit(shop, "user:ann", "ORDER_UPDATE", ORDER)
    shared = await emit(shop, "topic:orders", "ORDER_UPDATE", ORDER)
    unknown = await emit(shop, "user:ann", "OTHER", {}, title="Off too")
    live = await emit(shop, "user:ann", "OTHER", {}, title="Off too", store=False)
    on = await emit(shop, "user:ann", "REVIEW", {"product": "Lamp", "order": "1"}, email=False)

    assert [each["seq"] for each in (off, shared, unknown, live)] == [None] * 4
    assert (await ann.event("notification"))["id"] == on["id"]
    assert [each["id"] for each in (await ann.call("history"))["notifications"]] == [on["id"]]
    told = await record(shop, off)
    assert told["skipped"] == {"rule": "switch", "detail": "the type is switched off"}
    assert (told["mail"]["state"], told["mail"]["decided_by"]) == ("skipped", "switch")
    assert told["title"] == ENGLISH
    assert (await record(shop, unknown))["skipped"]["rule"] == "switch"
    assert (await record(shop, on))["skipped"] is None
    types = (await shop.ask("GET", "/internal/types")).body["types"]
    assert types["ORDER_UPDATE"]["enabled"] is False


async def test_a_rollout_is_by_user_and_for_a_room_of_many_by_its_name(shop: Gateway, node: NodeProcess):
    await shop.ask("PATCH", "/internal/types/REVIEW", body={"channels": {"in_app": {"percent": 50}}})
    data = {"product": "Lamp", "order": "1"}
    users = [f"u{number}" for number in range(40)]
    expected = {user for user in users if bucket("REVIEW", "in_app", "", user) < 5_000}

    answered = await shop.ask(
        "POST", "/internal/emit",
        body={"to": [f"user:{user}" for user in users], "type": "REVIEW", "data": data, "email": False},
    )  # fmt: skip
    topics = [(await emit(shop, f"topic:{name}", "REVIEW", data)) for name in ("a", "b", "c", "d")]

    shown = {each["room"].removeprefix("user:") for each in answered.body["notifications"] if each["seq"]}
    assert shown == expected
    assert 0 < len(expected) < 40
    assert [each["seq"] is not None for each in topics] == [
        bucket("REVIEW", "in_app", "", each["room"]) < 5_000 for each in topics
    ]
    hidden = next(each for each in answered.body["notifications"] if each["seq"] is None)
    assert (await record(shop, hidden))["skipped"]["rule"] == "rollout"


async def test_while_a_rollout_is_raised_who_was_in_stays_in(shop: Gateway):
    users = [f"u{number}" for number in range(100)]
    asked = {
        "to": [f"user:{user}" for user in users],
        "type": "REVIEW",
        "data": {"product": "x", "order": "1"},
    }
    shown: list[set[str]] = []

    for percent in (5, 25, 100):
        switched = {"channels": {"in_app": {"percent": percent}}}
        assert (await shop.ask("PATCH", "/internal/types/REVIEW", body=switched)).status == 200
        answered = await shop.ask("POST", "/internal/emit", body={**asked, "email": False})
        shown.append({each["room"] for each in answered.body["notifications"] if each["seq"] is not None})

    buckets = {f"user:{user}": bucket("REVIEW", "in_app", "", user) for user in users}
    assert shown == [{room for room, at in buckets.items() if at < limit} for limit in (500, 2_500, 10_000)]
    assert set() < shown[0] < shown[1] < shown[2]


async def test_a_preview_explains_flag_and_bucket(shop: Gateway):
    await shop.ask("PATCH", "/internal/types/REVIEW", body={"channels": {"email": {"percent": 0}}})

    answered = await shop.ask("POST", "/internal/types/REVIEW/preview", body={"user": "ann"})

    email = next(each for each in answered.body["explain"] if each["channel"] == "email")
    gates = {each["rule"]: each for each in email["gates"]}
    assert (email["verdict"], email["rule"]) == ("skip", "rollout")
    assert gates["switch"]["facts"]["channel_on"] is True
    assert gates["rollout"]["facts"]["percent"] == 0
    assert gates["rollout"]["facts"]["bucket"] == bucket("REVIEW", "email", "", "ann")
    assert gates["address"]["passed"] is False


async def test_readers_are_told_the_categories_in_their_language(shop: Gateway, tmp_path: Path):
    async def told(locale: str | None) -> Any:
        headers = {"Authorization": f"Bearer {token(f'reads {locale}', locale=locale)}"}
        answered = await shop.request("GET", f"{shop.public}/api/categories", headers=headers)
        assert answered.status == 200, answered
        return answered.body["categories"]

    assert [each["name"] for each in await told("de-AT")][:2] == ["Bestellungen", "Kundendienst"]
    assert (await told(None))[0] == {"key": "orders", "name": "Orders", "icon": "parcel"}
    assert (await told("fr"))[0]["name"] == "Orders"
