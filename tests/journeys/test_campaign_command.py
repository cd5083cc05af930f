"""`bellhop campaign`: made, filled, started and watched from a shell."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.process import campaign_import, campaign_progress, cli
from storage.errors import StoreUnavailable
from tests.journeys.news import catalog, ended, fill, make, people, sums, told
from tests.support.gateway import API_KEY, Gateway, gateway

Run = Callable[..., "asyncio.Future[tuple[int, str, str]]"]


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway(tmp_path, CATALOG=catalog(tmp_path)) as started:
        yield started


@pytest.fixture
def run(here: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    """Runs the command on a thread of its own; answers its exit code, what it printed, and what it complained of."""
    key = tmp_path / "key"
    key.write_text(API_KEY)
    for name in os.environ:
        if name.startswith("BELLHOP_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(campaign_import, "PATIENCE_SECONDS", (0.01,))
    monkeypatch.setattr(campaign_progress, "WATCH_SECONDS", 0.05)

    async def bellhop(command: str, *arguments: str) -> tuple[int, str, str]:
        given = ["campaign", command, *arguments, "--url", here.internal, "--key-file", str(key)]
        code = await asyncio.to_thread(cli.main, given)
        printed = capfd.readouterr()
        return code, printed.out, printed.err

    return bellhop


async def test_a_campaign_is_made_filled_checked_started_and_watched_to_its_end(
    here: Gateway, run: Run, tmp_path: Path
):
    code, printed, _ = await run("create", "--name", "Autumn", "--type", "NEWS", "--data", '{"issue": 7}')
    id_ = printed.strip()
    assert code == 0
    file = tmp_path / "people.csv"
    file.write_text('user,email,data.first\nann,ann@example.org,"An\nn"\nbad,nobody,\nbob,,\n')

    code, printed, complained = await run("import", id_, str(file))
    assert (code, printed) == (1, "2 added, 0 known before, 1 left out\n")
    assert "line 4: address must be an address" in complained
    assert await run("import", id_, str(file), "--from-line", "5") == (
        0,
        "0 added, 1 known before, 0 left out\n",
        "",
    )
    _, printed, _ = await run("check", id_)
    assert printed == "2 recipients: 1 would be sent it now\n  1 skipped by address\n"
    assert (await run("test", id_, "me@example.org"))[0] == 0

    code, printed, _ = await run("start", id_, "--watch")
    assert code == 0
    assert printed == (
        "Autumn: finished\n2 = 0 pending + 0 owed + 1 sent + 1 skipped + 0 dead + 0 cancelled\n  1 skipped by address\n"
    )
    assert (await run("status", id_))[1] == printed
    assert (await run("list"))[1].split()[::3] == [id_, "Autumn"]
    assert await run("retry", id_) == (0, "0 are tried again\n", "")
    code, _, complained = await run("pause", id_)
    assert (code, complained) == (
        1,
        "bellhop: refused: The campaign's state does not allow that (409 campaign_state): It is finished.\n",
    )


async def test_an_import_says_how_many_have_agreed_by_it(here: Gateway, run: Run, tmp_path: Path):
    _, id_, _ = await run("create", "--name", "Letter", "--type", "LETTER")
    file = tmp_path / "people.csv"
    file.write_text("user,email,consent.at,consent.source\nann,ann@example.org,2026-03-01T09:12:00Z,signed\n")

    assert await run("import", id_.strip(), str(file)) == (
        0,
        "1 added, 0 known before, 0 left out, 1 have agreed by it\n",
        "",
    )


async def test_what_is_asked_for_is_what_is_made(here: Gateway, run: Run):
    for given, audience in (
        (("--topic", "garden"), {"topic": "garden"}),
        (
            ("--users", "--locale", "de", "--attribute", "n=1", "--attribute", "plan=pro"),
            {"users": {"locale": "de", "attributes": {"n": 1, "plan": "pro"}}},
        ),
    ):
        _, printed, _ = await run(
            "create", "--name", "Autumn", "--type", "NEWS", "--data", '{"issue": 7}', "--in-app", "topic:garden",
            "--local-time", "09:00", "--send-at", "2099-01-01T00:00:00+01:00", *given,
        )  # fmt: skip
        made = await told(here, "GET", f"/{printed.strip()}")
        assert (made["audience"], made["in_app"], made["local_time"], made["send_at"]) == (
            audience, "topic:garden", "09:00", "2098-12-31T23:00:00.000Z",
        )  # fmt: skip

    assert (await run("start", printed.strip()))[1] == "scheduled from 2098-12-31T23:00:00.000Z\n"
    assert (await run("pause", printed.strip()))[1] == "paused\n"
    assert (await run("cancel", printed.strip()))[
        1
    ] == "cancelled: 0 get nothing any more, 0 were being sent\n"
    code, _, complained = await run("create", "--name", "A", "--type", "NEWS", "--locale", "de")
    assert (code, complained) == (2, "bellhop: --locale and --attribute choose among --users\n")


async def test_what_cannot_be_read_or_reached_is_said_with_where_to_go_on(
    here: Gateway, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    id_ = await make(here)
    code, _, complained = await run("import", id_, str(tmp_path / "none.csv"))
    assert (code, "cannot be read" in complained) == (2, True)

    file = tmp_path / "quoted.csv"
    file.write_text('user\nann\n"bob\n' + "cara\n" * 20_000)
    code, printed, complained = await run("import", id_, str(file))
    assert (code, printed, complained) == (
        1,
        "",
        "bellhop: Line 3 has more than 65536 bytes; go on with --from-line 1\n",
    )

    monkeypatch.setattr(campaign_import, "PART_LINES", 2)
    file = tmp_path / "people.ndjson"
    file.write_text("".join(f"{json.dumps(each)}\n" for each in people(5)))
    sent = campaign_import.NodeClient.ask
    calls: list[str] = []

    def ask(line, *arguments, **options):
        calls.append("")
        if len(calls) > 2:
            raise campaign_import.Unreachable("nobody answers")
        return sent(line, *arguments, **options)

    monkeypatch.setattr(campaign_import.NodeClient, "ask", ask)
    code, _, complained = await run("import", id_, str(file))
    assert (code, complained) == (1, "bellhop: nobody answers; go on with --from-line 5\n")
    assert len(calls) == 4


async def test_watching_ends_by_ctrl_c_and_the_campaign_goes_on(here: Gateway, tmp_path: Path):
    id_ = await make(here, send_at="2099-01-01T00:00:00Z")
    await fill(here, id_, people(1))
    await told(here, "POST", f"/{id_}/start")
    key = tmp_path / "key"
    key.write_text(API_KEY)
    asked = asyncio.Event()
    assert here.node is not None
    found = here.node.store.campaigns.find

    async def find(campaign_id: str):
        asked.set()
        return await found(campaign_id)

    here.node.store.campaigns.find = find  # type: ignore[method-assign]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "campaign", "status", id_, "--watch", "--url", here.internal,
        "--key-file", str(key), stderr=asyncio.subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if not name.startswith("BELLHOP_")},
    )  # fmt: skip
    async with asyncio.timeout(40):
        await asked.wait()
        process.send_signal(signal.SIGINT)
        _, complained = await process.communicate()

    assert (process.returncode, complained.decode()) == (
        130,
        "bellhop: not watched any more; the campaign goes on\n",
    )
    await told(here, "POST", f"/{id_}/cancel")
    assert sums(await ended(here, id_)) == {"cancelled": 1}


async def test_watching_goes_on_when_nobody_answers_for_a_while(
    here: Gateway, run: Run, monkeypatch: pytest.MonkeyPatch
):
    """As while a node is put in another's place."""
    id_ = await make(here, send_at="2099-01-01T00:00:00Z")
    await fill(here, id_, people(1))
    await told(here, "POST", f"/{id_}/start")
    assert here.node is not None
    found, looks, answers = here.node.store.campaigns.find, 0, asyncio.Event()
    unanswered = asyncio.Event()

    async def find(campaign_id: str):
        nonlocal looks
        looks += 1
        if looks > 1 and not answers.is_set():
            if looks > 4:
                unanswered.set()
            raise StoreUnavailable("away")
        return await found(campaign_id)

    monkeypatch.setattr(here.node.store.campaigns, "find", find)
    watching = asyncio.ensure_future(run("status", id_, "--watch"))
    async with asyncio.timeout(40):
        await unanswered.wait()
        answers.set()
        await told(here, "POST", f"/{id_}/cancel")
        code, printed, complained = await watching

    assert (code, complained) == (1, "")
    assert printed.splitlines()[0] == "Autumn: cancelled"


async def test_watching_ends_where_nobody_answers_any_more(
    here: Gateway, run: Run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(campaign_progress, "UNANSWERED_SECONDS", 0.2)
    id_ = await make(here, send_at="2099-01-01T00:00:00Z")
    await fill(here, id_, people(1))
    await told(here, "POST", f"/{id_}/start")
    assert here.node is not None
    found, looks = here.node.store.campaigns.find, 0

    async def find(campaign_id: str):
        nonlocal looks
        looks += 1
        if looks > 1:
            raise StoreUnavailable("away")
        return await found(campaign_id)

    monkeypatch.setattr(here.node.store.campaigns, "find", find)
    code, printed, complained = await run("status", id_, "--watch")

    assert (code, printed) == (1, "")
    assert "503 unavailable" in complained
    assert looks > 2


async def test_an_experiment_is_made_looked_at_and_decided(here: Gateway, run: Run):
    experiment = {
        "variants": [{"name": "a"}, {"name": "b"}],
        "experiment": {"baseline": 0.05, "effect": 0.02, "share": 1, "salt": "s"},
    }
    texts = {"en": {"subject": "Own"}}
    _, printed, _ = await run(
        "create", "--name", "Tried", "--type", "TRIED", "--rate", "600",
        "--texts", json.dumps(texts), "--experiment", json.dumps(experiment),
    )  # fmt: skip
    id_ = printed.strip()
    made = await told(here, "GET", f"/{id_}")
    assert (made["rate"], made["texts"]["en"]["subject"]) == (600, "Own")
    await fill(here, id_, people(5))
    assert (await run("test", id_, "me@example.org", "--variant", "b"))[0] == 0
    await run("start", id_)

    assert await run("choose", id_, "b") == (0, "those who wait get b\n", "")

    assert sums(await ended(here, id_)) == {"sent": 5}
    _, printed, _ = await run("status", id_)
    assert printed.splitlines()[2:] == [
        "  a: 0 of 0 clicked, 0.00% (0.00% to 100.00%)",
        "  b: 0 of 0 clicked, 0.00% (0.00% to 100.00%); +0.00% to the first (-100.00% to +100.00%)",
        "  sequential: open; 5,000 recipients on trial are planned for; b is chosen",
    ]
