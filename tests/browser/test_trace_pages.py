"""The dashboard's pages that say what happened to one notification, and who did what; and what a role is offered."""

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.shop import CATALOG, picture
from tests.browser.test_dashboard import bury_mail, signed_in
from tests.support.browser import open_page, require_pages, violations
from tests.support.gateway import Gateway, token
from tests.support.gateway import gateway as start_gateway

ISSUE = {
    "issue": 12,
    "headline": "Light",
    "articles": [{"title": "Three lamps", "teaser": "Warm.", "slug": "lamps"}],
}


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    require_pages("dashboard")


async def rows_of(page: Page) -> list[list[str]]:
    """What the button CSV gives."""
    async with page.expect_download() as begun:
        await page.get_by_role("button", name="CSV").click()
    path = await (await begun.value).path()
    return list(csv.reader(io.StringIO(Path(path).read_text(encoding="utf-8-sig"))))


async def test_a_trace_is_found_from_the_list_and_goes_on_while_one_looks(gateway: Gateway, browser: Browser):
    sent = await gateway.ask(
        "POST", "/internal/emit", body={"to": "user:ann", "type": "SALE", "title": "Ten per cent off"},
        Idempotency_Key="sale-1", X_Request_Id="req-5",
    )  # fmt: skip
    id_ = sent.body["notifications"][0]["id"]
    async with signed_in(browser, gateway, "#/feed") as page:
        await page.get_by_role("button", name="Ten per cent off").click()
        await page.get_by_role("link", name="Its trace").click()
        line = page.get_by_role("listitem")
        await expect(line.filter(has_text="Asked for")).to_contain_text("by shop · request req-5")
        await expect(page.get_by_text("sale-1")).to_be_visible()

        await gateway.ask("DELETE", f"/internal/notifications/{id_}")

        await expect(line.filter(has_text="service:shop")).to_contain_text("Recall")
        await page.get_by_role("link", name="Traces").click()
        await page.get_by_label("A notification’s id, or a mail’s").fill(id_)
        await page.get_by_role("button", name="Trace").click()
        await expect(line.filter(has_text="Stored")).to_contain_text("user:ann #1")


async def test_a_notification_is_looked_for_by_what_is_known_of_it(gateway: Gateway, browser: Browser):
    for user, type_ in (("ann", "SALE"), ("ann", "NOTE"), ("bob", "SALE")):
        await gateway.emit(f"user:{user}", f"{type_} for {user}", type=type_)
    async with signed_in(browser, gateway, "#/trace") as page:
        found = page.get_by_label("Notifications").get_by_role("row")
        await expect(found).to_have_count(4)
        await page.get_by_label("User", exact=True).fill("ann")
        await page.get_by_label("Type", exact=True).fill("SALE")
        await page.get_by_label("Service", exact=True).fill("shop")
        await page.get_by_role("button", name="Find").click()
        await expect(found).to_have_count(2)

        # Where one is, is in the address: a view can be handed on.
        assert page.url.endswith("#/trace?user=ann&type=SALE&service=shop")
        await page.reload()
        await expect(found).to_have_count(2)
        await found.last.get_by_role("link", name="SALE for ann").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("SALE for ann")


async def test_the_feeds_filter_is_in_the_address_and_what_is_shown_is_kept_as_a_file(
    gateway: Gateway, browser: Browser
):
    await gateway.emit("user:ann", "=1+1", type="SALE")
    await gateway.emit("user:bob", "A note", type="NOTE")
    async with signed_in(browser, gateway, "#/feed") as page:
        await page.get_by_label("Type").select_option("SALE")
        await page.get_by_label("Service").select_option("shop")
        await page.get_by_label("Room").fill("user:")
        await expect(page.get_by_text("1 notification", exact=True)).to_be_visible()

        assert page.url.endswith("#/feed?room=user%3A&type=SALE&by=shop")
        head, row = await rows_of(page)
        # A spreadsheet would reckon it.
        assert (head[2], row[2], row[3], row[5]) == ("title", "'=1+1", "user:ann", "shop")
        await page.reload()
        await expect(page.get_by_label("Room")).to_have_value("user:")
        await expect(page.get_by_text("1 notification", exact=True)).to_be_visible()


async def do_something_of_each_kind(here: Gateway) -> None:
    """By a service: eight deeds, of which one came to nothing."""
    id_ = (await here.emit("user:ann", "Wrong"))["notification"]["id"]
    await bury_mail(here, "ann")
    dead = (await here.ask("GET", "/internal/mail?state=dead")).body["mail"][0]["id"]
    campaign = {"name": "Spring", "type": "NEWSLETTER", "data": ISSUE, "audience": "import"}
    for method, path, body, status in (
        ("POST", f"/internal/mail/{dead}/revive", None, 200),
        ("DELETE", f"/internal/notifications/{id_}", None, 200),
        ("POST", "/internal/users/bob/disconnect", {}, 200),
        ("PATCH", "/internal/types/SALE_OFFER", {"enabled": False}, 200),
        ("POST", "/internal/suppressions", {"address": "eve@shop.example"}, 200),
        ("POST", "/internal/campaigns", campaign, 201),
        ("DELETE", "/internal/users/eve/data", None, 200),
        ("DELETE", "/internal/notifications/unknown", None, 404),
    ):
        answered = await here.ask(method, path, body=body)
        assert answered.status == status, (path, answered)


async def test_the_audit_is_looked_through_and_kept_as_a_file(browser: Browser, tmp_path: Path):
    async with start_gateway(tmp_path, CATALOG=CATALOG) as here:
        await do_something_of_each_kind(here)
        async with signed_in(browser, here, "#/audit") as page:
            deeds = page.get_by_label("Deeds").get_by_role("row")
            await expect(deeds).to_have_count(9)
            await expect(deeds.nth(1)).to_contain_text("Not found")
            for said in ("Revive", "Recall", "Disconnect", "Switch", "Suppress", "campaign", "Erase"):
                await expect(deeds.filter(has_text=re.compile(said, re.IGNORECASE)).first).to_contain_text(
                    "service:shop"
                )
            assert await violations(page) == []
            await picture(page, "audit")
            await page.get_by_label("Target").fill("user:bob")
            await page.get_by_role("button", name="Find").click()
            await expect(deeds).to_have_count(2)
            await expect(deeds.last).to_contain_text("Disconnect")

            head, row = await rows_of(page)
            told = dict(zip(head, row, strict=True))
            assert (told["by"], told["operation"], told["outcome"]) == ("service:shop", "disconnect", "done")


@pytest.mark.parametrize("role", ["viewer", "support"])
async def test_what_a_role_may_not_do_is_not_offered(gateway: Gateway, browser: Browser, role: str):
    await bury_mail(gateway, "bob")
    async with open_page(browser, gateway.public) as page:
        await page.goto(f"{gateway.public}/dashboard/#token={token('vera', roles=(role,))}")
        nav = page.get_by_role("navigation", name="Pages")
        await expect(nav.get_by_role("link", name="Audit")).to_be_visible()
        await expect(nav.get_by_role("link", name="Compose")).to_have_count(0)
        await page.goto(f"{gateway.public}/dashboard/#/mail")
        await expect(page.get_by_role("button", name="For bob", exact=True)).to_be_visible()
        await expect(page.get_by_role("button", name="Revive all dead")).to_have_count(0)
        revive = page.get_by_role("button", name="Revive For bob")
        await expect(revive).to_have_count(1 if role == "support" else 0)
        await page.goto(f"{gateway.public}/dashboard/#/users/bob")
        await expect(page.get_by_role("heading", name="History")).to_be_visible()
        await expect(page.get_by_role("button", name="Erase…")).to_have_count(0)
