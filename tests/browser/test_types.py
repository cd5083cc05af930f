"""The page of types in a real Chromium, on a real gateway with the catalog of a shop: switches, previews, composing."""

import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from gateway.experiments.lots import Split
from tests.browser.shop import picture
from tests.browser.test_dashboard import come, signed_in
from tests.support.browser import DESK, PHONE, ROOT, require_pages, violations
from tests.support.gateway import Gateway, token
from tests.support.gateway import gateway as start_gateway
from tests.support.node import NodeProcess, run_clients

CATALOG = ROOT / "gateway" / "catalog" / "shop"


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    require_pages("dashboard")


@pytest_asyncio.fixture(loop_scope="module")
async def shop(tmp_path: Path) -> AsyncIterator[Gateway]:
    shutil.copytree(CATALOG, tmp_path / "catalog")
    async with start_gateway(tmp_path, CATALOG=str(tmp_path / "catalog"), NODE_ID="bellhop-0") as here:
        yield here


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node() -> AsyncIterator[NodeProcess]:
    async with run_clients() as process:
        yield process


def channel(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


# --- the list


async def test_the_types_stand_by_category_with_what_is_on_at_a_glance(shop: Gateway, browser: Browser):
    async with signed_in(browser, shop, "#/types") as page:
        offers = page.get_by_role("region", name="Offers")
        await expect(offers.get_by_role("row").filter(has_text="SALE_OFFER")).to_contain_text("25 %")
        orders = page.get_by_role("region", name="Orders")
        await expect(orders.get_by_role("link")).to_have_text(["ORDER_UPDATE", "ORDER_CONFIRMATION"])
        await expect(orders.get_by_role("row").filter(has_text="CONFIRMATION")).to_contain_text("Critical")
        await expect(
            page.get_by_text(re.compile("7 types in catalog [0-9a-f]{8}, on 1 node"))
        ).to_be_visible()

        await page.get_by_role("link", name="SALE_OFFER").click()

        await expect(page.get_by_role("heading", name="SALE_OFFER")).to_be_visible()


async def test_without_a_catalog_a_sentence_says_how_there_is_one(gateway: Gateway, browser: Browser):
    async with signed_in(browser, gateway, "#/types") as page:
        await expect(page.get_by_text("This gateway has no catalog")).to_be_visible()
        async with page.expect_popup() as opened:
            await page.get_by_role("link", name="How a catalog is written").click()
        guide = await opened.value
        await expect(guide.locator("body")).to_contain_text("# The catalog")
        assert await violations(page) == []
        await picture(page, "types-none")


async def test_nodes_that_run_different_catalogs_are_told_apart(
    shop: Gateway, browser: Browser, monkeypatch: pytest.MonkeyPatch
):
    nodes = {"bellhop-0": "79a0c0137d17", "bellhop-1": "79a0c0137d17", "bellhop-2": "0b5e11d2aa01"}
    monkeypatch.setattr("gateway.notify.types.versions.Versions.nodes", lambda _: nodes)
    async with signed_in(browser, shop, "#/types") as page:
        told = page.get_by_text("Nodes run different catalogs.")
        await expect(told).to_be_visible()
        await expect(
            page.get_by_text("79a0c013 on bellhop-0, bellhop-1; 0b5e11d2 on bellhop-2")
        ).to_be_visible()
        assert await violations(page) == []
        await picture(page, "types-nodes-differ")

        await page.goto(f"{shop.public}/dashboard/#/types/REVIEW")
        await expect(told).to_be_visible()


# --- switches


async def test_a_type_that_nobody_knows_can_be_stopped_too(
    shop: Gateway, browser: Browser, node: NodeProcess
):
    """Whoever has to stop one cannot wait for a file."""
    ann = await come(shop, node, "ann")
    async with signed_in(browser, shop, "#/types") as page:
        await page.get_by_label("Find a type").fill("ghost story")
        await page.get_by_role("link", name="open GHOST_STORY").click()
        await expect(page.get_by_text("Nothing is known of this type")).to_be_visible()
        await page.get_by_role("button", name="Switch off…").click()
        asked = page.get_by_role("dialog", name="Switch GHOST_STORY off?")
        await asked.get_by_role("button", name="Switch off").click()

        await expect(page.get_by_role("heading", name="Switched off")).to_be_visible()
        await shop.emit("user:ann", "Boo", type="GHOST_STORY")
        await shop.emit("user:ann", "After")
        assert (await ann.event("notification"))["title"] == "After"
        await page.get_by_role("link", name="Types").last.click()
        await expect(page.get_by_role("region", name="Not in the catalog")).to_contain_text("GHOST_STORY")


async def test_a_type_is_switched_off_after_a_second_thought_and_on_again(
    shop: Gateway, browser: Browser, node: NodeProcess
):
    ann = await come(shop, node, "ann")
    order = {"type": "ORDER_UPDATE", "data": {"order": "1", "status": "placed"}, "to": "user:ann"}
    async with signed_in(browser, shop, "#/types/ORDER_UPDATE") as page:
        await page.get_by_role("button", name="Switch off…").click()
        asked = page.get_by_role("dialog", name="Switch ORDER_UPDATE off?")
        await expect(asked).to_contain_text("Mail of it that is still waiting is not sent.")
        assert await violations(page) == []
        await asked.get_by_role("button", name="Cancel").click()
        await expect(page.get_by_role("heading", name="On", exact=True)).to_be_visible()
        await page.get_by_role("button", name="Switch off…").click()
        await asked.get_by_role("button", name="Switch off").click()

        await expect(page.get_by_role("heading", name="Switched off")).to_be_visible()
        await expect(page.get_by_role("region", name="Who switched what")).to_contain_text("The type is off.")
        await expect(page.get_by_role("region", name="Who switched what")).to_contain_text("root, now")
        answered = await shop.ask("POST", "/internal/emit", body=order)
        assert answered.status == 202
        await page.get_by_role("button", name="Switch on").click()
        await expect(page.get_by_role("heading", name="On", exact=True)).to_be_visible()
        await shop.ask("POST", "/internal/emit", body=order | {"data": {"order": "2", "status": "placed"}})

        got = await ann.event("notification")
        assert got["data"]["order"] == "2"
        await page.get_by_role("button", name="What the file says").click()
        await expect(page.get_by_role("button", name="What the file says")).to_have_count(0)
        await page.goto(f"{shop.public}/dashboard/#/types")
        row = page.get_by_role("row").filter(has_text="ORDER_UPDATE")
        await expect(row).to_contain_text("by root")


async def test_a_rollout_is_set_on_release_and_given_back_to_the_file(shop: Gateway, browser: Browser):
    async with signed_in(browser, shop, "#/types/SALE_OFFER") as page:
        mail = channel(page, "Mail")
        slider = mail.get_by_role("slider")
        field = mail.get_by_label("Mail rollout", exact=True)
        await expect(field).to_have_value("25")
        await expect(mail.get_by_text("below 2,500 of 10,000")).to_be_visible()

        await slider.focus()
        for _ in range(5):
            await page.keyboard.press("ArrowRight")
        await expect(field).to_have_value("30")
        changes = page.get_by_role("region", name="Who switched what")
        await expect(changes.get_by_role("listitem")).to_have_text([re.compile("Mail goes to 30 %.")])
        await expect(slider).to_be_focused()
        await expect(mail).to_contain_text("Set by an admin")

        await field.fill("12,5")
        await page.keyboard.press("Enter")
        await expect(changes.get_by_role("listitem").first).to_contain_text("Mail goes to 12.5 %.")
        await field.fill("many")
        await expect(field).to_have_attribute("aria-invalid", "true")
        await page.keyboard.press("Tab")
        await expect(field).to_have_value("12.5")

        await mail.get_by_role("button", name="What the file says").click()
        await expect(field).to_have_value("25")
        await expect(mail).to_contain_text("As in the file")
        await mail.get_by_role("switch").click()
        await expect(mail).to_contain_text("Nothing of this type goes this way.")
        await expect(slider).to_be_disabled()
        await page.goto(f"{shop.public}/dashboard/#/types")
        await expect(page.get_by_role("row").filter(has_text="SALE_OFFER")).to_contain_text("Off")


# --- previews


async def test_a_type_is_seen_as_its_reader_would_in_every_language(shop: Gateway, browser: Browser):
    async with signed_in(browser, shop, "#/types/ORDER_CONFIRMATION?view=preview") as page:
        mail = page.get_by_role("region", name="Mail preview")
        frame = page.frame_locator("iframe[title='The mail as HTML']")
        await expect(mail).to_contain_text("Your order 1234")
        await expect(frame.locator("td", has_text="€108.90").last).to_be_visible()

        await page.get_by_label("Language").select_option("de")
        await expect(mail).to_contain_text("Ihre Bestellung 1234")
        await expect(frame.locator("td", has_text="108,90").last).to_be_visible()
        body = frame.locator("body")
        await expect(body).not_to_have_css("background-color", "rgb(15, 18, 22)")
        await mail.get_by_role("button", name="Dark").click()
        await expect(body).to_have_css("background-color", "rgb(15, 18, 22)")
        await mail.get_by_role("button", name="Phone").click()
        box = await page.locator("iframe").bounding_box()
        assert box is not None
        assert box["width"] <= 392
        assert await violations(page) == []
        await picture(page, "types-preview-dark-phone")
        await mail.get_by_role("button", name="Text").click()
        await expect(mail.locator("pre")).to_contain_text("108,90")


async def test_what_is_wrong_with_data_is_told_at_its_field(shop: Gateway, browser: Browser):
    async with signed_in(browser, shop, "#/types/ORDER_CONFIRMATION?view=preview") as page:
        form = page.get_by_role("region", name="What to show")
        await form.get_by_label("Currency").fill("euro")
        await form.get_by_role("group", name="Items").get_by_label("Quantity").first.fill("0")

        await expect(form.get_by_label("Currency")).to_have_attribute("aria-invalid", "true")
        quantity = form.get_by_role("group", name="Items").get_by_label("Quantity").first
        await expect(quantity).to_have_attribute("aria-invalid", "true")
        wrongs = page.get_by_role("region", name="What is wrong").get_by_role("listitem")
        await expect(wrongs).to_have_count(2)
        assert await violations(page) == []
        await picture(page, "types-preview-wrong")

        await form.get_by_label("Currency").fill("USD")
        await quantity.fill("3")
        await expect(page.get_by_role("region", name="Mail preview")).to_contain_text("Your order 1234")
        await form.get_by_role("button", name="Add item").click()
        await form.get_by_label("Name").last.fill("Walnut tray")
        await form.get_by_label("Quantity").last.fill("1")
        await form.get_by_label("Amount").last.fill("12.50")
        await expect(page.frame_locator("iframe").get_by_text("Walnut tray")).to_be_visible()


async def test_for_a_user_every_gate_says_what_it_was_decided_by(shop: Gateway, browser: Browser):
    async with signed_in(browser, shop, "#/types/SALE_OFFER?view=preview") as page:
        await page.get_by_label("For the user").fill("ann")

        explained = page.get_by_role("region", name="What would reach ann")
        await expect(explained).to_be_visible()
        rollout = explained.get_by_role("row").filter(has_text="Rollout").last
        await expect(rollout).to_contain_text(re.compile(r"bucket [\d,]+"))
        assert await violations(page) == []
        await picture(page, "types-explained")


# --- composing


async def test_a_type_of_the_catalog_is_composed_by_its_form(
    shop: Gateway, browser: Browser, node: NodeProcess
):
    ann = await come(shop, node, "ann", email="ann@shop.example")
    async with signed_in(browser, shop, "#/compose?to=user%3Aann") as page:
        await page.get_by_label("Type", exact=True).select_option("ORDER_UPDATE")
        await page.get_by_role("button", name="Example 2").click()
        shown = page.get_by_role("region", name="On screen")
        await expect(shown).to_contain_text("Order 1234 has shipped")
        await expect(shown).to_contain_text("with DHL")

        data = page.get_by_role("group", name="Data")
        await data.get_by_label("Order").fill("")
        await expect(data.get_by_label("Order")).to_have_attribute("aria-invalid", "true")
        await expect(page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
        await data.get_by_label("Order").fill("77")
        await data.get_by_label("Arrives").fill("2026-12-24")
        await expect(shown).to_contain_text("December 24, 2026")
        await page.get_by_label("Language").select_option("de")
        await expect(shown).to_contain_text("Bestellung 77 ist unterwegs")
        await picture(page, "compose-by-type")
        assert await violations(page) == []
        await page.get_by_role("button", name="Send", exact=True).click()

        got = await ann.event("notification")
        assert (got["type"], got["title"]) == ("ORDER_UPDATE", "Bestellung 77 ist unterwegs")
        assert got["data"] == {"order": "77", "status": "shipped", "carrier": "DHL", "arrives": "2026-12-24"}


# --- what must hold everywhere


@pytest.mark.parametrize(
    ("viewport", "dark"),
    [(DESK, False), (DESK, True), (PHONE, False), (PHONE, True), ({"width": 680, "height": 430}, False)],
    ids=["wide and light", "wide and dark", "phone and light", "phone and dark", "at 200 %"],
)
async def test_no_page_of_types_has_a_barrier(
    shop: Gateway, browser: Browser, viewport: dict[str, Any], dark: bool
):
    kind = f"{viewport['width']}-{'dark' if dark else 'light'}"
    pages = {
        "types": "#/types",
        "type": "#/types/SALE_OFFER",
        "type-off": "#/types/REVIEW",
        "type-preview": "#/types/ORDER_CONFIRMATION?view=preview",
        "compose-type": "#/compose?to=user%3Aann&type=NEWSLETTER",
    }
    await shop.ask("PATCH", "/internal/types/REVIEW", body={"enabled": False})
    await shop.ask("PATCH", "/internal/types/SALE_OFFER", body={"channels": {"email": {"percent": 40}}})
    for number in range(3):
        body = {"to": "user:ann", "type": "ORDER_UPDATE", "data": {"order": f"{number}", "status": "placed"}}
        await shop.ask("POST", "/internal/emit", body=body)
    async with signed_in(browser, shop, viewport=viewport, dark=dark) as page:
        for name, fragment in pages.items():
            await page.goto(f"{shop.public}/dashboard/{fragment}")
            await expect(page.get_by_role("heading", level=1)).to_be_visible()
            await expect(page.get_by_label("Loading")).to_have_count(0)
            if "preview" in name:
                await expect(
                    page.frame_locator("iframe").get_by_text("Brass desk lamp").first
                ).to_be_visible()
            if "compose" in name:
                await expect(page.get_by_role("region", name="What will happen")).to_contain_text("ann")
            await picture(page, f"{name}-{kind}")
            assert (name, await violations(page)) == (name, [])
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


# --- an experiment

TRIED = """
default_locale = "en"

[categories.orders]
name = { en = "Orders" }

[types.SHIPPED]
category = "orders"
schema = { type = "object", required = ["order"], properties = { order = { type = "integer" } } }
texts.en = { title = "Order {{ data.order }} is on its way" }
examples = [{ order = 1234 }]
variants = [{ name = "plain" }, { name = "glad", texts = { en = { title = "Good news of order {{ data.order }}" } } }]

[types.SHIPPED.experiment]
metric = "read"
baseline = 0.2
effect = 0.5
"""
LOTS = Split(salt="SHIPPED", weights=(1, 1))
CUSTOMERS = [f"u{number}" for number in range(36)]


async def test_an_experiment_of_a_type_is_watched_from_its_first_reader_to_the_choice_of_its_winner(
    tmp_path: Path, browser: Browser, node: NodeProcess
):
    (tmp_path / "tried").mkdir()
    (tmp_path / "tried" / "catalog.toml").write_text(TRIED)
    readers = [user for user in CUSTOMERS if LOTS.place(user) == 1]
    assert 12 <= len(readers) <= 24
    async with start_gateway(tmp_path, CATALOG=str(tmp_path / "tried")) as shop:
        tell = {"to": [f"user:{user}" for user in CUSTOMERS], "type": "SHIPPED", "data": {"order": 7}}
        async with signed_in(browser, shop, "#/types/SHIPPED") as page:
            card = page.get_by_role("region", name="Experiment")
            await expect(card.get_by_text("Nobody takes part yet")).to_be_visible()
            assert await violations(page) == []

            await shop.ask("POST", "/internal/emit", body=tell)
            await expect(card.get_by_text("Nothing is found yet")).to_be_visible()
            await expect(card.get_by_text(f"{len(CUSTOMERS)} so far, 100 %")).to_be_visible()
            for user in readers:
                tab = await node.open(shop.public, auth={"token": token(user)})
                await tab.event("ready")
                await tab.call("read", {"all": True})
                await tab.disconnect()

            await expect(card.get_by_text("There is a winner")).to_be_visible()
            glad = card.get_by_role("row").filter(has_text="glad")
            await expect(glad).to_contain_text("Winner")
            await expect(glad).to_contain_text(f"{len(readers)} of {len(readers)}")
            await glad.get_by_role("button", name="Choose…").click()
            asked = page.get_by_role("dialog", name="Say glad to everybody?")
            await expect(asked).to_contain_text("There is a winner.")
            assert await violations(page) == []
            await asked.get_by_role("button", name="Choose it").click()

            await expect(glad).to_contain_text("Chosen")
            await expect(page.get_by_role("region", name="Who switched what")).to_contain_text("glad")
            await card.get_by_role("button", name="Have it tried on…").scroll_into_view_if_needed()
            assert await violations(page) == []
            await picture(page, "type-trial")
        for name, viewport, dark in (
            ("dark", DESK, True),
            ("phone", PHONE, False),
            ("phone-dark", PHONE, True),
        ):
            async with signed_in(browser, shop, "#/types/SHIPPED", viewport=viewport, dark=dark) as page:
                await page.get_by_role("region", name="Experiment").scroll_into_view_if_needed()
                assert (name, await violations(page)) == (name, [])
                assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
                await picture(page, f"type-trial-{name}")

        late = next(user for user in CUSTOMERS if LOTS.place(user) == 0)
        tab = await come(shop, node, late)
        await shop.ask("POST", "/internal/emit", body=tell | {"to": f"user:{late}"})
        assert (await tab.event("notification"))["title"] == "Good news of order 7"
