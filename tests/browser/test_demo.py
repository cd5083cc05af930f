"""The demo's page in a real Chromium, on a real gateway: what a newcomer sees in the first minute."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.shop import (
    CATALOG,
    Window,
    address,
    keep_toasts,
    open_shop,
    picture,
    run_demo,
    shopping,
)
from tests.support.amounts import AT_LENGTH
from tests.support.browser import DESK, PHONE, open_page, require_pages, violations
from tests.support.gateway import Gateway
from tests.support.gateway import gateway as start_gateway


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    require_pages("demo", "dashboard")


@pytest_asyncio.fixture(loop_scope="module")
async def shop(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with start_gateway(tmp_path, extend=open_shop, CATALOG=CATALOG) as here:
        yield here


ZOOMED = {"width": 680, "height": 430}
"""A desk at 200 %."""


async def test_the_first_minute_is_told_on_one_screen(browser: Browser, tmp_path: Path):
    """Order, arrival, leaving, mail, click and badge, with the trace of each; twenty over a cut connection; the code of it."""
    may = {"permissions": ["clipboard-read", "clipboard-write"]}
    async with run_demo(tmp_path) as demo, open_page(browser, demo.gateway.public, **may) as page:
        await page.goto(f"{demo.gateway.public}/demo/")
        ann = Window(page, "ann")
        done = page.locator(".step.done")
        points = page.get_by_role("region", name="Trace").get_by_role("listitem")
        mailbox = page.get_by_role("region", name="Ann’s mailbox")
        board = page.frame_locator("iframe.board")
        # A day is behind it: no pane is empty.
        await ann.ready()
        await expect(ann.badge).to_have_text("3")
        await expect(ann.orders).to_have_count(2)
        await expect(mailbox.get_by_role("heading", name="Your order 20977")).to_be_visible()
        await expect(board.get_by_text("How do you like “Linen notebook”?").first).to_be_visible()
        await ann.button("Place order").click()
        await expect(ann.badge).to_have_text("4")
        await expect(done).to_have_count(1)
        await expect(points).to_have_text(
            [re.compile(words) for words in ("asked for by demo", "stored as #6", "Ann’s connection", "mail")]
        )
        await ann.bell.click()
        await ann.row("is placed").first.click()
        await expect(done).to_have_count(2)
        await expect(ann.badge).to_have_text("3")
        # Skipped, unless the machine is so slow that it had left by then.
        ended = re.compile("mail skipped: Ann read it|mail handed over")
        await expect(points.filter(has_text=ended)).to_have_count(1)
        assert await violations(page) == []
        await picture(page, "demo-first-minute")

        await ann.button("Leave").click()
        await expect(page.get_by_role("heading", name="Ann has closed the shop")).to_be_visible()
        await page.get_by_role("button", name="Ship Ann’s order").click()
        await expect(mailbox.get_by_role("heading", name=re.compile("has shipped$"))).to_be_visible()
        await expect(done).to_have_count(4)
        assert "written" not in await points.evaluate_all("all => all.map(each => each.dataset.what)")
        letter = mailbox.frame_locator("iframe")
        await letter.get_by_role("link", name="View details").click()
        # The link has led the whole page by way of the gateway, and back.
        await expect(done).to_have_count(6)
        await expect(points.filter(has_text="clicked")).to_have_count(1)
        await expect(ann.badge).to_have_text("3")
        assert "bellhop-click" not in page.url
        await expect(ann.orders.first).to_contain_text("Shipped")

        says = page.get_by_role("region", name="A connection that is cut").get_by_role("status")
        await ann.ready()
        await page.get_by_role("button", name="Cut Ann’s connection").click()
        await ann.until("s.state === 'stopped'")
        await page.get_by_role("button", name="Send 20 while it is cut").click()
        await expect(says).to_have_text("20 sent; Ann has had 0 of them.")
        await page.get_by_role("button", name="Reconnect", exact=True).click()
        await expect(says).to_have_text("20 of 20, in order, none twice")
        await expect(ann.badge).to_have_text("23")

        await ann.button("The code of this").click()
        shown = page.get_by_role("dialog", name="In your own shop")
        await expect(shown.get_by_label("Put the bell into your page", exact=True)).to_contain_text(
            f'<bellhop-inbox url="{demo.gateway.public}">'
        )
        assert await violations(page) == []
        await shown.get_by_role("button", name="Copy: Send Ann something").click()
        await expect(shown.get_by_text("Copied")).to_be_visible()
        command = await page.evaluate("navigator.clipboard.readText()")
        # As whoever has copied it would do.
        shell = await asyncio.create_subprocess_shell(command, stdout=asyncio.subprocess.PIPE)
        answer, _ = await shell.communicate()
        assert b'"notification' in answer, answer
        await expect(ann.badge).to_have_text("24")

        # The day before is counted too: nothing was read that was never emitted.
        counted: dict[str, int] = {}
        async with asyncio.timeout(40):
            while not counted.get("read"):
                await asyncio.sleep(0.05)
                answered = await demo.ask("GET", "/internal/stats?channel=in_app")
                counted = answered["totals"]["counts"]
        assert counted["emitted"] >= counted["delivered"] >= counted["read"]


@pytest.mark.parametrize("viewport", [PHONE, ZOOMED], ids=["phone", "at 200 %"])
async def test_where_there_is_room_for_one_pane_one_is_shown(shop: Gateway, browser: Browser, viewport: Any):
    async with open_page(browser, shop.public, viewport=viewport) as page:
        await page.goto(f"{shop.public}/demo/")
        ann = Window(page, "ann")
        await ann.ready()
        panes = page.get_by_role("navigation", name="Panes")
        board = page.frame_locator("iframe.board")
        await ann.button("Place order").click()
        await expect(page.locator(".step.done")).to_have_count(1)
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

        await panes.get_by_role("button", name="Mail").click()
        await expect(page.get_by_role("heading", name="Ann’s mailbox")).to_be_visible()
        await expect(ann.button("Place order")).to_be_hidden()
        await panes.get_by_role("button", name="Dashboard").click()
        await expect(board.get_by_role("heading", name="Feed")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await picture(page, f"demo-one-pane-{viewport['width']}")

        await page.get_by_role("button", name="Whole trace").click()
        await expect(board.get_by_role("heading", name="What happened")).to_be_visible()


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
async def test_custom_properties_are_worn_as_they_are_chosen(shop: Gateway, browser: Browser, viewport: Any):
    # The inbox that is tried on is a light one; so is what it stands on, where the system is dark.
    async with open_page(browser, shop.public, viewport=viewport, dark=viewport is PHONE) as page:
        await page.goto(f"{shop.public}/demo/theming.html")
        inbox = page.locator("bellhop-inbox")
        stage = page.get_by_role("region", name="The inbox")
        await expect(stage).to_have_css("background-color", "rgb(255, 255, 255)")
        await inbox.get_by_role("button", name="Notifications, 2 unread").click()
        panel = inbox.get_by_role("dialog", name="Notifications")
        await expect(panel.get_by_role("article")).to_have_count(4)
        sheet = page.get_by_label("Your style sheet", exact=True)
        assert await violations(page) == []
        await page.keyboard.press("Escape")

        await page.get_by_role("button", name="Forest").click()
        await page.get_by_label("Corners").fill("8")
        await page.get_by_role("button", name="::part(bell)").click()
        await inbox.get_by_role("button", name="Notifications, 2 unread").click()

        await expect(sheet).to_contain_text("--bellhop-accent: #0a6b45;")
        await expect(sheet).to_contain_text("--bellhop-radius: 8px;")
        style = (
            "element => [getComputedStyle(element).borderTopLeftRadius, getComputedStyle(element).fontFamily]"
        )
        if viewport is DESK:
            assert await panel.evaluate(style) == ["8px", "Georgia, serif"]
        assert await inbox.locator(".bell").evaluate("e => getComputedStyle(e).outlineStyle") == "dashed"
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await picture(page, f"theming-{viewport['width']}")


async def test_react_vue_and_svelte_show_one_inbox(shop: Gateway, browser: Browser):
    await shop.emit("user:ann", "Before")
    async with open_page(browser, shop.public) as page:
        await page.goto(f"{shop.public}/demo/adapters.html")
        for name in ("React", "Vue", "Svelte"):
            await expect(page.get_by_role("heading", name=f"{name}: 1 unread")).to_be_visible()

        for unread, name in enumerate(("React", "Vue", "Svelte"), start=2):
            await shop.emit("user:ann", f"By {name}")
            section = page.get_by_role("region", name=name)
            await expect(section.get_by_role("listitem").first).to_have_text(f"By {name}")
            await expect(section.get_by_role("heading")).to_have_text(
                f"{name}: {2 if unread == 2 else 1} unread"
            )
            await section.get_by_role("button", name="Read all").click()
            await expect(page.get_by_role("heading", name=": 0 unread")).to_have_count(3)

        assert await violations(page) == []


async def test_each_customer_sees_their_own_and_an_offer_reaches_both(shop: Gateway, browser: Browser):
    async with open_page(browser, shop.public) as page:
        await page.goto(f"{shop.public}/demo/")
        ann, bob = Window(page, "ann"), Window(page, "bob")
        await ann.ready()
        await bob.ready()
        await expect(ann.button("Ship it")).to_be_disabled()

        await ann.button("Place order").click()
        await expect(ann.badge).to_have_text("1")
        await expect(ann.toasts).to_have_count(1)
        await expect(ann.toasts).to_contain_text("is placed")
        await expect(ann.orders).to_contain_text("Placed")
        await ann.button("Ship it").click()
        await expect(ann.orders).to_contain_text("Shipped")
        # What is new of an order takes the place of what was.
        await expect(ann.badge).to_have_text("1")
        await expect(ann.button("Ship it")).to_be_disabled()
        await expect(bob.badge).to_be_hidden()
        await expect(bob.toasts).to_have_count(0)

        await page.get_by_role("button", name="Publish an offer to everyone").click()
        await expect(ann.badge).to_have_text("2")
        await expect(bob.badge).to_have_text("1")


async def test_a_complaint_lights_up_the_dashboard_that_the_page_links_to(shop: Gateway, browser: Browser):
    async with open_page(browser, shop.public) as page:
        await page.goto(f"{shop.public}/demo/")
        ann = Window(page, "ann")
        await ann.ready()
        async with page.expect_popup() as opened:
            await page.get_by_role("link", name="Open the dashboard").click()
        dashboard = await opened.value
        await expect(dashboard.get_by_role("status", name="Connection")).to_have_text("Live")
        await page.bring_to_front()

        await ann.button("File a complaint").click()

        await expect(ann.badge).to_have_text("1")
        await expect(dashboard).to_have_title(re.compile(r"^\(1\)"))
        await expect(dashboard.get_by_text("Ann has a complaint").first).to_be_visible()


async def test_what_is_read_or_dismissed_stays_so_over_a_reload(shop: Gateway, browser: Browser):
    for number in range(1, 5):
        told = await shop.emit("user:ann", f"Letter {number}", link="/demo/#letter")
    last = f"/internal/notifications/{told['notification']['id']}"
    async with shopping(browser, shop) as ann:
        await expect(ann.badge).to_have_text("4")
        await ann.bell.click()
        assert await ann.titles() == ["Letter 4", "Letter 3", "Letter 2", "Letter 1"]

        await ann.row("Letter 4").hover()
        await ann.row("Letter 4").get_by_role("button", name="Dismiss: Letter 4").click()
        await expect(ann.row("Letter 4")).to_have_count(0)
        await expect(ann.badge).to_have_text("3")
        await ann.row("Letter 3").hover()
        await ann.row("Letter 3").get_by_role("button", name="Mark as read: Letter 3").click()
        await expect(ann.badge).to_have_text("2")
        await ann.row("Letter 2").click()
        await expect(ann.panel).to_be_hidden()
        await expect(ann.badge).to_have_text("1")
        async with asyncio.timeout(20):
            while not (await shop.ask("GET", last)).body["receipts"]["ann"].get("dismissed_at"):
                await asyncio.sleep(0.02)

        await ann.page.reload()
        await ann.ready()
        await expect(ann.badge).to_have_text("1")
        await expect(ann.toasts).to_have_count(0)
        await ann.bell.click()
        assert await ann.titles() == ["Letter 3", "Letter 2", "Letter 1"]
        await ann.panel.get_by_role("button", name="Mark all as read").click()
        await expect(ann.badge).to_be_hidden()
        history = await shop.ask("GET", "/internal/users/ann/data")
        assert history.status == 200


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_a_wrong_token_is_told_in_words(shop: Gateway, browser: Browser, dark: bool):
    """An alert when the shop refuses, and the reason in the panel when the gateway does."""
    # What a browser says itself: the shop's answer, and a websocket that was refused while it opened.
    forgiven = ["status of 401", "WebSocket is closed before"]
    async with open_page(browser, shop.public, forgive=forgiven, dark=dark) as page:
        stranger = address(shop, "ann", ttl_seconds=3600).rsplit(".", 1)[0] + ".forged"
        await page.goto(stranger)
        ann = Window(page, "ann")
        await ann.until("s.state === 'stopped'")

        await ann.button("Place order").click()
        await expect(page.get_by_role("alert")).not_to_be_empty()
        await ann.bell.click()
        await expect(ann.panel.get_by_role("button", name="Reconnect")).to_be_visible()
        assert await violations(page) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_an_inbox_that_waits_for_its_history_has_no_barrier(
    shop: Gateway, browser: Browser, dark: bool, monkeypatch: pytest.MonkeyPatch
):
    assert shop.node is not None
    look_up, held = shop.node.inboxes.reading.history, asyncio.Event()

    async def history(*args: Any, **options: Any) -> Any:
        await held.wait()
        return await look_up(*args, **options)

    monkeypatch.setattr(shop.node.inboxes.reading, "history", history)
    await shop.emit("user:ann", "One")
    async with open_page(browser, shop.public, dark=dark) as page:
        await page.goto(address(shop, "ann"))
        ann = Window(page, "ann")
        await ann.until("s.state === 'ready' && s.loading")
        await ann.bell.click()

        await expect(ann.panel.get_by_role("img", name="Loading notifications")).to_be_visible()
        assert await violations(page) == []
        held.set()
        await expect(ann.row("One")).to_be_visible()


async def test_orders_outlast_any_number_of_newer_notifications(shop: Gateway, browser: Browser):
    """They are told by their own notifications, however far down these are; and can still be shipped."""
    async with shopping(browser, shop) as ann:
        await ann.button("Place order").click()
        await expect(ann.orders).to_contain_text("Placed")
        await shop.batch([{"to": "user:ann", "type": "TEST", "title": f"Number {n}"} for n in range(60)])

        await ann.page.reload()
        await ann.ready()

        await expect(ann.orders).to_contain_text("Placed")
        await ann.button("Ship it").click()
        await expect(ann.orders).to_contain_text("Shipped")


async def test_an_address_with_a_bad_token_leads_back_to_the_demos_own_customers(
    shop: Gateway, browser: Browser
):
    forgiven = ["WebSocket is closed before"]
    async with open_page(browser, shop.public, forgive=forgiven) as page:
        ann, bob = Window(page, "ann"), Window(page, "bob")
        await page.goto(f"{shop.public}/demo/#token=cut.off")
        await expect(page.get_by_role("alert")).to_contain_text("A token in the address is none")
        await ann.ready()
        await bob.ready()

        await page.goto("about:blank")
        await page.goto(address(shop, "ann").rsplit(".", 1)[0] + ".forged")
        await expect(page.get_by_role("alert")).to_contain_text("does not take Ann’s token from the address")
        assert await violations(page) == []
        await page.get_by_role("button", name="Show the demo’s own customers").click()

        await ann.ready()
        await bob.ready()
        await expect(page.get_by_role("link", name="Open the dashboard")).to_be_visible()
        await expect(page.get_by_role("alert")).to_be_hidden()


async def test_a_shop_that_is_away_is_told_in_words(shop: Gateway, browser: Browser):
    async with shopping(browser, shop, forgive=["net::ERR_"]) as ann:
        await ann.page.route("**/demo/actions/*", lambda route: route.abort())
        await ann.button("Place order").click()
        await expect(ann.page.get_by_role("alert")).to_have_text(
            "The shop cannot be reached just now. Try again in a moment."
        )

        await ann.page.unroute("**/demo/actions/*")
        await ann.button("Place order").click()
        await expect(ann.badge).to_have_text("1")
        await expect(ann.page.get_by_role("alert")).to_be_hidden()


@pytest.mark.parametrize(
    ("viewport", "dark", "name"),
    [
        (DESK, False, "wide-light"),
        pytest.param(DESK, True, "wide-dark", marks=AT_LENGTH),
        pytest.param(PHONE, False, "phone-light", marks=AT_LENGTH),
        (PHONE, True, "phone-dark"),
    ],
    ids=["wide and light", "wide and dark", "phone and light", "phone and dark"],
)
async def test_it_has_no_barrier_and_fits(
    shop: Gateway, browser: Browser, viewport: Any, dark: bool, name: str
):
    """axe-core finds nothing with toasts, with the panel open, or with nothing in it; and nothing is cut off."""
    async with open_page(
        browser, shop.public, viewport=viewport, dark=dark, has_touch=viewport is PHONE
    ) as page:
        await keep_toasts(page)
        await page.goto(f"{shop.public}/demo/")
        ann, bob = Window(page, "ann"), Window(page, "bob")
        await ann.ready()
        await bob.ready()
        await bob.show()
        await bob.bell.click()
        await expect(bob.panel).to_contain_text("Nothing here yet")
        assert await violations(page) == []
        await page.keyboard.press("Escape")
        await ann.show()

        await ann.button("Place order").click()
        await ann.button("Ship it").click()
        await ann.button("File a complaint").click()
        await expect(ann.badge).to_have_text("2")
        await expect(ann.toasts).to_have_count(3)
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await picture(page, f"demo-{name}")

        await ann.bell.click()
        await ann.row("has shipped").get_by_role("link").focus()
        assert await violations(page) == []
        box = await ann.panel.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= viewport["width"]
        assert box["y"] + box["height"] <= viewport["height"]
        await picture(page, f"demo-panel-{name}")
