"""What comes of a report: what became of its mail, and who is suppressed for it."""

import asyncio
from datetime import timedelta

import pytest

from gateway.notify.returns import reports
from gateway.notify.returns.fates import Fate, StraysRequest
from gateway.notify.suppressions.listing import LiftRequest, SuppressionsRequest
from storage.ids import uuid7
from storage.mail import LaneName, MailState
from storage.notifications import Entry
from storage.suppressions import Reason
from tests.support.corpus import RECIPIENT, SAMPLES, Sample
from tests.unit.gateway.returns.desk import Desk, by_name, fate
from tests.unit.gateway.suppressions.listing import NOW


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
async def test_each_of_the_corpus_has_the_fate_that_it_says(desk: Desk, sample: Sample) -> None:
    id_ = await desk.sent()

    dealt = await desk.take(sample, id_)

    state = (await desk.mail(id_)).state
    expected = fate(sample)
    assert dealt.fate is expected
    assert state == (expected.value if expected in tuple(MailState) else "sent")
    hard = sample.severity == "hard" and expected is Fate.BOUNCED
    assert await desk.listed() == ([(RECIPIENT, "*", "hard_bounce")] if hard else [])
    assert dealt.suppressed is hard
    assert await desk.strays() == ([id_] if expected is Fate.UNATTRIBUTED else [])
    lane = (
        None
        if expected is Fate.IGNORED and dealt.mail is None and not desk.counted[("transactional", expected)]
        else "transactional"
    )
    assert desk.counted == {(lane, expected): 1}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
async def test_without_our_address_and_our_message_id_none_of_the_corpus_changes_anything(
    desk: Desk, sample: Sample
) -> None:
    id_ = await desk.sent()

    dealt = await desk.returns.take(sample.raw())

    assert dealt.fate in (Fate.UNATTRIBUTED, Fate.IGNORED)
    assert (await desk.mail(id_)).state is MailState.SENT
    assert await desk.listed() == []


async def test_what_a_mail_came_back_with_stands_with_it(desk: Desk) -> None:
    id_ = await desk.sent()

    await desk.take(by_name("postfix-user-unknown"), id_)

    mail = await desk.mail(id_)
    assert mail.reason is not None
    assert mail.reason.startswith(
        "came back: 5.1.1 host mx.example.org[192.0.2.25] said: 550 5.1.1 <address> Recip"
    )
    [entry] = (await desk.suppressed.page(SuppressionsRequest())).items
    assert (entry.source, entry.evidence.mail, entry.evidence.code) == ("report", id_, "5.1.1")


async def test_a_report_that_comes_again_changes_nothing_also_after_a_lift(desk: Desk) -> None:
    id_ = await desk.sent()
    await desk.take(by_name("postfix-user-unknown"), id_)
    await desk.suppressed.lift(LiftRequest(address=RECIPIENT))

    again = await desk.take(by_name("postfix-user-unknown"), id_)

    assert (again.fate, again.suppressed) == (Fate.NOTED, False)
    assert await desk.listed() == []


@pytest.mark.parametrize(
    ("name", "fate_"), [("postfix-user-unknown", Fate.BOUNCED), ("arf-yahoo", Fate.COMPLAINED)]
)
async def test_a_report_that_comes_twice_at_once_counts_once(desk: Desk, name: str, fate_: Fate) -> None:
    """As SNS may post it, to two nodes: a brake that counts it twice would pause bulk mail for nothing."""
    id_ = await desk.sent(lane=LaneName.BULK)

    dealt = await asyncio.gather(*(desk.take(by_name(name), id_) for _ in range(4)))

    assert sorted(each.fate for each in dealt) == sorted([fate_] + [Fate.NOTED] * 3)
    assert desk.counted[("bulk", fate_)] == 1
    assert len(await desk.listed()) == 1


async def test_five_days_of_full_mailboxes_suppress_for_a_month(desk: Desk) -> None:
    fates = []
    for _ in range(5):
        fates.append(await desk.take(by_name("postfix-mailbox-full"), await desk.sent()))
        desk.clock.now += timedelta(days=1)

    assert [each.suppressed for each in fates] == [False] * 4 + [True]
    assert await desk.listed() == [(RECIPIENT, "*", "soft_bounce")]


async def test_a_complaint_about_bulk_mail_ends_bulk_mail_and_no_other(desk: Desk) -> None:
    id_ = await desk.sent(lane=LaneName.BULK)

    dealt = await desk.take(by_name("arf-yahoo"), id_)
    again = await desk.take(by_name("arf-aol"), id_)

    assert (dealt.fate, dealt.suppressed, again.fate) == (Fate.COMPLAINED, True, Fate.NOTED)
    assert await desk.listed() == [(RECIPIENT, "lane:bulk", Reason.COMPLAINT.value)]
    assert (await desk.mail(id_)).reason == "its reader complained: abuse"
    assert desk.counted[("bulk", Fate.COMPLAINED)] == 1


async def test_a_complaint_about_mail_that_somebody_waits_for_is_told_loudly(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    dealt = await desk.take(by_name("arf-yahoo"), await desk.sent())

    assert (dealt.fate, dealt.suppressed) == (Fate.COMPLAINED, False)
    assert [record.levelname for record in caplog.records if record.message == "mail came back"] == [
        "WARNING"
    ]
    assert RECIPIENT not in caplog.text


async def test_a_complaint_about_other_mail_ends_what_is_of_its_category(desk: Desk) -> None:
    id_ = await desk.sent(entry=Entry(category="offers", locale="en"))

    dealt = await desk.take(by_name("arf-yahoo"), id_)

    assert (dealt.fate, dealt.suppressed) == (Fate.COMPLAINED, True)
    assert await desk.listed() == [(RECIPIENT, "category:offers", Reason.COMPLAINT.value)]


async def test_what_is_heard_outweighs_what_was_heard_before_and_never_less(desk: Desk) -> None:
    id_ = await desk.sent()
    heard = []
    for name in (
        "postfix-delivered",
        "postfix-user-unknown",
        "postfix-delivered",
        "arf-yahoo",
        "postfix-policy",
    ):
        await desk.take(by_name(name), id_)
        heard.append((await desk.mail(id_)).state.value)

    assert heard == ["delivered", "bounced", "bounced", "complained", "complained"]


async def test_a_mail_that_stands_by_itself_comes_back_too(desk: Desk) -> None:
    await desk.owe_apart(uuid7())
    id_ = await desk._send(LaneName.BULK)

    dealt = await desk.take(by_name("gmail-not-found"), id_)

    assert (dealt.fate, dealt.suppressed) == (Fate.BOUNCED, True)
    assert (await desk.mail(id_)).state is MailState.BOUNCED


async def test_a_report_of_a_mail_that_is_tried_again_suppresses_its_address(desk: Desk) -> None:
    """The relay had taken it, and its answer was lost."""
    id_ = await desk.owe()

    dealt = await desk.take(by_name("postfix-user-unknown"), id_)

    assert (dealt.fate, dealt.suppressed) == (Fate.BOUNCED, True)
    assert (await desk.mail(id_)).state is MailState.PENDING


async def test_a_report_of_a_mail_that_is_not_kept_any_more_changes_nothing(desk: Desk) -> None:
    dealt = await desk.take(by_name("postfix-user-unknown"), uuid7())

    assert dealt.fate is Fate.UNATTRIBUTED
    assert await desk.listed() == []


async def test_a_mail_that_was_forgotten_suppresses_nobody(desk: Desk) -> None:
    id_ = await desk.sent(lane=LaneName.BULK)
    await desk.store.people.erase_user("ann", "user:ann", now=NOW)

    await desk.take(by_name("arf-yahoo"), id_)

    assert await desk.listed() == []


async def test_what_changes_nothing_is_kept_for_a_month_and_not_without_bound(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "STRAYS", 5)
    for number in range(8):
        await desk.returns.take(b"Subject: No %d\r\n\r\nHello" % number + b"x" * 100_000)
        desk.clock.now += timedelta(seconds=1)

    page = await desk.returns.page(StraysRequest(limit=3))
    following = await desk.returns.page(StraysRequest(limit=3, before=page.next))
    kept = [*page.items, *following.items]
    assert [each.subject for each in kept] == [f"No {n}" for n in (7, 6, 5, 4, 3)]
    assert all(len(each.raw) <= 16 * 1024 for each in kept)
    assert following.next is None

    desk.clock.now += timedelta(days=31)
    desk.clock.may_delete = False
    await desk.returns.keep_house()
    assert len(await desk.strays()) == 5
    desk.clock.may_delete = True
    await desk.returns.keep_house()
    assert await desk.strays() == []
