"""`<bellhop-preferences>` in a real Chromium, on a real gateway: in every tab, by keyboard, small, dark and mirrored."""

import asyncio
import re
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from tests.browser.shop import CATALOG, Window, address, another_tab, open_shop, picture, shopping
from tests.support.browser import PHONE, open_page, require_pages, violations
from tests.support.gateway import Gateway, token
from tests.support.gateway import gateway as start_gateway

ARABIC = re.compile(r"/ar-[^/]*\.js$")
OF_THE_CATALOG = {
    "Orders",
    "Order confirmations",
    "Offers",
    "Customer service",
    "For the staff",
    "Newsletter",
}
"""What the catalog has no Arabic words for."""
SECRET = "a-secret-of-links-that-is-long-enough-for-all"


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    require_pages("demo")


@pytest_asyncio.fixture(loop_scope="module")
async def shop(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with start_gateway(
        tmp_path, extend=open_shop, CATALOG=CATALOG, CLIENT_EVENTS_PER_SECOND="0"
    ) as here:
        yield here


async def settings(window: Window) -> Locator:
    """Opens the preferences by the bell, and answers them when they are there."""
    await window.bell.click()
    await window.panel.get_by_role("link", name="Settings").click()
    dialog = window.page.get_by_role("dialog", name=re.compile("is told$"))
    await expect(dialog.get_by_role("table")).to_be_visible()
    return dialog


def switch(dialog: Locator, name: str) -> Locator:
    return dialog.get_by_role("checkbox", name=name, exact=True)


def row(dialog: Locator, name: str) -> Locator:
    return dialog.get_by_role("row").filter(has=dialog.page.get_by_role("rowheader", name=name))


async def chosen(here: Gateway, user: str = "ann") -> dict[str, object]:
    answered = await here.ask("GET", f"/internal/users/{user}/preferences")
    assert answered.status == 200, answered
    return dict(answered.body)


async def test_a_change_shows_in_every_tab_at_once_over_one_connection(shop: Gateway, browser: Browser):
    async with shopping(browser, shop) as ann, another_tab(ann, shop) as tab:
        mine, other = await settings(ann), await settings(tab)
        presence = await shop.ask("GET", "/internal/presence/ann")
        assert presence.body["connections"] == 1

        await switch(mine, "Email: Orders").click()

        for dialog in (mine, other):
            await expect(switch(dialog, "Email: Orders")).not_to_be_checked()
            await expect(row(dialog, "Orders")).to_contain_text("Your choice")
        await expect(mine.get_by_text("Saved: Email: Orders")).to_be_visible()
        await expect(other.get_by_text("Saved: Email: Orders")).to_be_hidden()
        await other.get_by_role("button", name="Done").click()
        await mine.get_by_role("button", name="Undo").click()
        await expect(switch(mine, "Email: Orders")).to_be_checked()
        assert (await chosen(shop))["categories"] == {}


async def test_what_is_critical_is_told_as_such_and_what_a_backend_chooses_shows_at_once(
    shop: Gateway, browser: Browser
):
    async with shopping(browser, shop) as ann:
        dialog = await settings(ann)
        confirmation = row(dialog, "Order confirmations")
        await expect(confirmation).to_contain_text("Always")
        await expect(confirmation).to_contain_text("Important: it cannot be changed")
        await expect(confirmation.get_by_role("checkbox")).to_have_count(0)

        body = {"types": {"ORDER_UPDATE": {"email": False}}, "channels": {"in_app": False}}
        answered = await shop.ask("PATCH", "/internal/users/ann/preferences", body=body)
        assert answered.status == 200, answered

        await expect(switch(dialog, "Email: Order updates")).not_to_be_checked()
        await expect(switch(dialog, "In the app: Offers")).to_be_disabled()
        await expect(row(dialog, "Offers")).to_contain_text("In the app is off")
        await expect(confirmation).to_contain_text("Always")


async def test_all_of_it_works_without_a_pointer(shop: Gateway, browser: Browser):
    async with shopping(browser, shop) as ann:
        press = ann.page.keyboard.press
        await ann.bell.focus()
        await press("Enter")
        await ann.panel.get_by_role("link", name="Settings").focus()
        await press("Enter")
        dialog = ann.page.get_by_role("dialog", name="What Ann is told")
        await switch(dialog, "In the app: Everything").focus()
        await press("Tab")
        await expect(switch(dialog, "Email: Everything")).to_be_focused()
        await press("Space")
        await expect(switch(dialog, "Email: Offers")).to_be_disabled()
        await press("Space")
        await expect(switch(dialog, "Email: Offers")).to_be_enabled()
        await expect(switch(dialog, "Email: Everything")).to_be_focused()

        await dialog.get_by_role("button", name="Orders").focus()
        await press("Enter")
        await expect(row(dialog, "Order updates")).to_be_visible()
        await expect(dialog.get_by_role("button", name="Orders")).to_be_focused()
        await press("Escape")
        await expect(dialog).to_have_count(0)
        await expect(ann.bell).to_be_focused()


async def test_mail_of_a_category_comes_once_a_day(shop: Gateway, browser: Browser):
    async with shopping(browser, shop) as ann, another_tab(ann, shop) as tab:
        mine, other = await settings(ann), await settings(tab)

        await mine.get_by_label("Email: Orders: how often").select_option("Once a day")

        await expect(other.get_by_label("Email: Orders: how often")).to_have_value("daily")
        assert (await chosen(shop))["categories"] == {"orders": {"email": "daily"}}
        await mine.get_by_role("button", name="Undo").click()
        await expect(other.get_by_label("Email: Orders: how often")).to_have_value("")


async def test_quiet_hours_and_the_language_are_chosen(shop: Gateway, browser: Browser):
    async with shopping(browser, shop, timezone_id="America/New_York") as ann:
        dialog = await settings(ann)

        await switch(dialog, "Hold email").click()
        await expect(dialog.get_by_label("Time zone")).to_have_value("America/New_York")
        await dialog.get_by_label("Quiet hours: From").fill("23:15")
        await switch(dialog, "Sunday").click()
        await dialog.get_by_role("combobox", name="Language").select_option("Deutsch")
        await expect(dialog.get_by_text("Saved: Language")).to_be_visible()
        await expect(row(dialog, "Bestellungen")).to_be_visible()

        kept = await chosen(shop)
        days = ["mon", "tue", "wed", "thu", "fri", "sat"]
        assert kept["quiet_hours"] == {"start": "23:15", "end": "07:00", "days": days}
        assert (kept["timezone"], kept["locale"]) == ("America/New_York", "de")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("light", {}),
        ("dark", {"dark": True}),
        ("phone", {"viewport": PHONE, "has_touch": True, "is_mobile": True}),
        # As a browser shows it at 200 %.
        ("zoomed", {"viewport": {"width": 680, "height": 430}, "device_scale_factor": 2}),
        ("rtl", {"locale": "he"}),
        ("rtl-phone", {"locale": "he", "viewport": PHONE, "dark": True}),
    ],
)
async def test_axe_finds_nothing_and_nothing_is_cut_off(
    shop: Gateway, browser: Browser, name: str, options: dict[str, object]
):
    body = {
        "channels": {"in_app": True},
        "categories": {"offers": {"email": True}},
        "types": {"ORDER_UPDATE": {"email": False}},
        "quiet_hours": {"start": "22:00", "end": "07:00", "days": ["mon", "tue"]},
        "timezone": "Europe/Berlin",
    }
    await shop.ask("PATCH", "/internal/users/ann/preferences", body=body)
    async with shopping(browser, shop, **options) as ann:
        if name.startswith("rtl"):
            await ann.page.evaluate("document.documentElement.dir = 'rtl'")
        await ann.bell.click()
        assert await violations(ann.page) == []
        await ann.page.keyboard.press("Escape")
        dialog = await settings(ann)
        await expect(switch(dialog, "Email: Order updates")).not_to_be_checked()
        await picture(ann.page, f"preferences-{name}")

        await switch(dialog, "Email: Offers").click()
        await expect(dialog.get_by_role("button", name="Undo")).to_be_visible()
        assert await violations(ann.page) == []
        wide = await dialog.evaluate("dialog => dialog.scrollWidth - dialog.clientWidth")
        assert wide == 0
        await dialog.evaluate("dialog => dialog.scrollTo(0, dialog.scrollHeight)")
        await picture(ann.page, f"preferences-{name}-end")


async def test_in_arabic_all_of_it_is_said_from_right_to_left(shop: Gateway, browser: Browser):
    """The words come by a file of their own, which no other page fetches; what the page says itself stays."""
    async with open_page(browser, shop.public, viewport=PHONE) as page:
        files: list[str] = []
        page.on("request", lambda request: files.append(request.url))
        await page.goto(address(shop, "ann"))
        await Window(page, "ann").ready()
        assert not any(ARABIC.search(file) for file in files)
        await page.evaluate(
            "[document.documentElement.lang, document.documentElement.dir] = ['ar-EG', 'rtl']"
        )
        await page.evaluate(
            """token => {
                const made = document.createElement("bellhop-preferences");
                Object.assign(made, {options: {token}, strings: {undo: "ارجع"}});
                made.setAttribute("tracking", "");
                document.querySelector("main").replaceChildren(made);
            }""",
            token("ann"),
        )
        await expect(page.get_by_role("heading", name="ما يصلك")).to_be_visible()
        assert len([file for file in files if ARABIC.search(file)]) == 1

        await page.get_by_role("checkbox", name="البريد: Orders").click()
        await page.get_by_role("checkbox", name="تأجيل البريد").click()
        await expect(page.get_by_text("حُفظ: ساعات الهدوء")).to_be_visible()
        await expect(page.get_by_role("checkbox", name="الأحد")).to_be_checked()
        english = await page.locator("bellhop-preferences").evaluate(
            """element => [...element.shadowRoot.querySelectorAll("*")]
                .filter(({localName}) => !["style", "option"].includes(localName))
                .flatMap(({childNodes, ariaLabel, title}) => [ariaLabel, title,
                    ...[...childNodes].filter(node => node.nodeType === 3).map(node => node.data)])
                .filter(text => /[a-z]/i.test(text ?? ""))"""
        )
        assert {re.sub(r"[^A-Za-z ]", "", text).strip() for text in english} == OF_THE_CATALOG
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        await picture(page, "preferences-arabic")
        await page.get_by_role("button", name="ارجع").click()
        await expect(page.get_by_role("checkbox", name="تأجيل البريد")).not_to_be_checked()


async def test_the_page_that_links_in_mails_open_is_clean_too(browser: Browser, tmp_path: Path):
    """Both of its pages, asked, answered and unknown, light and dark, and from right to left."""
    async with start_gateway(
        tmp_path, CATALOG=CATALOG, BASE_URL="https://shop.example", LINK_SECRET=SECRET
    ) as here:
        await here.ask("PUT", "/internal/users/ann", body={"email": "ann@example.org", "locale": "de"})
        data = {"order": "1234", "status": "placed"}
        sent = {"to": "user:ann", "type": "ORDER_UPDATE", "data": data, "email": {"after": 0}}
        assert (await here.ask("POST", "/internal/emit", body=sent)).status == 202
        async with asyncio.timeout(30):
            while not (mails := list((tmp_path / "mail").glob("*.eml"))):
                await asyncio.sleep(0.02)
        mail = message_from_bytes(mails[0].read_bytes(), policy=policy.default)
        found = re.search(r"shop\.example(/u/[^>]+)>", mail["List-Unsubscribe"])
        assert found is not None

        for dark in (False, True):
            forgive = ["404"]
            async with open_page(browser, here.public, dark=dark, viewport=PHONE, forgive=forgive) as page:
                await page.goto(here.public + found[1])
                assert await violations(page) == []
                await picture(page, f"unsubscribe-{'dark' if dark else 'light'}")
                await page.get_by_role("button", name="Abbestellen").click()
                await expect(page.get_by_role("status")).to_contain_text("Erledigt")
                assert await violations(page) == []
                await page.goto(here.public + found[1].replace("/u/", "/preferences/"))
                await expect(page.get_by_role("table")).to_be_visible()
                assert await violations(page) == []
                orders = page.get_by_text("Arten: Bestellungen")
                await orders.focus()
                await page.keyboard.press("Enter")
                await expect(page.get_by_role("rowheader", name="Bestellbestätigungen")).to_be_visible()
                await page.keyboard.press("Tab")
                await expect(
                    page.get_by_role("checkbox", name="Neues zu Ihren Bestellungen: In der App")
                ).to_be_focused()
                assert await violations(page) == []
                assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
                await picture(page, f"unsubscribe-all-{'dark' if dark else 'light'}")
                await page.goto(f"{here.public}/u/{'A' * 31}")
                assert await violations(page) == []
                await here.ask(
                    "PUT", "/internal/users/ann", body={"email": "ann@example.org", "locale": "ar"}
                )
                await page.goto(here.public + found[1])
                await page.get_by_role("button", name="إلغاء الاشتراك").click()
                await expect(page.get_by_role("status")).to_contain_text("تم")
                await expect(page.locator("html")).to_have_attribute("dir", "rtl")
                assert await violations(page) == []
                await picture(page, f"unsubscribe-arabic-{'dark' if dark else 'light'}")
                await here.ask(
                    "PUT", "/internal/users/ann", body={"email": "ann@example.org", "locale": "de"}
                )
