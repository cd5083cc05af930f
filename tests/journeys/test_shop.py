"""The demo's shop does what its page at `/demo/` asks for."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from auth.tokens import Signer
from gateway.process import node
from gateway.process.demo import CATALOG
from gateway.process.shop import Shop
from tests.support.gateway import SECRET, Answered, Gateway, gateway, token
from tests.support.node import NodeProcess


def open_shop(node: node.Node) -> None:
    node.add(Shop(node.emitter, node.reading, node.access.verifier, Signer(SECRET)))


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
