"""The dashboard in a real Chromium, on a real gateway: what an admin sees and does."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect
from prometheus_client.parser import text_string_to_metric_families

from gateway.cluster.presence.base import Visitor
from gateway.cluster.settings import ClusterSettings
from gateway.notify.delivery import events
from storage.endings import Buried
from storage.mail import LaneName, MailState
from tests.browser.answers import Answers
from tests.browser.frames import assert_smooth
from tests.browser.shop import picture
from tests.support.browser import DESK, PHONE, open_page, require_pages, violations
from tests.support.gateway import Gateway, token
from tests.support.node import JSClient, NodeProcess, run_clients

ADMIN = token("root", roles=("admin",), name="Root")
PAGES = {
    "#/": "Overview",
    "#/online": "Online",
    "#/feed": "Feed",
    "#/users": "Users",
    "#/users/ann": "Ann Archer",
    "#/topics": "Topics",
    "#/topics/deals": "deals",
    "#/scheduled": "Scheduled",
    "#/mail": "Mail",
    "#/suppressions": "Suppressions",
    "#/campaigns": "Campaigns",
    "#/types": "Types",
    "#/compose?to=user%3Aann": "Compose",
    "#/trace": "Trace",
    "#/audit": "Audit",
    "#/nodes": "Nodes",
}


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    require_pages("dashboard")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node() -> AsyncIterator[NodeProcess]:
    async with run_clients() as process:
        yield process


@asynccontextmanager
async def signed_in(
    browser: Browser, gateway: Gateway, fragment: str = "#/", **options: Any
) -> AsyncIterator[Page]:
    """A page whose admin is signed in, at `fragment`."""
    async with open_page(browser, gateway.public, **options) as page:
        await page.goto(f"{gateway.public}/dashboard/#token={ADMIN}")
        await expect(page.get_by_role("status", name="Connection")).to_have_text("Live")
        await page.goto(f"{gateway.public}/dashboard/{fragment}")
        yield page


async def come(gateway: Gateway, node: NodeProcess, user: str, **claims: Any) -> JSClient:
    client = await node.open(gateway.public, auth={"token": token(user, **claims)})
    await client.event("ready")
    return client


async def bury_mail(gateway: Gateway, *users: str) -> None:
    """Mail of which a relay has said that it will never go; each due again an hour after it is revived."""
    assert gateway.node is not None
    for user in users:
        await gateway.emit(
            f"user:{user}", f"For {user}", email={"to": f"{user}@nowhere.example", "after": 3600}
        )
    later = gateway.node.clock().replace(year=2100)
    for lease in await gateway.node.store.outbox.lease(
        lane=LaneName.TRANSACTIONAL, limit=10, lease_seconds=60, now=later
    ):
        await gateway.node.store.outbox.end(lease, Buried(reason="no such mailbox", code=550), now=later)


# --- signing in


async def test_a_link_signs_in_and_its_token_leaves_the_address_bar_at_once(
    gateway: Gateway, browser: Browser
):
    async with open_page(browser, gateway.public) as page:
        await page.goto(f"{gateway.public}/dashboard/#token={ADMIN}")

        await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        assert ADMIN not in page.url
        assert await page.evaluate("JSON.stringify(localStorage)") == "{}"
        await page.go_back()
        assert ADMIN not in page.url


async def test_a_token_is_pasted_kept_over_a_reload_and_forgotten_at_the_end(
    gateway: Gateway, browser: Browser
):
    async with open_page(browser, gateway.public) as page:
        await page.goto(f"{gateway.public}/dashboard/")
        await page.get_by_label("Token").fill("not a token")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert")).to_contain_text("no token")

        await page.get_by_label("Token").fill(ADMIN)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        await page.reload()
        await expect(page.get_by_role("heading", name="Overview")).to_be_visible()

        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", name="Sign in to Bellhop")).to_be_visible()
        assert await page.evaluate("sessionStorage.length") == 0


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        (token("ann"), "has none of the roles"),
        (token("root", roles=("admin",), ttl_seconds=-3600), "has expired"),
    ],
)
async def test_who_may_not_enter_is_told_why(gateway: Gateway, browser: Browser, refused: str, why: str):
    async with open_page(browser, gateway.public) as page:
        await page.goto(f"{gateway.public}/dashboard/#token={refused}")

        await expect(page.get_by_role("alert")).to_contain_text(why)
        assert await page.evaluate("sessionStorage.length") == 0


def root(ttl_seconds: float = 3600) -> str:
    return token("root", roles=("admin",), ttl_seconds=ttl_seconds)


@pytest.mark.parametrize("ttl_seconds", [3600, 50], ids=["it was told of", "was near when it came"])
async def test_a_token_is_renewed_before_its_end_and_the_page_stays(
    gateway: Gateway, browser: Browser, ttl_seconds: float
):
    """What was written stays, the connection too, and a token that is refused does no harm."""
    async with open_page(browser, gateway.public) as page:
        await page.goto(f"{gateway.public}/dashboard/#token={root(ttl_seconds)}")
        await page.get_by_role("link", name="Compose").click()
        await page.get_by_label("Title").fill("Half written")
        await expect(page.get_by_role("status", name="Connection")).to_have_text("Live")
        assert gateway.node is not None
        (session,) = gateway.node.sessions.namespaces.sessions.of_user("root")
        if ttl_seconds > 60:
            gateway.node.sessions.namespaces.expiries.warn(session)
        ending = page.get_by_role("region", name="Your token")
        await expect(ending).to_contain_text("Your token ends soon.")
        assert await violations(page) == []

        await ending.get_by_role("button").click()
        asked = page.get_by_role("dialog", name="Stay signed in")
        await asked.get_by_label("Token").fill(f"{root()}x")
        await page.keyboard.press("Enter")
        await expect(asked.get_by_role("alert")).to_contain_text("does not accept this token")
        fresh = root(7200)
        await asked.get_by_label("Token").fill(fresh)
        await asked.get_by_role("button", name="Go on").click()

        await expect(asked).to_have_count(0)
        await expect(page.locator(".toast")).to_contain_text("Signed in anew.")
        await expect(ending).to_have_count(0)
        await expect(page.get_by_label("Title")).to_have_value("Half written")
        assert gateway.node.sessions.namespaces.sessions.of_user("root") == [session]
        assert session.ends_at - datetime.now(UTC) > timedelta(hours=1)
        assert await page.evaluate("sessionStorage['bellhop.token']") == fresh


async def test_a_token_that_has_ended_is_replaced_and_the_page_stays(gateway: Gateway, browser: Browser):
    async with signed_in(browser, gateway, "#/compose") as page:
        await page.get_by_label("Title").fill("Half written")
        assert gateway.node is not None
        (session,) = gateway.node.sessions.namespaces.sessions.of_user("root")
        gateway.node.sessions.namespaces.expiries.end(session)
        asked = page.get_by_role("dialog", name="Your token has ended")
        await expect(asked).to_be_visible()
        assert await violations(page) == []

        await page.keyboard.press("Escape")
        await page.keyboard.press("Escape")
        await expect(asked).to_be_visible()
        await asked.get_by_label("Token").fill(root(-60))
        await asked.get_by_role("button", name="Go on").click()
        await expect(asked.get_by_role("alert")).to_contain_text("This token has expired")
        await asked.get_by_label("Token").fill(root())
        await asked.get_by_role("button", name="Go on").click()

        await expect(page.get_by_role("status", name="Connection")).to_have_text("Live")
        await expect(asked).to_have_count(0)
        await expect(page.get_by_label("Title")).to_have_value("Half written")
        await page.reload()
        await expect(page.get_by_role("status", name="Connection")).to_have_text("Live")


async def test_a_second_link_renews_the_token_where_one_is(gateway: Gateway, browser: Browser):
    async with signed_in(browser, gateway, "#/compose") as page:
        await page.get_by_label("Title").fill("Half written")

        await page.evaluate("token => { location.hash = `#token=${token}` }", root(7200))

        await expect(page.locator(".toast")).to_contain_text("Signed in anew.")
        assert page.url.endswith("/dashboard/#/compose")
        await expect(page.get_by_label("Title")).to_have_value("Half written")
        assert gateway.node is not None
        (session,) = gateway.node.sessions.namespaces.sessions.of_user("root")
        assert session.ends_at - datetime.now(UTC) > timedelta(hours=1)

        await page.evaluate("token => { location.hash = `#token=${token}` }", token("mira", roles=("admin",)))
        await expect(page.locator(".who-name")).to_have_text("mira")
        assert page.url.endswith("/dashboard/#/compose")


# --- what an admin sees


async def test_users_appear_when_they_come_and_vanish_when_they_go(
    gateway: Gateway, browser: Browser, node: NodeProcess
):
    async with signed_in(browser, gateway, "#/online") as page:
        rows = page.get_by_role("table", name="People online")
        await expect(rows).to_contain_text("Root")
        await expect(rows).not_to_contain_text("Ann Archer")

        ann = await come(gateway, node, "ann", name="Ann Archer", roles=("vip",))
        await expect(rows).to_contain_text("Ann Archer")
        await expect(page.get_by_text("2 people over 2 connections")).to_be_visible()
        await page.get_by_label("Find by the beginning").fill("an")
        await expect(rows).not_to_contain_text("Root")

        await ann.disconnect()
        await expect(page.get_by_text("Nobody online begins with “an”")).to_be_visible()


async def fill_roster(gateway: Gateway, first: int, last: int) -> None:
    """People who are online, or as good as: presence is told of them."""
    assert gateway.node is not None
    now = datetime.now(UTC)
    for number in range(first, last):
        visitor = Visitor(connection=f"c{number}", user=f"user-{number:04}", name=None, roles=(), since=now)
        await gateway.node.presence.enter(visitor, limit=0)


async def scroll_to_the_end(page: Page) -> None:
    """A screenful a frame, up to where no more comes."""
    await page.locator(".rows-view").evaluate(
        """async node => {
            for (let before = -1; node.scrollTop !== before; ) {
                before = node.scrollTop;
                node.scrollBy(0, node.clientHeight);
                await new Promise(requestAnimationFrame);
            }
        }"""
    )


async def test_thousands_of_rows_are_held_by_a_screenful_of_elements(gateway: Gateway, browser: Browser):
    await fill_roster(gateway, 0, 3000)
    async with signed_in(browser, gateway, "#/online") as page:
        await expect(page.get_by_text("3,001 people")).to_be_visible()

        while not await page.get_by_text("user-2999").is_visible():
            await scroll_to_the_end(page)

        assert await page.get_by_role("row").count() < 60


@pytest.mark.alone
async def test_thousands_of_rows_stay_smooth_while_people_come_and_one_scrolls(
    gateway: Gateway, browser: Browser
):
    await fill_roster(gateway, 0, 3000)
    async with signed_in(browser, gateway, "#/online") as page:
        while not await page.get_by_text("user-2999").is_visible():
            await scroll_to_the_end(page)

        async def burst(number: int) -> None:
            last = 3000 + 300 * number
            await page.locator(".rows-view").evaluate("node => node.scrollTo(0, 0)")
            scrolling = asyncio.create_task(scroll_to_the_end(page))
            for first in range(last - 300, last, 10):
                await fill_roster(gateway, first, first + 10)
                await gateway.emit("all", f"At {first}")
            await scrolling
            await expect(page.get_by_text(f"{last + 1:,} people")).to_be_visible()

        await assert_smooth(page, burst)


@pytest.mark.alone
async def test_a_busy_feed_stays_smooth_while_one_scrolls(gateway: Gateway, browser: Browser):
    """As full as it gets, with more coming than is shown."""
    async with signed_in(browser, gateway, "#/feed") as page:
        await expect(page.get_by_text("Listening")).to_be_visible()
        items = [
            {"id": f"0199a000-0000-7000-8000-{n:012}", "room": f"user:{n}", "seq": 1, "type": "TEST", "title": f"Old {n}",
             "body": "", "created_at": "2026-01-01T00:00:00.000Z", "in_app": True, "mail": False, "by": "service:shop"}
            for n in range(1000)
        ]  # fmt: skip
        assert gateway.node is not None
        batch = {"node": "elsewhere", "notifications": items, "left_out": 0}
        gateway.node.views.feed._show(events.encode("feed", batch))
        await expect(page.get_by_text("1,000 notifications")).to_be_visible()

        async def burst(number: int) -> None:
            await page.locator(".rows-view").evaluate("node => node.scrollTo(0, 0)")
            scrolling = asyncio.create_task(scroll_to_the_end(page))
            for at in range(40):
                await gateway.batch(
                    [{"to": "all", "type": "TEST", "title": f"New {number}-{at}-{n}"} for n in range(10)]
                )
            await scrolling
            await expect(page.get_by_text("more than could be shown")).to_be_visible()

        await assert_smooth(page, burst)


async def test_the_feed_shows_what_is_emitted_and_filters_it_by_type_and_room(
    gateway: Gateway, browser: Browser
):
    async with signed_in(browser, gateway, "#/feed") as page:
        await expect(page.get_by_text("Listening")).to_be_visible()
        await gateway.emit("user:ann", "Your order has shipped", type="ORDER_UPDATE")
        await gateway.emit("topic:deals", "Ten per cent off", type="OFFER")
        await gateway.emit("user:bob", "Payment received", type="PAYMENT")
        rows = page.get_by_role("table", name="Notifications")
        await expect(rows).to_contain_text("Payment received")
        await expect(rows).to_contain_text("Ten per cent off")

        await page.get_by_label("Type").select_option("OFFER")
        await expect(rows).not_to_contain_text("Payment received")
        await expect(rows).to_contain_text("Ten per cent off")

        await page.get_by_label("Type").select_option("All types")
        await page.get_by_label("Room").fill("user:")
        await expect(rows).not_to_contain_text("Ten per cent off")
        await expect(rows).to_contain_text("Your order has shipped")

        await page.get_by_label("Room").fill("user:bob")
        await expect(page.get_by_text("1 notification", exact=True)).to_be_visible()


async def test_a_whole_room_in_the_filter_brings_its_history(gateway: Gateway, browser: Browser):
    await gateway.emit("topic:deals", "From before", type="OFFER")
    await gateway.batch([{"to": "user:bob", "type": "T", "title": f"Later {n}"} for n in range(50)])
    async with signed_in(browser, gateway, "#/feed") as page:
        rows = page.get_by_role("table", name="Notifications")
        await expect(rows).to_contain_text("Later 49")
        await expect(page.get_by_text("50 notifications", exact=True)).to_be_visible()

        await page.get_by_label("Room").fill("topic:deals")

        await expect(rows).to_contain_text("From before")


async def test_a_complaint_lights_up_until_it_is_dealt_with(gateway: Gateway, browser: Browser):
    async with signed_in(browser, gateway, "#/feed") as page:
        await expect(page).to_have_title("Feed · Bellhop")

        await gateway.emit("admins", "A jar arrived broken", type="COMPLAINT")

        await expect(page).to_have_title("(1) Feed · Bellhop")
        await expect(page.get_by_role("link", name="Feed 1 open complaint")).to_be_visible()
        await expect(page.locator(".toast")).to_contain_text("A jar arrived broken")
        await expect(page.locator(".feed-rows .urgent")).to_contain_text("A jar arrived broken")
        await page.reload()
        await expect(page).to_have_title("(1) Feed · Bellhop")
        await page.get_by_role("button", name="Dealt with", exact=True).click()
        await expect(page).to_have_title("Feed · Bellhop")
        await page.reload()
        await expect(page.locator(".feed-rows")).to_contain_text("A jar arrived broken")
        await expect(page).to_have_title("Feed · Bellhop")


async def test_a_users_older_history_stays_when_something_comes(gateway: Gateway, browser: Browser):
    for number in range(40):
        await gateway.emit("user:ann", f"Number {number}")
    async with signed_in(browser, gateway, "#/users/ann") as page:
        rows = page.get_by_label("History").get_by_role("row")
        await expect(rows).to_have_count(1 + 30)
        await page.get_by_role("button", name="Older").click()
        await expect(rows).to_have_count(1 + 40)

        await gateway.emit("user:ann", "The newest")

        await expect(rows).to_have_count(1 + 41)
        await expect(rows.nth(1)).to_contain_text("The newest")
        await expect(rows.last).to_contain_text("Number 0")


async def test_a_users_history_tells_what_was_read_and_mailed(
    gateway: Gateway, browser: Browser, node: NodeProcess
):
    read = await gateway.emit("user:ann", "First")
    await gateway.emit("topic:deals", "Ten per cent off")
    await gateway.emit("user:ann", "Second", email={"to": "ann@shop.example", "after": 3600})
    ann = await come(gateway, node, "ann", name="Ann Archer", email="ann@shop.example", topics=("deals",))
    await ann.call("read", {"ids": [read["notification"]["id"]]})

    async with signed_in(browser, gateway, "#/users/ann") as page:
        await expect(page.get_by_role("heading", name="Ann Archer")).to_be_visible()
        await expect(page.get_by_role("row").filter(has_text="First")).to_contain_text("Read")
        await expect(page.get_by_role("list", name="Topics")).to_contain_text("deals")
        await expect(page.get_by_role("row").filter(has_text="Ten per cent off")).to_contain_text(
            "topic:deals"
        )
        second = page.get_by_role("row").filter(has_text="Second")
        await expect(second).to_contain_text("Unread")
        await expect(second).to_contain_text("Pending")

        await gateway.emit("user:ann", "Third")
        await expect(page.get_by_role("row").filter(has_text="Third")).to_be_visible()
        await page.get_by_role("button", name="Unread").click()
        await expect(page.get_by_role("row").filter(has_text="First")).to_have_count(0)

        await second.get_by_role("button").click()
        drawer = page.get_by_role("dialog", name="Notification")
        await expect(drawer).to_contain_text("ann@shop.example")
        frame = page.frame_locator("iframe[title='The mail as HTML']")
        await expect(frame.get_by_role("heading", name="Second")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(drawer).to_have_count(0)


async def test_what_people_wrote_has_its_own_direction_in_every_list(gateway: Gateway, browser: Browser):
    """Cut off at its end, and not at its beginning."""
    title = "تم شحن طلبك 1042، وهو في الطريق إليك " * 4
    email = {"to": "ann@shop.example", "after": 3600}
    await gateway.emit("user:ann", title.strip(), body="سيصل غدا.", email=email)
    direction = "node => getComputedStyle(node).direction"
    async with signed_in(browser, gateway) as page:
        for fragment in ("#/", "#/feed", "#/trace", "#/users/ann", "#/mail"):
            await page.goto(f"{gateway.public}/dashboard/{fragment}")
            name = page.get_by_role("main").get_by_text("تم شحن طلبك 1042").last
            await expect(name).to_be_visible()
            assert (fragment, await name.evaluate(direction)) == (fragment, "rtl")
            await picture(page, f"dashboard-arabic-{fragment[2:].partition('/')[0] or 'overview'}")


async def test_the_overview_draws_what_the_gateway_measured(gateway: Gateway, browser: Browser):
    assert gateway.node is not None
    gateway.node.views.trends.sample()
    for _ in range(3):
        await gateway.emit("all", "counted")
    gateway.node.views.trends.sample()

    async with signed_in(browser, gateway) as page:
        # A node that has just begun shows no hour of nothing.
        await expect(page.get_by_role("button", name="15 min")).to_have_attribute("aria-pressed", "true")
        chart = page.get_by_role("img", name=re.compile("^Emits, per 30 seconds: 3 in the last 15 minutes"))
        await expect(chart).to_be_visible()
        await page.get_by_role("button", name="1 hour").click()
        chart = page.get_by_role("img", name=re.compile("^Emits, per minute: 3 in the last hour"))
        await expect(chart).to_be_visible()
        await expect(page.get_by_role("link", name="Emits 3 in the last hour")).to_be_visible()
        await expect(chart.locator(".bar")).not_to_have_count(0)
        await expect(page.get_by_role("img", name=re.compile("^Latency"))).to_be_visible()
        await expect(page.get_by_text(gateway.node.settings[ClusterSettings].node_id)).to_be_visible()


async def test_figures_that_stand_together_agree_with_the_stores_and_with_the_metrics(
    gateway: Gateway, browser: Browser, node: NodeProcess
):
    """What is told in one place is told in the other, was counted and is kept; whatever the admin's clock says."""
    assert gateway.node is not None
    trends, outbox = gateway.node.views.trends, gateway.node.store.outbox
    await trends.stop()
    trends.sample()
    ann, *_ = [
        await come(gateway, node, user, email=f"{user}@shop.example") for user in ("ann", "ann", "bob")
    ]
    await bury_mail(gateway, "eve", "zoe")
    for number in range(3):
        await gateway.emit("user:ann", f"Mailed {number}", email=True)
    read = await gateway.emit("user:ann", "Read", email={"unless": "read", "after": 1})
    await ann.call("read", {"ids": [read["notification"]["id"]]})
    for _ in range(3):
        await gateway.emit("user:bob", "Once", key="once", email={"to": "bob@shop.example", "after": 3600})
    assert (await gateway.ask("POST", "/internal/emit", body={"to": "user:bob"})).status == 422
    async with asyncio.timeout(20):
        while (counts := await outbox.mail_counts())["skipped"] < 1 or counts["sent"] < 3:
            await asyncio.sleep(0.02)
    trends.sample()
    emits, mails, delivered = [
        await counted(gateway, name) for name in ("bellhop_emits", "bellhop_mail", "bellhop_deliveries")
    ]
    assert (sum(emits.values()), emits["duplicate"], mails["sent"], mails["skipped"]) == (10, 2, 3, 1)

    async with signed_in(browser, gateway) as page:
        online = (await gateway.ask("GET", "/internal/presence")).body
        assert (online["users"], online["connections"]) == (3, 4)
        waiting = counts["pending"] + counts["leased"]
        gone = sum(counts[MailState(state)] for state in ("sent", "delivered", "bounced", "complained"))
        for minutes in (0, 25, -25):
            await page.clock.set_system_time(datetime.now(UTC) + timedelta(minutes=minutes))
            await page.reload()
            for tile in (
                f"People online {online['users']} {online['connections']} connections",
                f"Mail waiting {waiting} {gone} sent in all",
                f"Dead mail {counts['dead']} Needs a look",
                f"Emits {sum(emits.values()):g} in the last 15 minutes",
            ):
                await expect(page.get_by_role("link", name=tile, exact=True)).to_be_visible()
            for chart in (
                f"Connections, open: {online['connections']} now",
                f"Emits, per 30 seconds: {sum(emits.values()):g} in the last 15 minutes",
                f"Deliveries, events, per 30 seconds: {sum(delivered.values()):g} in the last 15 minutes",
                f"Mail, per 30 seconds: {mails['sent']:g} sent in the last 15 minutes",
            ):
                await expect(page.get_by_role("img", name=re.compile(f"^{chart};"))).to_be_visible()
        assert (gone, waiting, counts["dead"]) == (mails["sent"], 1, 2)


async def counted(gateway: Gateway, name: str) -> Counter[str]:
    """What Prometheus would scrape of a counter, by its outcome."""
    scraped = str((await gateway.ask("GET", "/metrics")).body)
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(scraped):
        for sample in family.samples:
            if sample.name == f"{name}_total":
                found[sample.labels.get("outcome", "")] += sample.value  # type: ignore[assignment]  # whole numbers
    return found


async def test_the_overview_tells_what_is_firing_and_what_to_do(gateway: Gateway, browser: Browser):
    assert gateway.node is not None
    await gateway.ask("POST", "/internal/lanes/bulk/pause", body={"reason": "a look at the list"})
    trends, clock = gateway.node.views.trends, gateway.node.views.trends._clock
    await trends.stop()
    trends.sample()
    trends._clock = lambda: clock() + timedelta(minutes=6)
    trends.sample()

    async with signed_in(browser, gateway) as page:
        alerts = page.get_by_role("region", name="1 alert")

        await expect(alerts.get_by_role("listitem").first).to_contain_text("Bulk mail is paused")
        await expect(alerts).to_contain_text("It waits until somebody resumes it.")
        await expect(alerts).to_contain_text("a look at the list")
        assert await violations(page) == []
        await picture(page, "dashboard-alerts")


async def test_the_page_finds_back_when_connections_break(gateway: Gateway, browser: Browser):
    assert gateway.node is not None
    async with signed_in(browser, gateway, "#/feed") as page:
        connection_state = page.get_by_role("status", name="Connection")
        # It may be back before anybody looks: what it said meanwhile is kept.
        await connection_state.evaluate(
            """status => {
                window.told = [];
                const note = () => told.push(status.textContent);
                new MutationObserver(note).observe(status, {childList: true, characterData: true, subtree: true});
            }"""
        )
        for connection in list(gateway.node.server.eio.sockets.values()):
            connection.socket.abort()
        await gateway.emit("admins", "Meanwhile", type="COMPLAINT")

        await page.wait_for_function("() => told.includes('Reconnecting') && told.at(-1) === 'Live'")
        await expect(connection_state).to_have_text("Live")
        await expect(page).to_have_title("(1) Feed · Bellhop")
        await expect(page.locator(".toast")).to_have_count(1)


# --- what an admin does


async def test_what_is_composed_is_previewed_and_arrives(
    gateway: Gateway, browser: Browser, node: NodeProcess
):
    ann = await come(gateway, node, "ann", email="ann@shop.example")
    async with signed_in(browser, gateway, "#/compose?to=user%3Aann") as page:
        await page.get_by_label("Start from a pattern").select_option("Order confirmation")
        outcome = page.get_by_role("region", name="What will happen")
        await expect(outcome).to_contain_text("1 connection")
        await expect(outcome).to_contain_text("Mail to ann@shop.example")
        frame = page.frame_locator("iframe[title='The mail as HTML']")
        await expect(frame.get_by_text("Beeswax candle")).to_be_visible()
        assert ann.received("notification") == []

        await page.get_by_role("button", name="Send", exact=True).click()

        await expect(page.locator(".toast")).to_contain_text("Sent to user:ann")
        got = await ann.event("notification")
        assert (got["type"], got["data"]["total"]) == ("ORDER_CONFIRMATION", 57.9)


async def test_what_is_wrong_is_told_at_its_field_and_cannot_be_sent(gateway: Gateway, browser: Browser):
    async with signed_in(browser, gateway, "#/compose") as page:
        send = page.get_by_role("button", name="Send", exact=True)
        await page.get_by_label("To", exact=True).fill("nowhere")
        await page.get_by_label("Title").fill("Hi")

        await expect(page.get_by_label("To", exact=True)).to_have_attribute("aria-invalid", "true")
        await expect(send).to_be_disabled()
        await page.get_by_label("To", exact=True).fill("user:bob")
        await expect(send).to_be_enabled()
        await page.get_by_label("Mail it too").check()
        await expect(page.get_by_text("no address is known for bob")).to_be_visible()
        await page.get_by_label("Data").fill("{")
        await expect(page.get_by_label("Data")).to_have_attribute("aria-invalid", "true")
        await expect(send).to_be_disabled()


async def test_all_mistakes_are_told_at_once_and_the_sample_is_what_an_inbox_shows(
    gateway: Gateway, browser: Browser
):
    async with signed_in(browser, gateway, "#/compose") as page:
        await page.get_by_label("To", exact=True).fill("user:bob, nowhere")
        await page.get_by_label("Title").fill("Hi")
        await page.get_by_label("Link").fill("javascript:alert(1)")
        await page.get_by_label("Data").fill("{")

        outcome = page.get_by_role("region", name="What will happen")
        for field in ("To", "Link", "Data"):
            await expect(page.get_by_label(field, exact=True)).to_have_attribute("aria-invalid", "true")
        await expect(outcome.get_by_role("listitem")).to_have_count(3)
        shown = page.get_by_role("region", name="On screen")
        await expect(shown.locator(".name")).to_have_text("Hi")
        await expect(shown.get_by_role("link")).to_have_count(0)

        await page.get_by_label("Link").fill("/orders/1")
        await expect(shown.get_by_role("link")).to_have_text("Hi")


async def test_everyone_is_written_to_only_after_a_second_thought(
    gateway: Gateway, browser: Browser, node: NodeProcess
):
    ann = await come(gateway, node, "ann")
    async with signed_in(browser, gateway, "#/compose?to=all") as page:
        await page.get_by_label("Title").fill("Hello all")
        await page.get_by_role("button", name="Send", exact=True).click()
        asked = page.get_by_role("dialog", name="Send to everyone?")
        await expect(asked).to_contain_text("2 people are online and will see it at once.")
        assert ann.received("notification") == []

        await asked.get_by_role("button", name="Send").click()

        assert (await ann.event("notification"))["title"] == "Hello all"


async def test_a_user_is_disconnected_after_confirmation(
    gateway: Gateway, browser: Browser, node: NodeProcess
):
    ann = await come(gateway, node, "ann")
    async with signed_in(browser, gateway, "#/users/ann") as page:
        await page.get_by_role("button", name="Disconnect…").click()
        await page.get_by_role("dialog").get_by_role("button", name="Disconnect").click()

        assert (await ann.event("closing"))["reason"] == "revoked"
        await expect(page.locator(".toast")).to_contain_text("1 connection ended")
        await expect(page.get_by_role("button", name="Disconnect…")).to_be_disabled()


async def test_a_user_is_erased_only_when_the_name_was_typed(gateway: Gateway, browser: Browser):
    await gateway.emit("user:ann", "Private")
    async with signed_in(browser, gateway, "#/users/ann") as page:
        await expect(page.get_by_role("row").filter(has_text="Private")).to_be_visible()
        await page.get_by_role("button", name="Erase…").click()
        asked = page.get_by_role("dialog")
        await expect(asked.get_by_role("button", name="Erase for good")).to_be_disabled()

        await asked.get_by_role("textbox").fill("ann")
        await asked.get_by_role("button", name="Erase for good").click()

        await expect(page.locator(".toast")).to_contain_text("Erased, with 1 notification")
        await expect(page.get_by_text("Nothing yet")).to_be_visible()


async def test_dead_mail_is_revived_one_by_one_and_all_at_once(gateway: Gateway, browser: Browser):
    await bury_mail(gateway, "ann", "bob", "cid")
    async with signed_in(browser, gateway, "#/mail?state=dead") as page:
        await expect(page.get_by_role("row").filter(has_text="no such mailbox (550)")).to_have_count(3)

        await page.get_by_role("button", name="Revive For bob").click()
        await expect(page.get_by_role("row").filter(has_text="For bob")).to_have_count(0)
        await page.get_by_role("button", name="Revive all dead…").click()
        await page.get_by_role("dialog").get_by_role("button", name="Revive all").click()

        await expect(page.get_by_text("Nothing was given up on.")).to_be_visible()
        assert gateway.node is not None
        assert (await gateway.node.store.outbox.mail_counts()).get("dead", 0) == 0


async def test_a_notification_is_recalled_from_its_drawer(
    gateway: Gateway, browser: Browser, node: NodeProcess
):
    ann = await come(gateway, node, "ann")
    sent = await gateway.emit("user:ann", "A mistake")
    async with signed_in(browser, gateway, "#/users/ann") as page:
        await page.get_by_role("button", name="A mistake").click()
        await page.get_by_role("button", name="Recall…").click()
        await (
            page.get_by_role("dialog", name="Recall this notification?")
            .get_by_role("button", name="Recall", exact=True)
            .click()
        )

        assert (await ann.event("recalled"))["id"] == sent["notification"]["id"]
        await expect(page.get_by_text("Its text is gone")).to_be_visible()


# --- what must hold everywhere


async def test_a_mail_can_neither_run_scripts_nor_reach_the_token(gateway: Gateway, browser: Browser):
    """The preview is a document of no origin: it shows, and can do nothing."""
    forgiven = ["Content Security Policy", "sandboxed"]
    async with signed_in(browser, gateway, "#/mail", forgive=forgiven) as page:
        await page.evaluate(
            """() => new Promise((resolve) => {
                const frame = document.createElement("iframe");
                frame.sandbox = "allow-scripts";
                frame.id = "probe";
                frame.src = "mail.html";
                frame.onload = () => {
                    frame.contentWindow.postMessage({html: `<p style="color: rgb(1, 2, 3)">shown</p>
                        <script>document.body.append("RUN")</script>
                        <img src="x:" onerror="document.body.append('RUN')">
                        <meta http-equiv="refresh" content="0; url=about:blank">`}, "*");
                    resolve();
                };
                document.body.append(frame);
            })"""
        )

        frame = page.frame_locator("#probe")
        shown = frame.get_by_text("shown")
        await expect(shown).to_have_css("color", "rgb(1, 2, 3)")
        await expect(frame.locator("body")).not_to_contain_text("RUN")
        handle = await page.query_selector("#probe")
        assert handle is not None
        inner = await handle.content_frame()
        assert inner is not None
        assert await inner.evaluate("origin") == "null"
        with pytest.raises(Exception, match="SecurityError|sandboxed"):
            await inner.evaluate("sessionStorage.length")


@pytest.mark.timeout(300)  # every page three times, each looked through by axe-core
@pytest.mark.parametrize(
    ("viewport", "dark"), [(DESK, False), (PHONE, True)], ids=["wide and light", "phone and dark"]
)
async def test_no_page_has_a_barrier_while_it_has_nothing_to_show(
    gateway: Gateway, browser: Browser, viewport: dict[str, int], dark: bool
):
    """axe-core finds nothing in a page that waits for its answer, was refused it, or got an empty one."""
    answers = Answers()
    # The others ask for nothing before there is something to show.
    asking = PAGES.keys() - {"#/feed", "#/compose?to=user%3Aann"}
    async with open_page(browser, gateway.public, viewport=viewport, dark=dark) as page:
        await page.route_web_socket("**/socket.io/**", answers.stand_in)
        for answers.are in ("held", "refused", "answered"):
            for fragment in PAGES:
                # Anew, so that nothing is left of an answer from before.
                await page.goto("about:blank")
                await page.goto(f"{gateway.public}/dashboard/#token={ADMIN}")
                await expect(page.get_by_role("status", name="Connection")).to_have_text("Live")
                await page.goto(f"{gateway.public}/dashboard/{fragment}")
                await expect(page.get_by_role("heading", level=1)).to_be_visible()
                waits, alerts = page.get_by_label("Loading"), page.get_by_role("alert")
                if answers.are == "held" and fragment in asking:
                    await expect(waits.first).to_be_visible()
                elif answers.are == "refused" and fragment in asking:
                    await expect(alerts.first).to_be_visible()
                if answers.are != "held":
                    await expect(waits).to_have_count(0)
                assert (answers.are, fragment, await violations(page)) == (answers.are, fragment, [])


@pytest.mark.parametrize(
    ("viewport", "dark"), [(DESK, False), (PHONE, True)], ids=["wide and light", "phone and dark"]
)
async def test_no_page_has_a_barrier(
    gateway: Gateway, browser: Browser, node: NodeProcess, viewport: dict[str, int], dark: bool
):
    """axe-core finds nothing on any page, in a drawer or at the door; and no page is wider than the screen."""
    await come(gateway, node, "ann", name="Ann Archer", email="ann@shop.example", roles=("vip",))
    await gateway.emit("user:ann", "Shipped", type="ORDER_UPDATE", email={"to": "ann@shop.example"})
    await bury_mail(gateway, "bob")
    async with open_page(browser, gateway.public, viewport=viewport, dark=dark) as page:
        await page.goto(f"{gateway.public}/dashboard/")
        assert await violations(page) == []
    async with signed_in(browser, gateway, "#/feed", viewport=viewport, dark=dark) as page:
        await expect(page.locator(".feed-rows")).to_contain_text("Shipped")
        assert await violations(page) == []
        await gateway.emit("admins", "A jar arrived broken", type="COMPLAINT")
        await expect(page).to_have_title(re.compile(r"^\(1\)"))
        for fragment, heading in PAGES.items():
            await page.goto(f"{gateway.public}/dashboard/{fragment}")
            await expect(page.get_by_role("heading", name=heading, exact=True).first).to_be_visible()
            await expect(page.get_by_label("Loading")).to_have_count(0)
            assert (heading, await violations(page)) == (heading, [])
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), heading
        await page.goto(f"{gateway.public}/dashboard/#/mail")
        await page.get_by_role("button", name="Shipped", exact=True).click()
        await expect(page.frame_locator("iframe").get_by_role("heading", name="Shipped")).to_be_visible()
        assert await violations(page) == []


async def test_all_can_be_reached_by_keyboard(gateway: Gateway, browser: Browser):
    await gateway.emit("user:ann", "Shipped")
    async with signed_in(browser, gateway, "#/users/ann") as page:
        await expect(page.get_by_role("button", name="Shipped")).to_be_visible()
        await page.keyboard.press("Tab")
        await expect(page.get_by_text("Skip to the page")).to_be_focused()
        await page.keyboard.press("Enter")
        for _ in range(20):
            await page.keyboard.press("Tab")
            if await page.evaluate("document.activeElement?.textContent") == "Shipped":
                break

        await page.keyboard.press("Enter")

        await expect(page.get_by_role("dialog", name="Notification")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("button", name="Shipped")).to_be_focused()
