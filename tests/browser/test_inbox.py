"""`<bellhop-inbox>` in a real Chromium, on a real gateway: tabs, tunnels, bursts, and who cannot see or point."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Dialog, expect

from tests.browser.frames import assert_smooth
from tests.browser.shop import CATALOG, Window, another_tab, open_shop, picture, run_demo, shopping
from tests.support.amounts import amount
from tests.support.browser import PHONE, open_page, require_pages, violations
from tests.support.gateway import Gateway, token
from tests.support.gateway import gateway as start_gateway

# A chromium without its port open says so itself, and a page cannot keep it from it.
AWAY = [
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
    "ERR_INCOMPLETE_CHUNKED_ENCODING",
    "ERR_EMPTY_RESPONSE",
    "WebSocket connection to",
]


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    require_pages("demo")


@pytest_asyncio.fixture(loop_scope="module")
async def shop(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with start_gateway(
        tmp_path, extend=open_shop, CATALOG=CATALOG, CLIENT_EVENTS_PER_SECOND="0"
    ) as here:
        yield here


async def connections(here: Gateway, user: str) -> int:
    answered = await here.ask("GET", f"/internal/presence/{user}")
    return int(answered.body["connections"])


async def send(here: Gateway, count: int, *, each: int = 1000, seconds: float = 0) -> None:
    """`count` notifications to Ann, numbered, `each` in a request, evenly over `seconds`."""
    clock = asyncio.get_running_loop().time
    begun = clock()
    for start in range(0, count, each):
        # A pace, not a wait for something: every request has its time.
        await asyncio.sleep(max(0, begun + seconds * start / count - clock()))
        await here.batch(
            [
                {"to": "user:ann", "type": "TEST", "title": f"Number {number:05}", "body": "One of many."}
                for number in range(start + 1, min(start + each, count) + 1)
            ]
        )


# --- tabs


async def test_two_tabs_share_one_connection_and_what_one_marks_the_other_shows(
    shop: Gateway, browser: Browser
):
    await shop.emit("user:ann", "First")
    async with shopping(browser, shop) as ann, another_tab(ann, shop) as tab:
        assert await connections(shop, "ann") == 1
        await shop.emit("user:ann", "Second")
        for window in (ann, tab):
            await expect(window.badge).to_have_text("2")

        await tab.bell.click()
        await tab.row("First").click()
        await expect(ann.badge).to_have_text("1")
        await ann.page.bring_to_front()
        await ann.bell.click()
        await expect(ann.row("First")).to_contain_class("read")
        await ann.row("Second").focus()
        await ann.page.keyboard.press("Delete")

        await expect(tab.badge).to_be_hidden()
        await tab.until("s.items.length === 1")


async def test_when_the_tab_with_the_connection_closes_the_next_takes_over(shop: Gateway, browser: Browser):
    """Nothing that came in between is lost, and nothing is told twice."""
    async with open_page(browser, shop.public) as page:
        blank = Window(page, "ann")
        async with another_tab(blank, shop) as leader, another_tab(blank, shop) as follower:
            await follower.remember_toasts()
            await shop.emit("user:ann", "Before")
            await follower.until("s.unread === 1")

            await leader.page.close()
            await shop.emit("user:ann", "Between")
            await follower.until("s.unread === 2 && s.state === 'ready'")
            await shop.emit("user:ann", "After")

            await follower.until("s.unread === 3")
            assert await connections(shop, "ann") == 1
            await follower.has_toasted("Before", "Between", "After")


async def test_a_dialog_that_holds_the_tab_with_the_connection_silences_no_other_tab(
    shop: Gateway, browser: Browser
):
    """Another takes over, the user stays online, and when the dialog closes all have everything once."""
    async with open_page(browser, shop.public) as page:
        blank = Window(page, "ann")
        async with another_tab(blank, shop) as leader, another_tab(blank, shop) as follower:
            for window in (leader, follower):
                await window.remember_toasts()
            dialogs: asyncio.Queue[Dialog] = asyncio.Queue()
            leader.page.on("dialog", dialogs.put_nowait)
            await leader.page.evaluate("() => void setTimeout(() => alert('Wait'))")
            dialog = await dialogs.get()

            await shop.emit("user:ann", "While it is open")
            await follower.until("s.unread === 1")
            assert await connections(shop, "ann") >= 1
            await dialog.dismiss()
            await leader.until("s.unread === 1 && s.state === 'ready'")
            await shop.emit("user:ann", "After")

            for window in (leader, follower):
                await window.until("s.unread === 2 && s.state === 'ready'")
            assert await connections(shop, "ann") == 1
            await follower.has_toasted("While it is open", "After")


# --- tunnels


async def test_a_gateway_killed_under_the_page_costs_nothing(browser: Browser, tmp_path: Path):
    """Nothing lost, no toast twice, the badge right, and what was marked meanwhile is marked."""
    async with (
        run_demo(tmp_path, empty=True) as demo,
        open_page(browser, demo.gateway.public, forgive=AWAY) as page,
    ):
        await page.goto(f"{demo.gateway.public}/demo/")
        ann = Window(page, "ann")
        await ann.ready()
        await ann.remember_toasts()
        await demo.emit("user:ann", "Before")
        await expect(ann.badge).to_have_text("1")

        await demo.kill()
        await ann.until("s.state === 'offline'")
        await expect(ann.bell).to_have_accessible_name("Notifications, 1 unread. Reconnecting…")
        await picture(page, "inbox-away")
        await ann.bell.click()
        await expect(ann.panel.get_by_role("status")).to_have_text("Reconnecting…")
        assert await violations(page) == []
        await ann.row("Before").focus()
        await page.keyboard.press("Enter")
        await expect(ann.badge).to_be_hidden()
        await demo.start()
        await demo.emit("user:ann", "Meanwhile")
        await page.evaluate("dispatchEvent(new Event('online'))")

        await ann.until("s.state === 'ready' && s.unread === 1")
        await demo.emit("user:ann", "After")
        await expect(ann.badge).to_have_text("2")
        await ann.has_toasted("Before", "Meanwhile", "After")
        await page.reload()
        await ann.ready()
        await expect(ann.badge).to_have_text("2")
        await ann.bell.click()
        assert await ann.titles() == ["After", "Meanwhile", "Before"]
        await expect(ann.row("Before")).to_contain_class("read")


async def test_the_token_is_renewed_on_the_live_connection(
    tmp_path: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch
):
    """The first ends in five seconds; the connection outlives it, and is never anything but ready."""
    monkeypatch.setattr("gateway.sockets.expiries.EXPIRING_SECONDS", 3)
    async with (
        start_gateway(tmp_path, extend=open_shop, CATALOG=CATALOG, JWT_LEEWAY="0") as shop,
        shopping(browser, shop, "bob") as bob,
    ):
        seconds = iter([5, 3600])
        given: list[str] = []

        def give() -> str:
            given.append(token("ann", ttl_seconds=next(seconds)))
            return given[-1]

        await bob.page.expose_function("give", give)
        ends = await bob.page.evaluate(
            """async () => {
                const element = document.createElement("bellhop-inbox");
                element.getToken = give;
                document.querySelector("header.top").append(element);
                window.states = [];
                while (!element.inbox) await new Promise(requestAnimationFrame);
                window.ann = element.inbox;
                ann.subscribe(() => states.push(ann.getSnapshot().state + " " + ann.getSnapshot().reason));
                return Date.now() + 5000;
            }"""
        )
        await bob.page.wait_for_function("() => ann.getSnapshot().state === 'ready'")
        await bob.page.wait_for_function("ends => Date.now() > ends + 500", arg=ends)

        await shop.emit("user:ann", "After the end of the first")

        await bob.page.wait_for_function("() => ann.getSnapshot().unread === 1")
        assert len(given) == 2
        states = await bob.page.evaluate("states")
        assert set(states[states.index("ready null") :]) == {"ready null"}


# --- many


@pytest.mark.alone
async def test_a_burst_of_1000_leaves_the_page_smooth(shop: Gateway, browser: Browser):
    """Also with the panel open. One toast tells of them all, and the badge is right."""
    async with shopping(browser, shop) as ann:
        page = ann.page
        await ann.bell.click()

        async def burst(number: int) -> None:
            await send(shop, 1000, each=25, seconds=1)
            await ann.until("s.items.length === a", number * 1000)

        await assert_smooth(page, burst)
        await expect(ann.badge).to_have_text("99+")
        await expect(ann.row("Number 01000")).to_be_visible()
        await expect(ann.toasts).to_have_count(0)
        await page.keyboard.press("Escape")
        await send(shop, 200, each=25)
        await expect(ann.toasts).to_have_count(1)
        await expect(ann.toasts).to_contain_text("Number 00200")
        await expect(ann.toasts).to_contain_text("and 199 more")


@pytest.mark.long
async def test_thousands_are_a_screenful_of_elements(shop: Gateway, browser: Browser):
    """The history is fetched page by page while one scrolls, to its end; only what is in sight exists."""
    many = amount(2000, long=10_000)
    await send(shop, many)
    async with shopping(browser, shop) as ann:
        await ann.element.evaluate(
            "(element, token) => { element.inbox = undefined; element.options = {token, pageSize: 100} }",
            token("ann"),
        )
        await ann.bell.click()
        await ann.element.evaluate(
            """async element => {
                for (let s; (s = element.inbox.getSnapshot()).hasMore || s.loading; ) {
                    if (!s.loading) element.inbox.loadMore();
                    await new Promise(requestAnimationFrame);
                }
            }"""
        )
        await expect(ann.rows.first).to_have_attribute("aria-setsize", str(many))
        await ann.rows.first.focus()

        await ann.page.keyboard.press("End")

        await expect(ann.row("Number 00001")).to_be_focused()
        await expect(ann.rows.last).to_have_attribute("aria-posinset", str(many))
        assert await ann.rows.count() < 40
        assert await ann.list.evaluate("list => list.scrollHeight") >= 60 * many


async def test_older_ones_come_as_one_scrolls_and_the_filter_leaves_the_unread(
    shop: Gateway, browser: Browser
):
    await send(shop, 45)
    async with shopping(browser, shop) as ann:
        await ann.bell.click()
        await ann.until("s.items.length < 45 && s.hasMore")

        await ann.list.hover()
        while not await ann.row("Number 00001").is_visible():
            await ann.page.mouse.wheel(0, 600)
            await ann.page.evaluate("() => new Promise(requestAnimationFrame)")
        await ann.until("s.items.length === 45 && !s.hasMore")

        await ann.read_all()
        # The page shows it before the gateway knows, and what comes in between would be read as well.
        assert shop.node is not None
        async with asyncio.timeout(40):
            while (await shop.node.inboxes.reading.unread("ann", ["user:ann"])).unread:
                await asyncio.sleep(0.01)
        await shop.emit("user:ann", "Fresh")
        await ann.panel.get_by_role("button", name="Unread", exact=True).click()
        await expect(ann.rows).to_have_count(1)
        await expect(ann.rows).to_contain_text("Fresh")
        await ann.page.keyboard.press("Tab")
        await ann.rows.focus()
        await ann.page.keyboard.press("Delete")
        await expect(ann.panel).to_contain_text("All caught up")
        assert await violations(ann.page) == []
        await expect(ann.panel).to_be_focused()
        await ann.panel.get_by_role("button", name="All", exact=True).click()
        await expect(ann.row("Number 00045")).to_be_visible()


# --- people


async def test_all_of_it_works_without_a_pointer(shop: Gateway, browser: Browser):
    await send(shop, 30)
    async with shopping(browser, shop) as ann:
        press = ann.page.keyboard.press
        for _ in range(10):
            await press("Tab")
            if await ann.bell.evaluate("bell => bell.matches(':focus')"):
                break
        await press("Enter")

        await expect(ann.panel).to_be_visible()
        await expect(ann.row("Number 00030")).to_be_focused()
        await press("ArrowDown")
        await expect(ann.row("Number 00029")).to_be_focused()
        await press("Delete")
        await expect(ann.row("Number 00028")).to_be_focused()
        await expect(ann.row("Number 00029")).to_have_count(0)
        await press("PageDown")
        await expect(ann.row("Number 00028")).not_to_be_focused()
        await press("Home")
        await expect(ann.row("Number 00030")).to_be_focused()
        await press("Tab")
        await expect(ann.row("Number 00030").get_by_role("button", name="Mark as read")).to_be_focused()
        await expect(ann.row("Number 00030").locator(".dot")).to_be_hidden()
        await press("Enter")
        await expect(ann.row("Number 00030")).to_contain_class("read")
        await expect(ann.badge).to_have_text("28")
        await press("Escape")
        await expect(ann.panel).to_be_hidden()
        await expect(ann.bell).to_be_focused()

        await press("Enter")
        await expect(ann.row("Number 00030")).to_be_focused()
        await press("ArrowDown")
        row = ann.row("Number 00028")
        for tool in ("Mark as read", "Later", "Archive", "Dismiss"):
            await press("Tab")
            await expect(row.get_by_label(f"{tool}: Number 00028")).to_be_focused()
        await press("Enter")
        await expect(ann.row("Number 00028")).to_have_count(0)
        await expect(ann.row("Number 00027")).to_be_focused()
        await press("Enter")
        await expect(ann.panel).to_be_hidden()
        await expect(ann.badge).to_have_text("26")


async def test_a_screen_reader_hears_what_others_see(shop: Gateway, browser: Browser):
    await shop.emit("user:ann", "Your order has shipped", body="It arrives tomorrow", link="/demo/#order-1")
    async with shopping(browser, shop) as ann:
        await expect(ann.bell).to_have_accessible_name("Notifications, 1 unread")
        await expect(ann.bell).to_have_attribute("aria-expanded", "false")
        await ann.bell.click()

        await expect(ann.bell).to_have_attribute("aria-expanded", "true")
        await expect(ann.panel).to_match_aria_snapshot(
            """
            - dialog "Notifications":
              - heading "Notifications" [level=2]
              - button "Mark all as read"
              - group "Show":
                - button "All" [pressed]
                - button "Unread"
              - feed "Notifications":
                - article "Unread. Your order has shipped":
                  - link "Your order has shipped"
                  - 'button "Mark as read: Your order has shipped"'
                  - 'button "Dismiss: Your order has shipped"'
            """
        )
        row = ann.rows.first
        await expect(row).to_have_attribute("aria-posinset", "1")
        await expect(row).to_have_accessible_description("It arrives tomorrow now")
        await ann.page.keyboard.press("Escape")
        spoken = ann.element.locator("> .spoken, .spoken[role=status]").last
        await shop.emit("user:ann", "Delivered")
        await expect(spoken).to_have_text("1 new notification: Delivered")
        assert await violations(ann.page) == []


async def test_from_right_to_left_all_is_mirrored_and_nothing_is_cut_off(shop: Gateway, browser: Browser):
    await shop.emit("user:ann", "הזמנה 1042 נשלחה", body="היא תגיע מחר", link="/demo/#order-1042")
    await shop.emit("user:ann", "Order 1042 has shipped", body="It arrives tomorrow")
    async with shopping(browser, shop) as ann:
        await ann.page.evaluate("document.documentElement.dir = 'rtl'")
        await ann.bell.click()

        bell, panel = await ann.bell.bounding_box(), await ann.panel.bounding_box()
        assert bell is not None
        assert panel is not None
        assert abs(panel["x"] - bell["x"]) < 1, "the panel hangs on the bell's left edge"
        row = ann.row("Order 1042 has shipped")
        glyph, dot = await row.locator(".glyph").bounding_box(), await row.locator(".dot").bounding_box()
        assert glyph is not None
        assert dot is not None
        assert glyph["x"] > dot["x"]
        assert await ann.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await violations(ann.page) == []
        await picture(ann.page, "inbox-right-to-left")


async def test_what_a_notification_holds_is_never_markup_and_its_link_never_code(
    shop: Gateway, browser: Browser
):
    hostile = "<img src=x onerror=alert(1)><b>bold</b>"
    await shop.emit("user:ann", hostile, body=hostile)
    async with shopping(browser, shop) as ann:
        await ann.page.evaluate("() => { window.alert = () => { throw new Error('it ran') } }")
        await ann.bell.click()

        await expect(ann.rows.locator(".name")).to_have_text(hostile)
        await expect(ann.rows.locator(".body")).to_have_text(hostile)
        await expect(ann.rows.locator("img, b")).to_have_count(0)


async def test_a_page_follows_the_colours_of_the_system(shop: Gateway, browser: Browser):
    async with shopping(browser, shop, dark=True) as ann:
        await ann.element.evaluate("element => element.removeAttribute('theme')")
        await ann.bell.click()
        background = "panel => getComputedStyle(panel).backgroundColor"
        assert await ann.panel.evaluate(background) == "rgb(26, 27, 32)"

        await ann.page.evaluate("document.documentElement.dataset.theme = ''")
        await ann.page.emulate_media(color_scheme="light")

        assert await ann.panel.evaluate(background) == "rgb(255, 255, 255)"


# --- reading


LONG = "The brass lamp is turned by hand, and so each of them is a little different from all others. " * 8


LINES = """text => {
    const range = document.createRange();
    range.selectNodeContents(text);
    return [...range.getClientRects()].map(line => line.toJSON());
}"""


APART = """row => {
    const [name, acts] = [".name", ".acts"].map(part => row.querySelector(part).getBoundingClientRect());
    return name.width > 150 && (name.right <= acts.left || acts.right <= name.left);
}"""


async def test_a_long_text_is_read_in_place(shop: Gateway, browser: Browser):
    """The rows below make room for it, and nothing is followed or marked by that."""
    await send(shop, 15)
    await shop.emit(
        "user:ann", "A title that says so much that no line of any inbox could hold it", body=LONG
    )
    await shop.emit("user:ann", "Short", body="And so is this.")
    async with shopping(browser, shop) as ann:
        await ann.bell.click()
        long, below = ann.row("A title that says"), ann.row("Number 00015")
        more = long.get_by_role("button", name="More")
        await expect(more).to_be_visible()
        await expect(ann.row("Short").get_by_role("button", name="More")).to_be_hidden()
        top = await below.evaluate("row => row.getBoundingClientRect().top")

        await more.click()

        await expect(long.get_by_role("button", name="Less")).to_have_attribute("aria-expanded", "true")
        body = long.locator(".body")
        assert await body.evaluate("body => body.scrollHeight <= body.clientHeight")
        moved = await below.evaluate("row => row.getBoundingClientRect().top") - top
        height = await long.evaluate("row => row.offsetHeight")
        assert 100 < moved == height - await below.evaluate("row => row.offsetHeight")
        await expect(ann.badge).to_have_text("17")
        assert await violations(ann.page) == []
        # What can be done with it lies over no line of what is to be read.
        await long.hover()
        acts = await long.locator(".acts").evaluate("acts => acts.getBoundingClientRect().toJSON()")
        for part in (".name", ".body"):
            read = await long.locator(part).evaluate(LINES)
            assert not [
                line for line in read if line["bottom"] > acts["top"] and line["right"] > acts["left"]
            ]
        await picture(ann.page, "inbox-long-open")

        await ann.rows.first.focus()
        await ann.page.keyboard.press("ArrowDown")
        await ann.page.keyboard.press("ArrowLeft")
        await expect(more).to_have_attribute("aria-expanded", "false")
        await ann.list.evaluate("list => void (list.scrollTop = 0)")
        assert await below.evaluate("row => row.getBoundingClientRect().top") == top
        await ann.page.keyboard.press("ArrowRight")
        await ann.page.keyboard.press("End")
        await expect(ann.row("Number 00001")).to_be_focused()
        await expect(ann.row("Number 00001")).to_be_in_viewport(ratio=0.99)


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
async def test_what_can_be_done_with_a_row_covers_nothing_of_its_title(
    shop: Gateway, browser: Browser, direction: str
):
    """Neither for a pointer nor for a keyboard, and nothing moves."""
    for number in (1, 2):
        await shop.emit(
            "user:ann",
            f"{number}: a title that says so much that no line of any inbox could hold it",
            body=LONG,
        )
    async with shopping(browser, shop) as ann:
        await ann.page.evaluate("direction => void (document.documentElement.dir = direction)", direction)
        await ann.bell.click()
        for number, row in enumerate((ann.row("2: a title"), ann.row("1: a title"))):
            before = await row.bounding_box()
            await row.locator(".body").hover()
            await expect(row.locator(".acts")).to_have_css("opacity", "1")
            assert await row.evaluate(APART)
            await picture(ann.page, f"inbox-hover-{direction}-{number}")
            await ann.bell.hover()
            await row.focus()
            await ann.page.keyboard.press("Tab")
            assert await row.evaluate(APART)
            assert await row.bounding_box() == before


async def test_marking_all_is_asked_back_and_a_double_click_is_no_answer(shop: Gateway, browser: Browser):
    await send(shop, 5)
    async with shopping(browser, shop) as ann:
        await ann.bell.click()
        await ann.panel.get_by_role("button", name="Mark all as read").dblclick()

        await expect(ann.panel.get_by_role("button", name="Mark 5 as read?")).to_be_visible()
        await expect(ann.badge).to_have_text("5")
        assert await violations(ann.page) == []
        await picture(ann.page, "inbox-all-asked")
        await ann.panel.get_by_role("button", name="Unread", exact=True).click()
        await expect(ann.panel.get_by_role("button", name="Mark all as read")).to_be_visible()
        await ann.read_all()
        await expect(ann.badge).to_be_hidden()


async def test_on_touch_one_can_be_marked_and_dismissed(shop: Gateway, browser: Browser):
    await send(shop, 3)
    async with shopping(browser, shop, viewport=PHONE, has_touch=True, is_mobile=True) as ann:
        await ann.bell.tap()
        row = ann.row("Number 00003")
        await picture(ann.page, "inbox-touch")
        await row.get_by_role("button", name="More: Number 00003").tap()
        await row.get_by_role("button", name="Mark as read: Number 00003").tap()
        await expect(row).to_have_class(re.compile("read"))
        await expect(ann.badge).to_have_text("2")

        await row.get_by_role("button", name="Dismiss: Number 00003").tap()

        await expect(row).to_have_count(0)
        assert await violations(ann.page) == []


async def test_each_text_has_its_own_direction(shop: Gateway, browser: Browser):
    await shop.emit("user:ann", "تم شحن طلبك 1042", body="سيصل غدا")
    await shop.emit("user:ann", "Order 1042 has shipped", body="It arrives tomorrow")
    async with shopping(browser, shop) as ann:
        await ann.bell.click()
        starts = """text => {
            const range = document.createRange();
            range.selectNodeContents(text);
            const [inner, outer] = [range.getBoundingClientRect(), text.getBoundingClientRect()];
            return [inner.left - outer.left < 1, outer.right - inner.right < 1];
        }"""
        for part in (".name", ".body"):
            assert await ann.row("1042 has shipped").locator(part).evaluate(starts) == [True, False]
            assert await ann.rows.last.locator(part).evaluate(starts) == [False, True]
        await picture(ann.page, "inbox-directions")


@pytest.mark.parametrize("page", ["ltr", "rtl"])
async def test_the_button_for_the_rest_of_a_text_stands_at_its_end(
    shop: Gateway, browser: Browser, page: str
):
    """Whichever side that is: over its beginning it hid what one reads first."""
    await shop.emit(
        "user:ann", "من فيرنوود", body="المصباح مصنوع يدويا، ولذلك يختلف كل واحد منها قليلا. " * 6
    )
    await shop.emit("user:ann", "From Fernwood", body=LONG)
    async with shopping(browser, shop) as ann:
        await ann.page.evaluate("way => { document.documentElement.dir = way }", page)
        await ann.bell.click()
        middle = "node => (box => box.left + box.width / 2)(node.getBoundingClientRect())"
        for title, at_right in (("From Fernwood", True), ("من فيرنوود", False)):
            row = ann.row(title)
            button = await row.get_by_role("button", name="More", exact=True).evaluate(middle)
            text = await row.locator(".body").evaluate(middle)
            assert (button > text) is at_right
        await picture(ann.page, f"inbox-more-{page}")


async def test_a_panel_is_as_high_as_its_rows_and_their_days(shop: Gateway, browser: Browser):
    await send(shop, 4)
    async with shopping(browser, shop) as ann:
        await ann.bell.click()
        await expect(ann.rows).to_have_count(4)
        assert await ann.list.evaluate("list => list.scrollHeight - list.clientHeight") == 0


async def test_a_low_window_is_filled_by_the_panel(shop: Gateway, browser: Browser):
    """Such as a laptop's at 200 % zoom."""
    await send(shop, 10)
    low = {"width": 680, "height": 400}
    async with shopping(browser, shop, viewport=low) as ann:
        await ann.bell.click()

        assert await ann.panel.bounding_box() == {"x": 0, "y": 0} | low
        await expect(ann.row("Number 00008")).to_be_in_viewport(ratio=0.99)
        await picture(ann.page, "inbox-low")
        await ann.panel.get_by_role("button", name="Close notifications").click()
        await expect(ann.panel).to_be_hidden()


async def test_a_burst_is_told_by_its_newest_and_lies_over_nothing_one_is_at(shop: Gateway, browser: Browser):
    async with shopping(browser, shop) as ann:
        await ann.button("Place order").focus()
        await send(shop, 6)
        await expect(ann.toasts).to_have_count(1)
        await expect(ann.toasts).to_contain_text("Number 00006")
        await expect(ann.toasts).to_contain_text("and 5 more")
        await picture(ann.page, "inbox-burst")
        below = await ann.toasts.bounding_box()
        await ann.toasts.get_by_role("button", name="Dismiss").click()

        await ann.page.evaluate(
            """at => {
                const field = document.createElement("textarea");
                Object.assign(field.style, {position: "fixed", left: `${at.x}px`, top: `${at.y}px`, width: "9rem"});
                document.body.append(field);
                field.focus();
            }""",
            below,
        )
        await shop.emit("user:ann", "While one writes")

        await expect(ann.toasts).to_contain_text("While one writes")
        aside = await ann.toasts.bounding_box()
        assert below is not None
        assert aside is not None
        assert aside["y"] + aside["height"] < below["y"]
