"""The catalog of a shop end to end: what a backend says by type and data is what people read, in their language."""

import asyncio
import email
import email.policy
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from gateway.catalog.loading import load
from tests.browser.shop import Window, address, open_shop, picture, shopping
from tests.browser.test_dashboard import signed_in
from tests.support.browser import DESK, PHONE, ROOT, open_page, require_pages, violations
from tests.support.gateway import Gateway
from tests.support.gateway import gateway as start_gateway

CATALOG = ROOT / "gateway" / "catalog" / "shop"
SHOWN = {
    "en": {
        "ORDER_UPDATE": ("Order 1234 has shipped", "It should arrive on December 3, 2026 with DHL."),
        "SALE_OFFER": ("20% off: Lamps", "Until December 6, 2026."),
        "COMPLAINT_RESPONSE": ("Jo has answered you", "We are sorry that the lamp flickers."),
        "REVIEW": ("How do you like “Brass desk lamp”?", "Your review helps others to choose."),
        "NEWSLETTER": ("Light for long evenings", "Newsletter no. 12, with 2 articles."),
    },
    "de": {
        "ORDER_UPDATE": (
            "Bestellung 1234 ist unterwegs",
            "Sie kommt voraussichtlich am 3. Dezember 2026 mit DHL.",
        ),
        "SALE_OFFER": ("20\u00a0% Rabatt: Lamps", "Bis zum 6. Dezember 2026."),
        "COMPLAINT_RESPONSE": ("Jo hat Ihnen geantwortet", "We are sorry that the lamp flickers."),
        "REVIEW": ("Wie gefällt Ihnen „Brass desk lamp“?", "Ihre Bewertung hilft anderen bei der Wahl."),
        "NEWSLETTER": ("Light for long evenings", "Newsletter Nr. 12 mit 2 Beiträgen."),
    },
}
"""By language: the title of each type that inboxes show, and how its text begins."""
MAILED = {
    "en": {
        "ORDER_UPDATE": ("Order 1234 has shipped", "December 3, 2026"),
        "SALE_OFFER": ("20% off: Lamps", "December 6, 2026"),
        "COMPLAINT_RESPONSE": ("Jo has answered you", "the lamp flickers"),
        "ORDER_CONFIRMATION": ("Your order 1234", "€108.90"),
        "NEWSLETTER": ("Light for long evenings", "Three lamps for reading"),
        "REVIEW": ("How do you like “Brass desk lamp”?", "Your review helps others to choose."),
    },
    "de": {
        "ORDER_UPDATE": ("Bestellung 1234 ist unterwegs", "3. Dezember 2026"),
        "SALE_OFFER": ("20 % Rabatt: Lamps", "6. Dezember 2026"),
        "COMPLAINT_RESPONSE": ("Jo hat Ihnen geantwortet", "the lamp flickers"),
        "ORDER_CONFIRMATION": ("Ihre Bestellung 1234", "108,90\u00a0€"),
        "NEWSLETTER": ("Light for long evenings", "Three lamps for reading"),
        "REVIEW": ("Wie gefällt Ihnen „Brass desk lamp“?", "Ihre Bewertung hilft anderen bei der Wahl."),
    },
}
"""By language: the subject of each type that is mailed, and what stands in it."""
OFFERS = {"en": "Offers", "de": "Angebote"}
"""What the catalog calls that category."""
STAFF = {"en": "Ann has a complaint", "de": "Ann hat eine Beschwerde"}


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    require_pages("dashboard", "demo")


@pytest_asyncio.fixture(loop_scope="module")
async def shop(tmp_path: Path) -> AsyncIterator[Gateway]:
    shutil.copytree(CATALOG, tmp_path / "catalog")
    settings = {"CATALOG": str(tmp_path / "catalog"), "BASE_URL": "https://shop.example"}
    async with start_gateway(tmp_path, extend=open_shop, **settings) as here:
        yield here


def examples() -> Mapping[str, Mapping[str, Any]]:
    """Of each type one that says much."""
    types = load(CATALOG).types
    return {name: kind.examples[1 if name == "ORDER_UPDATE" else 0] for name, kind in types.items()}


async def emit_all(shop: Gateway, locale: str) -> None:
    """What a backend says of each type: who, which, and the data."""
    everybody = {"channels": {"email": {"percent": 100}}}
    assert (await shop.ask("PATCH", "/internal/types/SALE_OFFER", body=everybody)).status == 200
    for name, data in examples().items():
        to = "admins" if name == "NEW_COMPLAINT" else "user:ann"
        body = {"to": to, "type": name, "data": data, "locale": locale}
        if to != "admins":
            # At once: some of them wait for their readers.
            body["email"] = {"after": 0, "if_known": True}
        answered = await shop.ask("POST", "/internal/emit", body=body)
        assert answered.status == 202, (name, answered)


async def mails(folder: Path, count: int) -> Mapping[str, Any]:
    """The first mails that came into the spool, by subject."""
    async with asyncio.timeout(30):
        while len(files := sorted((folder / "mail").glob("*.eml"))) < count:
            await asyncio.sleep(0.02)
    read = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
    return {str(mail["Subject"]): mail for mail in read}


@pytest.mark.parametrize("locale", ["en", "de"])
async def test_every_type_is_read_in_its_language_in_the_inbox_and_in_the_mail(
    shop: Gateway, browser: Browser, tmp_path: Path, locale: str
):
    async with signed_in(browser, shop, "#/feed") as staff, open_page(browser, shop.public) as page:
        await page.goto(address(shop, "ann", email="ann@shop.example", locale=locale))
        ann = Window(page, "ann")
        await ann.ready()
        await emit_all(shop, locale)
        await expect(ann.badge).to_have_text(str(len(SHOWN[locale])))
        await ann.bell.click()
        for title, body in SHOWN[locale].values():
            await expect(ann.row(title).locator(".body")).to_contain_text(body)
        await picture(page, f"catalog-inbox-{locale}")
        await ann.panel.get_by_role("button", name=OFFERS[locale]).click()
        await expect(ann.rows).to_have_count(1)
        await expect(ann.rows).to_contain_text(SHOWN[locale]["SALE_OFFER"][0])
        assert await violations(page) == []
        await picture(page, f"catalog-category-{locale}")
        await expect(staff.get_by_role("region", name=re.compile("open"))).to_contain_text(STAFF[locale])
        await picture(staff, f"catalog-staff-{locale}")

    sent = await mails(tmp_path, len(MAILED[locale]))
    for subject, content in MAILED[locale].values():
        for kind in ("plain", "html"):
            # A space that does not break is one in a text.
            text = sent[subject].get_body((kind,)).get_content().replace("\u00a0", " ")
            assert content.replace("\u00a0", " ") in text, (subject, kind)


@pytest.mark.parametrize(
    ("viewport", "dark"), [(DESK, True), (PHONE, False)], ids=["wide and dark", "phone and light"]
)
async def test_the_tabs_have_no_barrier_and_fit(shop: Gateway, browser: Browser, viewport: Any, dark: bool):
    await emit_all(shop, "de")
    async with shopping(browser, shop, viewport=viewport, dark=dark) as ann:
        await ann.element.evaluate(
            """element => { element.categories = {
                service: "Hilfe", orders: "Bestellungen"
            } }"""
        )
        await ann.bell.click()
        await ann.panel.get_by_role("button", name="Hilfe").click()
        await expect(ann.rows).to_have_count(2)

        assert await violations(ann.page) == []
        await picture(ann.page, f"catalog-tabs-{viewport['width']}")
