"""A newsletter, from its draft to the mailboxes: each recipient is decided for once, gets one mail at most, and is accounted for."""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import jwt
import pytest

from gateway.ground import encoding
from gateway.notify.campaigns.steps import LATEST, LEFT_ALONE, MISSED
from gateway.protocol.offered.campaigns import OPERATIONS
from storage.campaigns import CampaignState
from storage.mail import LaneName
from tests.journeys.news import catalog, ended, fill, make, people, sums, told
from tests.journeys.test_mailing import spooled, until
from tests.support.gateway import SECRET, Gateway, gateway, gateway_process, token
from tests.support.node import NodeProcess
from tests.support.smtp import Reply, SMTPRelay, Wait

UNSUBSCRIBED = {"categories": {"news": {"email": False}}}


@pytest.fixture
async def here(tmp_path: Path, store: dict[str, str]) -> AsyncIterator[Gateway]:
    async with gateway(tmp_path, CATALOG=catalog(tmp_path), **store) as started:
        yield started


async def put(here: Gateway, method: str, path: str, body: Any) -> None:
    answered = await here.ask(method, path, body=body)
    assert answered.status == 200, answered


def subjects(folder: Path) -> dict[str, str]:
    """Of each address that got mail; none got two."""
    mails = spooled(folder)
    found = {mail["To"]: mail["Subject"] for mail in mails}
    assert len(found) == len(mails)
    return found


async def test_each_who_is_imported_is_decided_for_and_gets_one_mail_at_most(here: Gateway, tmp_path: Path):
    await put(here, "PUT", "/internal/users/known", {"email": "known@example.org", "locale": "de-AT"})
    await put(here, "PATCH", "/internal/users/no/preferences", UNSUBSCRIBED)
    await here.ask("POST", "/internal/suppressions", body={"address": "gone@example.org", "reason": "manual"})
    id_ = await make(here)

    imported = await fill(
        here,
        id_,
        [
            {"user": "ann", "address": "ann@example.org", "data": {"first": "Ann"}},
            {"address": "Bob@Example.org", "locale": "de"},
            {"user": "known"},
            {"user": "no", "address": "no@example.org"},
            {"user": "lost"},
            {"user": "gone", "address": "gone@example.org"},
            {"user": "twin", "address": "ANN@example.org"},
            {"user": "ann", "address": "other@example.org"},
            {"user": "odd", "data": {"issue": "seven"}},
            {"nobody": 1},
        ],
    )
    dry = await told(here, "POST", f"/{id_}/dry_run")
    await told(here, "POST", f"/{id_}/start")
    accounting = await ended(here, id_)

    assert {name: imported[name] for name in ("received", "added", "known", "refused")} == {
        "received": 10, "added": 7, "known": 1, "refused": 2,
    }  # fmt: skip
    assert [each["line"] for each in imported["errors"]] == [9, 10]
    assert (dry["looked_at"], dry["send"], dry["skipped"]) == (
        7, 4, {"address": 1, "preferences": 1, "suppression": 1},
    )  # fmt: skip
    assert sums(accounting) == {"sent": 3, "skipped": 4}
    assert accounting["skipped_by"] == {"address": 1, "preferences": 1, "suppression": 1, "duplicate": 1}
    found = subjects(tmp_path)
    assert {"Bob@example.org" if "ob@" in each else each: said for each, said in found.items()} in (
        {"ann@example.org": "Issue 7 for Ann", "Bob@example.org": "Ausgabe 7", "known@example.org": "Ausgabe 7"},
        {"ANN@example.org": "Issue 7", "Bob@example.org": "Ausgabe 7", "known@example.org": "Ausgabe 7"},
    )  # fmt: skip
    page = await told(here, "GET", f"/{id_}/recipients?state=skipped&limit=2")
    rest = await told(here, "GET", f"/{id_}/recipients?state=skipped&after={page['next']}")
    wrong = await told(here, "GET", f"/{id_}/recipients?state=clicked&after=nonsense", status=422)
    assert set(wrong["errors"]) == {"after"}
    skipped = [*page["recipients"], *rest["recipients"]]
    assert {each["user"]: each["decided_by"] for each in skipped if each["user"] not in ("ann", "twin")} == {
        "no": "preferences", "lost": "address", "gone": "suppression",
    }  # fmt: skip
    # Nobody's consent was touched by it.
    assert (await here.ask("GET", "/internal/users/no/preferences")).body["categories"] == UNSUBSCRIBED[
        "categories"
    ]


CONSENT = {"at": "2026-03-01T09:12:00.000Z", "source": "shop.example/letter, double opt-in"}


def consenting(*users: str) -> list[dict[str, Any]]:
    return [{"user": user, "address": f"{user}@example.org", "consent": CONSENT} for user in users]


async def choose(here: Gateway, user: str, **patch: Any) -> None:
    await put(here, "PATCH", f"/internal/users/{user}/preferences", patch)


async def test_a_consent_that_is_proven_counts_and_never_over_what_its_person_has_said(
    here: Gateway, tmp_path: Path
):
    await choose(here, "said-no", categories={"letters": {"email": False}})
    await choose(here, "no-more", categories={"letters": {"email": True}})
    await choose(here, "no-more", categories={"letters": None})
    await choose(here, "german", locale="de")
    id_ = await make(here, type="LETTER")
    rows = [
        *consenting("ann", "said-no", "no-more", "german"),
        {"address": "Zoe@example.org", "consent": CONSENT},
        {"user": "silent", "address": "silent@example.org"},
        {
            "user": "early",
            "address": "early@example.org",
            "consent": CONSENT | {"at": "2099-01-01T00:00:00Z"},
        },
    ]

    imported = await fill(here, id_, rows)
    again = await fill(here, id_, rows)
    await told(here, "POST", f"/{id_}/start")
    accounting = await ended(here, id_)

    assert (imported["added"], imported["agreed"], imported["refused"]) == (6, 3, 1)
    assert (imported["errors"][0]["line"], "ahead" in imported["errors"][0]["problem"]) == (7, True)
    assert (again["known"], again["agreed"]) == (6, 0)
    assert set(subjects(tmp_path)) == {"ann@example.org", "german@example.org", "Zoe@example.org"}
    assert accounting["skipped_by"] == {"preferences": 3}
    chosen = (await here.ask("GET", "/internal/users/ann/preferences")).body
    assert chosen["categories"] == {"letters": {"email": True}}
    [change] = chosen["changes"]
    assert (change["by"], change["asked"]) == (
        "service:shop", {"categories": {"letters": {"email": True}}, "consent": CONSENT}
    )  # fmt: skip
    # A no that comes after it stays, however often the same list is imported.
    await choose(here, "ann", categories={"letters": {"email": False}})
    assert (await fill(here, await make(here, type="LETTER"), rows))["agreed"] == 0


async def test_a_consent_goes_over_no_withdrawal_that_names_no_mail(tmp_path: Path, store: dict[str, str]):
    """What replaces all leaves the yes out, and a click on the link of an old mail comes while mail is off already."""
    links = {"BASE_URL": "https://shop.example", "LINK_SECRET": "a-secret-of-links-that-is-long-enough"}
    async with gateway(tmp_path, CATALOG=catalog(tmp_path), **links, **store) as here:
        for user in ("replaced", "clicked"):
            await choose(here, user, categories={"letters": {"email": True}})
        old = await make(here, type="LETTER")
        await fill(here, old, [{"user": "clicked", "address": "clicked@example.org"}])
        await told(here, "POST", f"/{old}/start")
        await ended(here, old)
        [mail] = spooled(tmp_path)
        found = re.search(r"<https://shop\.example(/u/[^>]+)>", mail["List-Unsubscribe"])
        assert found is not None
        await choose(here, "clicked", categories={"letters": None})
        proof = {"at": encoding.time(datetime.now(UTC)), "source": "a form of the shop"}

        await put(here, "PUT", "/internal/users/replaced/preferences", {"locale": "de"})
        one_click = {"Content-Type": "application/x-www-form-urlencoded"}
        clicked = await here.request(
            "POST", here.public + found[1], raw=b"List-Unsubscribe=One-Click", headers=one_click
        )
        rows = [{**row, "consent": proof} for row in consenting("replaced", "clicked")]
        imported = await fill(here, await make(here, type="LETTER"), rows)

        assert clicked.status == 200
        assert (imported["added"], imported["agreed"]) == (2, 0)
        changes = (await here.ask("GET", "/internal/users/replaced/preferences")).body["changes"]
        assert changes[0]["asked"] == {"categories": None, "locale": "de"}


async def test_who_may_not_choose_for_people_tells_of_no_consent(here: Gateway):
    sender = {"Authorization": f"Bearer {service_token('campaigns')}"}
    id_ = await make(here, type="LETTER")
    body = "".join(f"{json.dumps(row)}\n" for row in [*consenting("ann"), {"user": "bob"}]).encode()

    answered = await here.ask(
        "POST",
        f"/internal/campaigns/{id_}/recipients",
        raw=body,
        Content_Type="application/x-ndjson",
        **sender,
    )

    assert (answered.body["added"], answered.body["refused"], answered.body["agreed"]) == (1, 1, 0)
    assert "scope admin" in answered.body["errors"][0]["problem"]
    assert (await here.ask("GET", "/internal/users/ann/preferences")).body["version"] == 0


async def test_a_part_that_is_sent_again_adds_nobody_twice_and_csv_says_the_same(here: Gateway):
    id_ = await make(here)
    text = "email,user,locale,data.first\n" + "".join(f"u{n}@example.org,u{n},de,Zoë\n" for n in range(1200))

    answers = [
        (
            await here.ask(
                "POST", f"/internal/campaigns/{id_}/recipients", raw=text.encode(), Content_Type="text/csv"
            )
        ).body
        for _ in range(2)
    ]

    assert [(each["added"], each["known"]) for each in answers] == [(1200, 0), (0, 1200)]
    assert sums((await told(here, "GET", f"/{id_}"))["accounting"]) == {"pending": 1200}


async def test_the_members_of_a_topic_as_they_are_at_the_start_get_it(here: Gateway, tmp_path: Path):
    await put(here, "POST", "/internal/topics/garden/members", {"add": ["ann", "bob"]})
    for user in ("ann", "bob", "cara"):
        await put(here, "PUT", f"/internal/users/{user}", {"email": f"{user}@example.org"})
    id_ = await make(here, audience={"topic": "garden"})
    dry = await told(here, "POST", f"/{id_}/dry_run", {"limit": 1})
    rest = await told(here, "POST", f"/{id_}/dry_run", {"after": dry["next"]})

    await told(here, "POST", f"/{id_}/start")
    await ended(here, id_)
    await put(here, "POST", "/internal/topics/garden/members", {"add": ["cara"]})

    assert (dry["send"], rest["send"], rest["next"]) == (1, 1, None)
    assert sorted(subjects(tmp_path)) == ["ann@example.org", "bob@example.org"]
    refused = await here.ask(
        "POST", f"/internal/campaigns/{id_}/recipients", raw=b"{}", Content_Type="application/x-ndjson"
    )
    assert (refused.status, refused.body["code"]) == (409, "campaign_state")


async def test_the_users_whom_a_filter_lets_pass_get_it(here: Gateway, tmp_path: Path):
    for user, locale, plan in (
        ("ann", "de-AT", "pro"), ("bob", "de", "free"), ("cara", "en", "pro"), ("dan", None, "pro"),
    ):  # fmt: skip
        body = {"email": f"{user}@example.org", "locale": locale, "attributes": {"plan": plan, "n": 1}}
        await put(here, "PUT", f"/internal/users/{user}", body)
    id_ = await make(here, audience={"users": {"locale": "de", "attributes": {"plan": "pro", "n": 1}}})

    await told(here, "POST", f"/{id_}/start")

    assert sums(await ended(here, id_)) == {"sent": 1}
    assert subjects(tmp_path) == {"ann@example.org": "Ausgabe 7"}


async def test_what_is_mailed_to_those_who_asked_is_mailed_to_no_others(here: Gateway, tmp_path: Path):
    await put(here, "PATCH", "/internal/users/u1/preferences", {"types": {"ASKED_FOR": {"email": True}}})
    id_ = await make(here, type="ASKED_FOR", data={})
    await fill(here, id_, people(3))

    await told(here, "POST", f"/{id_}/start")

    accounting = await ended(here, id_)
    assert (sums(accounting), accounting["skipped_by"]) == ({"sent": 1, "skipped": 2}, {"preferences": 2})
    assert list(subjects(tmp_path)) == ["u1@example.org"]


async def test_who_takes_the_yes_back_while_the_mail_is_owed_gets_none(here: Gateway):
    """Also where nothing else is left that anybody has chosen."""
    chosen = "/internal/users/u0/preferences"
    await put(here, "PATCH", chosen, {"types": {"ASKED_FOR": {"email": True}}})
    await put(here, "POST", "/internal/lanes/bulk/pause", {"reason": "a look at the list"})
    id_ = await make(here, type="ASKED_FOR", data={})
    await fill(here, id_, people(1))
    await told(here, "POST", f"/{id_}/start")

    async def is_owed() -> bool:
        return sums((await told(here, "GET", f"/{id_}"))["accounting"]) == {"owed": 1}

    await until(is_owed)
    await put(here, "PATCH", chosen, {"types": {"ASKED_FOR": {"email": None}}})
    await put(here, "POST", "/internal/lanes/bulk/resume", None)

    accounting = await ended(here, id_)
    assert (sums(accounting), accounting["skipped_by"]) == ({"skipped": 1}, {"preferences": 1})
    [row] = (await told(here, "GET", f"/{id_}/recipients"))["recipients"]
    assert row["reason"] == "has not asked for it"


@pytest.mark.parametrize("act", ["read", "seen"])
async def test_who_has_read_it_in_the_app_or_seen_it_where_that_is_enough_gets_no_mail(
    tmp_path: Path, store: dict[str, str], node: NodeProcess, act: str
):
    """The room is told once; the mails are asked about it as they leave."""
    later = catalog(tmp_path)
    file = Path(later) / "catalog.toml"
    file.write_text(file.read_text().replace('unless = "read"', f'unless = "{act}", after = "2s"'))
    async with gateway(tmp_path, CATALOG=later, **store) as here:
        await put(here, "POST", "/internal/topics/garden/members", {"add": ["ann", "bob"]})
        for user in ("ann", "bob"):
            await put(here, "PUT", f"/internal/users/{user}", {"email": f"{user}@example.org"})
        client = await node.open(here.public, auth={"token": token("ann", topics=("garden",))})
        await client.event("ready")
        id_ = await make(here, audience={"topic": "garden"}, in_app="topic:garden")

        await told(here, "POST", f"/{id_}/start")
        shown = await client.event("notification")
        await client.call(act, {"ids": [shown["id"]]})

        accounting = await ended(here, id_)
        assert (sums(accounting), accounting["skipped_by"]) == ({"sent": 1, "skipped": 1}, {"unless": 1})
        assert shown["title"] == "Issue 7"
        assert (await told(here, "GET", f"/{id_}"))["notification"] == shown["id"]
        assert list(subjects(tmp_path)) == ["bob@example.org"]


async def test_a_test_goes_to_its_makers_and_makes_nobody_a_recipient(here: Gateway, tmp_path: Path):
    id_ = await make(here)

    sent = await told(
        here,
        "POST",
        f"/{id_}/test",
        {"to": ["me@example.org"], "locale": "de", "data": {"issue": 8}},
        status=202,
    )

    async def is_there() -> bool:
        return bool(spooled(tmp_path))

    await until(is_there)
    assert subjects(tmp_path) == {"me@example.org": "Ausgabe 8"}
    assert len(sent["mails"]) == 1
    assert (await told(here, "GET", f"/{id_}"))["accounting"]["imported"] == 0
    unfit = await here.ask(
        "POST", f"/internal/campaigns/{id_}/test", body={"to": ["me@example.org"], "data": {"issue": "x"}}
    )
    assert (unfit.status, list(unfit.body["errors"])) == (422, ["/data/issue"])


async def test_paused_nothing_leaves_and_cancelled_only_what_was_under_way(
    tmp_path: Path, store: dict[str, str]
):
    async with (
        SMTPRelay() as relay,
        gateway(
            tmp_path, CATALOG=catalog(tmp_path), MAIL_URL=relay.url(query="starttls=never"),
            BULK_CONCURRENCY="2", **store,
        ) as here,
    ):  # fmt: skip
        go_on = asyncio.Event()
        relay.on("DATA", Wait(go_on), Wait(go_on))
        id_ = await make(here)
        await fill(here, id_, people(30))
        await told(here, "POST", f"/{id_}/start")
        await relay.until(lambda: len(relay.waiting) == 2)

        paused = await told(here, "POST", f"/{id_}/pause")
        assert paused["state"] == "paused"
        go_on.set()
        await relay.until_received(2)

        async def are_sent() -> bool:
            mails = await here.ask("GET", "/internal/mail?state=sent")
            return len(mails.body["mail"]) == 2

        await until(are_sent)

        async def are_told_of() -> bool:
            accounting = (await told(here, "GET", f"/{id_}"))["accounting"]
            return bool(sums(accounting) == {"sent": 2, "owed": 28})

        await until(are_told_of)
        again = asyncio.Event()
        relay.on("DATA", Wait(again), Wait(again))
        relay.waiting.clear()
        assert (await told(here, "POST", f"/{id_}/resume"))["state"] == "running"
        await relay.until(lambda: len(relay.waiting) == 2)

        cancelled = await told(here, "POST", f"/{id_}/cancel")
        again.set()
        accounting = await ended(here, id_)

        assert (cancelled["cancelled"], cancelled["under_way"]) == (26, 2)
        assert sums(accounting) == {"sent": 4, "cancelled": 26}
        assert len(relay.received) == 4
        for act in ("start", "pause", "resume", "cancel", "retry"):
            refused = await here.ask("POST", f"/internal/campaigns/{id_}/{act}")
            assert (refused.status, refused.body["code"]) == (409, "campaign_state")


async def test_mails_that_wait_for_the_morning_keep_no_other_reader_waiting(
    here: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The quiet hours of the one have begun since the mail was owed, and no more than one may be owed."""
    monkeypatch.setattr("gateway.notify.campaigns.steps.AHEAD", 1)
    await put(here, "POST", "/internal/lanes/bulk/pause", {"reason": "a look at the list"})
    id_ = await make(here)
    await fill(here, id_, people(3))
    await told(here, "POST", f"/{id_}/start")

    async def is_owed() -> bool:
        return sums((await told(here, "GET", f"/{id_}"))["accounting"]) == {"owed": 1, "pending": 2}

    await until(is_owed)
    now = datetime.now(UTC)
    hours = {"start": f"{now - timedelta(hours=1):%H:%M}", "end": f"{now + timedelta(hours=2):%H:%M}"}
    [owed] = (await told(here, "GET", f"/{id_}/recipients?state=owed"))["recipients"]
    await put(here, "PATCH", f"/internal/users/{owed['user']}/preferences", {"quiet_hours": hours})
    await put(here, "POST", "/internal/lanes/bulk/resume", None)

    async def have_theirs() -> bool:
        return sums((await told(here, "GET", f"/{id_}"))["accounting"]) == {"sent": 2, "pending": 1}

    await until(have_theirs)
    [waiting] = (await told(here, "GET", f"/{id_}/recipients?state=pending"))["recipients"]
    assert (waiting["user"], waiting["decided_by"]) == (owed["user"], "quiet_hours")
    assert len(subjects(tmp_path)) == 2


@asynccontextmanager
async def a_dead_mail(
    folder: Path, store: dict[str, str]
) -> AsyncIterator[tuple[Gateway, SMTPRelay, str, str]]:
    """A gateway, its relay, a campaign to three that has ended, and the id of the one mail that the relay has refused."""
    async with (
        SMTPRelay() as relay,
        gateway(folder, CATALOG=catalog(folder), MAIL_URL=relay.url(query="starttls=never"), **store) as here,
    ):
        relay.refuse["u1@example.org"] = Reply("550 5.3.4 too much of it")
        id_ = await make(here)
        await fill(here, id_, people(3))
        await told(here, "POST", f"/{id_}/start")
        assert sums(await ended(here, id_)) == {"sent": 2, "dead": 1}
        [dead] = (await told(here, "GET", f"/{id_}/recipients?state=dead"))["recipients"]
        yield here, relay, id_, dead["mail"]


async def test_those_whom_the_relay_refused_are_tried_again_under_the_same_message_id(
    tmp_path: Path, store: dict[str, str]
):
    async with a_dead_mail(tmp_path, store) as (here, relay, id_, dead):
        relay.refuse.clear()
        assert await told(here, "POST", f"/{id_}/retry") == {"retried": 1}

        assert sums(await ended(here, id_)) == {"sent": 3}
        assert f"<{dead}@" in _message_ids(relay)[-1]
        assert await told(here, "POST", f"/{id_}/retry") == {"retried": 0}


async def test_a_dead_mail_whose_reviver_dies_halfway_is_sent_and_accounted_for(
    tmp_path: Path, store: dict[str, str]
):
    """The outbox has it back, and the campaign was not told: whoever leases the mail tells it."""
    async with a_dead_mail(tmp_path, store) as (here, relay, id_, dead):
        assert here.node is not None
        relay.refuse.clear()

        assert await here.node.store.outbox.revive([dead], now=datetime.now(UTC)) == [dead]
        here.node.wake_mailer([LaneName.BULK])

        async def is_sent() -> bool:
            return len(relay.received) == 3

        await until(is_sent)
        assert f"<{dead}@" in _message_ids(relay)[-1]
        assert sums(await ended(here, id_)) == {"sent": 3}


async def test_a_dead_mail_that_is_revived_after_its_campaign_was_cancelled_is_not_sent(
    tmp_path: Path, store: dict[str, str]
):
    async with a_dead_mail(tmp_path, store) as (here, relay, id_, dead):
        assert here.node is not None
        # As it is for one that is cancelled before it has ended.
        campaigns, of = here.node.store.campaigns, [CampaignState.FINISHED]
        assert await campaigns.cancel(id_, of, now=datetime.now(UTC)) is not None
        here.node.campaigns.runner.wake()

        async def is_at_rest() -> bool:
            return await campaigns.next_wake() is None

        await until(is_at_rest)
        relay.refuse.clear()

        assert (await here.ask("POST", f"/internal/mail/{dead}/revive")).status == 200

        async def is_seen_off() -> bool:
            [row] = (await told(here, "GET", f"/{id_}/recipients?state=cancelled"))["recipients"] or [{}]
            return row.get("mail_state") == "skipped"

        await until(is_seen_off)
        assert sums(await ended(here, id_)) == {"sent": 2, "cancelled": 1}
        assert len(relay.received) == 2


async def test_who_was_owed_a_mail_that_was_never_stored_is_cancelled_with_the_others(
    tmp_path: Path, mongo_url: str
):
    """The node that led it has died between the two writes that MongoDB takes, and somebody cancels it then."""
    settings = {"CATALOG": catalog(tmp_path), "STORE_URL": mongo_url, "MAIL_WORKER": "false"}
    async with gateway(tmp_path, **settings) as here:
        assert here.node is not None
        store: Any = here.node.store
        id_ = await make(here)
        await fill(here, id_, people(2))
        await told(here, "POST", f"/{id_}/start")

        async def are_owed() -> bool:
            return bool((await told(here, "GET", f"/{id_}"))["accounting"]["owed"] == 2)

        await until(are_owed)
        await told(here, "POST", f"/{id_}/pause")

        async def is_at_rest() -> bool:
            return await store.campaigns.next_wake() is None

        await until(is_at_rest)
        rows = store._operations.collections
        row = await rows["recipients"].find_one({"user": "u0"})
        await rows["obligations"].delete_one({"_id": row["mail"]})
        long_ago = {"$inc": {"updated_at": -2 * 60 * 1_000_000}}
        await rows["recipients"].update_one({"_id": row["_id"]}, long_ago)

        await told(here, "POST", f"/{id_}/cancel")

        assert sums(await ended(here, id_)) == {"cancelled": 2}


def _message_ids(relay: SMTPRelay) -> list[str]:
    return [message_from_bytes(each.content, policy=policy.default)["Message-ID"] for each in relay.received]  # type: ignore[arg-type]


async def test_a_node_that_is_killed_in_the_middle_costs_nobody_a_mail_and_gives_nobody_two(
    tmp_path: Path, store: dict[str, str]
):
    """What it had handed over and not written down goes out again, by another node, under the Message-ID that it had."""
    count = 60
    async with SMTPRelay() as relay:
        settings = {
            "CATALOG": catalog(tmp_path), "MAIL_URL": relay.url(query="starttls=never"), "MAIL_LEASE": "2",
        } | store  # fmt: skip
        settings.setdefault("STORE_URL", f"sqlite:///{tmp_path}/bellhop.db")
        async with gateway_process(tmp_path, **settings) as killed, gateway(tmp_path, **settings) as other:
            id_ = await make(killed.gateway)
            await fill(killed.gateway, id_, people(count))
            await told(killed.gateway, "POST", f"/{id_}/start")
            await relay.until_received(10)
            await killed.kill()

            accounting = await ended(other, id_)

        assert sums(accounting) == {"sent": count}
        by_address: dict[str, set[str]] = {}
        for received, message_id in zip(relay.received, _message_ids(relay), strict=True):
            by_address.setdefault(received.recipients[0], set()).add(message_id)
        assert Counter(map(len, by_address.values())) == {1: count}
        assert len(set().union(*by_address.values())) == count


async def test_a_campaign_begins_at_its_time_and_not_by_itself_when_that_is_long_over(here: Gateway):
    soon = datetime.now(UTC) + timedelta(seconds=1)
    id_ = await make(here, send_at=encoding.time(soon))
    await fill(here, id_, people(1))
    assert (await told(here, "POST", f"/{id_}/start"))["state"] == "scheduled"
    assert sums(await ended(here, id_)) == {"sent": 1}
    assert (await told(here, "GET", f"/{id_}"))["started_at"] >= encoding.time(soon)

    late = await make(here, send_at=encoding.time(datetime.now(UTC) - LATEST - timedelta(hours=1)))
    await fill(here, late, people(1))
    assert here.node is not None
    # As it was left by a gateway that was away for so long.
    now = here.node.clock()
    await here.node.store.campaigns.move(
        late, [CampaignState.DRAFT], CampaignState.SCHEDULED, now=now, wake_at=now
    )
    here.node.campaigns.runner.wake()

    async def is_paused() -> bool:
        found = await told(here, "GET", f"/{late}")
        return (found["state"], found["reason"]) == ("paused", MISSED)

    await until(is_paused)
    await here.node.keeping.housekeeper.tidy()
    assert here.node.campaigns.runner.stopped == 1
    await told(here, "POST", f"/{late}/resume")
    assert sums(await ended(here, late)) == {"sent": 1}


async def test_a_campaign_that_nobody_has_worked_on_for_long_does_not_go_on_by_itself(here: Gateway):
    assert here.node is not None
    id_ = await make(here)
    await fill(here, id_, people(2))
    campaigns, now = here.node.store.campaigns, here.node.clock()
    # As it is left by a gateway that is away for so long.
    await campaigns.move(
        id_, [CampaignState.DRAFT], CampaignState.RUNNING, now=now, wake_at=now - LATEST - timedelta(hours=1)
    )
    here.node.campaigns.runner.wake()

    async def is_paused() -> bool:
        found = await told(here, "GET", f"/{id_}")
        return (found["state"], found["reason"]) == ("paused", LEFT_ALONE)

    await until(is_paused)
    await told(here, "POST", f"/{id_}/resume")
    assert sums(await ended(here, id_)) == {"sent": 2}


async def test_each_waits_for_the_time_on_the_own_wall(here: Gateway):
    zones = ("Pacific/Kiritimati", "UTC", "Pacific/Niue")
    # An hour ago on the first wall, which is the same minute in none of the others.
    wall = datetime.now(UTC) + timedelta(hours=1)
    id_ = await make(here, local_time=wall.strftime("%H:%M"))
    await fill(here, id_, [{**each, "timezone": zone} for each, zone in zip(people(3), zones, strict=True)])

    dry = await told(here, "POST", f"/{id_}/dry_run")
    await told(here, "POST", f"/{id_}/start")

    async def all_wait() -> bool:
        page = await told(here, "GET", f"/{id_}/recipients?state=pending")
        return [each["decided_by"] for each in page["recipients"]] == ["local_time"] * 3

    await until(all_wait)
    assert dry["later"] == {"local_time": 3}
    assert sums((await told(here, "GET", f"/{id_}"))["accounting"]) == {"pending": 3}


def service_token(scope: str) -> str:
    return jwt.encode({"sub": "press", "exp": time.time() + 600, "scope": scope}, SECRET)


async def test_a_time_is_told_by_the_clock_that_the_import_names(here: Gateway, tmp_path: Path):
    at = {"issue": 7, "first": "2026-12-01T08:00:00Z"}
    id_ = await make(here, data=at, texts={"de": {"title": "Um {{ data.first|time }}"}})
    ann, bob = ({**each, "locale": "de"} for each in people(2))
    await fill(here, id_, [{**ann, "timezone": "Asia/Tokyo"}, bob])

    await told(here, "POST", f"/{id_}/start")
    await ended(here, id_)

    assert {mail["To"]: mail["Subject"] for mail in spooled(tmp_path)} == {
        ann["address"]: "Um 17:00", bob["address"]: "Um 08:00",
    }  # fmt: skip


async def test_who_may_send_newsletters_may_ask_what_came_of_them_and_do_nothing_else(
    gateway: Gateway, tmp_path: Path
):
    own, emitter = (
        {"Authorization": f"Bearer {service_token(scope)}"} for scope in ("campaigns other", "emit")
    )

    assert (await gateway.ask("GET", "/internal/campaigns", **own)).status == 200
    assert (await gateway.ask("GET", "/internal/campaigns", **emitter)).status == 403
    assert (await gateway.ask("GET", "/internal/stats", **own)).status == 200
    assert (await gateway.ask("GET", "/internal/experiments/none", **own)).status == 404
    assert (await gateway.ask("GET", "/internal/stats", **emitter)).status == 403
    for method, path in (
        ("DELETE", "/internal/users/ann/data"), ("POST", "/internal/emit"), ("GET", "/internal/mail"),
        ("POST", "/internal/suppressions"), ("PATCH", "/internal/types/NEWS"),
    ):  # fmt: skip
        refused = await gateway.ask(method, path, body={}, **own)
        assert (refused.status, refused.body["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"type": "NO_SUCH"}, "type"),
        ({"type": "RECEIPT"}, "type"),
        ({"audience": {"topic": "a b"}}, "audience"),
        ({"audience": "all"}, "audience"),
        ({"audience": {"users": {"locale": "x!"}}}, "audience"),
        ({"audience": {"users": {"attributes": {"a": []}}}}, "audience"),
        ({"audience": {"users": {}}, "data": {}}, "/data/issue"),
        ({"in_app": "user:ann"}, "in_app"),
        ({"type": "ASKED_FOR", "in_app": "all"}, "in_app"),
        ({"local_time": "25:00"}, "local_time"),
        ({"send_at": "tomorrow"}, "send_at"),
        ({"send_at": "9999-12-31T23:59:59-01:00"}, "send_at"),
        ({"name": ""}, "name"),
        ({"clicks": True}, "clicks"),
    ],
)
async def test_what_cannot_be_a_campaign_is_refused_with_its_reason(
    tmp_path: Path, fields: dict[str, Any], wrong: str
):
    asked = {"name": "Autumn", "type": "NEWS", "data": {"issue": 7}, "audience": "import"} | fields
    async with gateway(tmp_path, CATALOG=catalog(tmp_path)) as here:
        refused = await here.ask("POST", "/internal/campaigns", body=asked)

    assert (refused.status, refused.body["code"]) == (422, "validation_failed")
    assert any(name.startswith(wrong) for name in refused.body["errors"]), refused.body


async def test_what_is_not_there_or_cannot_be_read_is_said_so(tmp_path: Path):
    async with gateway(tmp_path, CATALOG=catalog(tmp_path)) as here:
        for method, path in (
            ("GET", "/none"), ("POST", "/none/start"), ("POST", "/none/dry_run"), ("GET", "/none/recipients"),
        ):  # fmt: skip
            assert (await here.ask(method, f"/internal/campaigns{path}")).status == 404
        id_ = await make(here)
        where = f"/internal/campaigns/{id_}/recipients"
        for raw, media_type, status, code in (
            (b"{}", "application/json", 415, "unsupported_media_type"),
            (b"name\nx\n", "text/csv", 422, "validation_failed"),
            (b"x" * 70_000, "application/x-ndjson", 422, "validation_failed"),
        ):
            refused = await here.ask("POST", where, raw=raw, Content_Type=media_type)
            assert (refused.status, refused.body["code"]) == (status, code)
        topic = await make(here, audience={"topic": "garden"})
        refused = await here.ask(
            "POST", f"/internal/campaigns/{topic}/recipients", raw=b"", Content_Type="text/csv"
        )
        assert (refused.status, list(refused.body["errors"])) == (422, ["audience"])


async def test_an_erased_user_is_told_of_before_and_not_after(here: Gateway):
    id_ = await make(here)
    await fill(here, id_, people(2))
    data = (await here.ask("GET", "/internal/users/u1/data")).body
    assert [(each["campaign"], each["state"]) for each in data["campaigns"]] == [(id_, "pending")]

    assert (await here.ask("DELETE", "/internal/users/u1/data")).status == 200
    await told(here, "POST", f"/{id_}/start")

    accounting = await ended(here, id_)
    assert (sums(accounting), accounting["skipped_by"]) == ({"sent": 1, "skipped": 1}, {"erased": 1})
    assert (await here.ask("GET", "/internal/users/u1/data")).body["campaigns"] == []


async def test_admins_ask_the_same_by_events_and_are_answered_in_the_shapes_of_the_table(
    tmp_path: Path, node: NodeProcess
):
    async with gateway(tmp_path, CATALOG=catalog(tmp_path)) as here:
        admin = await node.open(
            here.public, auth={"token": token("root", roles=("admin",))}, namespace="/admin"
        )
        await admin.event("ready")
        asked = {"name": "Autumn", "type": "NEWS", "data": {"issue": 7}, "audience": {"topic": "garden"}}
        made = await admin.call("create_campaign", asked)
        assert (made["by"], made["audience"]) == ("user:root", {"topic": "garden"})
        one = {"campaign": made["id"]}
        far = await admin.call("create_campaign", asked | {"send_at": "2099-01-01T00:00:00Z"})
        other = {"campaign": far["id"]}
        tried = {
            "name": "Tried", "type": "TRIED", "audience": {"topic": "garden"}, "send_at": "2099-01-01T00:00:00Z",
            "variants": [{"name": "a"}, {"name": "b"}], "experiment": {"baseline": 0.1, "effect": 0.1, "share": 50},
        }  # fmt: skip
        third = {"campaign": (await admin.call("create_campaign", tried))["id"]}
        payloads = [
            ("campaigns", {}), ("create_campaign", asked), ("campaign", one), ("campaign_recipients", one),
            ("campaign_dry_run", one), ("campaign_test", {**one, "to": ["me@example.org"]}), ("start_campaign", other),
            ("pause_campaign", other), ("resume_campaign", other), ("cancel_campaign", other), ("start_campaign", one),
            ("retry_campaign", one), ("start_campaign", third), ("pause_campaign", third),
            ("choose_variant", {**third, "variant": "b"}),
        ]  # fmt: skip
        by_event = {each.event: each for each in OPERATIONS if each.event is not None}
        for event, payload in payloads:
            answer = await admin.call(event, payload)
            assert answer.pop("ok") is True, answer
            assert by_event[event].answers().validate(answer) == {}, event
        assert {event for event, _ in payloads} == by_event.keys()
