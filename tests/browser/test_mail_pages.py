"""The dashboard's pages of mail: finding it, what comes back while one looks, the lanes, and whom no mail goes to."""

import csv
import io
from pathlib import Path

import pytest
from playwright.async_api import Browser, FilePayload, expect

from storage.mail import LaneName
from tests.browser.test_dashboard import bury_mail, signed_in
from tests.journeys.test_mailing import mail_in
from tests.support.browser import PHONE, require_pages, violations
from tests.support.gateway import Gateway

HEAD = ["address", "scope", "reason", "source", "mail", "code", "diagnostic", "created_at", "expires_at"]


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    require_pages("dashboard")


async def suppressed(here: Gateway) -> list[tuple[str, str]]:
    body = (await here.ask("GET", "/internal/suppressions")).body
    return sorted((each["address"], each["scope"]) for each in body["suppressions"])


async def come_back(here: Gateway, id_: str, event: str) -> None:
    body = {"mail": id_, "event": event, "status": "5.1.1", "diagnostic": "550 no such user"}
    answered = await here.ask("POST", "/internal/mail/reports/generic", body=body)
    assert answered.status == 200, answered


async def test_mail_is_found_by_its_address_its_user_and_its_day(gateway: Gateway, browser: Browser):
    for user, address in (("ann", "Ann@shop.example"), ("bob", "bob@shop.example")):
        sent = await gateway.emit(f"user:{user}", f"For {user}", email={"to": address})
    async with signed_in(browser, gateway, "#/mail") as page:
        rows = page.get_by_label("Mail", exact=True).get_by_role("row")
        await expect(rows).to_have_count(3)
        find = page.get_by_label("Find mail")

        for text, found in (
            ("ann@SHOP.example", "For ann"),
            ("bob", "For bob"),
            (sent["notification"]["id"], "For bob"),
        ):
            await find.fill(text)
            await page.get_by_role("button", name="Find", exact=True).click()
            await expect(rows).to_have_count(2)
            await expect(rows.last).to_contain_text(found)

        await page.get_by_label("From").fill("2020-01-01")
        await page.get_by_label("to", exact=True).fill("2020-01-02")
        await find.press("Enter")
        await expect(page.get_by_text("No such mail")).to_be_visible()
        await page.get_by_role("link", name="Clear").click()
        await expect(rows).to_have_count(3)


async def test_what_comes_back_is_shown_at_its_notification_while_one_looks(
    gateway: Gateway, browser: Browser
):
    sent = await gateway.emit("user:ann", "Shipped", email={"to": "ann@shop.example"})
    id_ = sent["notification"]["id"]
    await mail_in(gateway, id_, "sent")
    async with signed_in(browser, gateway, "#/mail") as page:
        row = page.get_by_label("Mail", exact=True).get_by_role("row").filter(has_text="Shipped")
        await row.get_by_role("button", name="Shipped").click()
        drawer = page.get_by_role("dialog", name="Notification")
        await expect(drawer.locator(".chip", has_text="Sent")).to_be_visible()

        await come_back(gateway, id_, "bounced")

        await expect(drawer.locator(".chip", has_text="Bounced")).to_be_visible()
        await expect(drawer.locator("dt", has_text="Came back")).to_be_visible()
        await page.keyboard.press("Escape")

        await expect(row).to_contain_text("came back")


async def test_bulk_mail_is_paused_and_resumed_and_the_overview_says_so(gateway: Gateway, browser: Browser):
    assert gateway.node is not None
    async with signed_in(browser, gateway, "#/mail") as page:
        lanes = page.get_by_label("Lanes")
        await lanes.get_by_role("button", name="Pause…").click()
        await page.get_by_role("dialog").get_by_role("button", name="Pause").click()

        await expect(lanes.get_by_role("row").filter(has_text="Bulk")).to_contain_text(
            "by user:root: paused by an operator"
        )
        assert gateway.node.lanes.is_paused(LaneName.BULK)
        await page.goto(f"{gateway.public}/dashboard/#/")
        await page.get_by_role("link", name="Bulk mail is paused: paused by an operator").click()
        await lanes.get_by_role("button", name="Resume…").click()
        await page.get_by_role("dialog").get_by_role("button", name="Resume").click()

        await expect(lanes.get_by_text("Paused")).to_have_count(0)
        assert not gateway.node.lanes.is_paused(LaneName.BULK)


async def test_an_address_is_suppressed_by_hand_found_and_lifted(gateway: Gateway, browser: Browser):
    async with signed_in(browser, gateway, "#/suppressions") as page:
        await expect(page.get_by_text("Nobody is suppressed")).to_be_visible()
        await page.get_by_role("button", name="Add…").click()
        dialog = page.get_by_role("dialog", name="Suppress an address")
        await dialog.get_by_label("Address").fill("ann@")
        await dialog.get_by_role("button", name="Suppress").click()
        await expect(dialog.get_by_text("Must be an address")).to_be_visible()
        await dialog.get_by_label("Address").fill("Ann@shop.example")
        await dialog.get_by_label("What it gets no more").select_option("category")
        await dialog.get_by_label("Category").fill("offers")
        await dialog.get_by_label("Why").fill("She has called us")
        await dialog.get_by_role("button", name="Suppress").click()

        row = page.get_by_role("row").filter(has_text="ann@shop.example")
        await expect(row).to_contain_text("She has called us")
        await expect(row).to_contain_text("mail about offers")
        assert await suppressed(gateway) == [("ann@shop.example", "category:offers")]
        await page.get_by_label("Address").fill("bob@shop.example")
        await page.get_by_label("Address").press("Enter")
        await expect(page.get_by_text("None such")).to_be_visible()
        await page.get_by_label("Address").fill("")

        await page.get_by_role("button", name="Lift ann@shop.example").click()
        await page.get_by_role("dialog").get_by_role("button", name="Lift").click()

        await expect(page.get_by_text("Nobody is suppressed")).to_be_visible()
        assert await suppressed(gateway) == []


async def test_a_list_is_taken_in_and_written_out(gateway: Gateway, browser: Browser):
    lines = [f"u{number}@shop.example" for number in range(120)]
    lines[7] = "nobody"
    given = FilePayload(name="list.csv", mimeType="text/csv", buffer="\n".join(["Email", *lines]).encode())
    async with signed_in(browser, gateway, "#/suppressions") as page:
        await page.get_by_label("A list as CSV").set_input_files(given)
        told = page.get_by_role("dialog", name="Imported")
        await expect(told).to_contain_text("119 lines read, 119 new, 1 left out")
        await expect(told).to_contain_text("Line 9: address Must be an address")
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Older").click()
        await expect(page.get_by_role("row")).to_have_count(101)

        async with page.expect_download() as downloading:
            await page.get_by_role("button", name="Export CSV").click()

        written = Path(await (await downloading.value).path()).read_text(encoding="utf-8-sig")
        head, *rows = csv.reader(io.StringIO(written))
        assert head == HEAD
        assert sorted(row[0] for row in rows) == sorted(set(lines) - {"nobody"})


async def test_the_evidence_leads_to_the_mail_that_came_back_also_on_a_phone(
    gateway: Gateway, browser: Browser
):
    sent = await gateway.emit("user:ann", "Shipped", email={"to": "ann@shop.example"})
    await mail_in(gateway, sent["notification"]["id"], "sent")
    await come_back(gateway, sent["notification"]["id"], "bounced")
    await bury_mail(gateway, "bob")
    async with signed_in(browser, gateway, "#/suppressions", viewport=PHONE) as page:
        row = page.get_by_role("row").filter(has_text="ann@shop.example")
        await expect(row).to_contain_text("5.1.1 · 550 no such user")
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

        await row.get_by_role("button", name="The mail").click()

        await expect(page.get_by_role("dialog", name="Notification")).to_contain_text("Shipped")
