"""What the catalog makes of a request: data, words, languages, channels, lane and life."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import gateway.catalog
from gateway.catalog.live import LiveCatalog
from gateway.catalog.loading import load
from gateway.notify import said, showing
from gateway.notify.decide import Judge
from gateway.notify.languages import Languages
from gateway.notify.planning import Planner
from gateway.notify.preferences import UserPreferences
from gateway.notify.requests import EmailRequest, EmitRequest, Unfit
from gateway.notify.showing import Suspicion
from gateway.notify.trials.wording import TrialScribe
from gateway.notify.verdicts import NobodyChose, Sources
from gateway.notify.wording import Filled, Scribe, UnknownType
from storage.errors import StoreUnavailable
from storage.mail import LaneName, Unless
from storage.notifications import Action
from storage.people import Contact
from storage.streams import Emission

NOW = datetime(2026, 11, 26, tzinfo=UTC)
CATALOG = """
default_locale = "en"
[categories.orders]
name = { en = "Orders" }

[types.SHIPPED]
category = "orders"
schema = { type = "object", required = ["order"], properties = { order = { type = "string" } } }
channels = { in_app = true, email = { unless = "read", after = "10m" } }
expires_in = "1d"
[types.SHIPPED.texts.en]
title = "Order {{ data.order }} has shipped"
body = "It is on its way."
link = "/orders/{{ data.order }}"
subject = "Shipped: {{ data.order }}"
[types.SHIPPED.texts.de]
title = "Bestellung {{ data.order }} ist unterwegs"

[types.LETTER]
category = "orders"
lane = "bulk"
channels = { in_app = false, email = { default = false } }
[types.LETTER.texts.en]
title = "News"

[types.BARE]
category = "orders"

[types.CALL]
category = "orders"
schema = { type = "object", properties = { at = { type = "string" }, order = {} } }
[types.CALL.texts.en]
title = "We call you at {{ data.at|time }}"
[types.CALL.texts.de]
title = "Wir rufen um {{ data.at|time }} an"

[types.VISIT]
category = "orders"
schema = { type = "object", properties = { at = {} } }
texts.en.title = "We come"
texts.de.title = "Wir kommen"
variants = [{ name = "plain", texts.en.title = "At {{ data.at|time }}" }, { name = "other", texts.en.title = "From {{ data.at|time }} on" }]
experiment = { metric = "read", baseline = 0.2, effect = 0.1 }
"""
CALL = {"at": "2026-11-26T10:30:00Z"}


class Known:
    """The contacts, and how often they were asked."""

    def __init__(self, **locales: str) -> None:
        self.locales = locales
        self.zones: dict[str, str] = {}
        self.questions = 0

    async def contacts(self, users: Sequence[str]) -> dict[str, Contact]:
        self.questions += 1
        return {
            user: Contact(user=user, locale=self.locales.get(user), timezone=self.zones.get(user))
            for user in users
            if user in self.locales or user in self.zones
        }


@pytest.fixture
def live(tmp_path: Path) -> LiveCatalog:
    (tmp_path / "catalog.toml").write_text(CATALOG)
    catalog = LiveCatalog()
    catalog.current = load(tmp_path)
    return catalog


@pytest.fixture
def known() -> Known:
    return Known(ann="de-AT", bob="fr")


@pytest.fixture
def scribe(live: LiveCatalog, known: Known) -> Scribe:
    return Scribe(live, Languages(known))


def asked(*rooms: str, type: str = "SHIPPED", title: str | None = None, **fields: object) -> EmitRequest:  # noqa: A002 - its name
    given = {"data": {"order": "7"}, **fields}
    return EmitRequest(rooms=rooms, type=type, title=title, **given)


async def filled(scribe: Scribe, request: EmitRequest) -> Filled:
    (found,) = await scribe.fill([request])
    assert isinstance(found, Filled), found
    return found


async def wrong(scribe: Scribe, request: EmitRequest) -> dict[str, list[str]]:
    (found,) = await scribe.fill([request])
    assert isinstance(found, Unfit), found
    return found.errors


async def test_each_reader_gets_the_own_language_and_the_store_is_asked_once(scribe: Scribe, known: Known):
    one, two = await scribe.fill([asked("user:ann", "user:bob", "user:eve"), asked("user:ann")])

    assert isinstance(one, Filled)
    assert isinstance(two, Filled)
    assert {room: text.words.title for room, text in one.texts.items()} == {
        "user:ann": "Bestellung 7 ist unterwegs",
        "user:bob": "Order 7 has shipped",
        "user:eve": "Order 7 has shipped",
    }
    assert [text.entry.locale for text in one.texts.values()] == ["de", "en", "en"]
    assert two.texts["user:ann"].entry.category == "orders"
    assert known.questions == 1


async def test_the_language_of_the_emit_goes_before_the_readers(scribe: Scribe, known: Known):
    found = await filled(scribe, asked("user:ann", "topic:x", locale="en-GB"))

    assert [text.entry.locale for text in found.texts.values()] == ["en", "en"]
    assert found.texts["topic:x"].entry.translations == {}
    assert known.questions == 0


async def test_a_room_of_many_has_the_words_of_all_languages(scribe: Scribe, known: Known):
    found = await filled(scribe, asked("topic:x"))

    entry = found.texts["topic:x"].entry
    assert entry.locale == "en"
    assert {locale: words.title for locale, words in entry.translations.items()} == {
        "de": "Bestellung 7 ist unterwegs"
    }
    assert known.questions == 0


async def test_a_time_is_told_by_each_readers_clock_and_to_a_room_of_many_by_the_gateways(
    live: LiveCatalog, known: Known
):
    known.zones = {"ann": "Asia/Tokyo", "bob": "no/zone"}
    scribe = Scribe(live, Languages(known, zone="Europe/Berlin"))

    found = await filled(scribe, asked("user:ann", "user:bob", "user:eve", "topic:x", type="CALL", data=CALL))

    said = {room: text.words.title.replace("\u202f", " ") for room, text in found.texts.items()}
    assert said == {
        "user:ann": "Wir rufen um 19:30 an",
        "user:bob": "We call you at 11:30 AM",
        "user:eve": "We call you at 11:30 AM",
        "topic:x": "We call you at 11:30 AM",
    }
    assert [text.entry.timezone for text in found.texts.values()] == [
        "Asia/Tokyo", "Europe/Berlin", "Europe/Berlin", "Europe/Berlin",
    ]  # fmt: skip
    assert found.texts["topic:x"].entry.translations["de"].title == "Wir rufen um 11:30 an"
    assert known.questions == 1


async def test_the_language_of_an_emit_is_told_by_each_readers_clock(live: LiveCatalog, known: Known):
    known.zones = {"ann": "Asia/Tokyo"}
    scribe = Scribe(live, Languages(known))

    one, two = await scribe.fill(
        [
            asked("user:ann", "topic:x", type="CALL", data=CALL, locale="de"),
            asked("user:bob", "user:ann", type="CALL", data=CALL, locale="de"),
        ]
    )

    assert isinstance(one, Filled)
    assert isinstance(two, Filled)
    assert [text.words.title for text in (*one.texts.values(), *two.texts.values())] == [
        "Wir rufen um 19:30 an", "Wir rufen um 10:30 an", "Wir rufen um 10:30 an", "Wir rufen um 19:30 an",
    ]  # fmt: skip
    assert one.texts["topic:x"].entry.translations == {}


async def test_a_variant_tells_the_time_by_its_readers_clock(live: LiveCatalog, known: Known):
    known.zones = {"eve": "Asia/Tokyo"}

    found = await filled(
        TrialScribe(live, Languages(known)), asked("user:eve", "topic:x", type="VISIT", data=CALL)
    )

    eve, shared = found.texts["user:eve"], found.texts["topic:x"]
    assert "7:30" in eve.words.title
    assert eve.entry.variant is not None
    assert (eve.entry.timezone, shared.words.title) == ("Asia/Tokyo", "We come")


async def test_what_tells_no_time_has_no_zone_and_asks_for_none(scribe: Scribe, known: Known):
    found = await filled(scribe, asked("user:ann", locale="de"))

    assert found.texts["user:ann"].entry.timezone is None
    assert known.questions == 0


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


class Away:
    """Preferences that cannot be asked for."""

    in_use = True

    def refusal(self, type_: object, channel: str) -> Suspicion:
        del type_, channel
        return Suspicion()

    async def of_many(self, users: Sequence[str]) -> dict[str, UserPreferences]:
        raise StoreUnavailable("away")


async def test_what_people_want_and_cannot_be_asked_for_is_the_answer_of_those_alone_who_may_have_asked(
    live: LiveCatalog, known: Known
):
    scribe = Scribe(live, Languages(known), Away())

    letter, shipped, given = await scribe.fill(
        [
            asked("user:ann", type="LETTER", data={}),
            asked("user:ann"),
            asked("user:ann", type="LETTER", data={}, email=EmailRequest()),
        ]
    )

    assert isinstance(letter, StoreUnavailable)
    assert isinstance(shipped, Filled)
    assert isinstance(given, Filled)


def judge_without_choices(live: LiveCatalog, known: Known) -> Judge:
    sources = Sources(
        catalog=live, contacts=known, preferences=Away(), receipts=None, suppressions=None,  # type: ignore[arg-type]  # nobody asks
        is_online=None,  # type: ignore[arg-type]
    )  # fmt: skip
    return Judge(sources)


def planner_without_choices(live: LiveCatalog, known: Known) -> Planner:
    return Planner(
        catalog=live,
        scribe=Scribe(live, Languages(known)),
        judge=judge_without_choices(live, known),
        clock=lambda: NOW,
        choosers=Away(),
    )


async def test_what_may_be_refused_in_app_is_not_planned_while_nobody_can_be_asked(
    live: LiveCatalog, known: Known
):
    planner = planner_without_choices(live, known)

    (planned,) = await planner.plan([asked("user:ann", no_email=True)], "test")

    assert isinstance(planned, StoreUnavailable)
    with pytest.raises(StoreUnavailable):
        await planner.drafts(asked("user:ann", no_email=True), limit=1)


async def test_of_what_is_planned_together_each_has_its_own_answer(live: LiveCatalog, known: Known):
    unfit, unknown, planned = await planner_without_choices(live, known).plan(
        [
            asked("user:ann", data={}, no_email=True),
            asked("user:ann", no_email=True),
            asked("topic:sale", no_email=True),
        ],
        "test",
    )

    assert isinstance(unfit, Unfit)
    assert isinstance(unknown, StoreUnavailable)
    assert isinstance(planned, Emission)
    assert [each.in_app for each in planned.notifications] == [True]


async def test_nobody_is_asked_whether_to_hide_what_is_not_shown_in_app(
    live: LiveCatalog, known: Known, scribe: Scribe
):
    letter = await filled(scribe, asked("user:bob", type="LETTER", email=EmailRequest(), data={}))

    questions = showing.in_question(live, Away(), [letter], NOW)
    hidden = await showing.hidden_of_each(judge_without_choices(live, known), questions, 1)

    assert hidden == [{}]


async def test_of_what_does_not_fit_there_is_no_draft(live: LiveCatalog, known: Known):
    with pytest.raises(Unfit):
        await planner_without_choices(live, known).drafts(asked("user:ann", data={}), limit=1)


def test_nobody_has_refused_anything_where_nothing_can_be_chosen():
    assert NobodyChose().refusal(None, "in_app") is None
