"""A link in a mail is followed: its reader is sent on, what a program has followed counts for nobody, and a person's click reads
what the mail tells in every tab."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiohttp
import dkim
import pytest

from gateway.catalog.catalog import Catalog
from gateway.notify.clicks import judging
from gateway.notify.clicks.news import Clicked
from gateway.process.node import Node
from mailer.signing_keys import SigningKey
from storage.clicks import HitKind
from tests.journeys.news import ended, fill, make
from tests.journeys.news import told as campaign_told
from tests.journeys.test_mailing import mail_in, spooled, until
from tests.journeys.test_stats import count
from tests.support.dkim import pem, record, rsa_key
from tests.support.gateway import Gateway, gateway, gateways, token, with_catalog
from tests.support.node import JSClient, NodeProcess
from tests.support.smtp import Reply, SMTPRelay

SITE = "https://shop.example/notify"
CLICKS = "https://go.shop.example"
LINKS = {
    "BASE_URL": SITE,
    "CLICK_URL": CLICKS,
    "LINK_SECRET": "a-secret-of-links-that-is-long-enough-for-all",
}
CATALOG = """
default_locale = "en"

[categories.offers]
name = { en = "Offers", de = "Angebote" }

[types.SALE]
category = "offers"
channels = { in_app = true, email = { clicks = true } }

[types.SEEN]
category = "offers"
channels = { in_app = true, email = { opens = true } }

[types.QUIET]
category = "offers"
channels = { in_app = true, email = true }

[types.NEWS]
category = "offers"
lane = "bulk"
channels = { in_app = true, email = { clicks = true, opens = true } }
schema = { type = "object", required = ["issue"], properties = { issue = { type = "integer" } } }
texts.en = { title = "Issue {{ data.issue }}", link = "/news/{{ data.issue }}" }
"""
DESIGN = """<html><body><p><a href="{{ link }}">Read on</a> <a href="https://partner.example/deal#top">Partner</a>
<a data-no-track href="https://shop.example/private">Private</a> <a href="https://shop.example">shop.example</a></p>
<p><a href="{{ unsubscribe_url }}">No more</a></p></body></html>"""
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0",
    "Sec-Fetch-Mode": "navigate",
}
AGREED = {"tracking": True}


def catalog(folder: Path) -> Callable[[Node], None]:
    extend = with_catalog(folder, CATALOG)
    (folder / "NEWS.html").write_text(DESIGN)
    return extend


@pytest.fixture
def at_ease(monkeypatch: pytest.MonkeyPatch) -> None:
    """No click is too early: the mails of tests are read at once."""
    monkeypatch.setattr(judging, "EARLY_TIME", timedelta(0))


@pytest.fixture
async def here(store: dict[str, str], tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway(tmp_path, extend=catalog(tmp_path / "catalog"), **LINKS, **store) as started:
        for user in ("ann", "bob"):
            await told(started, "PUT", f"/internal/users/{user}", {"email": f"{user}@gmail.com"})
        await told(started, "PATCH", "/internal/users/ann/preferences", AGREED)
        yield started


async def told(here: Gateway, method: str, path: str, body: Any = None) -> Any:
    answered = await here.ask(method, path, body=body)
    assert answered.status == 200, answered
    return answered.body


async def mail_to(folder: Path, address: str, subject: str) -> EmailMessage:
    found: list[EmailMessage] = []

    async def is_there() -> bool:
        found.extend(mail for mail in spooled(folder) if (mail["To"], mail["Subject"]) == (address, subject))
        return bool(found)

    await until(is_there)
    return found[0]


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def links_in(mail: EmailMessage) -> list[str]:
    """The paths of its tracked links."""
    return re.findall(rf'<a href="{re.escape(CLICKS)}(/c/[\w-]+)"', part(mail, "html"))


def trap_in(mail: EmailMessage) -> str:
    """The path of the link that nobody can see."""
    found = re.search(rf'tabindex="-1" href="{re.escape(CLICKS)}(/c/[\w-]+)"', part(mail, "html"))
    assert found is not None
    return found[1]


async def offered(here: Gateway, folder: Path, title: str = "Sale") -> tuple[str, str]:
    """An offer to Ann; its id, and the path of the link in its mail."""
    sent = await here.emit("user:ann", title, type="SALE", link="/offers/lamps")
    # Written down as sent: what is followed before is too early.
    await mail_in(here, sent["notification"]["id"], "sent")
    (link,) = links_in(await mail_to(folder, "ann@gmail.com", title))
    return sent["notification"]["id"], link


async def follow(
    here: Gateway, path: str, *, method: str = "GET", headers: Mapping[str, str] = BROWSER
) -> tuple[int, str, str]:
    """The status, where it leads, and the page where there is one."""
    async with (
        aiohttp.ClientSession(skip_auto_headers=["User-Agent"]) as http,
        http.request(method, here.public + path, headers=headers, allow_redirects=False) as answer,
    ):
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status, answer.headers.get("Location", ""), await answer.text()


async def judged(here: Gateway) -> None:
    assert here.node is not None
    await here.node.inboxes.clicks.judge(before=datetime.now(UTC) + timedelta(seconds=1))


async def hits(here: Gateway, id_: str) -> list[Any]:
    """What is told of the clicks, oldest first."""
    found: list[Any] = (await told(here, "GET", f"/internal/notifications/{id_}"))["clicks"]
    return found[::-1]


async def tabs(here: Gateway, node: NodeProcess, count: int = 2, **claims: Any) -> list[JSClient]:
    opened = [await node.open(here.public, auth={"token": token("ann", **claims)}) for _ in range(count)]
    for tab in opened:
        await tab.event("ready")
    return opened


async def test_links_are_led_by_way_of_us_only_for_who_has_agreed(here: Gateway, tmp_path: Path):
    await here.emit(["user:ann", "user:bob"], "Sale", type="SALE", link="/offers/lamps")
    await here.emit("user:ann", "Quiet", type="QUIET", link="/offers/lamps")

    anns = await mail_to(tmp_path, "ann@gmail.com", "Sale")
    assert len(links_in(anns)) == 1
    assert "https://shop.example/offers/lamps" in part(anns, "plain")
    assert CLICKS not in part(anns, "plain")
    assert f"{SITE}/u/" in part(anns, "html")
    assert CLICKS not in anns["List-Unsubscribe"]
    for address, subject in (("bob@gmail.com", "Sale"), ("ann@gmail.com", "Quiet")):
        assert links_in(await mail_to(tmp_path, address, subject)) == []


async def test_a_persons_click_leads_on_and_reads_it_in_every_tab_once_it_is_judged(
    here: Gateway, tmp_path: Path, node: NodeProcess, at_ease: None
):
    one, two = await tabs(here, node)
    id_, link = await offered(here, tmp_path)
    heard: list[Clicked] = []
    assert here.node is not None
    here.node.inboxes.clicks.listeners.append(heard.append)

    assert (await follow(here, link, method="HEAD"))[0] == 302
    assert await hits(here, id_) == []
    status, location, _ = await follow(here, link)
    assert status == 302
    assert re.fullmatch(r"https://shop\.example/offers/lamps#bellhop-click=[\w-]{51}", location)
    assert [hit["kind"] for hit in await hits(here, id_)] == ["unknown"]
    await judged(here)

    for tab in (one, two):
        assert (await tab.event("inbox"))["unread"] == 0
    record = await told(here, "GET", f"/internal/notifications/{id_}")
    assert record["receipts"]["ann"]["clicked_at"] == record["receipts"]["ann"]["read_at"] is not None
    assert [(hit["kind"], hit["why"], hit["user"], hit["mail"]) for hit in record["clicks"]] == [
        ("human", [], "ann", id_)
    ]
    line = (await told(here, "GET", f"/internal/notifications/{id_}/trace"))["line"]
    assert [
        (point["by"], point["mail"], point["detail"]) for point in line if point["what"] == "followed"
    ] == [("ann", id_, "human")]
    await judged(here)
    [clicked] = heard
    assert (clicked.user, clicked.type, clicked.channel, clicked.notification, clicked.mail) == (
        "ann", "SALE", "email", id_, id_,
    )  # fmt: skip
    assert (clicked.kind, clicked.is_first, clicked.is_confirmed) == (HitKind.HUMAN, True, False)
    assert 'bellhop_clicks_total{kind="human"} 1.0' in (await here.ask("GET", "/metrics")).body


async def test_a_click_that_is_judged_at_one_node_reads_it_at_all(
    tmp_path: Path, redis_url: str, node: NodeProcess, at_ease: None
):
    async with gateways(
        2, tmp_path, bus_url=redis_url, extend=catalog(tmp_path / "catalog"), **LINKS
    ) as nodes:
        await told(nodes[0], "PUT", "/internal/users/ann", {"email": "ann@gmail.com"})
        await told(nodes[0], "PATCH", "/internal/users/ann/preferences", AGREED)
        opened = [(await tabs(each, node, 1, topics=(f"t{n}",)))[0] for n, each in enumerate(nodes)]
        id_, link = await offered(nodes[0], tmp_path)

        await follow(nodes[1], link)
        for each in nodes:
            await judged(each)

        for n, tab in enumerate(opened):
            # Each over the rooms that its own token names.
            heads = {"user:ann": 1, "all": 0, f"topic:t{n}": 0}
            assert await tab.event("inbox") == {"unread": 0, "heads": heads}
        assert [hit["kind"] for hit in await hits(nodes[1], id_)] == ["human"]


async def test_what_programs_follow_counts_for_nobody_unless_the_person_says_so(
    here: Gateway, tmp_path: Path, node: NodeProcess
):
    (tab,) = await tabs(here, node, 1)
    id_, link = await offered(here, tmp_path)

    for headers in (
        {**BROWSER, "Sec-Purpose": "prefetch;prerender"},
        {"User-Agent": "Mozilla/5.0 (compatible; Barracuda)"},
        {},
    ):
        assert (await follow(here, link, headers=headers))[0] == 302
    await judged(here)

    found = await hits(here, id_)
    assert [hit["kind"] for hit in found] == ["bot"] * 3
    assert [hit["why"][0] for hit in found] == ["prefetch", "agent", "agent"]
    assert all("early" in hit["why"] for hit in found)
    assert tab.received("inbox") == []

    (_, location, _) = await follow(here, link)
    said = await tab.call("click", {"token": location.partition("bellhop-click=")[2]})

    assert (said["ok"], said["id"], said["unread"]) == (True, id_, 0)
    assert (await tab.event("inbox"))["unread"] == 0
    await judged(here)
    last = (await hits(here, id_))[-1]
    assert (last["kind"], last["confirmed_at"] is not None) == ("bot", True)


async def test_only_the_one_whose_mail_it_is_can_say_so_and_once(
    here: Gateway, tmp_path: Path, node: NodeProcess
):
    ann, other = await tabs(here, node)
    bob = await node.open(here.public, auth={"token": token("bob")})
    id_, link = await offered(here, tmp_path)
    handed_on = (await follow(here, link))[1].partition("bellhop-click=")[2]

    for wrong in (handed_on, handed_on[:-1] + "A", "nonsense"):
        refused = await bob.call("click", {"token": wrong})
        assert (refused["ok"], refused["error"]["code"]) == (False, "not_found")
    assert (await hits(here, id_))[0]["confirmed_at"] is None
    for _ in range(2):
        assert (await ann.call("click", {"token": handed_on}))["id"] == id_
    assert (await ann.call("click", {"id": id_, "token": handed_on}))["id"] == id_
    assert (await other.event("inbox"))["unread"] == 0
    assert (await ann.call("click", {}))["error"]["code"] == "validation_failed"
    assert 'bellhop_clicks_total{kind="confirmed"} 1.0' in (await here.ask("GET", "/metrics")).body


async def test_several_links_at_once_are_a_program_and_a_strangers_page_is_handed_nothing(
    here: Gateway, tmp_path: Path, at_ease: None
):
    sent = await here.emit("user:ann", "Issue 7", type="NEWS", data={"issue": 7}, link="/news/7?a=1")
    await mail_in(here, sent["notification"]["id"], "sent")
    own, partner = links_in(await mail_to(tmp_path, "ann@gmail.com", "Issue 7"))

    locations = [(await follow(here, link))[1] for link in (own, partner)]
    await judged(here)

    assert locations[0].startswith("https://shop.example/news/7?a=1#bellhop-click=")
    assert locations[1] == "https://partner.example/deal#top"
    found = await hits(here, sent["notification"]["id"])
    assert [(hit["kind"], hit["why"]) for hit in found] == [("bot", ["burst"])] * 2


async def test_what_follows_the_link_that_nobody_sees_is_a_program_and_so_is_all_it_does_about_then(
    here: Gateway, tmp_path: Path, at_ease: None
):
    id_, link = await offered(here, tmp_path)
    trap = trap_in(await mail_to(tmp_path, "ann@gmail.com", "Sale"))

    assert (await follow(here, trap))[:2] == (302, f"{CLICKS}/")
    await follow(here, link)
    await judged(here)

    assert [(hit["kind"], hit["why"]) for hit in await hits(here, id_)] == [("bot", ["trap"])] * 2
    record = await told(here, "GET", f"/internal/notifications/{id_}")
    assert record["receipts"].get("ann", {}).get("clicked_at") is None


async def test_a_link_that_is_not_ours_or_not_any_more_leads_to_a_page_that_says_so(
    here: Gateway, tmp_path: Path
):
    _, link = await offered(here, tmp_path)
    await told(here, "PATCH", "/internal/users/ann/preferences", {"locale": "de"})
    data = await told(here, "GET", "/internal/users/ann/data")
    assert data["click_targets"] == ["https://shop.example/offers/lamps"]

    await follow(here, link)
    assert len((await told(here, "GET", "/internal/users/ann/data"))["clicks"]) == 1
    forged = link[:-1] + ("E" if link.endswith("A") else "A")
    for path in (forged, "/c/nonsense", "/c/" + "A" * 51):
        status, _, page = await follow(here, path, headers={"Accept-Language": "de"})
        assert (status, "nicht bekannt" in page) == (404, True)
    await told(here, "DELETE", "/internal/users/ann/data")

    status, location, page = await follow(here, link, headers={"Accept-Language": "de"})
    assert (status, location, "nicht bekannt" in page) == (404, "", True)
    gone = await told(here, "GET", "/internal/users/ann/data")
    assert (gone["clicks"], gone["click_targets"]) == ([], [])


async def test_who_agrees_no_more_is_still_led_on_and_nothing_is_written_down(
    here: Gateway, tmp_path: Path, node: NodeProcess
):
    (tab,) = await tabs(here, node, 1)
    id_, link = await offered(here, tmp_path)
    await told(here, "PATCH", "/internal/users/ann/preferences", {"tracking": False})

    status, location, _ = await follow(here, link)

    assert (status, location.startswith("https://shop.example/offers/lamps")) == (302, True)
    assert await hits(here, id_) == []
    said = await tab.call("click", {"token": location.partition("bellhop-click=")[2]})
    assert (said["ok"], said["id"], said["unread"]) == (True, None, 1)
    assert 'bellhop_clicks_total{kind="untracked"} 1.0' in (await here.ask("GET", "/metrics")).body


async def test_the_page_that_mails_link_to_takes_the_agreement_back_and_never_gives_it(
    here: Gateway, tmp_path: Path
):
    await here.emit(["user:ann", "user:bob"], "Sale", type="SALE", link="/offers/lamps")
    pages = []
    for user in ("ann", "bob"):
        mail = await mail_to(tmp_path, f"{user}@gmail.com", "Sale")
        found = re.search(r"notify/u/([\w-]+)\?m=", mail["List-Unsubscribe"])
        assert found is not None
        pages.append(f"{here.public}/preferences/{found[1]}")
    form = b"shown=*.tracking&shown=*.email&keep=*.email"

    shown = [(await here.request("GET", page)).body for page in pages]
    assert ["which links in email you follow, and which emails you open" in page for page in shown] == [
        True,
        False,
    ]
    for page in pages:
        for _ in range(2):
            assert (await here.request("POST", page, raw=form)).status == 200

    chosen = [await told(here, "GET", f"/internal/users/{user}/preferences") for user in ("ann", "bob")]
    assert [each["tracking"] for each in chosen] == [False, None]
    assert [each["version"] for each in chosen] == [2, 0]
    assert chosen[0]["changes"][0]["by"] == "link"


async def test_a_click_in_a_campaigns_mail_reads_what_the_campaign_has_told_in_the_app(
    here: Gateway, tmp_path: Path, node: NodeProcess, at_ease: None
):
    (tab,) = await tabs(here, node, 1, topics=("garden",))
    await told(here, "PATCH", "/internal/users/bob/preferences", AGREED)
    campaign = await make(here, in_app="topic:garden")
    await fill(here, campaign, [{"user": "ann"}, {"user": "bob"}])
    await campaign_told(here, "POST", f"/{campaign}/start")
    await ended(here, campaign)
    announced = await tab.event("notification")

    link, _ = links_in(await mail_to(tmp_path, "ann@gmail.com", "Issue 7"))
    others, _ = links_in(await mail_to(tmp_path, "bob@gmail.com", "Issue 7"))
    for each in (link, others):
        assert (await follow(here, each))[1].startswith("https://shop.example/news/7#")
    await judged(here)

    assert (await tab.event("inbox"))["unread"] == 0
    assert [hit["user"] for hit in await hits(here, announced["id"])] == ["ann", "bob"]
    # A link that several were sent is nobody's.
    assert (await told(here, "GET", "/internal/users/ann/data"))["click_targets"] == []
    assert link[-32:] != others[-32:]


async def test_a_type_that_asks_for_it_without_a_secret_is_warned_of(tmp_path: Path):
    async with gateway(tmp_path, extend=catalog(tmp_path / "catalog"), BASE_URL=SITE) as here:
        await told(here, "PATCH", "/internal/users/ann/preferences", AGREED)
        await here.emit("user:ann", "Sale", type="SALE", link="/offers/lamps", email={"to": "ann@gmail.com"})

        assert links_in(await mail_to(tmp_path, "ann@gmail.com", "Sale")) == []
        warnings = (await here.ask("GET", "/readyz")).body["warnings"]
        assert [text for text in warnings if text.startswith("clicks: NEWS, SALE, SEEN: ")] != []
        assert (await here.request("GET", here.public + "/c/x")).status == 404


async def test_a_mail_that_is_tried_again_is_the_same_to_the_byte_and_signed_as_it_is_sent(tmp_path: Path):
    key = SigningKey(domain="shop.example", selector="bh1", private=rsa_key())
    async with SMTPRelay() as relay:
        relay.on("CONTENT", Reply("451 4.3.0 try again"))
        async with gateway(
            tmp_path, extend=catalog(tmp_path / "catalog"), MAIL_RETRY="0.1s", MAIL_FROM="Shop <shop@shop.example>",
            DKIM_KEY=pem(key.private), DKIM_SELECTOR="bh1", DKIM_DOMAIN="shop.example",
            MAIL_URL=relay.url(query="starttls=never"), **LINKS,
        ) as here:  # fmt: skip
            await told(here, "PATCH", "/internal/users/ann/preferences", AGREED)
            await here.emit(
                "user:ann", "Sale", type="SALE", link="/offers/lamps", email={"to": "ann@gmail.com"}
            )
            await relay.until_received(1)

    (first,), (second,) = relay.turned_away, [each.content for each in relay.received]
    assert first == second
    assert dkim.verify(first, dnsfunc=lambda *_, **__: record(key).encode())
    assert links_in(message_from_bytes(first, policy=policy.default)) != []  # type: ignore[arg-type]


# --- opens


def picture_in(mail: EmailMessage) -> str | None:
    """The path of the picture that tells of being fetched."""
    found = re.search(rf'<img src="{re.escape(CLICKS)}(/c/[\w-]+\.gif)"', part(mail, "html"))
    return None if found is None else found[1]


async def fetch(
    here: Gateway, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
) -> tuple[int, str, bytes]:
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, here.public + path, headers={**BROWSER, **(headers or {})}) as answer,
    ):
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status, answer.content_type, await answer.read()


async def opens_of(here: Gateway, id_: str) -> list[tuple[str, str]]:
    line = (await told(here, "GET", f"/internal/notifications/{id_}/trace"))["line"]
    return [(point["by"], point["detail"]) for point in line if point["what"] == "opened"]


async def test_that_a_mail_was_opened_stands_in_its_trace_and_changes_nothing(
    here: Gateway, tmp_path: Path, node: NodeProcess, at_ease: None
):
    (tab,) = await tabs(here, node, 1)
    sent = await here.emit(["user:ann", "user:bob"], "Seen", type="SEEN", link="/offers/lamps")
    id_ = sent["notifications"][0]["id"]
    await mail_in(here, id_, "sent")
    anns = await mail_to(tmp_path, "ann@gmail.com", "Seen")
    picture = picture_in(anns)
    assert picture is not None
    assert links_in(anns) == []
    assert "ann" not in picture
    assert picture_in(await mail_to(tmp_path, "bob@gmail.com", "Seen")) is None
    assert picture not in part(anns, "plain")

    dot = await fetch(here, picture)
    assert dot[:2] == (200, "image/gif")
    await fetch(here, picture, headers={"User-Agent": "Mozilla/5.0 (via ggpht.com GoogleImageProxy)"})
    await fetch(here, picture, headers={"User-Agent": "Mozilla/5.0"})
    await fetch(here, picture, headers={"User-Agent": "curl/8"})
    await fetch(here, picture, method="HEAD")
    forged = picture.replace(".gif", "A.gif")
    assert [await fetch(here, each) for each in (forged, "/c/nonsense.gif")] == [dot, dot]

    assert await opens_of(here, id_) == [
        ("ann", "human"), ("ann", "unknown: proxy"), ("ann", "unknown: proxy"), ("ann", "bot: agent")
    ]  # fmt: skip
    await judged(here)
    record = await told(here, "GET", f"/internal/notifications/{id_}")
    assert (record["clicks"], record["receipts"].get("ann", {}).get("read_at")) == ([], None)
    assert tab.received("inbox") == []
    assert "opened" not in (await here.ask("GET", "/metrics")).body
    await count(here)
    figures = await told(here, "GET", "/internal/stats?by=type,channel")
    assert {row["type"] for row in figures["rows"]} == {"SEEN"}
    assert all(set(row["counts"]) <= {"emitted", "delivered", "accepted", "sent"} for row in figures["rows"])

    held = (await told(here, "GET", "/internal/users/ann/data"))["opens"]
    assert [(each["mail"], each["signals"]) for each in held] == [
        (id_, ["agent"]), (id_, ["proxy"]), (id_, ["proxy"]), (id_, [])
    ]  # fmt: skip
    await told(here, "PATCH", "/internal/users/ann/preferences", {"tracking": False})
    assert await fetch(here, picture) == dot
    assert len(await opens_of(here, id_)) == 4
    await told(here, "DELETE", "/internal/users/ann/data")
    assert await fetch(here, picture) == dot
    assert (await told(here, "GET", "/internal/users/ann/data"))["opens"] == []


async def test_an_open_of_a_campaigns_mail_is_that_mails_and_not_of_what_the_campaign_told_all(
    here: Gateway, tmp_path: Path
):
    campaign = await make(here, in_app="topic:garden")
    await fill(here, campaign, [{"user": "ann", "address": "ann@gmail.com"}])
    await campaign_told(here, "POST", f"/{campaign}/start")
    await ended(here, campaign)
    announced = (await campaign_told(here, "GET", f"/{campaign}"))["notification"]
    picture = picture_in(await mail_to(tmp_path, "ann@gmail.com", "Issue 7"))
    assert picture is not None

    await fetch(here, picture)

    [recipient] = (await campaign_told(here, "GET", f"/{campaign}/recipients"))["recipients"]
    # What is fetched as a mail comes in is fetched by a program.
    assert await opens_of(here, recipient["mail"]) == [("ann", "bot: early")]
    assert await opens_of(here, announced) == []


async def test_a_type_that_asks_for_opens_no_more_has_none_written_down_of_what_was_sent_before(
    here: Gateway, tmp_path: Path
):
    sent = await here.emit("user:ann", "Seen", type="SEEN", link="/offers/lamps")
    id_ = sent["notification"]["id"]
    await mail_in(here, id_, "sent")
    picture = picture_in(await mail_to(tmp_path, "ann@gmail.com", "Seen"))
    assert picture is not None
    assert here.node is not None
    before = here.node.catalog.current
    assert before is not None

    here.node.catalog.replace(without_opens(before))

    assert (await fetch(here, picture))[0] == 200
    assert await opens_of(here, id_) == []
    here.node.catalog.replace(before)
    await fetch(here, picture)
    assert len(await opens_of(here, id_)) == 1


def without_opens(catalog: Catalog) -> Catalog:
    seen = catalog.types["SEEN"]
    assert seen.email is not None
    return replace(
        catalog, types={**catalog.types, "SEEN": replace(seen, email=replace(seen.email, opens=False))}
    )


@pytest.mark.parametrize("days", ["1", "0"])
async def test_links_lead_on_however_short_or_long_that_is_kept(tmp_path: Path, days: str):
    async with gateway(tmp_path, extend=catalog(tmp_path / "catalog"), **LINKS, CLICK_DAYS=days) as here:
        await told(here, "PUT", "/internal/users/ann", {"email": "ann@gmail.com"})
        await told(here, "PATCH", "/internal/users/ann/preferences", AGREED)
        _, link = await offered(here, tmp_path)

        status, where, _ = await follow(here, link)

    assert (status, where.partition("#")[0]) == (302, "https://shop.example/offers/lamps")


async def test_while_the_clock_is_not_sure_nothing_of_clicks_and_opens_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It may be years ahead: the links of every mail that was sent would lead nowhere."""
    async with gateway(
        tmp_path, extend=catalog(tmp_path / "catalog"), **LINKS, CLICK_DAYS="1", HISTORY_DAYS="1"
    ) as here:
        await told(here, "PUT", "/internal/users/ann", {"email": "ann@gmail.com"})
        await told(here, "PATCH", "/internal/users/ann/preferences", AGREED)
        _, link = await offered(here, tmp_path)
        await follow(here, link)
        assert here.node is not None
        clock, store = here.node.clock, here.node.store
        is_sure = False
        monkeypatch.setattr(type(clock), "may_delete", property(lambda _: is_sure))
        ahead = clock() + timedelta(days=3)
        books = (here.node.inboxes.clicks, here.node.inboxes.opens)
        for book in books:
            monkeypatch.setattr(book, "_clock", lambda: ahead)

        async def kept() -> tuple[int, int]:
            for book in books:
                await book.keep_house()
            return len(await store.clicks.targets_of("ann", limit=9)), len(
                await store.clicks.of_user("ann", limit=9)
            )

        unsure = await kept()
        is_sure = True

        assert (unsure, await kept()) == ((1, 1), (0, 0))
