"""The demo's shop does what its page at `/demo/` asks for."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from auth.signing import Signer
from gateway.process import node
from gateway.process.demo import CATALOG, seed
from gateway.process.mailbox import SpoolMailbox
from gateway.process.shop import Shop
from tests.support.gateway import SECRET, Answered, Gateway, gateway, token
from tests.support.node import NodeProcess


def open_shop(node: node.Node) -> None:
    node.add(Shop(node.telling.emitter, node.inboxes.reading, node.access.verifier, Signer(SECRET)))


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway(tmp_path, extend=open_shop, CATALOG=str(CATALOG)) as here:
        yield here


async def act(here: Gateway, action: str, user: str = "ann") -> Answered:
    headers = {"Authorization": f"Bearer {token(user, name=user.title())}"}
    return await here.request("POST", f"{here.public}/demo/actions/{action}", body={}, headers=headers)


async def test_an_order_is_placed_confirmed_by_mail_and_shipped_once(
    shop: Gateway, node: NodeProcess, tmp_path: Path
):
    ann = await node.open(shop.public, auth={"token": token("ann")})
    await ann.event("ready")

    assert (await act(shop, "order")).status == 202
    placed = await ann.event("notification")
    assert (placed["type"], placed["data"]["status"]) == ("ORDER_UPDATE", "placed")

    assert (await act(shop, "ship")).status == 202
    shipped = await ann.event("notification")
    assert shipped["data"] == placed["data"] | {"status": "shipped"}

    again = await act(shop, "ship")
    assert (again.status, again.body["code"]) == (409, "nothing_to_ship")
    mail = (await shop.ask("GET", "/internal/mail")).body["mail"]
    confirmed = next(item for item in mail if item["type"] == "ORDER_CONFIRMATION")
    assert (confirmed["title"], confirmed["in_app"]) == (
        f"Thank you for order {placed['data']['order']}",
        False,
    )


async def test_a_complaint_reaches_the_admins_and_its_author(shop: Gateway, node: NodeProcess):
    admin_token = token("root", roles=("admin",))
    admin = await node.open(shop.public, auth={"token": admin_token}, namespace="/admin")
    await admin.event("ready")
    ann = await node.open(shop.public, auth={"token": token("ann")})
    await ann.event("ready")

    await act(shop, "complain")

    complaint = await admin.event("notification")
    assert (complaint["type"], complaint["data"]["user"]) == ("NEW_COMPLAINT", "ann")
    assert complaint["title"] == "Ann has a complaint"
    assert (await ann.event("notification"))["type"] == "COMPLAINT_RESPONSE"


async def test_an_offer_reaches_everybody(shop: Gateway, node: NodeProcess):
    people = [await node.open(shop.public, auth={"token": token(user)}) for user in ("ann", "bob")]
    for person in people:
        await person.event("ready")

    await act(shop, "offer")

    for person in people:
        assert (await person.event("notification"))["type"] == "SALE_OFFER"


async def test_the_page_gets_tokens_that_work(shop: Gateway, node: NodeProcess):
    config = (await shop.request("GET", f"{shop.public}/demo/config.json")).body

    for user in config["users"]:
        client = await node.open(shop.public, auth={"token": user["token"]})
        assert (await client.event("ready"))["user"] == user["id"]
    admin = await node.open(shop.public, auth=config["admin"], namespace="/admin")
    await admin.event("ready")


async def test_twenty_at_once_are_numbered_and_come_in_order(shop: Gateway, node: NodeProcess):
    ann = await node.open(shop.public, auth={"token": token("ann")})
    await ann.event("ready")

    emitted = (await act(shop, "burst")).body["notifications"]

    came = [await ann.event("notification") for _ in range(20)]
    assert [each["id"] for each in came] == [each["id"] for each in emitted]
    assert [each["data"]["number"] for each in came] == list(range(1, 21))


async def test_a_customer_finds_their_own_mail_in_the_mailbox_and_nobody_elses(tmp_path: Path):
    spool = tmp_path / "mail"

    def extend(node: node.Node) -> None:
        mailbox = SpoolMailbox(spool)
        node.add(
            Shop(
                node.telling.emitter,
                node.inboxes.reading,
                node.access.verifier,
                Signer(SECRET),
                mailbox=mailbox,
            )
        )

    async with gateway(tmp_path, extend=extend, CATALOG=str(CATALOG)) as here:
        await act(here, "order")
        async with asyncio.timeout(30):
            while not (page := await mailbox_of(here, "ann"))["mails"]:
                await asyncio.sleep(0.05)
        [head] = page["mails"]
        path = f"/demo/mailbox/{head['name']}"
        found = await ask_as(here, "ann", path)
        elsewhere = [await ask_as(here, "bob", path), await ask_as(here, "ann", "/demo/mailbox/..%2Fx.eml")]
        (spool / "20260101T000000Z-strange.eml").write_bytes(b"neither a head nor a body")

        assert page["address"] == "ann@demo.example"
        assert head["subject"].startswith("Your order ")
        assert "Brass desk lamp" in found.body["mail"]["html"]
        assert "Brass desk lamp" in found.body["mail"]["text"]
        assert [answer.status for answer in elsewhere] == [404, 404]
        assert (await mailbox_of(here, "bob"))["mails"] == []
        assert (await mailbox_of(here, "ann"))["mails"] == [head]


async def ask_as(here: Gateway, user: str, path: str) -> Answered:
    headers = {"Authorization": f"Bearer {token(user, name=user.title())}"}
    return await here.request("GET", here.public + path, headers=headers)


async def mailbox_of(here: Gateway, user: str) -> Any:
    return (await ask_as(here, user, "/demo/mailbox")).body


async def test_a_shop_without_a_spool_has_empty_mailboxes(shop: Gateway):
    assert (await mailbox_of(shop, "ann"))["mails"] == []
    assert (await ask_as(shop, "ann", "/demo/mailbox/x")).status == 404


async def test_a_new_demo_has_a_day_behind_it_and_only_once(tmp_path: Path):
    def extend(node: node.Node) -> None:
        open_shop(node)
        seed(node)

    histories = []
    for _ in range(2):
        async with gateway(tmp_path, extend=extend, CATALOG=str(CATALOG)) as here:
            histories.append((await ask_as(here, "ann", "/api/notifications")).body["notifications"])
            preferences = (await ask_as(here, "ann", "/api/preferences")).body

    assert histories[0] == histories[1]
    assert [item["type"] for item in histories[0]] == ["ORDER_UPDATE", "REVIEW", "ORDER_UPDATE", "SALE_OFFER"]
    times = [item["created_at"] for item in histories[0]]
    assert times == sorted(times, reverse=True)
    assert [item["read"] for item in histories[0]] == [True, False, False, False]
    assert preferences["tracking"] is True


async def test_who_has_no_token_or_asks_for_something_else_is_told(shop: Gateway):
    assert (await act(shop, "refund")).status == 404
    nobody = await shop.request("POST", f"{shop.public}/demo/actions/order", body={})
    assert (nobody.status, nobody.body["code"]) == (401, "unauthorized")


async def test_the_bare_address_leads_to_the_shop(shop: Gateway):
    async with aiohttp.ClientSession() as http, http.get(shop.public, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, "demo/")
        # Where the newsletter's link leads: there is one page.
        async with http.get(f"{shop.public}/newsletter/12", allow_redirects=False) as issue:
            assert (issue.status, issue.headers["Location"]) == (302, "../demo/")


async def test_a_gateway_that_is_no_demo_has_no_shop(tmp_path: Path):
    async with gateway(tmp_path) as here:
        assert (await here.request("GET", f"{here.public}/demo/config.json")).status == 404
        assert (await here.request("GET", f"{here.public}/demo/")).status == 404
