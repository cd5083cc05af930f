"""What happens is told as events: of each thing one, in the series that it is of, with what follows from it."""

import pytest

from gateway.catalog.channels import EMAIL
from gateway.notify.clicks.news import Clicked
from gateway.notify.delivery import events
from gateway.notify.stats import noting
from mailer.outcomes import MailOutcome, Result
from storage.clicks import HitKind
from storage.events import Outcome
from storage.ids import uuid7
from storage.inboxes import Marked, Selection
from storage.mail import LaneName, MailState
from storage.notifications import Entry, Words
from storage.obligations import Kind, Subject
from tests.contract.store_cases import mail, notification, put
from tests.unit.gateway.stats.process import NOON, Process, series

CHANGED = Marked(changed=1, unread=0, heads={})


async def test_emits_are_told_as_numbers_by_room_mail_and_rule(process: Process):
    skipped = Outcome.SKIPPED
    hidden = Entry(hidden_by="switch")
    off = mail(lane=LaneName.BULK)
    emitted = process.noter.heard.emitted
    for seq in (1, 2):
        emitted([notification("user:ann", type="ORDER", seq=seq)], "shop")
    emitted([notification("topic:deals", type="SALE", seq=1)], "shop")
    emitted([notification("user:ann", type="BILL", seq=3, mail=mail())], "shop")
    emitted([notification("user:ann", type="BILL", in_app=False, mail=mail())], "shop")
    emitted([notification("user:ann", type="HIDDEN", in_app=False, entry=hidden)], "shop")
    emitted([notification("user:ann", type="PLAIN", in_app=False, entry=Entry())], "shop")
    emitted([notification("user:ann", type="LIVE"), notification("all", type="LIVE")], "shop")
    by_rule = mail()
    emitted(
        [
            notification(
                f"user:{user}",
                type="NEWS",
                seq=1,
                mail=type(by_rule)(
                    order=off.order,
                    state=MailState.SKIPPED,
                    due_at=NOON,
                    updated_at=NOON,
                    decided_by="preferences",
                ),
            )
            for user in ("ann", "bob")
        ],
        "shop",
    )

    await process.noter.flush()

    bulk = {"lane": "bulk"}
    assert await process.told() == {
        (series("ORDER"), Outcome.EMITTED): 2,
        (series("SALE", "shared"), Outcome.EMITTED): 1,
        (series("BILL"), Outcome.EMITTED): 1,
        (series("BILL", "email", lane="transactional"), Outcome.ACCEPTED): 2,
        (series("HIDDEN", rule="switch"), skipped): 1,
        (series("NEWS"), Outcome.EMITTED): 2,
        (series("NEWS", "email", **bulk), Outcome.ACCEPTED): 2,
        (series("NEWS", "email", rule="preferences", **bulk), skipped): 2,
    }
    await process.noter.flush()
    assert process.notes == 1


async def test_a_frame_of_several_languages_tells_what_one_of_one_does(process: Process):
    plain = notification("user:ann", type="ORDER", seq=1)
    spoken = notification(
        "all",
        type="NEWS",
        seq=1,
        entry=Entry(locale="en", translations={"de": Words("Neues"), "fr": Words("x")}),
    )
    for each in (plain, spoken, plain):
        process.noter.heard.written(each.room, events.frame("notification", each))

    await process.noter.flush()

    assert await process.told() == {
        (series("ORDER"), Outcome.DELIVERED): 1,
        (series("NEWS", "shared"), Outcome.DELIVERED): 1,
    }


async def test_of_a_frame_whose_notification_is_known_nothing_is_read(process: Process):
    """The key is the same as of a frame that another node has written, so it counts once."""
    here, there = notification("user:ann", type="ORDER", seq=1), notification("all", type="NEWS", seq=1)
    process.noter.heard.written(there.room, events.frame("notification", there))
    for each in (here, there):
        process.noter.heard.written(each.room, b"no frame", (each.id, each.type))

    await process.noter.flush()

    assert await process.told() == {
        (series("ORDER"), Outcome.DELIVERED): 1,
        (series("NEWS", "shared"), Outcome.DELIVERED): 1,
    }


async def test_who_has_read_has_seen_and_what_is_in_no_room_of_the_readers_counts_for_nothing(
    process: Process,
):
    [own, shared, others] = await put(
        process.store,
        notification("user:ann", type="ORDER"),
        notification("all", type="NEWS"),
        notification("user:bob", type="ORDER"),
    )
    rooms = ("user:ann", "all")
    ids = [own.id, shared.id, others.id, own.id, "unknown"]
    process.noter.heard.marked(Outcome.CLICKED, "ann", rooms, ids, CHANGED)
    process.noter.heard.marked(Outcome.SEEN, "bob", ("all",), [shared.id], CHANGED)
    process.noter.heard.marked(Outcome.READ, "bob", ("all",), [own.id], Marked(changed=0, unread=0, heads={}))

    await process.noter.flush()

    delivered, seen, read, clicked = Outcome.DELIVERED, Outcome.SEEN, Outcome.READ, Outcome.CLICKED
    assert await process.told() == {
        **{(series("ORDER"), outcome): 1 for outcome in (delivered, seen, read, clicked)},
        **{(series("NEWS", "shared"), outcome): 1 for outcome in (delivered, read, clicked)},
        (series("NEWS", "shared"), seen): 2,
    }


async def test_what_is_said_in_several_ways_is_told_apart_however_it_is_heard_of(process: Process):
    """A frame does not tell the variant: of types that have some it is looked up."""
    (tried,) = await put(process.store, notification("user:ann", type="TRIED", entry=Entry(variant="b")))
    (other,) = await put(process.store, notification("user:ann", type="ORDER"))
    for each in (tried, other):
        process.noter.heard.emitted_in_variants([each], "shop")
        process.noter.heard.written(each.room, events.frame("notification", each))
    process.noter.heard.replayed([tried])
    process.noter.heard.marked(Outcome.SEEN, "ann", ["user:ann"], [tried.id], CHANGED)
    of = Subject(kind=Kind.NOTIFICATION, id=tried.id)
    process.noter.heard.mailed(
        LaneName.BULK,
        MailOutcome(id=tried.id, of=of, type="TRIED", result=Result.SENT, seconds=0, attempts=1, variant="b"),
    )
    process.noter.heard.mail_returned(Outcome.BOUNCED, tried, LaneName.BULK)

    await process.noter.flush()

    in_app, mailed = series("TRIED", variant="b"), series("TRIED", "email", lane="bulk", variant="b")
    assert await process.told() == {
        **{(in_app, outcome): 1 for outcome in (Outcome.EMITTED, Outcome.DELIVERED, Outcome.SEEN)},
        **{(mailed, outcome): 1 for outcome in (Outcome.SENT, Outcome.BOUNCED)},
        **{(series("ORDER"), outcome): 1 for outcome in (Outcome.EMITTED, Outcome.DELIVERED)},
    }


async def test_reading_all_tells_of_what_was_not_read_before(process: Process):
    stored = await put(process.store, *(notification("user:ann", type="ORDER") for _ in range(5)))
    inboxes = process.store.inboxes
    await inboxes.read(Selection("ann", ["user:ann"], [stored[0].id], now=NOON))
    marked = await inboxes.read_all("ann", ["user:ann"], now=NOON)
    await put(process.store, notification("user:ann", type="ORDER"))

    process.noter.heard.marked(Outcome.READ, "ann", ["user:ann"], [stored[0].id], CHANGED)
    process.noter.heard.marked(Outcome.READ, "ann", ["user:ann"], None, marked)
    await process.noter.flush()

    assert (await process.told())[series("ORDER"), Outcome.READ] == 5
    again = await inboxes.read_all("ann", ["user:ann"], now=NOON)
    assert again.read_from == {"user:ann": 5}


async def test_mail_that_stands_by_itself_is_accepted_when_it_ends(process: Process):
    campaign, digest, own = (
        Subject(kind=Kind.CAMPAIGN, id="autumn"),
        Subject(kind=Kind.DIGEST, id="d"),
        uuid7(),
    )
    of_campaign = uuid7()

    def ended(id_: str, of: Subject, result: Result, rule: str | None = None) -> MailOutcome:
        return MailOutcome(id=id_, of=of, type="NEWS", result=result, seconds=0, attempts=1, rule=rule)

    for outcome in (
        ended(of_campaign, campaign, Result.SENT),
        ended(of_campaign, campaign, Result.SENT),
        ended(uuid7(), digest, Result.SKIPPED, "quiet"),
        ended(own, Subject(kind=Kind.NOTIFICATION, id=own), Result.BURIED),
        ended(uuid7(), digest, Result.POSTPONED),
    ):
        process.noter.heard.mailed(LaneName.BULK, outcome)
    told = notification("user:ann", id=of_campaign, type="NEWS")
    process.noter.heard.mail_returned(Outcome.DELIVERED, told, LaneName.BULK)
    await process.noter.flush()
    process.noter.heard.mail_returned(Outcome.BOUNCED, told, LaneName.BULK)
    process.noter.heard.mail_returned(Outcome.BOUNCED, told, LaneName.BULK)

    await process.noter.flush()

    autumn = series("NEWS", "email", lane="bulk", campaign="autumn")
    plain = series("NEWS", "email", lane="bulk")
    assert await process.told() == {
        (autumn, Outcome.ACCEPTED): 1,
        (autumn, Outcome.SENT): 1,
        (autumn, Outcome.BOUNCED): 1,
        (autumn, Outcome.DELIVERED): 1,
        (plain, Outcome.ACCEPTED): 1,
        (plain._replace(rule="quiet"), Outcome.SKIPPED): 1,
        (plain, Outcome.DEAD): 1,
    }


async def test_a_click_right_behind_its_mail_counts_in_the_campaign(
    process: Process, monkeypatch: pytest.MonkeyPatch
):
    """However much lies between the two of what is told together."""
    monkeypatch.setattr(noting, "STEP", 1)
    mail_id = uuid7()
    campaign = Subject(kind=Kind.CAMPAIGN, id="c")
    process.noter.heard.mailed(
        LaneName.BULK,
        MailOutcome(id=mail_id, of=campaign, type="NEWS", result=Result.SENT, seconds=0, attempts=1),
    )
    process.noter.heard.clicked(
        Clicked(
            user="ann", type="NEWS", channel=EMAIL, notification=None, mail=mail_id, kind=HitKind.HUMAN,
            is_first=True, at=NOON,
        )
    )  # fmt: skip

    await process.noter.flush()

    letter = series("NEWS", "email", lane="bulk", campaign="c")
    assert await process.told() == {
        (letter, outcome): 1 for outcome in (Outcome.ACCEPTED, Outcome.SENT, Outcome.CLICKED)
    }


async def test_a_persons_click_in_a_mail_counts_in_the_mail_and_in_the_app(process: Process):
    [own] = await put(process.store, notification("user:ann", type="ORDER"))
    old, mail_id = uuid7(), uuid7()
    sent = MailOutcome(
        id=mail_id,
        of=Subject(kind=Kind.CAMPAIGN, id="c"),
        type="NEWS",
        result=Result.SENT,
        seconds=0,
        attempts=1,
    )
    process.noter.heard.mailed(LaneName.BULK, sent)
    await process.noter.flush()

    def click(mail_id: str | None, kind: HitKind, notification: str | None = None, **rest: bool) -> Clicked:
        return Clicked(
            user="ann", type="NEWS", channel=EMAIL, notification=notification, mail=mail_id, kind=kind,
            is_first=True, at=NOON, **rest,
        )  # fmt: skip

    for each in (
        click(mail_id, HitKind.HUMAN, own.id),
        click(mail_id, HitKind.UNKNOWN, is_confirmed=True),
        click(uuid7(), HitKind.BOT),
        click(None, HitKind.HUMAN),
        click(old, HitKind.HUMAN),
    ):
        process.noter.heard.clicked(each)
    await process.noter.flush()

    letter = series("NEWS", "email", lane="bulk", campaign="c")
    in_app = (Outcome.DELIVERED, Outcome.SEEN, Outcome.READ, Outcome.CLICKED)
    assert await process.told() == {
        **{(letter, outcome): 1 for outcome in (Outcome.ACCEPTED, Outcome.SENT, Outcome.CLICKED)},
        (series("NEWS", "email"), Outcome.CLICKED): 1,
        **{(series("ORDER"), outcome): 1 for outcome in in_app},
    }
