"""Mail that comes together: by what the catalog says of a type, and by what a person has chosen."""

from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from gateway.notify.emitting.preview import NoMail
from gateway.notify.requests import EmitRequest
from storage.preferences import PreferenceChange
from tests.journeys.test_mailing import mail_in, until
from tests.support.gateway import Gateway, gateway, token, with_catalog
from tests.support.smtp import SMTPRelay

CATALOG = """
default_locale = "en"

[categories.talk]
name = { en = "Talk", de = "Gespräche" }

[categories.offers]
name = { en = "Offers", de = "Angebote" }

[types.COMMENT]
category = "talk"
channels = { in_app = true, email = true }
digest = { every = "1s" }

[types.SALE_OFFER]
category = "offers"
channels = { in_app = true, email = true }

[types.TIP]
category = "offers"
channels = { in_app = true, email = true }
throttle = { limit = 1, per = "1h", then = "drop" }

[categories.newsletter]
name = { en = "Newsletter" }

[types.NEWSLETTER]
category = "newsletter"
lane = "bulk"
channels = { in_app = true, email = true }
texts.en.title = "The news of November"
"""


@pytest.fixture
async def relay() -> AsyncIterator[SMTPRelay]:
    async with SMTPRelay() as relay:
        yield relay


@pytest.fixture
async def here(store: dict[str, str], tmp_path: Path, relay: SMTPRelay) -> AsyncIterator[Gateway]:
    async with gateway(
        tmp_path, extend=with_catalog(tmp_path / "catalog", CATALOG), MAIL_URL=relay.url(query="starttls=never"), BASE_URL="https://shop.example",
        LINK_SECRET="a-secret-for-the-links-that-is-long-enough", **store,
    ) as here:  # fmt: skip
        await told(here, "PUT", "/internal/users/ann", {"email": "ann@example.org"})
        yield here


async def told(here: Gateway, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
    answered = await here.ask(method, path, body=body)
    assert answered.status == status, answered
    return answered.body


async def choose(here: Gateway, patch: Any, *, status: int = 200) -> Any:
    return await told(here, "PATCH", "/internal/users/ann/preferences", patch, status=status)


def letter(relay: SMTPRelay, number: int = 0) -> EmailMessage:
    return message_from_bytes(relay.received[number].content, policy=policy.default)  # type: ignore[arg-type]  # typeshed's default


async def test_several_are_told_in_one_mail_without_what_was_read_meanwhile(here: Gateway, relay: SMTPRelay):
    """The whole way: 202, gathered, listed, closed, decided again, sent under the digest's id."""
    ids = [
        (await here.emit("user:ann", f"Comment {n}", type="COMMENT", link=f"/c/{n}"))["notification"]["id"] for n in range(3)
    ]  # fmt: skip
    read = await here.request(
        "POST", here.public + "/api/notifications/read", body={"ids": ids[:1]},
        headers={"Authorization": f"Bearer {token('ann')}"},
    )  # fmt: skip
    assert read.status == 200

    first = await mail_in(here, ids[0], "skipped")
    last = await mail_in(here, ids[2], "merged")
    await relay.until_received(1)

    assert (first["decided_by"], first["digest"]) == ("unless", last["digest"])
    assert str(first["verdict"]).startswith("not sent: ann read it at")
    assert last["verdict"] == "in a digest: ann gets one mail every 1s"
    mail = letter(relay)
    assert mail["Message-ID"] == f"<{last['digest']}@localhost>"
    assert mail["Subject"] == "2 notifications that you have not seen"
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # it has one
    assert "* Comment 2" in text
    assert "https://shop.example/c/2" in text
    assert "Comment 0" not in text
    assert mail["List-Unsubscribe"].startswith("<https://shop.example/u/")
    assert len(relay.received) == 1

    found: list[Any] = []

    async def is_settled() -> bool:
        found[:] = (await told(here, "GET", "/internal/mail?state=sent"))["mail"]
        return bool(found)

    await until(is_settled)
    [sent] = found
    assert (sent["id"], sent["type"], sent["data"]["total"]) == (last["digest"], "DIGEST", 2)
    assert (await told(here, "GET", "/internal/users/ann/digests")) == {"digests": []}
    record = await told(here, "GET", f"/internal/notifications/{last['digest']}")
    assert (record["type"], record["mail"]["state"], record["receipts"]) == ("DIGEST", "sent", {})
    assert here.node is not None
    shown = await here.node.use_cases.previewer.stored(str(last["digest"]))
    assert (shown.subject, shown.recipient) == (mail["Subject"], "ann@example.org")
    with pytest.raises(NoMail):
        await here.node.use_cases.previewer.stored("unknown")


@pytest.fixture
def seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks by itself for digests that others have opened."""
    monkeypatch.setattr("gateway.notify.digests.closing.POLL_SECONDS", 600)


async def test_a_digest_that_was_opened_here_is_told_in_its_time_without_looking_for_it(
    seldom: None, here: Gateway, relay: SMTPRelay
):
    emitted = await here.emit("user:ann", type="COMMENT")

    await relay.until_received(1)

    merged = await mail_in(here, emitted["notification"]["id"], "merged")
    assert letter(relay)["Message-ID"] == f"<{merged['digest']}@localhost>"


async def test_who_wants_one_mail_a_day_gets_none_now_and_everybody_is_told_so(
    here: Gateway, relay: SMTPRelay
):
    chosen = await choose(here, {"categories": {"offers": {"email": "daily"}}})
    [cell] = [row["channels"]["email"] for row in chosen["grid"] if row["type"] == "SALE_OFFER"]
    assert cell == {"value": "daily", "from": "category", "locked": False}

    assert here.node is not None
    previewed = await here.node.use_cases.previewer.emit(
        EmitRequest(rooms=("user:ann",), type="SALE_OFFER", title="Lamps", data={})
    )
    assert [room.decided_by for room in previewed.rooms] == ["digest"]
    assert str(previewed.rooms[0].verdict).startswith("in a digest: ann gets one mail a day")
    explained = await told(here, "GET", "/internal/users/ann/explain?type=SALE_OFFER")
    [email] = [each for each in explained["channels"] if each["channel"] == "email"]
    assert (email["verdict"], email["rule"]) == ("merge", "digest")
    assert email["detail"] == "ann gets one mail a day, at 09:00 (UTC)"
    [facts] = [gate["facts"] for gate in email["gates"] if gate["rule"] == "digest"]
    assert facts["key"] == "daily"
    assert facts["every"] == {"hour": 9, "minute": 0, "weekday": None}

    emitted = await here.emit("user:ann", "Lamps", type="SALE_OFFER")
    kept = await mail_in(here, emitted["notification"]["id"], "gathered")
    assert (kept["decided_by"], kept["attempts"], kept["reason"]) == ("digest", 0, email["detail"])
    [waiting] = (await told(here, "GET", "/internal/users/ann/digests"))["digests"]
    assert (waiting["id"], waiting["key"], waiting["rule"]) == (kept["digest"], "daily", "digest")
    assert waiting["closes_at"].endswith("T09:00:00.000Z")
    assert [each["title"] for each in waiting["notifications"]] == ["Lamps"]
    assert (waiting["gathered"], waiting["total"], waiting["left_out"], waiting["complete"]) == (
        1,
        1,
        [],
        True,
    )

    links = here.node.unsubscribe_links
    assert links is not None
    await here.node.store.links.remember({links.key("ann"): "ann"})
    page = await here.request("GET", f"{here.public}/preferences/{links.token('ann', 'offers')}")
    assert "checked" in page.body
    assert "once a day" in page.body

    await choose(here, {"channels": {"email": False}})
    [waiting] = (await told(here, "GET", "/internal/users/ann/digests"))["digests"]
    assert (waiting["total"], waiting["left_out_total"]) == (0, 1)
    assert waiting["left_out"][0]["rule"] == "preferences"

    held = await told(here, "GET", "/internal/users/ann/data")
    assert [each["id"] for each in held["digests"]] == [kept["digest"]]
    await told(here, "DELETE", "/internal/users/ann/data")
    assert (await told(here, "GET", "/internal/users/ann/digests")) == {"digests": []}
    assert relay.received == []


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
async def test_the_readers_word_goes_before_the_senders_and_his_before_the_types(here: Gateway):
    await choose(here, {"types": {"SALE_OFFER": {"email": "weekly"}}})

    for type_ in ("SALE_OFFER", "COMMENT"):
        emitted = await here.emit("user:ann", "News", type=type_, digest={"every": "1h", "key": "news"})
        await mail_in(here, emitted["notification"]["id"], "gathered")

    waiting = (await told(here, "GET", "/internal/users/ann/digests"))["digests"]
    assert sorted(each["key"] for each in waiting) == ["key:news", "weekly"]


async def test_how_often_is_chosen_of_email_alone_and_of_types_and_categories_alone(here: Gateway):
    for wrong, place in (
        ({"categories": {"offers": {"in_app": "daily"}}}, "categories.offers.in_app"),
        ({"types": {"TIP": {"email": "hourly"}}}, "types.TIP.email"),
        ({"types": {"TIP": {"email": ["daily"]}}}, "types.TIP.email"),
        ({"channels": {"email": "daily"}}, "channels.email"),
    ):
        answered = await choose(here, wrong, status=422)
        assert answered["code"] == "validation_failed"
        assert list(answered["errors"]) == [place], answered

    chosen = await choose(here, {"types": {"TIP": {"email": "weekly"}}})
    assert chosen["types"] == {"TIP": {"email": "weekly"}}
    assert (await choose(here, {"types": {"TIP": {"email": None}}}))["types"] == {}


async def test_a_newsletter_cannot_be_chosen_in_a_digest_for_it_comes_by_itself(here: Gateway):
    for wrong, place in (
        ({"categories": {"newsletter": {"email": "weekly"}}}, "categories.newsletter.email"),
        ({"types": {"NEWSLETTER": {"email": "daily"}}}, "types.NEWSLETTER.email"),
    ):
        answered = await choose(here, wrong, status=422)
        assert (answered["code"], list(answered["errors"])) == ("validation_failed", [place])

    chosen = await choose(here, {"categories": {"newsletter": {"email": True}}})
    cells = {row["type"]: row["channels"] for row in chosen["grid"]}
    assert cells["NEWSLETTER"]["email"] == {
        "value": True,
        "from": "category",
        "locked": False,
        "digests": False,
    }
    assert all("digests" not in cells[type_]["email"] for type_ in ("SALE_OFFER", "COMMENT", "TIP"))
    assert "digests" not in cells["NEWSLETTER"]["in_app"]


async def test_a_digest_that_was_chosen_before_there_was_none_is_a_yes_also_to_have_it_back(here: Gateway):
    assert here.node is not None
    before = {"categories": {"newsletter": {"email": "weekly"}}}
    change = PreferenceChange(version=1, at=here.node.clock(), by="user:ann", asked=before)
    assert await here.node.store.preferences.put("ann", before, change)
    shown = await told(here, "GET", "/internal/users/ann/preferences")
    [cell] = [row["channels"]["email"] for row in shown["grid"] if row["type"] == "NEWSLETTER"]
    assert (cell["value"], cell["from"]) == (True, "category")

    links = here.node.unsubscribe_links
    assert links is not None
    await here.node.store.links.remember({links.key("ann"): "ann"})
    clicked = await here.request("POST", f"{here.public}/u/{links.token('ann', 'newsletter')}")
    assert clicked.status == 200

    headers = {"Authorization": f"Bearer {token('ann')}"}
    history = await here.request("GET", f"{here.public}/api/notifications", headers=headers)
    undo = history.body["notifications"][0]["data"]["undo"]
    assert undo == {"categories": {"newsletter": {"email": True}}}
    assert (await choose(here, undo))["categories"] == undo["categories"]


async def test_beyond_its_limit_a_type_is_not_mailed_and_the_record_says_why(here: Gateway, relay: SMTPRelay):
    first, second = [await here.emit("user:ann", f"Tip {n}", type="TIP") for n in range(2)]

    states = {}

    async def ended() -> bool:
        for each in (first, second):
            record = await told(here, "GET", f"/internal/notifications/{each['notification']['id']}")
            states[record["title"]] = (
                record["mail"]["state"],
                record["mail"]["decided_by"],
                record["mail"]["verdict"],
            )
        return {state for state, *_ in states.values()} == {"sent", "skipped"}

    await until(ended)
    assert sorted(states.values()) == [
        ("sent", None, None), ("skipped", "throttle", "not sent: ann gets 1 in 1h at most"),
    ]  # fmt: skip
    assert len(relay.received) == 1


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
async def test_a_digest_and_mail_that_an_emit_alone_asks_for_tell_the_time_by_their_readers_clock(
    store: dict[str, str], tmp_path: Path, relay: SMTPRelay
):
    catalog = f'{CATALOG}\n[types.NOTE]\ncategory = "talk"\n'
    extend = with_catalog(tmp_path / "catalog", catalog)
    for name in ("DIGEST", "default"):
        (tmp_path / "catalog" / f"{name}.txt").write_text('{{ "2026-11-27T23:30:00Z"|time }} {{ timezone }}')

    async with gateway(
        tmp_path, extend=extend, MAIL_URL=relay.url(query="starttls=never"), BASE_URL="https://shop.example", **store
    ) as here:  # fmt: skip
        await told(here, "PUT", "/internal/users/ann", {"email": "ann@example.org"})
        await choose(here, {"timezone": "Asia/Tokyo"})
        for _ in range(2):
            await here.emit("user:ann", "A comment", type="COMMENT")
        await here.emit("user:ann", "A note", type="NOTE", email=True)
        await relay.until_received(2)

    texts = [letter(relay, n).get_body(("plain",)).get_content() for n in range(2)]  # type: ignore[union-attr]  # they have one
    assert [text.strip() for text in texts] == ["8:30\u202fAM Asia/Tokyo"] * 2
