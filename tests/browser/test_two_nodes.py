"""A cluster of two nodes in a real Chromium: one person on two devices, and an admin who follows what happened to them."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from gateway.ground import encoding
from gateway.observe.metrics import release
from gateway.process import node
from tests.browser.shop import open_shop, picture, shopping
from tests.browser.test_dashboard import signed_in
from tests.browser.test_mail_pages import come_back
from tests.journeys.test_acts import CATALOG
from tests.journeys.test_mailing import mail_in
from tests.support.browser import PHONE, ROOT, require_pages, violations
from tests.support.gateway import Gateway, gateways, with_catalog

# The pages here may show no picture of another host; a shop's own may.
PICTURED: dict[str, Any] = {"bypass_csp": True, "forgive": ["another host: https://shop.example/"]}
LAMP = ROOT / "web" / "demo" / "src" / "lamp.svg"


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    require_pages("demo", "dashboard")


@pytest_asyncio.fixture(loop_scope="module")
async def nodes(tmp_path: Path, redis_url: str) -> AsyncIterator[list[Gateway]]:
    catalog = with_catalog(tmp_path / "catalog", CATALOG)

    def extend(started: node.Node) -> None:
        catalog(started)
        open_shop(started)

    async with gateways(2, tmp_path, bus_url=redis_url, extend=extend) as started:
        yield started


async def test_a_person_on_two_devices_has_one_inbox_and_an_admin_its_whole_story(
    nodes: list[Gateway], browser: Browser
):
    """Answered, archived, made unread and put off on either; traced from the call to the mail that came back, while it happens."""
    one, two = nodes
    async with (
        shopping(browser, one, **PICTURED) as desk,
        shopping(browser, two, viewport=PHONE, has_touch=True, is_mobile=True, **PICTURED) as phone,
        signed_in(browser, one, "#/trace") as page,
    ):
        for window in (desk, phone):
            await window.page.route("https://shop.example/**", lambda route: route.fulfill(path=LAMP))
        older = (await two.emit("user:ann", "Your lamp has shipped"))["notification"]["id"]
        body = {
            "to": "user:ann", "type": "RETURN_ASKED", "data": {"order": "7"},
            "email": {"to": "ann@shop.example", "after": 0},
        }  # fmt: skip
        sent = await one.ask("POST", "/internal/emit", body=body, Idempotency_Key="return-7")
        id_ = sent.body["notifications"][0]["id"]
        for window in (desk, phone):
            await expect(window.badge).to_have_text("2")
        await page.get_by_label("A notification’s id, or a mail’s").fill(id_)
        await page.get_by_role("button", name="Trace", exact=True).click()
        line = page.get_by_role("region", name="What happened").get_by_role("listitem")
        await expect(line.nth(0)).to_contain_text("Asked for")
        await expect(line.nth(1)).to_contain_text("Stored")
        for each in ("node-0", "node-1"):
            await expect(line.filter(has_text="Written to 1 session").filter(has_text=each)).to_have_count(1)

        await phone.bell.click()
        await phone.row("Return order 7?").get_by_role("button", name="Refuse").click()
        await desk.bell.click()
        pressed = desk.row("Return order 7?").get_by_role("button", name="Refuse")
        await expect(pressed).to_have_attribute("aria-pressed", "true")
        await expect(desk.badge).to_have_text("1")
        await desk.row("Your lamp").focus()
        await desk.page.keyboard.press("e")
        await expect(phone.row("Your lamp")).to_have_count(0)
        await expect(phone.bell).to_have_accessible_name("Notifications")
        await desk.panel.get_by_role("button", name="Undo").click()
        await expect(phone.row("Your lamp")).to_be_visible()
        # Sooner than any of the choices that a person is given.
        until = encoding.time(datetime.now(UTC) + timedelta(seconds=1.5))
        asked = "(element, [id, until]) => element.inbox.ask('snooze', {id, until}).then(() => undefined)"
        await phone.element.evaluate(asked, [older, until])
        await expect(desk.row("Your lamp")).to_have_count(0)
        for window in (desk, phone):
            await expect(window.rows.first).to_contain_text("Your lamp has shipped")
            await expect(window.badge).to_have_text("1")

        await mail_in(one, id_, "sent")
        await come_back(two, id_, "bounced")
        await expect(line.filter(has_text="A button was pressed")).to_contain_text("refuse")
        await expect(line.filter(has_text="A button was pressed")).to_contain_text("by ann")
        await expect(line.filter(has_text="Taken by the mail server")).to_contain_text("attempt 1")
        await expect(line.filter(has_text="Came back")).to_contain_text("550 no such user")
        await expect(
            page.get_by_label("Rules, in their order").get_by_text("let it pass").first
        ).to_be_visible()
        await expect(page.get_by_text("return-7")).to_be_visible()
        await page.bring_to_front()
        assert await violations(page) == []
        await picture(page, "trace-whole")


async def test_the_nodes_are_told_apart_and_one_is_sent_away(nodes: list[Gateway], browser: Browser):
    one, two = nodes
    assert one.node is not None
    assert two.node is not None
    left: list[str] = []
    one.node.views.nodes.leave = lambda: left.append("node-0")
    two.node.views.nodes.leave = lambda: left.append("node-1")
    body = {"members": ["ann", "bob", "eve"]}
    for topic, members in (("deals", body["members"]), ("lamps", ["ann"])):
        put = await one.ask("POST", f"/internal/topics/{topic}/members", body={"add": members})
        assert put.status == 200, put
    async with shopping(browser, two), signed_in(browser, one, "#/nodes") as page:
        rows = page.get_by_role("region", name="Nodes").get_by_role("row")
        await expect(rows).to_have_count(3)
        here, far = rows.nth(1), rows.nth(2)
        await expect(here).to_contain_text("you are here")
        for row in (here, far):
            await expect(row).to_contain_text(release())
            await expect(row.get_by_role("cell").nth(2)).to_have_text(re.compile(r"^[0-9a-f]{12}$"))
            await expect(row.get_by_role("cell").nth(4)).to_have_text(re.compile(r"^\d+(\.\d)?%$"))
        await expect(far.get_by_role("cell").nth(3)).to_contain_text("1 user")
        assert await violations(page) == []
        await picture(page, "nodes-two")
        await page.get_by_role("button", name="Drain node-1").click()
        asked = page.get_by_role("dialog", name="Send node-1 away?")
        await asked.get_by_role("button", name="Drain").click()
        await expect(far).to_contain_text("Leaving")
        assert left == ["node-1"]

        await page.goto(f"{one.public}/dashboard/#/topics")
        topics = page.get_by_role("region", name="Topics with members").get_by_role("listitem")
        await expect(topics).to_have_text([re.compile("deals.*3"), re.compile("lamps.*1")])
        await page.goto(f"{one.public}/dashboard/#/audit")
        deed = page.get_by_label("Deeds").get_by_role("row").filter(has_text="node-1")
        await expect(deed).to_contain_text("user:root")
        await expect(deed).to_contain_text(re.compile("drain", re.IGNORECASE))
