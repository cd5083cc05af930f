"""The page Statistics in a real Chromium: funnels, curves and figures by type, in a link that can be kept, and as a file."""

import math
import re
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from storage.events import Event, Outcome, Series, key_of_many
from storage.stats import Bucket, SeriesCounts, Step
from tests.browser.shop import picture
from tests.browser.test_dashboard import signed_in
from tests.journeys.test_stats import count
from tests.support.browser import PHONE, require_pages, violations
from tests.support.gateway import Gateway
from tests.support.gateway import gateway as start_gateway

DAYS = 364
SHARES = {
    "in_app": ((Outcome.EMITTED, 1), (Outcome.DELIVERED, 0.86), (Outcome.SEEN, 0.61), (Outcome.READ, 0.44), (Outcome.CLICKED, 0.12)),
    "shared": ((Outcome.EMITTED, 0.05), (Outcome.DELIVERED, 0.05), (Outcome.SEEN, 2.1), (Outcome.READ, 1.4)),
    "email": ((Outcome.ACCEPTED, 0.5), (Outcome.SENT, 0.4), (Outcome.SKIPPED, 0.08), (Outcome.DEAD, 0.01), (Outcome.BOUNCED, 0.01)),
}  # fmt: skip
TYPES = {
    "ORDER_UPDATE": (("in_app", 420), ("email", 420)),
    "INVOICE": (("in_app", 160), ("email", 160)),
    "SALE_OFFER": (("shared", 300),),
    "REVIEW": (("in_app", 60),),
}
VARIANTS = {"plain": 0.31, "by-name": 0.52}
"""Of a campaign, and of the type REVIEW: the part that reads, or clicks."""
CAMPAIGN = "019ac000-0000-7000-8000-000000000001"


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    require_pages("dashboard")


@pytest_asyncio.fixture(loop_scope="module")
async def shop(tmp_path: Path) -> AsyncIterator[Gateway]:
    """With a year behind it: fewer at its beginning, and at weekends."""
    async with start_gateway(tmp_path) as here:
        assert here.node is not None
        stats, now = here.node.store.stats, here.node.clock()
        await stats.note(
            [
                Event(
                    key=key_of_many(str(series).encode(), place),
                    at=now,
                    series=series,
                    outcome=outcome,
                    count=number,
                )
                for series, counts in _day(0).items()
                for place, (outcome, number) in enumerate(counts.items())
            ]
        )
        await count(here)
        turn = await stats.lead("who fills it", lease_seconds=60, now=now + timedelta(minutes=1))
        assert turn is not None
        for day in range(1, DAYS):
            bucket = Bucket(Step.DAY, Step.DAY.start(now - timedelta(days=day)))
            assert await stats.replace(bucket, _day(day), of=[], turn=turn)
        yield here


def _day(day: int) -> SeriesCounts:
    own = {
        Series(type_, channel, "transactional" if channel == "email" else ""): {
            outcome: max(1, round(size * share * _swell(day))) for outcome, share in SHARES[channel]
        }
        for type_, channels in TYPES.items()
        for channel, size in channels
    }
    return own | dict(_varied(_swell(day)))


def _varied(swell: float) -> Iterator[tuple[Series, dict[Outcome, int]]]:
    for variant, part in VARIANTS.items():
        people = max(4, round(90 * swell))
        converted = round(people * part)
        read = {
            Outcome.EMITTED: people,
            Outcome.DELIVERED: round(0.86 * people),
            Outcome.SEEN: round(0.8 * people),
            Outcome.READ: converted,
        }
        yield Series("REVIEW", "in_app", variant=variant), read
        sent = {Outcome.ACCEPTED: people, Outcome.SENT: people, Outcome.CLICKED: converted}
        yield Series("REVIEW", "email", "bulk", CAMPAIGN, variant=variant), sent


def _swell(day: int) -> float:
    return (1 - day / 500) * (0.55 if day % 7 < 2 else 1) * (1 + 0.15 * math.sin(day / 9))


async def figures(page: Page, region: str) -> list[str]:
    rows = page.get_by_role("region", name=region, exact=True).get_by_role("listitem")
    return [" ".join((await row.inner_text()).split()) for row in await rows.all()]


async def tops(page: Page) -> set[int]:
    """At which heights tables can be opened."""
    boxes = [await each.bounding_box() for each in await page.get_by_text("The same as a table").all()]
    return {round(box["y"]) for box in boxes if box is not None}


async def test_what_came_of_a_year_is_looked_at_narrowed_kept_as_a_link_and_taken_along(
    shop: Gateway, browser: Browser
):
    async with signed_in(browser, shop, "#/statistics?span=30d") as page:
        await expect(page.get_by_role("region", name="In-app", exact=True)).to_be_visible()
        [emitted, delivered, *_] = await figures(page, "In-app")
        assert emitted.startswith("Emitted ")
        assert delivered.endswith("86%")
        assert await violations(page) == []
        await picture(page, "statistics")
        assert len(await tops(page)) == 1

        await page.get_by_text("The same as a table").first.click()
        table = page.get_by_role("table", name="In-app by day")
        await expect(table.get_by_role("row")).to_have_count(31)
        assert len(await tops(page)) == 1
        await page.get_by_role("button", name="A year").press("Enter")
        await expect(page).to_have_url(re.compile(r"#/statistics\?span=1y$"))
        await page.get_by_role("combobox", name="Type").select_option("ORDER_UPDATE")
        await page.get_by_role("group", name="Channel").get_by_role("button", name="Mail").click()
        await expect(page.get_by_role("region", name="In-app", exact=True)).to_have_count(0)
        await expect(page.get_by_role("row", name="ORDER_UPDATE")).to_be_visible()
        link = page.url

        async with page.expect_download() as download:
            await page.get_by_role("button", name="Download CSV").click()
        lines = Path(await (await download.value).path()).read_text().splitlines()
        assert lines[0].startswith("at,type,channel,emitted,accepted,sent")
        assert {line.split(",")[1] for line in lines[1:]} == {"ORDER_UPDATE"}
        assert len(lines) == 1 + DAYS

    async with signed_in(browser, shop, link.partition("/dashboard/")[2], viewport=PHONE, dark=True) as page:
        await expect(page.get_by_role("button", name="A year")).to_have_attribute("aria-pressed", "true")
        await expect(page.get_by_role("combobox", name="Type")).to_have_value("ORDER_UPDATE")
        await page.get_by_role("group", name="Channel").get_by_role("button", name="All").click()
        await expect(page.get_by_role("region", name="In-app", exact=True)).to_be_visible()
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        await picture(page, "statistics-phone")
        await page.get_by_role("combobox", name="Type").select_option("")
        await page.get_by_role("button", name="24 hours").click()
        await expect(page.get_by_role("region", name="Shared rooms", exact=True)).to_be_visible()


async def test_what_is_said_in_several_ways_is_told_apart_by_them_of_one_type(
    shop: Gateway, browser: Browser
):
    async with signed_in(browser, shop, "#/statistics?span=30d") as page:
        await expect(page.get_by_role("region", name="In-app by type")).to_be_visible()
        await expect(page.get_by_role("heading", name="by variant")).to_have_count(0)

        await page.get_by_role("region", name="In-app by type").get_by_role("link", name="REVIEW").click()

        own = page.get_by_role("region", name="In-app by variant")
        await expect(own.get_by_role("row").nth(1)).to_contain_text("by-name")
        await expect(own.get_by_role("row", name="by-name")).to_contain_text("52%")
        await expect(own.get_by_role("row", name="In none of them")).to_be_visible()
        # What it is called is the campaign's to say, and this one is forgotten.
        of_campaign = page.get_by_role("region", name="A campaign by variant")
        await expect(of_campaign.get_by_role("row", name="plain")).to_contain_text("31%")
        await own.scroll_into_view_if_needed()
        assert await violations(page) == []
        await picture(page, "statistics-variants")
        async with page.expect_download() as download:
            await page.get_by_role("button", name="Download CSV").click()
        lines = Path(await (await download.value).path()).read_text().splitlines()
        assert lines[0].startswith("at,type,channel,campaign,variant,emitted,accepted,sent")
        assert {tuple(line.split(",")[2:5]) for line in lines[1:]} == {
            ("in_app", "", ""), *((("in_app", "", name)) for name in VARIANTS), *(("email", CAMPAIGN, name) for name in VARIANTS)
        }  # fmt: skip

        await page.get_by_role("group", name="Channel").get_by_role("button", name="Mail").click()
        await expect(own).to_have_count(0)
        await expect(of_campaign).to_be_visible()
        link = page.url
    async with signed_in(browser, shop, link.partition("/dashboard/")[2], viewport=PHONE, dark=True) as page:
        await page.get_by_role("region", name="A campaign by variant").scroll_into_view_if_needed()
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        await picture(page, "statistics-variants-phone")
