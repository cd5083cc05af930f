"""A reader says no with the link in a mail: a scanner that follows it changes nothing, one click does, and twice is once."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.test_preferences import CATALOG as PEOPLE
from tests.support.gateway import Gateway, gateway, gateways, token, with_catalog
from tests.support.node import NodeProcess

CATALOG = (
    PEOPLE.replace('[types.TIP]\ncategory = "offers"', '[types.TIP]\ncategory = "tips"')
    + """
[categories.tips]
name = { en = "Tips", de = "Tipps" }
"""
)
"""A category of its own for what is mailed only when its sender asks for it."""
SECRET = "a-secret-of-links-that-is-long-enough-for-all"
SITE = "https://shop.example/notify"


@pytest.fixture
async def shop(store: dict[str, str], tmp_path: Path) -> AsyncIterator[Gateway]:
    """A gateway with a catalog and links."""
    async with AsyncExitStack() as stack:
        started = await stack.enter_async_context(
            gateway(
                tmp_path, extend=with_catalog(tmp_path / "catalog", CATALOG), BASE_URL=SITE, LINK_SECRET=SECRET,
                MAIL_UNSUBSCRIBE_URL="https://shop.example/old, mailto:leave@shop.example", **store,
            )
        )  # fmt: skip
        await _told(started, "PUT", "/internal/users/ann", {"email": "ann@example.org", "locale": "de"})
        yield started


async def _told(gateway: Gateway, method: str, path: str, body: Any = None) -> Any:
    answered = await gateway.ask(method, path, body=body)
    assert answered.status == 200, answered
    return answered.body


async def _mail(folder: Path, title: str) -> EmailMessage:
    """The mail of this subject, when it has left."""
    async with asyncio.timeout(40):
        while True:
            for path in (folder / "mail").glob("*.eml"):
                mail = message_from_bytes(path.read_bytes(), policy=policy.default)
                if mail["Subject"] == title:
                    return mail
            await asyncio.sleep(0.02)


async def _link(shop: Gateway, folder: Path) -> str:
    """The path of the link in a mail about an offer."""
    await shop.emit("user:ann", "Sale", type="SALE_OFFER")
    mail = await _mail(folder, "Sale")
    found = re.search(r"<https://shop\.example/notify(/u/[^>]+)>", mail["List-Unsubscribe"])
    assert found is not None
    return found[1]


async def _page(shop: Gateway, method: str, path: str, *, raw: bytes | None = None, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await shop.request(method, shop.public + path, raw=raw, headers=named)


async def _version(shop: Gateway) -> int:
    return (await _told(shop, "GET", "/internal/users/ann/preferences"))["version"]


async def test_a_mail_that_is_not_critical_says_how_to_leave(shop: Gateway, tmp_path: Path):
    await shop.emit("user:ann", "Sale", type="SALE_OFFER")
    await shop.emit("user:ann", "Reset", type="PASSWORD_RESET")
    await shop.emit("user:ann", "Other", type="NOT_IN_THE_CATALOG", email=True)

    sale = await _mail(tmp_path, "Sale")
    assert re.fullmatch(
        r"<https://shop\.example/notify/u/[\w-]{31}\?m=[\w-]{36}>, <mailto:leave@shop\.example>",
        sale["List-Unsubscribe"],
    )
    assert sale["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    body = sale.get_body(("plain",))
    assert body is not None
    assert f"{SITE}/u/" in body.get_content()
    for title in ("Reset", "Other"):
        assert "/u/" not in (await _mail(tmp_path, title))["List-Unsubscribe"]


async def test_who_only_looks_changes_nothing(shop: Gateway, tmp_path: Path):
    link = await _link(shop, tmp_path)

    for path in (link, link.replace("/u/", "/preferences/")):
        for method in ("HEAD", "GET"):
            looked = await _page(shop, method, path, Sec_Purpose="prefetch")
            assert looked.status == 200
            assert "script" not in looked.body
        assert 'lang="de"' in looked.body
        assert "ann" not in looked.body.lower()
        assert looked.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert looked.headers["Referrer-Policy"] == "no-referrer"
        assert looked.headers["Cache-Control"] == "no-store"
    assert "Angebote" in (await _page(shop, "GET", link)).body
    assert await _version(shop) == 0


async def test_one_click_turns_the_category_off_and_twice_is_once(
    shop: Gateway, tmp_path: Path, node: NodeProcess
):
    client = await node.open(shop.public, auth={"token": token("ann")})
    await client.event("ready")
    link = await _link(shop, tmp_path)
    assert (await client.event("notification"))["title"] == "Sale"

    for _ in range(2):
        clicked = await _page(
            shop,
            "POST",
            link,
            raw=b"List-Unsubscribe=One-Click",
            **{"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert (clicked.status, "Erledigt" in clicked.body) == (200, True)

    told = await client.event("preferences")
    assert told["categories"] == {"offers": {"email": False}}
    notice = await client.event("notification")
    assert (notice["type"], notice["title"]) == (
        "UNSUBSCRIBED",
        "Mit dem Link in einer E-Mail abgestellt: Angebote (E-Mail)",
    )
    shown = await _told(shop, "GET", "/internal/users/ann/preferences")
    sale = link.partition("?m=")[2]
    assert (shown["version"], [(each["by"], each["mail"]) for each in shown["changes"]]) == (
        1,
        [("link", sale)],
    )
    assert (await _told(shop, "GET", f"/internal/notifications/{sale}"))["title"] == "Sale"
    await shop.emit("user:ann", "Another sale", type="SALE_OFFER")
    assert (await client.event("notification"))["title"] == "Another sale"

    # The way back is in the notice.
    undone = await client.call("preferences", {"set": notice["data"]["undo"]})
    assert (undone["ok"], undone["categories"], undone["version"]) == (True, {}, 2)
    assert len(client.received("notification")) == 3


async def test_a_mail_that_is_not_the_readers_own_is_none_that_a_click_came_from(
    shop: Gateway, tmp_path: Path
):
    await _told(shop, "PUT", "/internal/users/bob", {"email": "bob@example.org"})
    bobs = (await shop.emit("user:bob", "Bob's", type="SALE_OFFER"))["notification"]["id"]
    page = (await _link(shop, tmp_path)).partition("?")[0].replace("/u/", "/preferences/")

    for number, behind in enumerate((f"?m={bobs}", "?m=unknown", "?m=%00%ff", "?m=", "")):
        shown = ("offers.email", "offers.in_app", "orders.email", "orders.in_app", "tips.email")[number]
        saved = await _page(
            shop, "POST", page + behind, raw=f"shown={shown}".encode(),
            Content_Type="application/x-www-form-urlencoded",
        )  # fmt: skip
        assert saved.status == 200, behind

    changes = (await _told(shop, "GET", "/internal/users/ann/preferences"))["changes"]
    assert [(each["by"], each["mail"]) for each in changes] == [("link", None)] * 5


async def test_a_click_also_turns_off_mail_that_comes_only_when_its_sender_asks_for_it(
    shop: Gateway, tmp_path: Path
):
    """That the catalog does not send it by itself is no reason to do nothing."""
    await shop.emit("user:ann", "Tip", type="TIP", email=True)
    found = re.search(r"notify(/u/[^>]+)>", (await _mail(tmp_path, "Tip"))["List-Unsubscribe"])
    assert found is not None
    page = await _page(shop, "GET", found[1].replace("/u/", "/preferences/"))
    assert 'value="tips.email" checked' in page.body

    await _page(shop, "POST", found[1])

    shown = await _told(shop, "GET", "/internal/users/ann/preferences")
    assert shown["categories"] == {"tips": {"email": False}}
    again = await shop.emit("user:ann", "Another tip", type="TIP", email=True)
    record = await _told(shop, "GET", f"/internal/notifications/{again['notification']['id']}")
    assert record["mail"]["decided_by"] == "preferences"


async def test_a_click_also_turns_off_what_was_chosen_for_one_type(shop: Gateway, tmp_path: Path):
    link = await _link(shop, tmp_path)
    await _told(shop, "PATCH", "/internal/users/ann/preferences", {"types": {"SALE_OFFER": {"email": True}}})

    form = b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
    clicked = await _page(shop, "POST", link, raw=form, Content_Type="multipart/form-data; boundary=x")

    assert clicked.status == 200
    shown = await _told(shop, "GET", "/internal/users/ann/preferences")
    assert shown["types"] == {"SALE_OFFER": {"email": False}}
    assert shown["categories"] == {"offers": {"email": False}}


async def test_a_click_is_kept_though_no_mail_is_wanted_at_all_and_holds_when_it_is_again(
    shop: Gateway, tmp_path: Path
):
    link = await _link(shop, tmp_path)
    chosen = {"channels": {"email": False}, "types": {"SALE_OFFER": {"email": True}}}
    await _told(shop, "PATCH", "/internal/users/ann/preferences", chosen)

    for _ in range(2):
        assert (await _page(shop, "POST", link)).status == 200

    shown = await _told(shop, "PATCH", "/internal/users/ann/preferences", {"channels": {"email": True}})
    assert (shown["categories"], shown["types"]) == (
        {"offers": {"email": False}},
        {"SALE_OFFER": {"email": False}},
    )
    assert shown["version"] == 3
    again = await shop.emit("user:ann", "Another sale", type="SALE_OFFER")
    record = await _told(shop, "GET", f"/internal/notifications/{again['notification']['id']}")
    assert record["mail"]["decided_by"] == "preferences"


async def test_a_click_is_kept_though_each_type_of_the_category_was_turned_off_before(
    shop: Gateway, tmp_path: Path
):
    link = await _link(shop, tmp_path)
    off = {"types": {"SALE_OFFER": {"email": False}}}
    await _told(shop, "PATCH", "/internal/users/ann/preferences", off)

    for _ in range(2):
        assert (await _page(shop, "POST", link)).status == 200

    # Whoever takes the choice of the type back has left the category all the same.
    shown = await _told(shop, "PATCH", "/internal/users/ann/preferences", {"types": None})
    assert shown["categories"] == {"offers": {"email": False}}
    assert shown["version"] == 3
    again = await shop.emit("user:ann", "Another sale", type="SALE_OFFER")
    record = await _told(shop, "GET", f"/internal/notifications/{again['notification']['id']}")
    assert record["mail"]["decided_by"] == "preferences"


async def test_the_page_turns_off_what_is_not_kept_and_nothing_on(shop: Gateway, tmp_path: Path):
    path = (await _link(shop, tmp_path)).replace("/u/", "/preferences/")
    await _told(
        shop, "PATCH", "/internal/users/ann/preferences", {"categories": {"orders": {"email": False}}}
    )
    page = (await _page(shop, "GET", path)).body
    shown = re.findall(r'name="shown" value="([^"]+)"', page)
    assert shown == [
        "*.email", "orders.in_app", "offers.in_app", "offers.email", "news.in_app", "tips.in_app", "tips.email",
    ]  # fmt: skip
    assert "account" not in page

    # A body that shows nothing, as a program may send one, turns nothing off.
    assert (await _page(shop, "POST", path)).status == 200
    assert await _version(shop) == 1
    form = "&".join(
        [f"shown={place}" for place in [*shown, "account.email", "orders.email", "offers.pigeon"]]
    )
    kept = (
        "&keep=*.email&keep=offers.email&keep=orders.email&keep=news.in_app&keep=tips.in_app&keep=tips.email"
    )
    saved = await _page(
        shop, "POST", path, raw=(form + kept).encode(), Content_Type="application/x-www-form-urlencoded"
    )

    assert (saved.status, "Gespeichert" in saved.body) == (200, True)
    chosen = await _told(shop, "GET", "/internal/users/ann/preferences")
    assert chosen["categories"] == {
        "orders": {"email": False, "in_app": False},
        "offers": {"in_app": False},
    }
    assert (chosen["channels"], chosen["version"]) == ({}, 2)
    off = await _page(
        shop, "POST", path, raw=b"shown=*.email", Content_Type="application/x-www-form-urlencoded"
    )
    assert "aus" in off.body
    assert (await _told(shop, "GET", "/internal/users/ann/preferences"))["channels"] == {"email": False}


async def test_single_types_of_a_category_are_turned_off_by_themselves_and_what_is_critical_is_not(
    store: dict[str, str], tmp_path: Path, node: NodeProcess
):
    catalog = PEOPLE + '[types.LOGIN]\ncategory = "account"\nchannels = { in_app = true, email = true }\n'
    async with gateway(
        tmp_path, extend=with_catalog(tmp_path / "catalog", catalog), BASE_URL=SITE, LINK_SECRET=SECRET, **store
    ) as shop:  # fmt: skip
        await _told(shop, "PUT", "/internal/users/ann", {"email": "ann@example.org", "locale": "de"})
        path = (await _link(shop, tmp_path)).replace("/u/", "/preferences/")
        client = await node.open(shop.public, auth={"token": token("ann")})
        await client.event("ready")

        page = (await _page(shop, "GET", path)).body
        assert re.findall(r"<summary>([^<]+)</summary>", page) == ["Arten: Angebote", "Arten: Konto"]
        shown = re.findall(r'name="shown" value="([^"]+)"', page)
        assert {place for place in shown if place[0].isupper()} == {
            f"{type_}.{channel}" for type_ in ("SALE_OFFER", "TIP", "LOGIN") for channel in ("in_app", "email")
        }  # fmt: skip
        assert 'aria-label="Rabatte: E-Mail"' in page
        assert 'aria-label="Tip: In der App"' in page

        kept = [place for place in shown if place != "SALE_OFFER.email"]
        form = "&".join(
            [f"shown={place}" for place in [*shown, "PASSWORD_RESET.email", "NO_SUCH.email"]]
            + [f"keep={place}" for place in kept]
        )
        for _ in range(2):
            saved = await _page(
                shop, "POST", path, raw=form.encode(), Content_Type="application/x-www-form-urlencoded"
            )
            assert (saved.status, "SALE_OFFER.email" in saved.body, "TIP.email" in saved.body) == (
                200,
                False,
                True,
            )

        told = await client.event("preferences")
        assert (told["types"], told["categories"]) == ({"SALE_OFFER": {"email": False}}, {})
        notice = await client.event("notification")
        assert notice["title"] == "Mit dem Link in einer E-Mail abgestellt: Rabatte (E-Mail)"
        assert notice["data"]["undo"] == {"types": {"SALE_OFFER": {"email": None}}}
        fates = {}
        for type_ in ("SALE_OFFER", "TIP"):
            emitted = await shop.emit("user:ann", type=type_, email={"after": 600})
            record = await _told(shop, "GET", f"/internal/notifications/{emitted['notification']['id']}")
            fates[type_] = (record["mail"]["state"], record["mail"]["decided_by"])
        assert fates == {"SALE_OFFER": ("skipped", "preferences"), "TIP": ("pending", None)}

        # The whole category, with what of its types is on still: that is told once.
        await _told(shop, "PATCH", "/internal/users/ann/preferences", {"types": {"TIP": {"email": True}}})
        await client.event("preferences")
        await _page(
            shop, "POST", path, raw=b"shown=offers.email&shown=TIP.email", Content_Type="application/x-www-form-urlencoded"
        )  # fmt: skip
        told = await client.event("preferences")
        assert told["categories"] == {"offers": {"email": False}}
        assert told["types"] == {"SALE_OFFER": {"email": False}, "TIP": {"email": False}}
        titles = [each["title"] for each in await client.events("notification", 3)]
        assert titles[-1] == "Mit dem Link in einer E-Mail abgestellt: Angebote (E-Mail)"


async def test_one_click_at_one_node_holds_on_all(
    store: dict[str, str], tmp_path: Path, redis_url: str, node: NodeProcess
):
    """It shows in a tab at another node, and a third skips the mail and says by which rule."""
    async with gateways(
        3, tmp_path, bus_url=redis_url, extend=with_catalog(tmp_path / "catalog", CATALOG), BASE_URL=SITE, LINK_SECRET=SECRET, **store
    ) as (one, two, three):  # fmt: skip
        await _told(one, "PUT", "/internal/users/ann", {"email": "ann@example.org"})
        link = await _link(two, tmp_path)
        client = await node.open(three.public, auth={"token": token("ann")})
        await client.event("ready")

        clicked = await _page(
            one, "POST", link, raw=b"List-Unsubscribe=One-Click", Content_Type="application/x-www-form-urlencoded"
        )  # fmt: skip
        assert clicked.status == 200

        told = await client.event("preferences")
        assert (told["version"], told["categories"]) == (1, {"offers": {"email": False}})
        assert (await client.event("notification"))["type"] == "UNSUBSCRIBED"
        async with asyncio.timeout(40):
            while (email := await _explained(three, "SALE_OFFER"))["verdict"] != "skip":
                await asyncio.sleep(0.02)
        assert (email["rule"], email["detail"]) == (
            "preferences", "ann wants nothing of its category by this channel"
        )  # fmt: skip
        emitted = await three.emit("user:ann", "Another sale", type="SALE_OFFER")
        record = await _told(two, "GET", f"/internal/notifications/{emitted['notification']['id']}")
        assert (record["mail"]["state"], record["mail"]["decided_by"]) == ("skipped", "preferences")
        assert (await client.event("notification"))["title"] == "Another sale"
        assert (await _explained(three, "PASSWORD_RESET"))["verdict"] == "send"


async def _explained(gateway: Gateway, type_: str) -> Any:
    """What would become of mail of the type to Ann, as this node says."""
    explained = await _told(gateway, "GET", f"/internal/users/ann/explain?type={type_}")
    return next(each for each in explained["channels"] if each["channel"] == "email")


async def test_a_link_that_is_not_ours_or_not_any_more_says_so(shop: Gateway, tmp_path: Path):
    link = await _link(shop, tmp_path)
    await _told(shop, "DELETE", "/internal/users/ann/data")

    for path in (link, link[:-3] + "AAA", "/u/nonsense", "/preferences/" + "A" * 31):
        for method in ("GET", "POST"):
            answered = await _page(shop, method, path, Accept_Language="nl, de;q=0.5, *;q=nonsense")
            assert (answered.status, "nicht bekannt" in answered.body) == (404, True)
    assert (await _page(shop, "POST", link, raw=b"x" * 70_000)).status == 413
    assert (await _page(shop, "POST", link.replace("/u/", "/preferences/"), raw=b"\xff")).status in (400, 404)


@pytest.mark.parametrize(
    ("accepted", "said"),
    [
        ("ar", '<html lang="ar" dir="rtl">'),
        ("de-AT", "Dieser Link ist nicht bekannt"),
        ("es-MX", "Este enlace no se conoce"),
        ("fr-CA, en", "Ce lien n’est pas connu"),
        ("nl", "This link is not known"),
    ],
)
async def test_the_page_speaks_the_languages_of_the_inbox(shop: Gateway, accepted: str, said: str):
    answered = await _page(shop, "GET", "/u/nonsense", Accept_Language=accepted)

    assert said in answered.body
