"""An address that refuses mail, or whose reader has had enough, gets none any more: by emit, by lease, by hand and by list."""

import asyncio
import csv
import io
from pathlib import Path

import pytest

from tests.journeys.test_lanes import owe_bulk
from tests.journeys.test_mailing import mail_in, spooled, until
from tests.support.gateway import Gateway, gateway, token
from tests.support.node import NodeProcess
from tests.support.smtp import Reply, SMTPRelay
from tests.unit.gateway.test_cli import bellhop

UNKNOWN = Reply("550 5.1.1 <gone@shop.example> user unknown")
LIST = "/internal/suppressions"


async def suppress(here: Gateway, address: str, **fields: object) -> dict[str, object]:
    answered = await here.ask("POST", LIST, body={"address": address, **fields})
    assert answered.status == 200, answered
    return answered.body


async def listed(here: Gateway, query: str = "") -> list[dict[str, object]]:
    answered = await here.ask("GET", LIST + query)
    assert answered.status == 200, answered
    return answered.body["suppressions"]


async def mail_to(here: Gateway, address: str, state: str, **email: object) -> dict[str, object]:
    sent = await here.emit("user:ann", email={"to": address, **email})
    return await mail_in(here, sent["notification"]["id"], state)


async def test_a_mailbox_that_is_not_there_is_asked_once_and_never_again(tmp_path: Path):
    async with SMTPRelay() as relay, gateway(tmp_path, MAIL_URL=relay.url(query="starttls=never")) as here:
        relay.refuse["Gone@shop.example"] = UNKNOWN
        dead = await mail_to(here, "Gone@shop.example", "dead")
        [entry] = await listed(here)

        skipped = await mail_to(here, "gone@SHOP.example", "skipped")
        await mail_to(here, "ann@shop.example", "sent")

    assert dead["code"] == 550
    assert (entry["address"], entry["scope"], entry["reason"]) == ("gone@shop.example", "*", "hard_bounce")
    assert entry["evidence"]["code"] == "5.1.1"
    assert "gone" not in entry["evidence"]["diagnostic"]
    assert (skipped["decided_by"], skipped["attempts"]) == ("suppression", 0)
    assert skipped["verdict"].startswith("not sent: the address refused mail for good (5.1.1) on ")
    assert relay.steps.count("RCPT") == 2
    assert [mail.recipients for mail in relay.received] == [("ann@shop.example",)]


async def test_a_relay_that_knows_nobody_does_not_strike_off_everybody(tmp_path: Path):
    """A wrong address of the relay is found by somebody, and until then costs twenty entries, not all."""
    async with SMTPRelay() as relay, gateway(tmp_path, MAIL_URL=relay.url(query="starttls=never")) as here:
        relay.on("RCPT", *[UNKNOWN] * 30)
        for number in range(30):
            await mail_to(here, f"u{number}@shop.example", "dead")
        assert len(await listed(here, "?limit=100")) == 20

        await mail_to(here, "ann@shop.example", "sent")
        relay.on("RCPT", UNKNOWN)
        await mail_to(here, "gone@shop.example", "dead")

        assert len(await listed(here, "?limit=100")) == 21


async def test_what_the_relay_has_against_us_suppresses_nobody(tmp_path: Path):
    async with (
        SMTPRelay() as relay,
        gateway(tmp_path, MAIL_URL=relay.url(query="starttls=never"), MAIL_RETRY="100ms") as here,
    ):
        for line in (
            "550 5.7.1 policy",
            "554 5.7.1 relay access denied",
            "550 no",
            "451 4.3.0 ill",
            "450 4.1.1 greylisted",
        ):
            relay.on("RCPT", Reply(line))
            await mail_to(here, "ann@shop.example", "sent")

        assert await listed(here) == []


async def test_a_mail_that_waits_is_skipped_by_what_is_known_when_it_is_due(gateway: Gateway, tmp_path: Path):
    sent = await gateway.emit("user:ann", email={"to": "ann@shop.example", "after": 1})
    await suppress(gateway, "ann@shop.example")

    mail = await mail_in(gateway, sent["notification"]["id"], "skipped")

    assert (mail["decided_by"], mail["attempts"]) == ("suppression", 1)
    assert spooled(tmp_path) == []


async def test_the_address_of_the_token_is_judged_as_a_given_one_is(
    gateway: Gateway, node: NodeProcess, tmp_path: Path
):
    await suppress(gateway, "ann@shop.example")
    client = await node.open(gateway.public, auth={"token": token("ann", email="Ann@shop.example")})
    await client.event("ready")
    old = await gateway.emit("user:ann", "Refused", email=True)
    await mail_in(gateway, old["notification"]["id"], "skipped")

    # Another address in a newer token is another address.
    newer = await node.open(gateway.public, auth={"token": token("ann", email="ann@home.example")})
    await newer.event("ready")
    new = await gateway.emit("user:ann", "Arrives", email=True)

    await mail_in(gateway, new["notification"]["id"], "sent")
    assert [mail["To"] for mail in spooled(tmp_path)] == ["ann@home.example"]


async def test_who_wants_no_bulk_mail_gets_all_other(gateway: Gateway, tmp_path: Path):
    await suppress(gateway, "b0@bulk.example", scope="lane:bulk", reason="unsubscribe")

    await owe_bulk(gateway, "b0", "b1")
    await mail_to(gateway, "b0@bulk.example", "sent")

    async def both_ended() -> bool:
        counts = (await gateway.ask("GET", "/internal/mail?state=skipped")).body["mail"]
        return len(counts) == 1 and len(spooled(tmp_path)) == 2

    await until(both_ended)
    assert sorted(mail["To"] for mail in spooled(tmp_path)) == ["b0@bulk.example", "b1@bulk.example"]
    [skipped] = (await gateway.ask("GET", "/internal/mail?state=skipped")).body["mail"]
    assert skipped["mail"]["verdict"].startswith("not sent: the address has unsubscribed from it on ")


async def test_a_preview_tells_that_an_address_is_suppressed(gateway: Gateway, node: NodeProcess):
    await suppress(gateway, "ann@shop.example", reason="complaint")
    admin = await node.open(
        gateway.public, namespace="/admin", auth={"token": token("eve", roles=("admin",))}
    )
    await admin.event("ready")

    answer = await admin.call(
        "preview", {"to": "user:ann", "type": "T", "title": "x", "email": {"to": "ann@shop.example"}}
    )

    [room] = answer["rooms"]
    assert room["decided_by"] == "suppression"


async def test_the_list_is_kept_over_http_and_by_admins_alike(gateway: Gateway, node: NodeProcess):
    admin = await node.open(
        gateway.public, namespace="/admin", auth={"token": token("eve", roles=("admin",))}
    )
    await admin.event("ready")

    by_service = await suppress(
        gateway, "Ann@shop.example", scope="category:offers", reason="unsubscribe",
        evidence={"diagnostic": "asked by telephone"}, expires_at="2100-01-01T00:00:00+01:00",
    )  # fmt: skip
    by_admin = await admin.call("suppress", {"address": "bob@shop.example"})
    told = await admin.call("suppressions", {"scope": "category:offers"})

    assert by_service["source"] == "shop"
    assert by_service["expires_at"] == "2099-12-31T23:00:00.000Z"
    assert by_service["evidence"] == {"mail": None, "code": None, "diagnostic": "asked by telephone"}
    assert by_admin["suppression"]["source"] == "admin:eve"
    assert told["suppressions"] == [by_service]
    assert await listed(gateway, "?address=BOB@shop.example") == [by_admin["suppression"]]
    page = await gateway.ask("GET", f"{LIST}?limit=1")
    following = await listed(gateway, f"?limit=1&before={page.body['next']}")
    assert [*page.body["suppressions"], *following] == [by_admin["suppression"], by_service]

    lifted = await gateway.ask("DELETE", f"{LIST}?address=ann@shop.example&scope=category:offers")
    again = await gateway.ask("DELETE", f"{LIST}?address=ann@shop.example")
    by_event = await admin.call("lift_suppression", {"address": "bob@shop.example"})

    assert (lifted.body, again.body, by_event["lifted"]) == ({"lifted": 1}, {"lifted": 0}, 1)
    assert await listed(gateway) == []


@pytest.mark.parametrize(
    ("method", "query", "body", "fields"),
    [
        ("POST", "", {}, {"address"}),
        ("POST", "", {"address": "ann"}, {"address"}),
        ("POST", "", {"address": "a@b.example", "scope": "offers"}, {"scope"}),
        ("POST", "", {"address": "a@b.example", "scope": "category:Offers"}, {"scope"}),
        ("POST", "", {"address": "a@b.example", "reason": "spite"}, {"reason"}),
        ("POST", "", {"address": "a@b.example", "expires_at": "tomorrow"}, {"expires_at"}),
        ("POST", "", {"address": "a@b.example", "expires_at": 5}, {"expires_at"}),
        ("POST", "", {"address": "a@b.example", "expires_at": "2020-01-01T00:00:00Z"}, {"expires_at"}),
        ("POST", "", {"address": "a@b.example", "expires_at": "2030-01-01T00:00:00"}, {"expires_at"}),
        ("POST", "", {"address": "a@b.example", "expires_at": "9999-12-31T23:59:59-10:00"}, {"expires_at"}),
        ("POST", "", {"address": "a@b.example", "evidence": {"code": "x" * 41}}, {"evidence.code"}),
        ("POST", "", {"address": "a@b.example", "source": "me"}, {"source"}),
        ("GET", "?limit=0", None, {"limit"}),
        ("GET", "?scope=all", None, {"scope"}),
        ("GET", "?before=nonsense", None, {"before"}),
        ("DELETE", "", None, {"address"}),
        ("DELETE", "?address=a@b.example&scope=", None, {"scope"}),
    ],
)
async def test_what_is_asked_wrongly_is_told_by_field(
    gateway: Gateway, method: str, query: str, body: object, fields: set[str]
):
    answered = await gateway.ask(method, LIST + query, body=body)

    assert (answered.status, answered.body["code"]) == (422, "validation_failed"), answered
    assert set(answered.body["errors"]) == fields


async def test_what_is_held_of_a_user_has_the_suppressions_and_loses_them(gateway: Gateway):
    await gateway.emit("user:ann", email={"to": "Ann@shop.example"})
    await suppress(gateway, "ann@shop.example")
    await suppress(gateway, "bob@shop.example")

    held = await gateway.ask("GET", "/internal/users/ann/data")
    await gateway.ask("DELETE", "/internal/users/ann/data")

    assert [each["address"] for each in held.body["suppressions"]] == ["ann@shop.example"]
    assert [each["address"] for each in await listed(gateway)] == ["bob@shop.example"]


async def test_a_user_is_told_nothing_of_an_address_that_is_another_users(gateway: Gateway):
    """As of whom the user has sent something, that is mailed there."""
    await gateway.ask("PUT", "/internal/users/bob", body={"email": "bob@shop.example"})
    await gateway.emit("user:ann", email={"to": "Bob@shop.example"})
    await suppress(gateway, "bob@shop.example")

    of_ann = await gateway.ask("GET", "/internal/users/ann/data")
    of_bob = await gateway.ask("GET", "/internal/users/bob/data")

    assert of_ann.body["suppressions"] == []
    assert [each["address"] for each in of_bob.body["suppressions"]] == ["bob@shop.example"]


async def test_a_list_is_taken_over_written_out_and_taken_over_again(tmp_path: Path):
    store = {"STORE_URL": f"sqlite:///{tmp_path}/one.db"}
    given = (
        "Email,Reason,scope,code,created_at,other\n"
        "Ann@Shop.example,HARD_BOUNCE,*,5.1.1,2026-01-02T03:04:05Z,x\n"
        "bob@shop.example,,lane:bulk,,,\n"
        "nobody,,,,,\n"
        "eve@shop.example,,bulk,,,\n"
        "kim@shop.example,,,,yesterday,\n"
        "\"=cmd|'x'!A0@shop.example\",,,,,\n"
        "'=x@shop.example,,,,,\n"
        "'='y@shop.example,=1+1,,,,\n"
    )
    (tmp_path / "list.csv").write_text(f"\ufeff{given}", encoding="utf-8")

    first = await bellhop("suppressions", "import", "list.csv", folder=tmp_path, **store)
    again = await bellhop("suppressions", "import", "list.csv", folder=tmp_path, **store)
    code, written, _ = await bellhop("suppressions", "export", folder=tmp_path, **store)

    assert (first[0], first[1]) == (1, "5 read, 5 new, 3 left out\n")
    assert [line.partition(":")[0] for line in first[2].splitlines()] == ["line 4", "line 5", "line 6"]
    assert not any(name in first[2] for name in ("nobody", "eve@", "kim@"))
    assert again[1] == "5 read, 0 new, 3 left out\n"
    rows = list(csv.DictReader(io.StringIO(written)))
    assert code == 0
    # No cell is a formula to a spreadsheet.
    assert {row["address"] for row in rows} == {
        "ann@shop.example", "bob@shop.example", "'=cmd|'x'!a0@shop.example", "'=x@shop.example", "'='y@shop.example",
    }  # fmt: skip
    assert [row["diagnostic"] for row in rows if row["diagnostic"]] == ["'=1+1"]
    ann = next(row for row in rows if row["address"] == "ann@shop.example")
    assert (ann["reason"], ann["code"], ann["source"]) == ("hard_bounce", "5.1.1", "import")
    assert ann["created_at"] == "2026-01-02T03:04:05+00:00"

    (tmp_path / "written.csv").write_text(written, encoding="utf-8")
    other = {"STORE_URL": f"sqlite:///{tmp_path}/two.db"}
    moved = await bellhop("suppressions", "import", "written.csv", folder=tmp_path, **other)
    rewritten = await bellhop("suppressions", "export", folder=tmp_path, **other)
    assert moved[1] == "5 read, 5 new, 0 left out\n"
    assert sorted(rewritten[1].splitlines()) == sorted(written.splitlines())


async def test_a_list_of_another_sender_keeps_its_words_as_evidence(tmp_path: Path):
    """As SendGrid and Amazon SES write theirs."""
    store = {"STORE_URL": f"sqlite:///{tmp_path}/one.db"}
    lists = {
        "sendgrid.csv": 'email,reason,status,created\nann@shop.example,"550 5.1.1, no such user",5.1.1,1719906000\n',
        "ses.csv": "EmailAddress,Reason\nbob@shop.example,COMPLAINT\neve@shop.example,BOUNCE\n",
    }

    for name, content in lists.items():
        (tmp_path / name).write_text(content)
        assert (await bellhop("suppressions", "import", name, folder=tmp_path, **store))[0] == 0
    _, written, _ = await bellhop("suppressions", "export", folder=tmp_path, **store)

    rows = csv.DictReader(io.StringIO(written))
    assert sorted((row["address"], row["reason"], row["diagnostic"]) for row in rows) == [
        ("ann@shop.example", "manual", "550 5.1.1, no such user"),
        ("bob@shop.example", "complaint", ""),
        ("eve@shop.example", "manual", "BOUNCE"),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name,reason\nann,x\n", "its first line names no column address"),
        (b"", "its first line names no column address"),
        (b"address\n\xff\xfe\n", "this is no list"),
        (b"address\n" + b"x" * 20_000 + b"\n", "this is no list"),
        (None, "cannot be read"),
    ],
)
async def test_what_is_no_list_is_refused(tmp_path: Path, content: bytes | None, said: str):
    if content is not None:
        (tmp_path / "list.csv").write_bytes(content)

    code, _, complained = await bellhop(
        "suppressions", "import", "list.csv", folder=tmp_path, STORE_URL=f"sqlite:///{tmp_path}/one.db"
    )

    assert code == 2
    assert said in complained
    assert "Traceback" not in complained


async def test_a_long_list_goes_through_in_batches_and_pages(tmp_path: Path):
    store = {"STORE_URL": f"sqlite:///{tmp_path}/one.db"}
    (tmp_path / "list.csv").write_text("address\n" + "".join(f"u{n}@shop.example\n" for n in range(1201)))

    taken, written = [
        await bellhop("suppressions", *what, folder=tmp_path, **store)
        for what in (("import", "list.csv"), ("export",))
    ]

    assert taken[:2] == (0, "1201 read, 1201 new, 0 left out\n")
    assert len(written[1].splitlines()) == 1202


async def test_a_list_comes_in_by_a_pipe_beside_a_running_gateway(tmp_path: Path):
    import os
    import sys

    async with gateway(tmp_path) as here:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("BELLHOP_")}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "suppressions", "import", "-", cwd=tmp_path,
            env=environ | {"BELLHOP_STORE_URL": f"sqlite:///{tmp_path}/bellhop.db"},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(30):
            printed, _ = await process.communicate(
                b'\xef\xbb\xbf"address","scope"\r\n"ann@shop.example",""\r\n'
            )

        assert printed == b"1 read, 1 new, 0 left out\n"
        assert [each["address"] for each in await listed(here)] == ["ann@shop.example"]
