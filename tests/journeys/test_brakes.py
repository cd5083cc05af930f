"""Bulk mail that comes back too often is paused by itself: on every node, over restarts, and until an operator says so."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.process import cli
from gateway.process.mail_office import MailOffice
from gateway.process.settings import load
from storage.lanes import Pause
from storage.mail import LaneName
from tests.journeys import news
from tests.journeys.test_lanes import emit_mail, owe_bulk, recipients, url, users
from tests.journeys.test_mailing import mail_in, until
from tests.support.gateway import Gateway, environment, gateway, token
from tests.support.node import NodeProcess
from tests.support.servers import free_port
from tests.support.smtp import Reply, SMTPRelay

UNKNOWN = Reply("550 5.1.1 user unknown")
PAUSED = 'bellhop_lane_paused{lane="bulk"} 1.0'
BRAKE = {"BULK_BRAKE_MAILS": "10"}


async def lane(here: Gateway, name: str = "bulk") -> dict[str, object]:
    body = (await here.ask("GET", "/internal/lanes")).body
    return next(each for each in body["lanes"] if each["lane"] == name)


async def until_paused(here: Gateway) -> str:
    """Return as this node holds bulk mail back; answers why, as its probe says."""
    said: list[str] = []

    async def is_paused() -> bool:
        said[:] = (await here.request("GET", here.internal + "/readyz")).body.get("warnings", [])
        return bool(said)

    await until(is_paused)
    [reason] = said
    return reason


async def come_back(here: Gateway, ids: list[str], **fields: str) -> None:
    """A provider tells of these mails."""
    for id_ in ids:
        body = {"mail": id_, "event": "bounced", "status": "5.1.1", **fields}
        answered = await here.ask("POST", "/internal/mail/reports/generic", body=body)
        assert answered.body["fate"] == body["event"], answered


async def all_in(here: Gateway, count: int, state: str) -> None:
    async def are_in() -> bool:
        page = (await here.ask("GET", f"/internal/mail?state={state}&limit=200")).body["mail"]
        return len(page) == count

    await until(are_in)


@asynccontextmanager
async def mail_office(folder: Path, **settings: str) -> AsyncIterator[MailOffice]:
    office = MailOffice(load(environment(folder, **settings)))
    try:
        await office.start()
        yield office
    finally:
        await office.stop()


async def test_mail_that_is_refused_at_the_door_pauses_the_bulk_lane_on_every_node_and_after_a_restart(
    tmp_path: Path, redis_url: str
):
    bus = {"BUS_URL": redis_url, "BUS_PREFIX": tmp_path.name}
    async with SMTPRelay() as relay:
        settings = {"MAIL_URL": url(relay), **BRAKE, **bus}
        async with (
            gateway(tmp_path, **settings) as here,
            gateway(tmp_path, MAIL_WORKER="false", **settings) as other,
        ):
            for user in users(6):
                relay.refuse[f"{user}@bulk.example"] = UNKNOWN
            await owe_bulk(here, *users(12))

            reasons = [await until_paused(each) for each in (here, other)]
            assert all(reason.endswith("6 of 12 mails came back: 50 %, and 5 % may") for reason in reasons)
            assert PAUSED in (await other.request("GET", other.internal + "/metrics")).body

            waiting = await owe_bulk(here, "late")
            ids = await emit_mail(here, 3)
            for id_ in ids:
                await mail_in(here, id_, "sent")
        assert recipients(relay).count("late@bulk.example") == 0

        async with gateway(tmp_path, **settings) as after:
            assert (await until_paused(after)).startswith("mail: bulk mail is paused since ")
            refused = await after.ask("POST", "/internal/lanes/transactional/pause")
            assert (refused.status, list(refused.body["errors"])) == (422, ["lane"])
            [mail] = (await after.ask("GET", f"/internal/mail?notification={waiting[0]}")).body["mail"]
            assert (mail["mail"]["state"], mail["mail"]["attempts"]) == ("pending", 0)

            resumed = await after.ask("POST", "/internal/lanes/bulk/resume")

            assert resumed.status == 200
            assert (await lane(after))["paused"] is None
            await relay.until(lambda: "late@bulk.example" in recipients(relay))


async def test_mail_that_comes_back_later_counts_as_much_as_what_is_refused_at_once(tmp_path: Path):
    async with SMTPRelay() as relay, gateway(tmp_path, MAIL_URL=url(relay), **BRAKE) as here:
        ids = await owe_bulk(here, *users(12))
        await all_in(here, 12, "sent")

        await come_back(here, ids[:5])
        relay.refuse["gone@bulk.example"] = UNKNOWN
        await owe_bulk(here, "gone")

        assert (await until_paused(here)).endswith("6 of 13 mails came back: 46.2 %, and 5 % may")
        seen = await lane(here)
        assert (seen["sent"], seen["refused"], seen["bounced"]) == (12, 1, 5)
        assert seen["paused"]["by"] == "brake"


@pytest.mark.parametrize("is_alone", [True, False])
async def test_a_worker_that_cannot_know_who_is_online_says_so(
    tmp_path: Path, redis_url: str, caplog: pytest.LogCaptureFixture, is_alone: bool
):
    bus = {} if is_alone else {"BUS_URL": redis_url, "BUS_PREFIX": tmp_path.name}
    async with gateway(tmp_path, MAIL_WORKER="false", **bus), mail_office(tmp_path, **bus):
        warned = [each for each in caplog.records if "nobody is online to this process" in each.message]

    assert len(warned) == is_alone


async def test_complaints_pause_it_too_and_a_worker_of_its_own_heeds_that(tmp_path: Path):
    async with SMTPRelay() as relay:
        settings = {"MAIL_URL": url(relay), **BRAKE}
        async with (
            gateway(tmp_path, MAIL_WORKER="false", **settings) as here,
            mail_office(tmp_path, **settings) as office,
        ):
            ids = await owe_bulk(here, *users(12))
            office.mail.wake()
            await all_in(here, 12, "sent")
            await come_back(here, ids[:6], event="complained")

            assert "were called spam" in await until_paused(here)
            # It hears of nothing: it looks by itself, and does so before a mail of its own count.
            await office.lanes.page()
            waiting = await owe_bulk(here, "late")
            office.mail.wake()
            [id_] = await emit_mail(here, 1)
            office.mail.wake()
            await mail_in(here, id_, "sent")
            [found] = (await here.ask("GET", f"/internal/mail?notification={waiting[0]}")).body["mail"]
            assert (found["mail"]["state"], found["mail"]["attempts"]) == ("pending", 0)
            assert "late@bulk.example" not in recipients(relay)


async def test_an_operator_pauses_and_resumes_by_the_command_line_and_by_the_dashboards_events(
    gateway: Gateway,
    node: NodeProcess,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setenv("BELLHOP_STORE_URL", f"sqlite:///{tmp_path}/bellhop.db")

    async def bellhop(*arguments: str) -> tuple[int, str]:
        """The command at the same store; answers its exit code, and all that it says."""
        code = await asyncio.to_thread(cli.main, ["lanes", *arguments])
        told = capsys.readouterr()
        return code, told.out or told.err

    admin = await node.open(
        gateway.public, namespace="/admin", auth={"token": token("eve", roles=("admin",))}
    )
    await admin.event("ready")

    paused = await admin.call("pause_lane", {"lane": "bulk", "reason": "the list is old"})
    assert paused["lanes"][1]["paused"]["by"] == "user:eve"
    code, told = await bellhop()
    assert (code, "by user:eve: the list is old" in told) == (1, True)
    code, told = await bellhop("resume")
    assert (code, "PAUSED" in told) == (0, False)
    code, told = await bellhop("pause", "--reason", "not today")
    assert (code, "by cli: not today" in told) == (0, True)
    code, told = await bellhop("pause", "--reason", " ")
    assert (code, "reason" in told) == (2, True)
    code, told = await bellhop("--json")
    assert (code, json.loads(told)["lanes"][1]["paused"]["by"]) == (1, "cli")

    answer = await admin.call("resume_lane", {"lane": "bulk"})
    assert [each["paused"] for each in answer["lanes"]] == [None, None]
    refused = await admin.call("pause_lane", {"lane": "transactional"})
    assert refused["error"]["code"] == "validation_failed"


async def test_what_the_relay_has_failed_at_is_counted_for_its_lane(tmp_path: Path):
    nowhere = f"smtp://127.0.0.1:{free_port()}?starttls=never"
    async with gateway(tmp_path, MAIL_URL=nowhere) as here:
        await owe_bulk(here, "ann")

        async def has_failed() -> bool:
            return bool((await lane(here))["failed"])

        await until(has_failed)
        assert (await lane(here))["paused"] is None


async def test_a_campaign_that_runs_pauses_with_the_brakes_reason_and_goes_on_when_both_are_resumed(
    tmp_path: Path,
):
    async with gateway(tmp_path, CATALOG=news.catalog(tmp_path)) as here:
        assert here.node is not None
        reason = "the relay has failed 5 times in a row, and taken no mail meanwhile"
        await here.node.store.lanes.pause(
            LaneName.BULK, Pause(at=here.node.clock(), by="brake", reason=reason), judged=None
        )
        await here.node.lanes.look()
        id_ = await news.make(here)
        await news.fill(here, id_, [{"address": f"r{number}@example.org"} for number in range(3)])
        await news.told(here, "POST", f"/{id_}/start")

        async def is_paused() -> bool:
            found = await news.told(here, "GET", f"/{id_}")
            return (found["state"], found["reason"]) == ("paused", reason)

        await until(is_paused)
        assert (await here.ask("POST", "/internal/lanes/bulk/resume")).status == 200
        await news.told(here, "POST", f"/{id_}/resume")

        assert (await news.ended(here, id_))["sent"] == 3


async def test_a_campaign_whose_own_list_is_bad_pauses_alone_among_much_good_mail_of_another(
    tmp_path: Path,
):
    """Of all bulk mail of the day so few come back that the lane never would."""
    # Slow enough that it is not over before its figures are looked at.
    bad, rate = 1200, 6000
    async with (
        SMTPRelay() as relay,
        gateway(tmp_path, MAIL_URL=url(relay), CATALOG=news.catalog(tmp_path)) as here,
    ):
        good = await news.make(here)
        await news.fill(here, good, news.people(1000))
        await news.told(here, "POST", f"/{good}/start")
        assert (await news.ended(here, good))["sent"] == 1000
        id_ = await news.make(here, rate=rate)
        await news.fill(here, id_, [{"address": f"b{number}@example.org"} for number in range(bad)])
        for number in range(0, bad, 16):
            relay.refuse[f"b{number}@example.org"] = UNKNOWN
        await news.told(here, "POST", f"/{id_}/start")
        found: dict[str, Any] = {}

        async def is_paused() -> bool:
            found.update(await news.told(here, "GET", f"/{id_}"))
            return str(found["state"]) == "paused"

        await until(is_paused)
        assert re.fullmatch(
            r"of its own mail: \d+ of \d+ mails came back: \d+(\.\d+)? %, and 5 % may", found["reason"]
        )
        assert 200 <= found["accounting"]["sent"] + found["accounting"]["dead"] < bad
        seen = await lane(here)
        assert (seen["paused"], seen["bounce_rate"] < 0.05) == (None, True)

        relay.refuse.clear()
        await news.told(here, "POST", f"/{id_}/resume")

        # By the same figures it is not paused again.
        accounting = await news.ended(here, id_)
        assert (await news.told(here, "GET", f"/{id_}"))["state"] == "finished"
        assert accounting["sent"] + accounting["dead"] == bad
