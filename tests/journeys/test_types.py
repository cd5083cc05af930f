"""Types, asked for and switched: by services over HTTP, by admins over their socket, with what became of it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.catalog import folder as folders
from gateway.catalog.loading import TYPES_MAX
from gateway.protocol.answers.types import TypeDetailAnswer, TypesAnswer
from gateway.sockets.settings import SocketSettings
from tests.journeys.test_mailing import mail_in
from tests.support.gateway import Gateway, gateway_process, token
from tests.support.gateway import gateway as start_gateway
from tests.support.node import NodeProcess

SHOP = Path(folders.__file__).parent / "shop"
DEADLINE_SECONDS = 40
EMAIL = {"to": "ann@example.org"}
DATA: dict[str, Any] = {
    "REVIEW": {"product": "Brass desk lamp", "order": "1234"},
    "SALE_OFFER": {"name": "Lamps", "discount": 0.2, "slug": "lamps"},
    "ORDER_UPDATE": {"order": "1234", "status": "placed"},
    "ORDER_CONFIRMATION": {
        "order": "1", "currency": "EUR", "items": [{"name": "Lamp", "quantity": 1, "amount": "9"}], "total": "9",
    },
}  # fmt: skip


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with start_gateway(tmp_path, CATALOG=str(SHOP)) as started:
        yield started


async def switch(here: Gateway, type_: str, **asked: Any) -> Any:
    answered = await here.ask("PATCH", f"/internal/types/{type_}", body=asked)
    assert answered.status == 200, answered
    assert TypeDetailAnswer().validate(answered.body) == {}
    return answered.body


async def mailed(here: Gateway, type_: str, to: str = "user:ann") -> tuple[str, str | None, str | None]:
    """What becomes of a mail of this type, once that is settled."""
    emitted = await here.emit(to, type=type_, email=EMAIL, data=DATA.get(type_, {}))
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            path = f"/internal/notifications/{emitted['notification']['id']}"
            mail = (await here.ask("GET", path)).body["mail"]
            if mail["state"] in ("sent", "skipped"):
                return mail["state"], mail["decided_by"], mail["verdict"]
            await asyncio.sleep(0.02)


async def test_the_types_of_the_catalog_are_told_with_what_holds_for_each(shop: Gateway):
    answered = (await shop.ask("GET", "/internal/types")).body

    assert TypesAnswer().validate(answered) == {}
    assert shop.node is not None and shop.node.catalog.current is not None
    version = shop.node.catalog.current.version
    assert (answered["version"], answered["default_locale"]) == (version, "en")
    assert list(answered["nodes"].values()) == [version]
    assert answered["categories"][0] == {
        "key": "orders", "names": {"en": "Orders", "de": "Bestellungen"}, "order": 0,
    }  # fmt: skip
    assert list(answered["types"]) == list(shop.node.catalog.current.types)
    offer = answered["types"]["SALE_OFFER"]
    assert (offer["known"], offer["lane"], offer["urgent"], offer["critical"]) == (True, "bulk", False, False)
    assert offer["channels"] == {
        "in_app": {"enabled": True, "percent": 100, "overridden": False, "by_default": True},
        "email": {"enabled": True, "percent": 25, "overridden": False, "by_default": False},
    }
    assert answered["types"]["NEW_COMPLAINT"]["urgent"]
    assert answered["types"]["ORDER_UPDATE"]["locales"] == ["en", "de"]


async def test_a_type_is_told_in_full(shop: Gateway):
    answered = await shop.ask("GET", "/internal/types/REVIEW")

    assert answered.status == 200
    assert TypeDetailAnswer().validate(answered.body) == {}
    assert answered.body["type"] == "REVIEW"
    assert answered.body["schema"]["required"] == ["product", "order"]
    assert answered.body["examples"] == [{"product": "Brass desk lamp", "order": "1234"}]
    assert (answered.body["changed"], answered.body["changes"]) == (None, [])


async def test_of_many_examples_the_first_are_told(tmp_path: Path):
    folder = tmp_path / "wordy"
    folder.mkdir()
    examples = [{"number": number, "words": "x" * 10_000} for number in range(20)]
    (folder / "catalog.toml").write_text(
        'default_locale = "en"\n[categories.orders]\nname = { en = "Orders" }\n[types.T]\ncategory = "orders"\n'
        + "".join(f'[[types.T.examples]]\nnumber = {e["number"]}\nwords = "{e["words"]}"\n' for e in examples)
    )
    async with start_gateway(tmp_path, CATALOG=str(folder)) as here:
        told = (await here.ask("GET", "/internal/types/T")).body["examples"]

    assert told == examples[:6]


@pytest.mark.parametrize("name", ["NOBODY_HAS_IT", "no%20type", "%C3%BC"])
async def test_a_type_that_is_unknown_is_not_found(shop: Gateway, name: str):
    answered = await shop.ask("GET", f"/internal/types/{name}")

    assert (answered.status, answered.body["code"]) == (404, "not_found")


async def test_a_gateway_without_a_catalog_knows_complaints_and_what_was_switched(gateway: Gateway):
    before = (await gateway.ask("GET", "/internal/types")).body
    await switch(gateway, "SALE", enabled=False)
    answered = (await gateway.ask("GET", "/internal/types")).body

    assert (before["version"], before["categories"], list(before["types"])) == (None, [], ["COMPLAINT"])
    assert before["types"]["COMPLAINT"]["urgent"]
    assert TypesAnswer().validate(answered) == {}
    assert list(answered["types"]) == ["COMPLAINT", "SALE"]
    assert (answered["types"]["SALE"]["known"], answered["types"]["SALE"]["enabled"]) == (False, False)
    # Taken back it is nothing special any more, and its history is kept.
    await switch(gateway, "SALE", enabled=None)
    assert list((await gateway.ask("GET", "/internal/types")).body["types"]) == ["COMPLAINT"]
    assert len((await gateway.ask("GET", "/internal/types/SALE")).body["changes"]) == 2


async def test_the_kill_switch_stops_what_is_emitted_and_what_is_owed_already(gateway: Gateway):
    assert await mailed(gateway, "SALE") == ("sent", None, None)
    owed = await gateway.emit("user:ann", type="SALE", email={**EMAIL, "after": 1})

    await switch(gateway, "SALE", enabled=False)

    off = ("skipped", "switch", "not sent: the type is switched off")
    assert await mailed(gateway, "SALE") == off
    assert await mailed(gateway, "OTHER") == ("sent", None, None)
    late = await mail_in(gateway, owed["notification"]["id"], "skipped")
    assert (late["decided_by"], late["verdict"]) == off[1:]
    await switch(gateway, "SALE", enabled=None)
    assert await mailed(gateway, "SALE") == ("sent", None, None)


async def test_a_mail_worker_of_its_own_finds_out_what_was_switched(tmp_path: Path):
    settings = {"CATALOG": str(SHOP), "MAIL_WORKER": "false"}
    async with (
        gateway_process(tmp_path, command="mail", CATALOG=str(SHOP)),
        start_gateway(tmp_path, **settings) as here,
    ):
        emitted = await here.emit("user:ann", type="REVIEW", email={**EMAIL, "after": 5}, data=DATA["REVIEW"])

        await switch(here, "REVIEW", enabled=False)

        mail = await mail_in(here, emitted["notification"]["id"], "skipped")
        assert mail["decided_by"] == "switch"


async def test_a_switched_off_channel_needs_no_address(gateway: Gateway):
    """No address is known; that would be refused, if there were anything to send."""
    await switch(gateway, "SALE", channels={"email": {"enabled": False}})

    emitted = await gateway.emit("user:nobody", type="SALE", email=True)

    assert "without_address" not in emitted
    record = await gateway.ask("GET", f"/internal/notifications/{emitted['notification']['id']}")
    assert record.body["mail"]["verdict"] == "not sent: the type's channel email is switched off"


async def test_a_change_keeps_what_it_leaves_out_and_is_kept_with_who_and_when(
    shop: Gateway, node: NodeProcess, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    admin = await node.open(shop.public, auth={"token": token("root", roles=("admin",))}, namespace="/admin")
    await admin.event("ready")

    await switch(shop, "SALE_OFFER", channels={"email": {"percent": 50}})
    answered = await admin.call(
        "type_switch", {"type": "SALE_OFFER", "enabled": False, "channels": {"in_app": {"enabled": False}}}
    )

    assert answered.pop("ok")
    assert TypeDetailAnswer().validate(answered) == {}
    assert answered["enabled"] is False
    assert answered["channels"]["email"]["percent"] == 50
    assert answered["channels"]["email"]["overridden"]
    assert answered["channels"]["in_app"]["enabled"] is False
    assert [change["by"] for change in answered["changes"]] == ["user:root", "service:shop"]
    assert answered["changed"] == answered["changes"][0]
    assert answered["changes"][1]["change"] == {"channels": {"email": {"percent": 50}}}
    assert await admin.call("type", {"type": "SALE_OFFER"}) == {"ok": True, **answered}
    assert [r.by for r in caplog.records if r.message == "a type was switched"] == [
        "service:shop",
        "user:root",
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, ""),
        ({"channels": {}}, ""),
        ({"channels": {"email": {}}}, ""),
        ({"enabled": "yes"}, "enabled"),
        ({"enabled": 1}, "enabled"),
        ({"channels": {"push": {"enabled": True}}}, "channels.push"),
        ({"channels": {"email": {"percent": 101}}}, "channels.email.percent"),
        ({"channels": {"email": {"percent": -0.1}}}, "channels.email.percent"),
        ({"channels": {"email": {"percent": 0.001}}}, "channels.email.percent"),
        ({"channels": {"email": {"percent": "50"}}}, "channels.email.percent"),
        ({"channels": {"email": {"percent": True}}}, "channels.email.percent"),
        ({"channels": {"email": {"salt": "x"}}}, "channels.email.salt"),
        ({"channels": None}, "channels"),
        ({"enabled": True, "type": "OTHER"}, "type"),
        ({"enabled": True, "by": "root"}, "by"),
    ],
)
async def test_a_change_that_says_nothing_or_nonsense_is_refused_and_changes_nothing(
    gateway: Gateway, body: dict[str, Any], field: str
):
    answered = await gateway.ask("PATCH", "/internal/types/SALE", body=body)

    assert (answered.status, list(answered.body["errors"])) == (422, [field])
    assert (await gateway.ask("GET", "/internal/types/SALE")).status == 404


async def test_what_is_critical_is_on_for_everybody_or_for_nobody(shop: Gateway):
    for channel, percent in (("email", 25), ("in_app", 99.99), ("email", 0.01)):
        asked = {"channels": {channel: {"percent": percent}}}
        answered = await shop.ask("PATCH", "/internal/types/ORDER_CONFIRMATION", body=asked)
        assert (answered.status, answered.body["code"]) == (422, "validation_failed")
        assert list(answered.body["errors"]) == [f"channels.{channel}.percent"]

    for percent, fate in ((100, "sent"), (0, "skipped"), (None, "sent")):
        await switch(shop, "ORDER_CONFIRMATION", channels={"email": {"percent": percent}})
        assert (await mailed(shop, "ORDER_CONFIRMATION"))[0] == fate


async def test_there_is_a_bound_to_the_types_that_can_be_switched(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("storage.sqlite.switches.TYPES_MAX", 1)
    await switch(gateway, "ONE", enabled=False)

    answered = await gateway.ask("PATCH", "/internal/types/TWO", body={"enabled": False})

    assert (answered.status, list(answered.body["errors"])) == (422, ["type"])


async def test_a_percentage_of_an_admin_holds_for_mail_by_the_buckets_of_the_file(shop: Gateway):
    """Of SALE_OFFER with the salt `autumn`, the file has a quarter."""
    assert shop.node is not None
    buckets = {
        user: shop.node.catalog.share("SALE_OFFER", "email", user, shop.node.clock()).bucket
        for user in "abcdefghij"
    }
    # Between two of them.
    percent = sorted(buckets.values())[5] / 100

    await switch(shop, "SALE_OFFER", channels={"email": {"percent": percent}})

    for user, bucket in buckets.items():
        state, rule, _ = await mailed(shop, "SALE_OFFER", f"user:{user}")
        assert (state, rule) == (("sent", None) if bucket < percent * 100 else ("skipped", "rollout"))


async def test_who_was_in_stays_in_while_a_percentage_is_raised(gateway: Gateway):
    users = [f"user:{number}" for number in range(200)]
    reached: list[set[str]] = []
    for percent in (5, 25, 100):
        await switch(gateway, "SALE", channels={"email": {"percent": percent}})
        emitted = await gateway.batch(
            [
                {"to": user, "type": "SALE", "title": "x", "email": {"to": "ann@example.org", "after": 3600}}
                for user in users
            ]
        )
        reached.append(set())
        for result in emitted:
            [address] = result["notifications"]
            record = await gateway.ask("GET", f"/internal/notifications/{address['id']}")
            if record.body["mail"]["state"] == "pending":
                reached[-1].add(address["room"])

    assert set() < reached[0] < reached[1] < reached[2] == set(users)


async def test_what_a_type_did_is_told_by_channel(shop: Gateway):
    await switch(shop, "ORDER_UPDATE", channels={"email": {"enabled": False}})
    for _ in range(3):
        await shop.emit("user:ann", type="ORDER_UPDATE", data=DATA["ORDER_UPDATE"], email=EMAIL)
    await mailed(shop, "REVIEW")
    assert shop.node is not None
    await shop.node.tally._flush()

    types = (await shop.ask("GET", "/internal/types")).body["types"]

    assert types["ORDER_UPDATE"]["day"] == {
        "in_app": {"sent": 3, "skipped": 0, "dead": 0}, "email": {"sent": 0, "skipped": 3, "dead": 0},
    }  # fmt: skip
    assert types["REVIEW"]["day"]["email"]["sent"] == 1
    assert (await shop.ask("GET", "/internal/types/REVIEW")).body["day"] == types["REVIEW"]["day"]


async def test_the_types_of_the_largest_catalog_fit_the_connection_of_an_admin(
    tmp_path: Path, node: NodeProcess
):
    """Every one switched, with a long name: what is told of all is one answer."""
    folder = tmp_path / "large"
    folder.mkdir()
    names = [f"{'LONG_NAME_' * 5}{number}" for number in range(TYPES_MAX)]
    (folder / "catalog.toml").write_text(
        'default_locale = "en"\n[categories.orders]\nname = { en = "Orders" }\n'
        + "".join(f'[types.{name}]\ncategory = "orders"\n' for name in names)
    )
    async with start_gateway(tmp_path, CATALOG=str(folder)) as here:
        assert here.node is not None
        for name in names:
            await here.node.store.switches.change(
                name, {"enabled": False}, by="service:shop", now=here.node.clock()
            )
        await here.node.switching.refresh()
        admin = await node.open(
            here.public, auth={"token": token("root", roles=("admin",))}, namespace="/admin"
        )
        await admin.event("ready")

        answered = await admin.call("types")

    assert list(answered["types"]) == names
    assert len(orjson.dumps(answered)) < SocketSettings().send_buffer_bytes


async def test_only_admins_and_services_of_theirs_may_ask(shop: Gateway, node: NodeProcess):
    for method, path in (("GET", "/internal/types"), ("PATCH", "/internal/types/SALE_OFFER")):
        answered = await shop.ask(method, path, body={"enabled": False}, Authorization="Bearer nobody")
        assert answered.status == 401
    assert (await shop.ask("GET", "/internal/types/SALE_OFFER")).body["enabled"]
