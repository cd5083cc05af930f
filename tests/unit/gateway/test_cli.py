"""The command line: what it prints, how it fails, and with which code."""

import asyncio
import json
import os
import re
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from auth.keys import Keys
from auth.principal import Role
from auth.tokens import Verifier
from gateway.process import cli, demo
from gateway.process.settings import SETTINGS
from storage.connect import connect
from storage.sqlite.store import SQLiteStore
from tests.support.gateway import API_KEY, SECRET, Gateway, gateway, gateway_process

EMIT = ["emit", "--to", "user:ann", "--type", "HELLO", "--title", "Hello"]


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch):
    for name in os.environ:
        if name.startswith("BELLHOP_"):
            monkeypatch.delenv(name)


async def bellhop(*arguments: str, folder: Path, **settings: str) -> tuple[int, str, str]:
    """Run the command in a process of its own; answers its exit code, what it printed, and what it complained of."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("BELLHOP_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", *arguments, cwd=folder,
        env=environ | {f"BELLHOP_{name}": value for name, value in settings.items()},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(30):
        printed, complained = await process.communicate()
    assert process.returncode is not None
    return process.returncode, printed.decode(), complained.decode()


def usage_error(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    return caught.value.code


# Usage


def test_the_version_is_the_installed_one(capsys):
    assert usage_error("--version") == 0
    assert re.fullmatch(r"bellhop \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


def test_every_command_explains_itself(capsys):
    assert usage_error("--help") == 0
    overview = capsys.readouterr().out
    for command in ("serve", "mail", "demo", "config", "token", "emit"):
        assert f"    {command} " in overview
        assert usage_error(command, "--help") == 0
        assert capsys.readouterr().out.startswith(f"usage: bellhop {command}")


@pytest.mark.parametrize(
    "arguments",
    [
        (), ("dance",), ("token",), ("emit", "--to", "all"), (*EMIT, "--data", "[]"), (*EMIT, "--data", "{"),
        (*EMIT, "--url", "gateway:8081"), (*EMIT, "--url", "http://h:port"), ("token", "--sub", "x", "--ttl", "soon"),
        ("token", "--sub", "x", "--ttl", "0"), ("demo", "--port", "99999"),
    ],
)  # fmt: skip
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...], capsys):
    assert usage_error(*arguments) == 2
    assert "usage: bellhop" in capsys.readouterr().err


# Config


def test_config_shows_every_setting_with_its_origin_and_no_secret(monkeypatch, capsys):
    monkeypatch.setenv("BELLHOP_STORE_URL", "mongodb://u:hunter2@h/db")
    monkeypatch.setenv("BELLHOP_JWT_SECRET", "hunter2" * 5)

    assert cli.main(["config"]) == 0

    printed = capsys.readouterr().out
    assert len(printed.splitlines()) == len(SETTINGS)
    assert re.search(r"^BELLHOP_STORE_URL +mongodb://u:\*\*\*@h/db +environment$", printed, re.MULTILINE)
    assert re.search(r"^BELLHOP_PORT +8080 +default$", printed, re.MULTILINE)
    assert "hunter2" not in printed


def test_config_that_cannot_work_is_shown_explained_and_2(monkeypatch, capsys):
    monkeypatch.setenv("BELLHOP_PORT", "x")
    monkeypatch.setenv("BELLHOP_STOREURL", "x")

    assert cli.main(["config"]) == 2

    shown = capsys.readouterr()
    assert re.search(r"^BELLHOP_PORT +x +environment$", shown.out, re.MULTILINE)
    assert "BELLHOP_PORT must be a whole number" in shown.err
    assert "did you mean BELLHOP_STORE_URL?" in shown.err


def test_config_names_a_template_that_cannot_be_used_and_is_2(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("BELLHOP_MAIL_TEMPLATES", str(tmp_path))
    (tmp_path / "T.html").write_text("<p>\n{{ title }</p>")

    assert cli.main(["config"]) == 2
    assert f"{tmp_path} cannot be used: T.html, line 2: unexpected '}}'" in capsys.readouterr().err

    (tmp_path / "T.html").write_text("<p>\n{{ title }}</p>")
    assert cli.main(["config"]) == 0


def test_config_can_print_what_was_switched_at_run_time(monkeypatch, capsys, tmp_path):
    url = f"sqlite:///{tmp_path / 'bellhop.db'}"
    monkeypatch.setenv("BELLHOP_STORE_URL", url)

    async def switch() -> None:
        store = connect(url)
        await store.open()
        for type_, asked in (
            ("SALE", {"enabled": False}),
            ("NEWS", {"channels": {"email": {"percent": 5}}}),
            ("BACK", {"enabled": False}),
            ("BACK", {"enabled": None}),
        ):
            await store.switches.change(type_, asked, by="user:ann", now=datetime(2026, 11, 26, tzinfo=UTC))
        await store.close()

    asyncio.run(switch())

    assert cli.main(["config", "--switches"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        'NEWS  {"channels": {"email": {"percent": 5}}}  by user:ann, 2026-11-26T00:00:00.000Z',
        'SALE  {"enabled": false}  by user:ann, 2026-11-26T00:00:00.000Z',
    ]
    monkeypatch.setenv("BELLHOP_STORE_URL", "mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=50")
    assert cli.main(["config", "--switches"]) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("store", "restored"),
        ("export", "events"),
        ("suppressions", "export"),
        ("lanes",),
        ("lanes", "pause", "--reason", "the list is old"),
        ("config", "--switches"),
    ],
    ids=" ".join,
)
def test_a_command_on_a_store_that_is_not_there_says_where_it_looked_and_makes_none(
    arguments: tuple[str, ...], monkeypatch, capsys, tmp_path
):
    """The file's path is relative unless it was set: from another folder the gateway's store would seem to be told."""
    monkeypatch.chdir(tmp_path)

    assert cli.main(arguments) == 1

    told = capsys.readouterr()
    assert f"there is no store at {tmp_path / 'var' / 'bellhop.db'}" in told.err
    assert told.out == ""
    assert not list(tmp_path.iterdir())


def test_a_list_of_suppressions_may_be_taken_over_before_the_first_start(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.csv").write_text("address\nann@example.org\n")

    assert cli.main(["suppressions", "import", "list.csv"]) == 0

    assert cli.main(["suppressions", "export"]) == 0
    assert "ann@example.org" in capsys.readouterr().out


def test_config_can_print_the_reference(capsys):
    assert cli.main(["config", "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("| name | default | meaning |")


# Token


async def test_a_printed_token_is_what_a_gateway_with_the_secret_takes(monkeypatch, capsys):
    monkeypatch.setenv("BELLHOP_JWT_SECRET", f"{SECRET},{'old' * 20}")
    monkeypatch.setenv("BELLHOP_JWT_AUDIENCE", "shop")

    assert (
        cli.main(
            [
                "token",
                "--sub",
                "ann",
                "--role",
                "admin",
                "--topic",
                "a",
                "--topic",
                "b",
                "--email",
                "a@b.example",
            ]
        )
        == 0
    )

    verifier = Verifier(Keys.of(secrets=(SECRET,)), audience="shop")
    principal = await verifier.verify(capsys.readouterr().out.strip())
    assert (principal.user, principal.role, principal.topics) == ("ann", Role.ADMIN, ("a", "b"))
    assert principal.email == "a@b.example"


def test_a_token_needs_a_secret(capsys):
    assert cli.main(["token", "--sub", "ann"]) == 2
    assert "BELLHOP_JWT_SECRET" in capsys.readouterr().err


def test_a_token_that_nobody_would_take_is_not_made(monkeypatch, capsys):
    monkeypatch.setenv("BELLHOP_JWT_SECRET", SECRET)

    assert cli.main(["token", "--sub", "ann", "--topic", "no good"]) == 2
    assert "topics" in capsys.readouterr().err


# Emit


async def run_main(*arguments: str) -> int:
    return await asyncio.to_thread(cli.main, arguments)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway(tmp_path) as running:
        yield running


async def test_emit_prints_the_answer(site: Gateway, monkeypatch, capsys):
    monkeypatch.setenv("BELLHOP_API_KEYS", f"other:{'x' * 32},shop:{API_KEY}")
    more = [
        "--body",
        "World",
        "--link",
        "/x",
        "--data",
        '{"a": 1}',
        "--idempotency-key",
        "k",
        "--service",
        "shop",
    ]

    assert await run_main(*EMIT, "--to", "topic:deals", *more, "--url", site.internal) == 0

    answer = json.loads(capsys.readouterr().out)
    assert [each["room"] for each in answer["notifications"]] == ["user:ann", "topic:deals"]
    shown = await site.ask("GET", f"/internal/notifications/{answer['notifications'][0]['id']}")
    assert (shown.body["body"], shown.body["data"]) == ("World", {"a": 1})


async def test_emit_finds_the_gateway_by_its_own_settings(site: Gateway, monkeypatch, capsys, tmp_path: Path):
    key = tmp_path / "key"
    key.write_text(f"{API_KEY}\n")
    monkeypatch.setenv("BELLHOP_INTERNAL_HOST", "0.0.0.0")
    monkeypatch.setenv("BELLHOP_INTERNAL_PORT", site.internal.rpartition(":")[2])

    assert await run_main(*EMIT, "--key-file", str(key)) == 0
    assert json.loads(capsys.readouterr().out)["duplicate"] is False


async def test_a_refused_emit_says_why_in_a_sentence(site: Gateway, monkeypatch, capsys):
    monkeypatch.setenv("BELLHOP_API_KEYS", f"shop:{API_KEY}")

    assert (
        await run_main("emit", "--to", "nobody", "--type", "x", "--title", "Hello", "--url", site.internal)
        == 1
    )

    complaint = capsys.readouterr().err
    assert complaint.startswith(
        "bellhop: refused: The request is not valid (422 validation_failed): to invalid_room"
    )
    assert complaint.count("\n") == 1


async def test_a_wrong_key_is_a_failure(site: Gateway, monkeypatch, capsys):
    monkeypatch.setenv("BELLHOP_API_KEYS", f"shop:{'w' * 32}")

    assert await run_main(*EMIT, "--url", site.internal) == 1
    assert "(401 unauthorized)" in capsys.readouterr().err


async def test_whoever_answers_otherwise_is_not_taken_for_a_gateway(monkeypatch, capsys):
    from aiohttp import web
    from aiohttp.test_utils import TestServer

    monkeypatch.setenv("BELLHOP_API_KEYS", f"shop:{API_KEY}")
    async with TestServer(web.Application()) as server:
        assert await run_main(*EMIT, "--url", f"http://127.0.0.1:{server.port}") == 1

    assert "answered 404, and not as a gateway does" in capsys.readouterr().err


def test_where_nobody_answers_one_is_told_so(monkeypatch, capsys):
    monkeypatch.setenv("BELLHOP_API_KEYS", f"shop:{API_KEY}")
    monkeypatch.setenv("BELLHOP_INTERNAL_HOST", "::1")
    monkeypatch.setenv("BELLHOP_INTERNAL_PORT", "1")

    assert cli.main(EMIT) == 1
    assert "nobody answers at http://[::1]:1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        ("", "does not hold"),
        ("two words", "does not hold"),
        ("ü", "cannot be read"),
    ],
)
def test_a_key_file_must_hold_a_key(tmp_path: Path, content: str | None, said: str, capsys):
    file = tmp_path / "key"
    if content is not None:
        file.write_text(content, encoding="utf-8")

    assert cli.main([*EMIT, "--key-file", str(file)]) == 2
    assert said in capsys.readouterr().err


def test_emit_needs_a_key_and_the_named_one(monkeypatch, capsys):
    assert cli.main(EMIT) == 2
    assert "there is no API key" in capsys.readouterr().err

    monkeypatch.setenv("BELLHOP_API_KEYS", f"shop:{API_KEY}")
    assert cli.main([*EMIT, "--service", "crm"]) == 2
    assert "has no crm; it has shop" in capsys.readouterr().err


def test_a_key_that_no_header_can_carry_is_not_sent(monkeypatch, capsys):
    monkeypatch.setenv("BELLHOP_API_KEYS", f"shop:{API_KEY}")

    assert cli.main([*EMIT, "--idempotency-key", "a\nb", "--url", "http://127.0.0.1:1"]) == 2
    assert "cannot be sent" in capsys.readouterr().err


# Serve and mail


async def test_serve_without_a_key_says_how_to_set_one(tmp_path: Path):
    code, printed, complained = await bellhop("serve", folder=tmp_path)

    assert (code, printed) == (2, "")
    assert "BELLHOP_JWT_SECRET" in complained
    assert "bellhop demo" in complained


async def test_serve_on_a_port_that_is_taken_fails_with_a_sentence(site: Gateway, tmp_path: Path):
    port = site.public.rpartition(":")[2]

    code, _, complained = await bellhop(
        "serve",
        folder=tmp_path,
        PORT=port,
        INTERNAL_PORT="0",
        JWT_SECRET=SECRET,
        STORE_URL="sqlite:///other.db",
    )

    assert code == 1
    assert f"cannot listen on http://127.0.0.1:{port}: " in complained
    assert "choose other ports: BELLHOP_PORT" in complained
    assert "Traceback" not in complained


async def test_serve_drains_at_sigterm_and_ends_with_0(tmp_path: Path):
    async with gateway_process(tmp_path) as process:
        await process.gateway.emit("user:ann")

        assert await process.terminate() == 0

        lines = [json.loads(line) for line in process.log.read_text().splitlines()]
    assert {"listening", "request", "draining", "stopped"} <= {line["message"] for line in lines}
    [emitted] = [line for line in lines if line.get("route") == "/internal/emit"]
    assert (emitted["status"], emitted["method"], emitted["site"]) == (202, "POST", "internal")
    assert re.fullmatch(r"[0-9a-f]{32}", emitted["request_id"])


async def test_a_reader_who_has_read_enough_is_no_failure(tmp_path: Path):
    reader, writer = os.pipe()
    os.close(reader)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "config", cwd=tmp_path, stdout=writer, stderr=asyncio.subprocess.PIPE
    )
    os.close(writer)

    _, complained = await process.communicate()

    assert process.returncode == 0
    assert b"BrokenPipe" not in complained


async def test_a_full_disk_is_told_in_a_sentence(tmp_path: Path):
    store = SQLiteStore(tmp_path / "var" / "bellhop.db")
    await store.open()
    await store.close()
    for command in (["config"], ["suppressions", "export"]):
        with Path("/dev/full").open("wb") as full:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gateway", *command,
                cwd=tmp_path, stdout=full, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip

        _, complained = await process.communicate()

        assert process.returncode == 1
        assert complained.decode() == "bellhop: not all could be written: No space left on device\n"


# Demo


class Shown:
    """What a demo has printed."""

    def __init__(self, process: asyncio.subprocess.Process, text: str) -> None:
        self.process = process
        self.text = text
        self.public = re.search(r"(http://127\.0\.0\.1:\d+)/demo/#", text)[1]  # type: ignore[index]
        self.tokens = re.findall(r"[#&](?:token|admin)=([^\s&]+)", text)
        self.curl = text[text.index("  curl") :].partition("\n\n")[0]


@asynccontextmanager
async def shown_demo(folder: Path) -> AsyncIterator[Shown]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "demo", "--dir", str(folder), "--empty", "--port", "0", "--internal-port", "0",
        stdout=asyncio.subprocess.PIPE,
        # What somebody has set for a real node is none of the demo's business.
        env=os.environ | {"BELLHOP_STORE_URL": "mongodb://nowhere.invalid"},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            text = ""
            while "Ctrl-C ends it" not in text:
                line = await process.stdout.readline()
                assert line, f"the demo ended: {text}"
                text += line.decode()
        yield Shown(process, text)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def titles(shown: Shown, token: str) -> list[str]:
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http,
        http.get(shown.public + "/api/notifications") as answer,
    ):
        assert answer.status == 200
        return [each["title"] for each in (await answer.json())["notifications"]]


async def test_the_demos_curl_line_works_as_printed_and_history_and_links_outlive_a_restart(tmp_path: Path):
    folder = tmp_path / "a demo"

    async with shown_demo(folder) as first:
        curl = await asyncio.create_subprocess_shell(first.curl, stdout=asyncio.subprocess.PIPE)
        answered, _ = await curl.communicate()
        first.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(40):
            code = await first.process.wait()
        assert first.process.stdout is not None
        farewell = await first.process.stdout.read()
    async with shown_demo(folder) as second:
        ann = first.tokens[0]

        assert json.loads(answered)["notifications"][0]["room"] == "user:ann"
        assert code == 0
        assert farewell.endswith(b"Bellhop has stopped. The next start goes on from here.\n")
        assert await titles(second, ann) == ["Order 1234 has shipped"]
    assert len(set(first.tokens)) == 3
    for file in ("secrets.json", "authorization"):
        assert stat.S_IMODE((folder / file).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"jwt_secret": "x"}'])
def test_damaged_secrets_are_not_replaced_behind_ones_back(tmp_path: Path, content: str, capsys):
    (tmp_path / "secrets.json").write_text(content)

    assert cli.main(["demo", "--dir", str(tmp_path)]) == 1
    assert "is damaged" in capsys.readouterr().err
    assert (tmp_path / "secrets.json").read_text() == content


def test_a_folder_that_is_a_file_cannot_hold_a_demo(tmp_path: Path, capsys):
    (tmp_path / "file").write_text("")

    assert cli.main(["demo", "--dir", str(tmp_path / "file")]) == 1
    assert "the demo cannot use" in capsys.readouterr().err


def test_secrets_are_made_once(tmp_path: Path):
    made, kept = demo.keep_secrets(tmp_path / "new"), demo.keep_secrets(tmp_path / "new")

    assert made == kept
    assert made.jwt_secret != made.api_key
    assert made.api_key not in repr(made)
