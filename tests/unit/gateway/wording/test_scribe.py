"""What the scribe makes of a request: its words, its mail, and what it refuses."""

from dataclasses import replace
from pathlib import Path

import pytest

import gateway.catalog
from gateway.catalog.live import LiveCatalog
from gateway.catalog.loading import load
from gateway.notify.requests import EmailRequest, EmitRequest, Unfit
from gateway.notify.wording import said
from gateway.notify.wording.languages import Languages
from gateway.notify.wording.scribe import Filled, Scribe, UnknownType
from storage.mail import LaneName, Unless
from storage.notifications import Action
from tests.unit.gateway.wording.catalog import CATALOG, Known, asked, filled


async def wrong(scribe: Scribe, request: EmitRequest) -> dict[str, list[str]]:
    (found,) = await scribe.fill([request])
    assert isinstance(found, Unfit), found
    return found.errors


async def test_what_is_given_goes_before_what_the_type_says(scribe: Scribe):
    found = await filled(
        scribe,
        asked(
            "user:bob", title="Mine", body="B", link="/mine", expires_in_seconds=5.0,
            email=EmailRequest(to="bob@shop.example", after_seconds=0, unless=Unless.SEEN),
        ),
    )  # fmt: skip

    words = found.texts["user:bob"].words
    assert (words.title, words.body, words.link) == ("Mine", "B", "/mine")
    assert found.request.expires_in_seconds == 5.0
    email = found.request.email
    assert email is not None
    assert (email.after_seconds, email.unless, email.if_known) == (0, Unless.SEEN, False)


async def test_actions_and_a_picture_that_are_given_go_before_the_types(scribe: Scribe):
    given = Action("yes", "Yes")
    of_type = await filled(scribe, asked("user:bob"))
    found = await filled(scribe, asked("user:bob", "topic:x", actions=(given,), image="https://a.example/b"))

    assert of_type.texts["user:bob"].entry.actions == ()
    entry = found.texts["user:bob"].entry
    assert (entry.actions, entry.image, entry.category) == ((given,), "https://a.example/b", "orders")
    assert found.texts["topic:x"].entry.translations["de"].actions == (given,)
    assert found.texts["user:bob"].words.title == "Order 7 has shipped"


async def test_the_type_has_mail_of_its_own_accord(scribe: Scribe):
    found = await filled(scribe, asked("user:bob", "topic:x"))

    assert found.request.email == EmailRequest(if_known=True, after_seconds=600, unless=Unless.READ)
    assert found.request.expires_in_seconds == 86400
    assert found.texts["user:bob"].subject == "Shipped: 7"


@pytest.mark.parametrize(
    "request_",
    [
        asked("user:bob", no_email=True),
        asked("topic:x"),
        asked("user:bob", store=False),
        asked("user:bob", type="BARE", title="x"),
    ],
)
async def test_there_is_no_mail_where_it_is_not_wanted_or_has_no_reader(
    scribe: Scribe, request_: EmitRequest
):
    assert (await filled(scribe, request_)).request.email is None


async def test_bulk_mail_goes_by_its_lane(scribe: Scribe):
    found = await filled(scribe, asked("user:bob", type="LETTER", email=EmailRequest(), data={}))

    assert found.request.in_app is False
    assert found.request.email is not None
    assert found.request.email.lane is LaneName.BULK


async def test_mail_that_is_asked_for_goes_out_though_the_type_says_nothing_of_mail(scribe: Scribe):
    found = await filled(
        scribe, asked("user:bob", type="BARE", title="x", email=EmailRequest(after_seconds=5))
    )

    assert found.request.email == EmailRequest(after_seconds=5, lane=LaneName.TRANSACTIONAL)


async def test_data_that_do_not_fit_are_named_by_pointers(scribe: Scribe):
    assert await wrong(scribe, asked("user:bob", data={})) == {"/data/order": ["It is missing."]}
    assert list(await wrong(scribe, asked("user:bob", data={"order": 7}))) == ["/data/order"]


async def test_what_could_reach_nobody_is_refused(scribe: Scribe):
    assert "for mail only" in (await wrong(scribe, asked("topic:x", type="LETTER", data={})))["in_app"][0]
    assert await wrong(scribe, asked("user:bob", in_app=False, no_email=True)) == {
        "in_app": ["Neither shown nor mailed: there would be nothing left."]
    }
    assert "give a title" in (await wrong(scribe, asked("user:bob", type="BARE")))["title"][0]


async def test_a_type_that_the_catalog_has_not_brings_its_own_title(scribe: Scribe):
    assert (await filled(scribe, asked("user:bob", type="OTHER", title="x"))).texts == {}
    assert set(await wrong(scribe, asked("user:bob", type="OTHER"))) == {"title"}
    assert set(await wrong(scribe, asked("user:bob", type="OTHER", title="x", in_app=False))) == {"in_app"}


async def test_a_strict_catalog_refuses_it_unless_it_is_the_gateways_own(tmp_path: Path):
    (tmp_path / "catalog.toml").write_text(f"strict = true\n{CATALOG}")
    live = LiveCatalog()
    live.current = load(tmp_path)
    requests = [asked("user:bob", type=type_, title="x") for type_ in ("OTHER", "UNSUBSCRIBED")]

    refused, own = await Scribe(live, Languages(Known())).fill(requests)

    assert isinstance(refused, UnknownType)
    assert str(refused) == "the catalog has no type OTHER"
    assert isinstance(own, Filled)


async def test_without_a_catalog_a_request_is_what_it_says(known: Known):
    scribe = Scribe(LiveCatalog(), Languages(known))
    request = asked("user:ann", title="x")

    assert (await filled(scribe, request)).request is request
    assert set(await wrong(scribe, asked("user:ann"))) == {"title"}
    assert known.questions == 0


async def test_every_example_of_the_shop_has_words_for_every_reader():
    live = LiveCatalog()
    live.current = load(Path(gateway.catalog.__file__).parent / "shop")
    scribe = Scribe(live, Languages(Known(ann="de")))

    for type_ in live.current.types.values():
        for data in type_.examples:
            room = "admins" if type_.name == "NEW_COMPLAINT" else "user:ann"
            email = None if type_.email is None else EmailRequest(if_known=True)
            found = await filled(scribe, asked(room, type=type_.name, data=data, email=email))
            assert found.texts[room].words.title


async def test_what_is_said_to_many_is_made_once(live: LiveCatalog, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(said, "REMEMBERED", 2)
    memory = said.Memory()
    assert live.current is not None
    catalog, type_ = live.current, live.current.types["SHIPPED"]

    one = memory.said(catalog, type_, {"order": "1"})

    assert memory.said(catalog, type_, {"order": "1"}) is one
    assert one.text("de-AT") is one.text("de")
    assert memory.said(catalog, type_, {"order": "2"}) is not one
    assert memory.said(catalog, type_, {"order": "1"}) is not one
    newer = replace(catalog, version="other")
    assert memory.said(newer, type_, {"order": "1"}).text("en").entry.catalog_version == "other"


async def test_data_that_are_equal_but_not_the_same_are_said_each_in_its_way(live: LiveCatalog):
    memory = said.Memory()
    assert live.current is not None
    catalog, type_ = live.current, live.current.types["SHIPPED"]

    kept = [memory.said(catalog, type_, {"order": order}) for order in (1, True, 1.0)]

    assert len({id(each) for each in kept}) == 3
