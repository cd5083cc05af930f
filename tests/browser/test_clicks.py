"""A newsletter of the demo in a real Chromium: begun in the dashboard, mailed to both customers, followed, and counted."""

import asyncio
import re
from email.message import EmailMessage
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.shop import Demo, Window, picture, run_demo
from tests.browser.test_people import looks_well
from tests.browser.test_preferences import settings, switch
from tests.browser.test_statistics import figures
from tests.journeys.test_mailing import spooled, until
from tests.support.browser import open_page, require_pages, violations

SUBJECT = "Light for both of you"
COUNTED_SECONDS = 40


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    require_pages("dashboard", "demo")


async def test_a_newsletter_is_started_in_the_dashboard_followed_from_a_mail_and_counted(
    browser: Browser, tmp_path: Path
):
    """Its mail comes to both customers; a click in one turns the badge in that customer's other tab, and is in the funnel."""
    async with run_demo(tmp_path) as demo, open_page(browser, demo.gateway.public) as page:
        await page.goto(f"{demo.gateway.public}/demo/")
        ann, bob = Window(page, "ann"), Window(page, "bob")
        await ann.ready()
        await bob.ready()
        # Ann has agreed in the day that the demo has behind it.
        await bob.show()
        dialog = await settings(bob)
        await switch(dialog, "Let the sender see which I follow").click()
        await expect(dialog.get_by_text("Saved: Links in email")).to_be_visible()
        assert await violations(page) == []
        await dialog.get_by_role("button", name="Done").click()
        await ann.show()
        async with page.expect_popup() as opened:
            await page.get_by_role("link", name="Open the dashboard").click()
        dashboard = await opened.value
        other = await page.context.new_page()
        await other.goto(f"{demo.gateway.public}/demo/")
        there = Window(other, "ann")
        await there.ready()
        await expect(there.badge).to_have_text("3")

        await _start(dashboard)
        await expect(there.badge).to_have_text("4")
        await _mailed(tmp_path / "demo")
        await page.bring_to_front()
        mailbox = page.get_by_role("region", name="Ann’s mailbox")
        await expect(mailbox.get_by_role("heading", name=SUBJECT)).to_be_visible()
        await picture(page, "demo-newsletter")
        await mailbox.frame_locator("iframe").get_by_role("link", name="Read on").click()

        await expect(there.badge).to_have_text("3")
        await there.until("s.items.some((n) => n.title === a && n.clicked && n.read)", SUBJECT)
        assert await _hits(demo, there) == [("ann", True)]
        await _counted(dashboard)
        assert await violations(dashboard) == []
        await picture(dashboard, "demo-newsletter-counted")
        await _told_of_the_campaign(dashboard)


async def _start(page: Page) -> None:
    """What somebody does in the dashboard who has a newsletter to send to Ann and Bob, and to whoever has the shop open."""
    base = page.url.partition("#")[0]
    await expect(page.get_by_role("status", name="Connection")).to_have_text("Live")
    await page.goto(f"{base}#/topics/readers")
    for user in ("ann", "bob"):
        await page.get_by_label("A user id to add").fill(user)
        await page.get_by_role("button", name="Add", exact=True).click()
        await expect(page.get_by_role("button", name=f"Take {user} out")).to_be_visible()
    await page.get_by_role("link", name="Campaigns").click()
    await page.get_by_role("link", name="New campaign").click()
    await page.get_by_label("Type").select_option("NEWSLETTER")
    await page.get_by_label("Name").fill("Autumn letter")
    await page.get_by_label("For whom").select_option("topic")
    await page.get_by_label("Topic").fill("readers")
    await page.get_by_label("Headline").fill(SUBJECT)
    await page.get_by_label("Tell in the app").fill("all")
    await page.get_by_role("button", name="Make the draft").click()
    await page.get_by_role("button", name="Start…").click()
    await page.get_by_role("dialog").get_by_role("button", name="Start", exact=True).click()
    await expect(page.locator(".heading").get_by_text("Finished")).to_be_visible()
    await expect(page.get_by_role("img", name="2 sent", exact=True)).to_be_visible()


async def _mailed(folder: Path) -> None:
    """Wait until both have the mail, with a link that tells who has followed it."""
    found: dict[str, EmailMessage] = {}

    async def both() -> bool:
        found.update({mail["To"]: mail for mail in spooled(folder) if mail["Subject"] == SUBJECT})
        return len(found) == 2

    await until(both)
    assert set(found) == {"ann@demo.example", "bob@demo.example"}
    for mail in found.values():
        body = mail.get_body(("html",))
        assert body is not None
        assert re.search(r'href="[^"]+/c/[\w-]+"', body.get_content())


async def _hits(demo: Demo, reader: Window) -> list[tuple[str, bool]]:
    """Who has followed the link, and whether it is known to be them."""
    id_ = await reader.page.evaluate(
        """title => document.querySelector("section#ann bellhop-inbox").inbox.getSnapshot()
            .items.find(n => n.title === title).id""",
        SUBJECT,
    )
    record = await demo.ask("GET", f"/internal/notifications/{id_}")
    return [(hit["user"], hit["confirmed_at"] is not None) for hit in record["clicks"]]


async def _counted(page: Page) -> None:
    """Wait until the funnel of mail says that one of two has been followed."""
    await page.goto(f"{page.url.partition('#')[0]}#/statistics?span=24h&type=NEWSLETTER")
    async with asyncio.timeout(COUNTED_SECONDS):
        while await figures(page, "Mail") != ["Accepted 2", "Sent 2 100%", "Clicked 1 50%"]:
            await page.reload()
            await expect(page.get_by_role("heading", name="Statistics")).to_be_visible()
            await asyncio.sleep(0.5)


async def _told_of_the_campaign(page: Page) -> None:
    """The campaign has the same funnel, and says who has followed the link."""
    await page.goto(f"{page.url.partition('#')[0]}#/campaigns")
    await page.get_by_role("link", name="Autumn letter").click()
    await expect(page.get_by_role("region", name="Mail", exact=True)).to_be_visible()
    assert await figures(page, "Mail") == ["Accepted 2", "Sent 2 100%", "Clicked 1 50%"]
    await expect(page.get_by_role("row").filter(has_text="ann")).to_contain_text("clicked")
    await expect(page.get_by_role("row").filter(has_text="bob")).not_to_contain_text("clicked")
    await looks_well(page, "campaign-clicked")
