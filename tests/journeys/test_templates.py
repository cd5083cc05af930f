"""Templates of an operator in a running gateway: whatever they do, it starts honestly, goes on, and stops in time."""

import asyncio
import sys
import time
from pathlib import Path

import pytest

from tests.journeys.test_mailing import mail_in, spooled
from tests.support.gateway import environment, gateway, gateway_process, token
from tests.support.node import NodeProcess

ENDLESS = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
DEADLINE_SECONDS = 90
DRAIN_SECONDS = 3


def templates(folder: Path, **texts: str) -> str:
    made = folder / "templates"
    made.mkdir()
    for name, text in texts.items():
        (made / f"{name}.txt").write_text(text)
    return str(made)


@pytest.mark.parametrize("command", ["serve", "mail", "config"])
async def test_a_template_that_does_not_compile_stops_the_start_with_file_and_line(
    tmp_path: Path, command: str
):
    folder = templates(tmp_path, ORDER="Hello\n{{ title }")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", command, env=environment(tmp_path, MAIL_TEMPLATES=folder), cwd=tmp_path,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        _, errors = await asyncio.wait_for(process.communicate(), DEADLINE_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert process.returncode == 2
    assert (
        f"a mail template in {folder} cannot be used: ORDER.txt, line 2: unexpected '}}'" in errors.decode()
    )
    assert b"Traceback" not in errors


async def test_a_template_that_never_ends_outlasts_no_drain(tmp_path: Path):
    """Its mail is not lost, mail of other types goes out, and the process ends within its grace."""
    folder = templates(tmp_path, SLOW=ENDLESS)
    async with gateway_process(tmp_path, MAIL_TEMPLATES=folder, DRAIN_SECONDS=str(DRAIN_SECONDS)) as process:
        here = process.gateway
        email = {"to": "ann@shop.example"}
        slow = [await here.emit("user:ann", type="SLOW", email=email) for _ in range(8)]
        fine = await here.emit("user:ann", type="FINE", email=email)
        await mail_in(here, fine["notification"]["id"], "sent")
        mails = [
            (await here.ask("GET", f"/internal/notifications/{sent['notification']['id']}")).body["mail"]
            for sent in slow
        ]
        asked = time.monotonic()

        assert await process.terminate() == 0

        # A few seconds for a loaded machine: what was wrong lasted for as long as the template does, hours.
        assert time.monotonic() - asked < DRAIN_SECONDS + 15
        assert {mail["state"] for mail in mails} <= {"pending", "leased"}
    assert len(spooled(tmp_path)) == 1


async def test_a_preview_by_a_template_that_never_ends_holds_nobody_up(node: NodeProcess, tmp_path: Path):
    folder = templates(tmp_path, SLOW=ENDLESS)
    async with gateway(tmp_path, MAIL_TEMPLATES=folder) as here:
        admin = await node.open(
            here.public, auth={"token": token("root", roles=("admin",))}, namespace="/admin"
        )
        await admin.event("ready")
        body = {"to": "user:ann", "type": "SLOW", "title": "x", "email": {"to": "ann@shop.example"}}

        preview = asyncio.create_task(admin.call("preview", body))
        alive = [(await here.request("GET", f"{here.internal}/healthz")).status for _ in range(3)]
        answered = await preview

        assert alive == [200, 200, 200]
        assert answered["mail"] is None
        assert answered["rooms"][0]["problem"] == "the template of SLOW does not come to an end"
