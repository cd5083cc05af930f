"""Digests from the decision to the mail, on a real store: what is gathered, what leaves alone, and what a digest tells when it closes."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from gateway.catalog.catalog import Catalog
from gateway.catalog.kinds import Category, EmailRule, NotificationType
from gateway.catalog.live import LiveCatalog
from gateway.catalog.switches import Switch
from gateway.http.unsubscribe_words import RIGHT_TO_LEFT, WORDS
from gateway.notify.decide import Judge
from gateway.notify.departing import Departures
from gateway.notify.digest_news import BODY_CHARACTERS, LISTED
from gateway.notify.digest_words import LANGUAGES
from gateway.notify.digests import Digester
from gateway.notify.preferences import UserPreferences
from gateway.notify.verdicts import EMAIL, NOTHING_SENT, Case, Merge, Moment, Send, Skip, Sources
from mailer.press import Press
from storage.endings import Ending, Gathered, Postponed, Sent, Skipped
from storage.errors import StoreUnavailable
from storage.ids import uuid7
from storage.inboxes import Selection
from storage.mail import LaneName, Mail, MailOrder, MailState
from storage.notifications import Entry, Notification
from storage.obligations import Digest, Kind, Lease
from storage.people import Contact
from storage.rhythms import DigestRule, Throttle
from storage.sqlite import SQLiteStore
from storage.streams import Emission
from storage.suppressions import Suppression
from tests.unit.mailer.letters import LETTERHEAD

NOW = datetime(2026, 11, 26, 10, 30, tzinfo=UTC)
BASE_URL = "https://shop.example"
HOUR = timedelta(hours=1)

TYPES = (
    NotificationType(name="NEWS", category="news", email=EmailRule(), digest=DigestRule(every=3600.0)),
    NotificationType(
        name="TALK", category="news", email=EmailRule(),
        digest=DigestRule(every=3600.0, sliding=600.0, most=7200.0, leading=True),
    ),
    NotificationType(name="TIP", category="news", email=EmailRule(), throttle=Throttle(limit=2, per=3600.0)),
    NotificationType(name="AD", category="news", email=EmailRule(), throttle=Throttle(limit=1, per=60.0, then="drop")),
    NotificationType(
        name="BOTH", category="news", email=EmailRule(),
        digest=DigestRule(every=7200.0, leading=True), throttle=Throttle(limit=1, per=3600.0),
    ),
    NotificationType(
        name="RESET", category="news", critical=True, email=EmailRule(),
        digest=DigestRule(every=3600.0), throttle=Throttle(limit=1, per=3600.0, then="drop"),
    ),
    NotificationType(name="PLAIN", category="news", email=EmailRule()),
)  # fmt: skip
CATALOG = Catalog(
    default_locale="en",
    categories={"news": Category(key="news", names={"en": "News"})},
    types={each.name: each for each in TYPES},
    templates={},
    version="1",
)


@dataclass
class Office:
    """All that digests need, with the clock in hand."""

    store: SQLiteStore
    now: datetime = NOW
    chosen: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    zones: dict[str, str] = field(default_factory=dict)
    """What backends have told."""
    catalog: LiveCatalog = field(default_factory=LiveCatalog)
    woken: list[LaneName] = field(default_factory=list)
    in_use = True

    def __post_init__(self) -> None:
        self.catalog.replace(CATALOG)
        self.sources = Sources(
            catalog=self.catalog, contacts=self, preferences=self, receipts=self.store.inboxes, suppressions=self,
            sendings=self.store.outbox, is_online=self.is_online,
        )  # fmt: skip
        self.judge = Judge(self.sources)
        self.departures = Departures(
            judge=self.judge, sources=self.sources, outbox=self.store.outbox, digests=self.store.digests,
            campaigns=self.store.campaigns,
        )  # fmt: skip
        self.digester = self.another_digester()

    def another_digester(self, **options: Any) -> Digester:
        given: dict[str, Any] = {"base_url": BASE_URL, "lease_seconds": 60, "kept_days": 90}
        return Digester(
            self.store.digests, judge=self.judge, sources=self.sources, clock=lambda: self.now,
            due_clock=lambda: self.now, wake_mailer=self.woken.extend, **(given | options),
        )  # fmt: skip

    async def contacts(self, users: Sequence[str]) -> dict[str, Contact]:
        return {
            user: Contact(user=user, email=f"{user}@example.org", timezone=self.zones.get(user))
            for user in users
        }

    async def of_many(self, users: Sequence[str]) -> dict[str, UserPreferences]:
        return {
            user: UserPreferences(document=self.chosen[user], version=1)
            for user in users
            if user in self.chosen
        }

    async def matching(self, addresses: Sequence[str], *, roughly: bool) -> dict[str, Sequence[Suppression]]:
        del addresses, roughly
        return {}

    async def is_online(self, user: str) -> bool:
        del user
        return False

    async def emit(self, type_: str = "NEWS", user: str = "ann", **fields: Any) -> str:
        """A notification with mail that is due; answers its id."""
        lane = fields.pop("lane", LaneName.TRANSACTIONAL)
        order = MailOrder(to=fields.pop("to", f"{user}@example.org"), due_at=self.now, lane=lane)
        mail = Mail(order=order, state=MailState.PENDING, due_at=self.now, updated_at=self.now)
        given = {"title": f"{type_} for {user}", "data": {}, "created_at": self.now, **fields}
        made = Notification(id=uuid7(), room=f"user:{user}", type=type_, mail=mail, **given)
        await self.store.streams.append([Emission(notifications=(made,))])
        return made.id

    async def lease(self, lane: LaneName = LaneName.TRANSACTIONAL) -> list[Lease]:
        return await self.store.outbox.lease(lane=lane, limit=100, lease_seconds=60, now=self.now)

    async def work(self, lane: LaneName = LaneName.TRANSACTIONAL) -> list[Ending]:
        """What a worker does, but for the sending; answers the endings of what was due."""
        endings: list[Ending] = []
        for lease in await self.lease(lane):
            ending = await self.departures.decide(lease, self.now) or Sent()
            assert await self.store.outbox.end(lease, ending, now=self.now)
            endings.append(ending)
        return endings

    async def close_due(self) -> None:
        while not await self.digester.close_due():
            pass

    async def open(self, user: str = "ann") -> list[Digest]:
        return list(await self.store.digests.of_room(f"user:{user}", limit=10))

    async def mail(self, id_: str) -> Mail:
        found = await self.store.streams.notification(id_)
        assert found is not None
        assert found.mail is not None
        return found.mail

    async def told(self) -> list[Lease]:
        """The mails of digests that are due."""
        return [lease for lease in await self.lease() if lease.of.kind is Kind.DIGEST]


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    store = SQLiteStore(tmp_path / "store.db")
    await store.open()
    yield Office(store)
    await store.close()


# Who decides that mail is gathered


def case(type_: str = "NEWS", **fields: Any) -> Case:
    return Case(**{"type": type_, "user": "ann", "channel": EMAIL, "now": NOW, "due_at": NOW, **fields})


@pytest.mark.parametrize(
    ("type_", "chosen", "key", "detail"),
    [
        ("NEWS", {}, "type:NEWS", "ann gets one mail every 1h"),
        ("TALK", {}, "type:TALK", "ann gets the first at once, then one mail every 1h"),
        ("PLAIN", {}, None, None),
        ("OTHER", {}, None, None),
        ("RESET", {"types": {"RESET": {"email": "daily"}}}, None, None),
        ("PLAIN", {"types": {"PLAIN": {"email": "daily"}}}, "daily", "ann gets one mail a day, at 09:00 (UTC)"),
        ("PLAIN", {"categories": {"news": {"email": "weekly"}}}, "weekly", "ann gets one mail a week, on mon at 09:00 (UTC)"),
        # the person's word goes before the catalog's, the nearer one before the other
        ("NEWS", {"categories": {"news": {"email": "daily"}}}, "daily", "ann gets one mail a day, at 09:00 (UTC)"),
        (
            "NEWS",
            {"categories": {"news": {"email": "daily"}}, "types": {"NEWS": {"email": True}}, "timezone": "Europe/Berlin"},
            "type:NEWS",
            "ann gets one mail every 1h",
        ),
    ],
)  # fmt: skip
async def test_mail_is_gathered_by_the_persons_word_or_the_catalogs(
    office: Office, type_: str, chosen: Mapping[str, Any], key: str | None, detail: str | None
):
    office.chosen["ann"] = chosen

    for moment in (Moment.EMIT, Moment.LEASE, Moment.PREVIEW):
        [judged] = await office.judge.judge([case(type_)], moment)
        verdict = judged.verdict  # type: ignore[union-attr]  # nothing fails here
        if key is None:
            assert verdict == Send()
        else:
            assert isinstance(verdict, Merge)
            assert (verdict.window.key, verdict.rule, verdict.detail) == (key, "digest", detail)


async def test_a_digest_of_the_day_closes_by_the_readers_own_clock(office: Office):
    office.chosen["ann"] = {"categories": {"news": {"email": "daily"}}, "timezone": "America/New_York"}

    explained = await office.judge.explain(case("PLAIN"))

    assert isinstance(explained.verdict, Merge)
    assert explained.verdict.window.closes_at == datetime(2026, 11, 26, 14, tzinfo=UTC)


async def test_what_is_in_a_digest_or_is_one_or_is_for_many_is_not_gathered(office: Office):
    [closing, shared, of_digest] = [
        (await office.judge.judge([given], moment))[0]
        for given, moment in (
            (case(), Moment.CLOSING),
            (case(user=None, room="all"), Moment.LEASE),
            (case(is_own=False), Moment.LEASE),
        )
    ]

    assert [each.verdict for each in (closing, shared, of_digest)] == [Send()] * 3  # type: ignore[union-attr]


# At a lease


async def test_mail_of_a_type_with_a_digest_is_gathered_and_told_in_one_mail(office: Office):
    ids = [
        await office.emit(title=f"No. {number}", body="text", link=f"/news/{number}") for number in range(3)
    ]

    endings = await office.work()
    assert [type(ending) for ending in endings] == [Gathered] * 3
    [opened] = await office.open()
    assert (opened.key, opened.gathered, opened.closes_at) == ("type:NEWS", 3, NOW + HOUR)
    await office.close_due()
    assert await office.told() == []

    office.now = NOW + HOUR
    await office.close_due()

    [lease] = await office.told()
    assert (lease.id, lease.of.id) == (opened.id, opened.id)
    assert office.woken == [LaneName.TRANSACTIONAL]
    news = lease.notification
    assert (news.type, news.room, news.title) == (
        "DIGEST",
        "user:ann",
        "3 notifications that you have not seen",
    )
    assert (news.data["total"], news.data["more"], news.data["more_words"]) == (3, 0, "")
    assert [each["title"] for each in news.data["notifications"]] == ["No. 2", "No. 1", "No. 0"]
    assert news.data["notifications"][0]["link"] == "https://shop.example/news/2"
    assert lease.mail.order.to == "ann@example.org"
    assert {(await office.mail(id_)).state for id_ in ids} == {MailState.MERGED}
    assert (office.digester.closed, office.digester.items) == (
        {"mailed": 1, "empty": 0},
        {"told": 3, "left_out": 0},
    )
    assert await office.departures.decide(lease, office.now) is None, "it is not gathered again"


async def test_what_was_seen_read_recalled_or_has_expired_or_is_not_wanted_any_more_is_left_out(
    office: Office,
):
    read, seen, recalled, expired, off, left = [
        await office.emit("TIP" if number == 4 else "NEWS", title=str(number), expires_at=NOW + HOUR if number == 3 else None)
        for number in range(6)
    ]  # fmt: skip
    office.chosen["ann"] = {"types": {"TIP": {"email": "daily"}, "NEWS": {"email": "daily"}}}
    await office.work()
    rooms = ["user:ann"]
    await office.store.inboxes.read(Selection("ann", rooms, [read], now=NOW))
    await office.store.inboxes.seen(Selection("ann", rooms, [seen], now=NOW))
    await office.store.streams.recall(recalled, now=NOW)
    office.chosen["ann"] = {"types": {"TIP": {"email": False}, "NEWS": {"email": "daily"}}}
    [opened] = await office.open()

    [preview] = await office.digester.of_user("ann")
    office.now = opened.closes_at
    await office.close_due()

    assert {each.notification.id: each.why.rule for each in preview.left_out} == {
        read: "unless", seen: "unless", off: "preferences",
    }  # fmt: skip
    assert [each.id for each in preview.newest] == [left, expired]
    assert (preview.total, preview.left_out_total, preview.is_whole) == (2, 3, True)
    [lease] = await office.told()
    assert [each["id"] for each in lease.notification.data["notifications"]] == [left]
    assert lease.notification.title == "5", "one alone has its own title"
    mails = {id_: await office.mail(id_) for id_ in (read, seen, recalled, expired, off)}
    assert {id_: (mail.state, mail.decided_by) for id_, mail in mails.items()} == {
        read: (MailState.SKIPPED, "unless"),
        seen: (MailState.SKIPPED, "unless"),
        recalled: (MailState.SKIPPED, "digest"),
        expired: (MailState.SKIPPED, "expired"),
        off: (MailState.SKIPPED, "preferences"),
    }
    assert mails[read].digest == opened.id


async def test_with_nothing_left_nothing_is_sent(office: Office):
    read = await office.emit()
    await office.work()
    await office.store.inboxes.read(Selection("ann", ["user:ann"], [read], now=NOW))

    office.now = NOW + HOUR
    await office.close_due()

    assert await office.lease() == []
    assert await office.open() == []
    assert (await office.mail(read)).decided_by == "unless"
    assert (office.digester.closed, office.woken) == ({"mailed": 0, "empty": 1}, [])


async def test_the_newest_twenty_are_listed_and_all_are_counted(office: Office, monkeypatch):
    monkeypatch.setattr("gateway.notify.digests.PAGE", 7)
    for number in range(LISTED + 5):
        await office.emit(title=str(number), created_at=NOW + timedelta(seconds=number), body="x" * 1000)
    await office.work()

    office.now = NOW + HOUR
    [preview] = await office.digester.of_user("ann")
    await office.close_due()

    [lease] = await office.told()
    data = lease.notification.data
    assert [each["title"] for each in data["notifications"]] == [str(number) for number in range(24, 4, -1)]
    assert (data["total"], data["more"], data["more_words"]) == (25, 5, "And 5 more.")
    assert len(data["notifications"][0]["body"]) == BODY_CHARACTERS
    assert (len(preview.newest), preview.total) == (LISTED, 25)


async def test_of_a_digest_that_is_long_the_newest_are_looked_at_to_tell_what_it_would_be(
    office: Office, monkeypatch
):
    monkeypatch.setattr("gateway.notify.digests.PAGE", 2)
    monkeypatch.setattr("gateway.notify.digests.DECIDED_AT_MOST", 4)
    for _ in range(5):
        await office.emit()
    await office.work()

    [preview] = await office.digester.of_user("ann")

    assert (preview.total, preview.is_whole, preview.digest.gathered) == (4, False, 5)


async def test_a_digest_speaks_the_language_of_its_newest_and_names_its_category(office: Office):
    await office.emit(title="Alt", entry=Entry(category="offers", locale="en"))
    office.now += timedelta(seconds=1)
    await office.emit(title="Neu", entry=Entry(locale="de-AT", catalog_version="7"))
    await office.work()

    office.now = NOW + 2 * HOUR
    await office.close_due()

    [lease] = await office.told()
    entry = lease.notification.entry
    assert entry is not None
    assert (entry.locale, entry.category, entry.catalog_version) == ("de-AT", "offers", "7")
    assert lease.notification.title == "2 Benachrichtigungen, die Sie noch nicht gesehen haben"
    assert lease.notification.data["words"]["open"] == "Ansehen"


@pytest.mark.parametrize(
    ("chosen", "told", "zone"),
    [
        ({"timezone": "Europe/Berlin"}, "Asia/Tokyo", "Europe/Berlin"),
        ({}, "Asia/Tokyo", "Asia/Tokyo"),
        ({}, None, "UTC"),
    ],
)
async def test_a_digest_tells_the_time_by_its_readers_clock(
    office: Office, chosen: Mapping[str, Any], told: str | None, zone: str
):
    office.chosen["ann"] = {"categories": {"news": {"email": "daily"}}, **chosen}
    office.zones = {"ann": told} if told else {}
    await office.emit()
    await office.work()

    [opened] = await office.open()
    office.now = opened.closes_at
    await office.close_due()

    [lease] = await office.told()
    assert lease.notification.entry is not None
    assert lease.notification.entry.timezone == zone


@pytest.mark.parametrize("tag", sorted(WORDS))
async def test_the_mail_of_a_digest_speaks_each_language_of_the_pages(office: Office, tag: str):
    """In its words, its direction, and with its numbers."""
    for number in range(LISTED + 5):
        await office.emit(title=f"No. {number}", link="/news", entry=Entry(locale=tag))
    await office.work()
    office.now = NOW + HOUR
    await office.close_due()
    [lease] = await office.told()

    mail = await Press(LETTERHEAD).render(
        lease.notification, lease.mail.order, id_=lease.id, unsubscribe_url="https://shop.example/u/1"
    )

    words = LANGUAGES[tag]
    direction = "rtl" if tag in RIGHT_TO_LEFT else "ltr"
    assert f'<html lang="{tag}" dir="{direction}"' in mail.html
    assert f'<body class="page" dir="{direction}"' in mail.html
    assert mail.subject == words.heading.format(total=LISTED + 5)
    for text in (unescape(mail.html), mail.text):
        for said in (words.more.format(more=5), words.footer, words.unsubscribe):
            assert said in text
    assert words.open in mail.html
    assert tag == "en" or {*asdict(words).values()}.isdisjoint(asdict(LANGUAGES["en"]).values())


async def test_without_a_site_to_lead_to_a_path_is_no_link_and_a_url_stays_one(office: Office):
    office.digester = office.another_digester(base_url=None)
    await office.emit(link="/here")
    office.now += timedelta(seconds=1)
    await office.emit(link="https://else.example/there")
    await office.work()

    office.now = NOW + 2 * HOUR
    await office.close_due()

    [lease] = await office.told()
    assert [each["link"] for each in lease.notification.data["notifications"]] == [
        "https://else.example/there",
        None,
    ]


@pytest.mark.parametrize(
    ("lanes", "lane"), [(("bulk", "bulk"), "bulk"), (("transactional", "bulk"), "transactional")]
)
async def test_a_digest_leaves_by_the_bulk_lane_when_nobody_waits_for_any_of_it(
    office: Office, lanes: Sequence[str], lane: str
):
    for each in lanes:
        await office.emit(lane=LaneName(each))
    for each in LaneName:
        await office.work(each)

    office.now = NOW + HOUR
    await office.close_due()

    assert office.woken == [LaneName(lane)]


async def test_the_mail_of_a_digest_is_rendered_in_both_forms_and_under_its_id(office: Office):
    for number in range(LISTED + 1):
        await office.emit(title=f"<No. {number}>", body="A body\nof two lines", link="/news")
    await office.work()
    office.now = NOW + HOUR
    await office.close_due()
    [lease] = await office.told()

    mail = await Press(LETTERHEAD).render(
        lease.notification, lease.mail.order, id_=lease.id, unsubscribe_url="https://shop.example/u/1"
    )

    assert f"Message-ID: <{lease.id}@".encode() in mail.raw
    assert mail.subject == "21 notifications that you have not seen"
    assert "&lt;No. 20&gt;" in mail.html
    assert "<No. 20>" not in mail.html
    assert 'href="https://shop.example/news"' in mail.html
    for text in (mail.html, mail.text):
        assert "And one more." in text
        assert "https://shop.example/u/1" in text
    assert "A body of two lines" in mail.text
    assert "* <No. 1>" in mail.text
    assert "No. 0>" not in mail.text


# The first one at once


async def test_the_first_leaves_at_once_and_the_others_wait(office: Office):
    first = await office.emit("TALK")
    [lease] = await office.lease()

    assert await office.departures.decide(lease, office.now) is None
    assert await office.departures.decide(lease, office.now) is None, "after a crash it is the first still"
    await office.store.outbox.end(lease, Sent(), now=office.now)
    office.now += timedelta(minutes=55)
    await office.emit("TALK")
    [gathered] = await office.work()

    assert isinstance(gathered, Gathered)
    [opened] = await office.open()
    assert (opened.lead, opened.gathered) == (first, 1)
    assert opened.closes_at == office.now + timedelta(minutes=10), "it waits for silence"

    office.now = opened.closes_at
    await office.close_due()
    assert len(await office.told()) == 1
    await office.emit("TALK")
    assert await office.work() == [Sent()], "the next digest begins anew"


async def test_a_digest_that_only_began_ends_in_nothing(office: Office):
    await office.emit("TALK")
    await office.work()

    office.now = NOW + 3 * HOUR
    await office.close_due()

    assert await office.lease() == []
    assert office.digester.closed["empty"] == 1


# The throttle


async def test_beyond_the_limit_mail_goes_into_a_digest_until_the_window_has_gone_by(office: Office):
    for _ in range(3):
        await office.emit("TIP")

    endings = await office.work()

    assert [type(ending) for ending in endings] == [Sent, Sent, Gathered]
    assert isinstance(endings[2], Gathered)
    assert (endings[2].rule, endings[2].reason) == ("throttle", "ann gets 2 in 1h at most")
    [opened] = await office.open()
    assert (opened.key, opened.closes_at) == ("type:TIP", NOW + HOUR)
    await office.emit("TIP", "bob")
    assert await office.work() == [Sent()]

    office.now = NOW + HOUR + timedelta(seconds=1)
    await office.emit("TIP")
    assert await office.work() == [Sent()]


async def test_what_is_dropped_says_so(office: Office):
    await office.emit("AD")
    dropped = await office.emit("AD")

    sent, skipped = await office.work()

    assert sent == Sent()
    assert skipped == Skipped(rule="throttle", reason="ann gets 1 in 1m at most")
    assert (await office.mail(dropped)).state is MailState.SKIPPED


async def test_a_mail_that_failed_for_a_moment_is_not_one_too_many_by_itself(office: Office):
    await office.emit("AD")
    [lease] = await office.lease()
    assert await office.departures.decide(lease, office.now) is None
    await office.store.outbox.end(lease, Postponed(until=office.now, reason="busy"), now=office.now)

    assert await office.work() == [Sent()]


async def test_of_two_that_are_judged_at_once_one_is_within_the_limit(office: Office):
    for _ in range(2):
        await office.emit("AD")
    first, second = await office.lease()

    # The second is judged before the first is sent: it counts all the same.
    assert await office.departures.decide(first, office.now) is None
    ending = await office.departures.decide(second, office.now)

    assert isinstance(ending, Skipped)
    assert ending.rule == "throttle"


async def test_of_two_that_pass_the_decision_together_one_claims(office: Office, monkeypatch):
    """Both see that nothing was sent; what they claim is decided one after the other."""
    for _ in range(2):
        await office.emit("AD")
    leases = await office.lease()

    async def nothing(*_: Any, **__: Any) -> int:
        return 0

    monkeypatch.setattr(office.store.outbox, "counted", nothing)
    endings = [await office.departures.decide(lease, office.now) for lease in leases]

    assert endings[0] is None
    assert isinstance(endings[1], Skipped)
    office.catalog.replace(None)
    await office.emit("AD")
    [lease] = await office.lease()
    assert await office.departures.decide(lease, office.now) is None


async def test_a_catalog_that_goes_in_the_middle_throttles_nothing(office: Office, monkeypatch):
    await office.emit("AD")
    await office.work()
    await office.emit("AD")
    [lease] = await office.lease()

    async def claim(*_: Any, **__: Any) -> bool:
        office.catalog.replace(None)
        return False

    async def nothing(*_: Any, **__: Any) -> int:
        return 0

    monkeypatch.setattr(office.store.outbox, "claim", claim)
    monkeypatch.setattr(office.store.outbox, "counted", nothing)

    assert await office.departures.decide(lease, office.now) is None


async def test_a_throttle_holds_for_what_begins_a_digest_too(office: Office):
    await office.emit("BOTH")
    assert await office.work() == [Sent()]
    office.now += timedelta(minutes=5)
    await office.emit("BOTH")
    [gathered] = await office.work()

    assert isinstance(gathered, Gathered)
    assert (gathered.rule, gathered.digest.key) == ("throttle", "type:BOTH")


async def test_what_is_critical_is_neither_gathered_nor_counted(office: Office):
    for _ in range(3):
        await office.emit("RESET")

    assert await office.work() == [Sent()] * 3
    assert await office.open() == []


async def test_a_preview_tells_what_was_sent_and_an_emit_does_not_ask(office: Office):
    await office.emit("AD")
    await office.work()

    [now_known] = await office.judge.judge([case("AD")], Moment.PREVIEW)
    [at_emit] = await office.judge.judge([case("AD")], Moment.EMIT)

    assert now_known.verdict == Skip(rule="throttle", detail="ann gets 1 in 1m at most")  # type: ignore[union-attr]
    assert at_emit.verdict == Send()  # type: ignore[union-attr]


async def test_where_nobody_counts_nothing_is_throttled(office: Office):
    judge = Judge(replace(office.sources, sendings=NOTHING_SENT))

    [judged] = await judge.judge([case("AD")], Moment.LEASE)

    assert judged.verdict == Send()  # type: ignore[union-attr]


# Crashes and failures


async def test_a_node_that_dies_while_it_closes_has_sent_nothing_and_another_closes(
    office: Office, monkeypatch
):
    await office.emit()
    await office.work()
    office.now = NOW + HOUR

    async def dies(*_: Any, **__: Any) -> bool:
        raise StoreUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(office.store.digests, "settle", dies)
        await office.digester.close_due()
    assert await office.told() == []

    office.now += timedelta(minutes=2)
    await office.close_due()

    assert len(await office.told()) == 1


async def test_a_defect_in_one_digest_keeps_no_other(office: Office, monkeypatch, caplog):
    await office.emit(user="ann")
    await office.emit(user="bob")
    await office.work()
    office.now = NOW + HOUR
    real = office.store.digests.items

    async def items(digest_id: str, **options: Any) -> Sequence[Notification]:
        found = await real(digest_id, **options)
        if found and found[0].room == "user:ann":
            raise ValueError("odd")
        return found

    monkeypatch.setattr(office.store.digests, "items", items)
    await office.close_due()

    [lease] = await office.told()
    assert lease.notification.room == "user:bob"
    assert [record.levelname for record in caplog.records if record.message == "digest not closed"] == [
        "ERROR"
    ]


async def test_facts_that_cannot_be_looked_up_leave_the_digest_for_later(office: Office, monkeypatch):
    await office.emit()
    await office.work()
    office.now = NOW + HOUR

    async def away(*_: Any) -> dict[str, Any]:
        raise StoreUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(office.store.inboxes, "receipts_of", away)
        with pytest.raises(StoreUnavailable):
            await office.digester.of_user("ann")
        await office.digester.close_due()
    assert await office.told() == []

    office.now += timedelta(minutes=2)
    await office.close_due()
    assert len(await office.told()) == 1


async def test_whoever_lost_the_lease_meanwhile_tells_nothing(office: Office, monkeypatch):
    read = await office.emit()
    await office.work()
    await office.store.inboxes.read(Selection("ann", ["user:ann"], [read], now=NOW))
    office.now = NOW + HOUR

    async def lost(*_: Any, **__: Any) -> bool:
        return False

    for method in ("leave_out", "settle"):
        with monkeypatch.context() as patched:
            patched.setattr(office.store.digests, method, lost)
            await office.digester.close_due()
        office.now += timedelta(minutes=2)

    assert (office.digester.closed["empty"], office.digester.items["left_out"]) == (0, 0)
    await office.close_due()
    assert office.digester.closed["empty"] == 1


async def test_a_digest_can_be_switched_off_like_any_type(office: Office):
    await office.emit()
    await office.work()
    office.now = NOW + HOUR
    await office.close_due()
    office.catalog.switches = {"DIGEST": Switch.of({"enabled": False})}

    [lease] = await office.told()

    assert await office.departures.decide(lease, office.now) == Skipped(
        rule="switch", reason="the type is switched off"
    )


# Housekeeping


async def test_the_house_counts_what_is_open_and_forgets_what_is_long_closed(office: Office):
    await office.emit(user="ann")
    await office.work()
    office.now = NOW + HOUR
    await office.close_due()
    [lease] = await office.told()
    await office.store.outbox.end(lease, Sent(), now=office.now)
    await office.emit(user="bob")
    await office.work()

    office.now += timedelta(days=91)
    await office.another_digester(kept_days=0).keep_house()
    assert await office.store.outbox.find(lease.id) is not None
    await office.digester.keep_house()

    assert office.digester.open == 1
    assert await office.store.outbox.find(lease.id) is None
