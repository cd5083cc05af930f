"""What is critical goes out, whatever its reader has chosen: by construction, and for any facts that gates could find."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.catalog import Catalog
from gateway.catalog.channels import EMAIL
from gateway.catalog.kinds import Category, EmailRule, NotificationType
from gateway.catalog.live import LiveCatalog
from gateway.catalog.switches import Flag, Share
from gateway.notify.deciding.decision import GATES, Judge, decide
from gateway.notify.deciding.gates.address import MailAddress
from gateway.notify.deciding.gates.holdout import TrialPlace
from gateway.notify.deciding.gates.preferences import PreferenceCell
from gateway.notify.deciding.gates.quiet import SPREAD_SECONDS, Night
from gateway.notify.deciding.gates.suppression import Suppressed
from gateway.notify.deciding.gates.throttle import Usage
from gateway.notify.deciding.gates.unless import Attention
from gateway.notify.deciding.sources import NO_DIGESTS, Sources
from gateway.notify.deciding.verdicts import Case, Delay, Merge, Moment, Send, Skip
from gateway.notify.deciding.windows import DAILY, WindowPlan
from gateway.notify.preferences.chosen import WEEKDAYS, Cell, CellOrigin, QuietHours, UserPreferences
from storage.people import Contact
from storage.receipts import Receipt
from storage.suppressions import EVERYTHING, Reason, Suppression

NOW = datetime(2026, 11, 26, 23, 30, tzinfo=UTC)
ANN = "ann@example.org"

times = st.builds(time, st.integers(0, 23), st.integers(0, 59))
suppressions = st.builds(
    Suppression,
    id=st.just("s"),
    address=st.just(ANN),
    scope=st.sampled_from([EVERYTHING, "lane:bulk", "lane:transactional", "category:account"]),
    reason=st.sampled_from(Reason),
    source=st.just("server"),
    created_at=st.just(NOW),
)
facts_of = {
    Flag: st.builds(Flag),
    Share: st.builds(
        Share,
        type=st.just("RESET"),
        channel=st.just(EMAIL),
        key=st.text(),
        percent=st.just(0.0) | st.floats(0, 100),
    ),
    TrialPlace: st.builds(TrialPlace),
    MailAddress: st.builds(MailAddress, st.sampled_from([ANN, None])),
    Suppressed: st.builds(Suppressed, st.lists(suppressions, max_size=4)),
    PreferenceCell: st.builds(
        PreferenceCell,
        st.builds(Cell, st.sampled_from([True, False, "daily", "weekly"]), st.sampled_from(CellOrigin)),
    ),
    Attention: st.builds(
        Attention,
        receipt=st.builds(Receipt, read_at=st.just(NOW) | st.none(), seen_at=st.just(NOW) | st.none()),
    ),
    Night: st.builds(
        Night,
        st.builds(QuietHours, times, times),
        st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"]),
    ),
    Usage: st.builds(
        Usage,
        limit=st.integers(1, 3),
        per=st.floats(1, 3600),
        sent=st.integers(0, 5),
        plan=st.none() | st.just(WindowPlan(key="type:RESET", every=60.0)),
    ),
    WindowPlan: st.just(WindowPlan(key="daily", every=DAILY))
    | st.builds(WindowPlan, key=st.just("type:RESET"), every=st.floats(1, 3600)),
}
"""Of every gate all the facts that it could find."""


def case(**fields: Any) -> Case:
    return Case(**{"type": "RESET", "user": "ann", "channel": EMAIL, "now": NOW, "due_at": NOW, **fields})


def stops(fact: Any) -> str | None:
    """The rule that holds even what is critical: a kill switch, no mailbox, or an operator's own word. None: nothing does."""
    match fact:
        case Flag(type_on=on, channel_on=channel_on) if not (on and channel_on):
            return "switch"
        case Share(percent=0):
            return "rollout"
        case MailAddress(email=None):
            return "address"
        case Suppressed(entries) if any(
            each.scope == EVERYTHING and each.reason in (Reason.HARD_BOUNCE, Reason.MANUAL)
            for each in entries
        ):
            return "suppression"
    return None


def test_no_gate_is_left_out_here():
    assert {gate.facts for gate in GATES} == set(facts_of)


moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware by `timezones`


@given(st.tuples(*(facts.filter(lambda fact: stops(fact) is None) for facts in facts_of.values())), moments)
def test_a_critical_mail_passes_every_gate_whatever_it_finds(facts: Any, at: datetime):
    assert decide(case(critical=True, category="account", now=at, due_at=at), facts) == Send()


@given(st.tuples(*facts_of.values()))
def test_only_a_kill_switch_a_mailbox_that_takes_none_and_an_operators_word_hold_it(facts: Any):
    verdict = decide(case(critical=True, category="account"), facts)

    rule = next((found for fact in facts if (found := stops(fact)) is not None), None)
    assert (verdict.rule if isinstance(verdict, Skip) else verdict) == (Send() if rule is None else rule)


def test_the_same_facts_stop_what_is_not_critical():
    refused = PreferenceCell(Cell(False, CellOrigin.CATEGORY))
    night = Night(QuietHours(time(22), time(7)), "UTC")

    assert decide(case(), [refused, night]) == Skip(
        rule="preferences", detail="ann wants nothing of its category by this channel"
    )
    held = decide(case(), [night])
    assert isinstance(held, Delay)
    end = datetime(2026, 11, 27, 7, tzinfo=UTC)
    assert end <= held.until < end + timedelta(seconds=SPREAD_SECONDS)
    assert (held.rule, decide(case(now=held.until, due_at=NOW), [night])) == ("quiet_hours", Send())
    # Mail that is due after the night is not held by it.
    assert decide(case(due_at=end), [night]) == Send()


def test_what_expires_before_the_night_is_over_is_not_held_for_nothing():
    night = Night(QuietHours(time(22), time(7)), "UTC")
    held = decide(case(), [night])
    assert isinstance(held, Delay)

    assert decide(case(expires_at=held.until + timedelta(seconds=1)), [night]) == held
    assert decide(case(expires_at=held.until), [night]) == Skip(
        rule="quiet_hours", detail="it expires in the quiet hours of ann"
    )
    assert decide(case(expires_at=held.until, critical=True), [night]) == Send()


class People:
    """All that is known of Ann."""

    in_use = True

    def __init__(self, document: dict[str, Any], timezone: str | None = None) -> None:
        self._document = document
        self._timezone = timezone

    async def of_many(self, users: Any) -> dict[str, UserPreferences]:
        return {"ann": UserPreferences(document=self._document, version=1)} if "ann" in users else {}

    async def contacts(self, users: Any) -> dict[str, Contact]:
        return {
            user: Contact(user=user, email=f"{user}@example.org", timezone=self._timezone) for user in users
        }

    async def matching(self, addresses: Any, *, roughly: bool) -> dict[str, Any]:
        """No address is suppressed."""
        del addresses, roughly
        return {}


def _judge(people: People, *, zone: str = "UTC", digests: Any = NO_DIGESTS) -> Judge:
    catalog = LiveCatalog()
    types = [
        NotificationType(name="RESET", category="account", critical=True, email=EmailRule()),
        NotificationType(name="NEWS", category="account", email=EmailRule()),
        NotificationType(name="OFFER", category="offers", opt_in=True, email=EmailRule()),
    ]
    catalog.replace(
        Catalog(
            default_locale="en",
            categories={
                "account": Category(key="account", names={"en": "Account"}),
                "offers": Category(key="offers", names={"en": "Offers"}, opt_in=True),
            },
            types={each.name: each for each in types},
            templates={},
            version="1",
        )
    )

    async def nobody_online(user: str) -> bool:
        del user
        return False

    return Judge(
        Sources(
            catalog=catalog, contacts=people, preferences=people, receipts=None,  # type: ignore[arg-type]  # nobody asks
            suppressions=people, is_online=nobody_online, zone=ZoneInfo(zone), digests=digests,
        )
    )  # fmt: skip


async def test_of_one_reader_the_critical_mail_goes_and_the_other_does_not():
    judge = _judge(People({"channels": {"email": False}}))
    cases = [case(), case(type="NEWS"), case(type="UNKNOWN"), case(type="NEWS", user="bob"), case(user=None)]

    for moment in (Moment.EMIT, Moment.PREVIEW):
        verdicts = [judged.verdict for judged in await judge.judge(cases, moment)]
        assert [type(verdict) for verdict in verdicts] == [Send, Skip, Skip, Send, Send]
    explained = await judge.explain(case())
    assert explained.verdict == Send()


class Digests:
    """Of a night in which so many mails were held for Ann."""

    def __init__(self, held: int) -> None:
        self._held = held

    async def has_company(self, room: str, *, key: str, rule: str, besides: str, now: datetime) -> bool:
        assert (room, key, rule, besides, now) == ("user:ann", "quiet", "quiet_hours", "1", NOW)
        return self._held > 1


async def test_several_that_were_held_come_in_one_mail_and_one_alone_by_itself():
    held = case(type="OTHER", room="user:ann", notification_id="1", was_held=True)

    for count in (1, 2):
        judge = _judge(People({}), digests=Digests(count))
        (judged,) = await judge.judge([held], Moment.LEASE)
        assert isinstance(judged.verdict, Merge) is (count > 1)
        (fresh,) = await judge.judge([case(type="OTHER", room="user:ann", notification_id="1")], Moment.LEASE)
        assert fresh.verdict == Send()
    assert judged.verdict.detail == "ann gets one mail of what quiet hours have held"
    (alone,) = await _judge(People({})).judge([held], Moment.LEASE)
    assert alone.verdict == Send()


async def test_mail_of_an_opt_in_category_goes_to_who_has_asked_for_it_and_to_nobody_else():
    judge = _judge(People({"categories": {"offers": {"email": True}}}))

    asked = [case(type="OFFER", user=user) for user in ("ann", "bob")]
    ann, bob = await judge.judge([*asked], Moment.EMIT)
    (alone,) = await judge.judge([case(type="OFFER", user="bob")], Moment.LEASE)

    assert ann.verdict == Send()
    assert (
        bob.verdict
        == alone.verdict
        == Skip(rule="preferences", detail="bob has not asked for mail of its category")
    )


async def test_what_the_gates_have_found_can_be_shown():
    judge = _judge(
        People({"quiet_hours": {"start": "22:00", "end": "07:00"}, "types": {"NEWS": {"email": True}}})
    )

    explained = await judge.explain(case(type="NEWS"))

    facts = {step.rule: msgspec.to_builtins(step.fact) for step in explained.steps if step.fact is not None}
    assert facts["preferences"] == {"cell": {"value": True, "origin": "type"}}
    assert facts["quiet_hours"] == {
        "hours": {"start": "22:00:00", "end": "07:00:00", "days": WEEKDAYS},
        "zone": "UTC",
    }
    assert isinstance(explained.verdict, Delay)


async def test_a_night_is_that_of_the_readers_own_zone_then_of_what_a_backend_told_then_the_gateways():
    hours = {"quiet_hours": {"start": "22:00", "end": "07:00"}}
    noon = datetime(2026, 11, 26, 12, tzinfo=UTC)
    asked = [case(type="NEWS", now=noon, due_at=noon)]

    for people, zone, is_night in (
        (People(hours), "UTC", False),
        (People(hours), "Pacific/Auckland", True),
        (People(hours, "Pacific/Auckland"), "UTC", True),
        (People(hours | {"timezone": "UTC"}, "Pacific/Auckland"), "Pacific/Auckland", False),
        (People({"timezone": "Pacific/Auckland"}), "UTC", False),
    ):
        (judged,) = await _judge(people, zone=zone).judge(asked, Moment.EMIT)
        assert isinstance(judged.verdict, Delay) is is_night
