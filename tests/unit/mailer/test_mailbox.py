"""A mailbox read by IMAP, from a server that says what it likes; a real one is in `tests/journeys/test_collecting.py`."""

import asyncio
from datetime import UTC, datetime

import pytest

from mailer import collecting, mailbox
from mailer.collecting import Collector
from mailer.mailbox import KEYWORD, REMEMBERED, Account, MailboxFailure, Security, Seen, account_of
from mailer.parts import READ_BYTES
from tests.support.imap import Scripted, imap

NOW = datetime(2026, 11, 5, 10, tzinfo=UTC)
DEADLINE_SECONDS = 30


class Desk:
    """What takes messages, and remembers them."""

    def __init__(self, script: Scripted, *, reports: tuple[bytes, ...] = (), query: str = "") -> None:
        self.taken: list[bytes] = []
        self.reports = reports
        self.failing: list[bytes] = []
        self.collector = Collector(
            account_of(script.url(query)),
            self.take,
            every_seconds=0.01,
            clock=lambda: NOW,
            random=lambda: 0.0,
        )

    async def take(self, raw: bytes) -> bool:
        self.taken.append(raw)
        if raw in self.failing:
            raise OSError("the store is away")
        return raw in self.reports


async def test_reports_are_moved_and_what_is_none_is_marked_and_stays():
    async with imap(Scripted({3: b"report", 5: b"letter"})) as script:
        desk = Desk(script, reports=(b"report",), query="&done=Done%20%22here%22")

        assert await desk.collector.visit() == 2

        assert desk.taken == [b"report", b"letter"]
        assert script.messages == {5: b"letter"}
    assert script.heard[1:] == [
        'LOGIN "u" "p"',
        'SELECT "INBOX"',
        "CAPABILITY",
        'CREATE "Done \\"here\\""',
        f"UID SEARCH UNDELETED SINCE 6-Oct-2026 UNKEYWORD {KEYWORD}",
        f"UID FETCH 3 (BODY.PEEK[]<0.{READ_BYTES}>)",
        'UID MOVE 3 "Done \\"here\\""',
        f"UID FETCH 5 (BODY.PEEK[]<0.{READ_BYTES}>)",
        f"UID STORE 5 +FLAGS.SILENT ({KEYWORD})",
        "LOGOUT",
    ]


async def test_where_nothing_can_be_moved_reports_are_marked():
    async with imap(Scripted({3: b"report"}, capabilities="IMAP4rev1")) as script:
        await Desk(script, reports=(b"report",)).collector.visit()

    assert f"UID STORE 3 +FLAGS.SILENT ({KEYWORD})" in script.heard
    assert not any(command.startswith(("CREATE", "UID MOVE")) for command in script.heard)


async def test_where_nothing_can_be_marked_it_is_remembered_what_was_looked_at():
    async with imap(Scripted({3: b"letter"}, flags="[PERMANENTFLAGS (\\Seen)] ok")) as script:
        desk = Desk(script)
        for _ in range(2):
            await desk.collector.visit()
        assert desk.taken == [b"letter"]

        # Numbers mean other messages then.
        script.validity += 1
        await desk.collector.visit()

    assert desk.taken == [b"letter"] * 2
    assert not any(KEYWORD in command for command in script.heard)


async def test_a_server_that_says_nothing_of_flags_takes_none():
    async with imap(Scripted({3: b"letter"}, flags="hello")) as script:
        await Desk(script).collector.visit()

    assert not any(KEYWORD in command for command in script.heard)


async def test_a_keyword_that_is_there_may_be_used_though_no_others_can_be_made():
    async with imap(Scripted({3: b"letter"}, flags=f"[PERMANENTFLAGS (\\Seen {KEYWORD})] ok")) as script:
        await Desk(script).collector.visit()

    assert f"UID STORE 3 +FLAGS.SILENT ({KEYWORD})" in script.heard


def test_only_so_much_is_remembered():
    seen = Seen()
    for uid in range(REMEMBERED + 2):
        seen.add((1, uid))

    assert [(1, uid) in seen for uid in (0, 1, 2, REMEMBERED + 1)] == [False, False, True, True]


async def test_a_long_message_is_read_as_far_as_it_counts():
    async with imap(Scripted({3: b"x" * (3 * READ_BYTES)})) as script:
        desk = Desk(script)
        await desk.collector.visit()

    assert [len(raw) for raw in desk.taken] == [READ_BYTES]


async def test_one_visit_is_of_so_many_messages_and_the_next_takes_the_others(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(collecting, "MESSAGES", 2)
    async with imap(Scripted({uid: b"%d" % uid for uid in range(1, 6)}, flags="hello")) as script:
        desk = Desk(script)

        assert [await desk.collector.visit() for _ in range(4)] == [2, 2, 1, 0]

    assert desk.taken == [b"1", b"2", b"3", b"4", b"5"]


async def test_what_cannot_be_dealt_with_now_stays_and_holds_up_no_other():
    async with imap(Scripted({1: b"a", 2: b"b"})) as script:
        desk = Desk(script, reports=(b"a", b"b"))
        desk.failing = [b"a"]

        assert await desk.collector.visit() == 1
        assert script.messages == {1: b"a"}

        desk.failing = []
        assert await desk.collector.visit() == 1
        assert script.messages == {}


async def test_a_visit_in_which_much_fails_ends():
    letters = {uid: b"%d" % uid for uid in range(1, 100)}
    async with imap(Scripted(letters)) as script:
        desk = Desk(script)
        desk.failing = list(letters.values())

        assert await desk.collector.visit() == 0

    assert len(desk.taken) == collecting.FAILURES


async def test_what_fails_at_every_visit_holds_no_other_up_for_long():
    """Such as letters to leave by, while the public site cannot be reached; the oldest are looked at first else."""
    old = {uid: b"%d" % uid for uid in range(1, 1 + 2 * collecting.FAILURES)}
    async with imap(Scripted({**old, 90: b"report"})) as script:
        desk = Desk(script, reports=(b"report",))
        desk.failing = list(old.values())

        assert [await desk.collector.visit() for _ in range(3)] == [0, 0, 1]

        desk.failing = []
        assert await desk.collector.visit() == len(old)


async def test_a_message_that_is_gone_meanwhile_is_passed_over():
    script = Scripted({1: b"a"}, instead={"UID SEARCH": b"* SEARCH 1 2\r\n%s OK done\r\n"})
    async with imap(script):
        desk = Desk(script)
        assert await desk.collector.visit() == 1

    assert desk.taken == [b"a"]


async def test_an_empty_folder_is_no_trouble():
    async with imap(Scripted(instead={"UID SEARCH": b"%s OK done\r\n"})) as script:
        assert await Desk(script).collector.visit() == 0


@pytest.mark.parametrize(
    ("command", "answer", "said"),
    [
        ("LOGIN", b"%s NO [AUTHENTICATIONFAILED] who is u?\r\n", "does not let us in"),
        ("SELECT", b"%s NO no such folder as INBOX\r\n", "cannot be opened"),
        ("SELECT", b"* OK [READ-ONLY] x\r\n%s OK [READ-ONLY] only to be read\r\n", "cannot be opened"),
        ("UID SEARCH", b"%s NO not now\r\n", "cannot be searched"),
        ("UID SEARCH", b"* SEARCH one two\r\n%s OK\r\n", "cannot be searched"),
        ("UID SEARCH", b"* SEARCH " + b"1 " * 600_000 + b"\r\n%s OK\r\n", "cannot be searched"),
        ("UID SEARCH", b"* OK come on\r\n" * 200_000 + b"%s OK\r\n", "cannot be searched"),
        ("UID FETCH", b"%s BAD what?\r\n", "does not give its messages"),
        # What it says is not waited for, and no memory is taken for it.
        ("UID FETCH", b"* 1 FETCH (UID 1 BODY[]<0> {9999999999}\r\nx", "does not give its messages"),
        ("UID MOVE", b"%s NO quota exceeded\r\n", "does not let its messages be moved"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_a_server_does_not_do_right_is_told_without_its_words(
    command: str, answer: bytes, said: str
):
    async with imap(Scripted({1: b"a"}, instead={command: answer})) as script:
        desk = Desk(script, reports=(b"a",))

        with pytest.raises(MailboxFailure, match=said) as caught:
            await desk.collector.visit()
        async with asyncio.timeout(DEADLINE_SECONDS):
            await script.closed.wait()

    assert "who is" not in str(caught.value)
    assert script.messages == {1: b"a"}


async def test_a_server_that_speaks_no_imap_is_no_mailbox():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx.example ESMTP\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    script = Scripted(port=server.sockets[0].getsockname()[1])

    with pytest.raises(MailboxFailure, match="cannot be reached"):
        await Desk(script).collector.visit()
    server.close()


async def test_without_starttls_no_password_is_said():
    async with imap(Scripted()) as script:
        account = account_of(f"imap://u:p@127.0.0.1:{script.port}/")
        collector = Collector(
            account, Desk(script).take, every_seconds=1, clock=lambda: NOW, random=lambda: 0.0
        )

        with pytest.raises(MailboxFailure, match="cannot be reached"):
            await collector.visit()

    assert not any("LOGIN" in command for command in script.heard)


async def test_it_goes_on_after_a_failure_and_says_meanwhile_what_is_wrong():
    script = Scripted({1: b"a"}, instead={"LOGIN": b"%s NO no\r\n"})
    async with imap(script), asyncio.timeout(DEADLINE_SECONDS):
        desk = Desk(script, reports=(b"a",))
        running = asyncio.create_task(desk.collector.run())
        while desk.collector.trouble is None:
            await asyncio.sleep(0.005)
        assert desk.collector.trouble == "the mailbox does not let us in (error)"

        script.instead = {}
        while script.messages:
            await asyncio.sleep(0.005)
        while desk.collector.trouble is not None:
            await asyncio.sleep(0.005)

        running.cancel()
        await asyncio.wait({running})


async def test_the_more_fails_the_less_often_it_is_tried():
    desk = Desk(Scripted())
    collector = desk.collector
    collector._every_seconds = 60

    pauses = [collector._pause_seconds(failures) for failures in (0, 1, 2, 3, 10)]

    assert pauses == [60, 60, 120, 240, 450]


@pytest.mark.parametrize("command", ["LOGIN", "SELECT", "UID SEARCH", "UID FETCH"])
async def test_it_stops_at_once_whatever_the_server_does(command: str):
    async with (
        imap(Scripted({1: b"a"}, silent=frozenset({command}))) as script,
        asyncio.timeout(DEADLINE_SECONDS),
    ):
        running = asyncio.create_task(Desk(script).collector.run())
        await script.waiting.wait()

        running.cancel()
        await asyncio.wait({running})
        await script.closed.wait()

    assert running.cancelled()


async def test_a_visit_that_is_aborted_before_it_is_connected_goes_no_further():
    async with imap(Scripted()) as script:
        visit = mailbox.MailboxVisit(account_of(script.url()), Seen())
        visit.abort()

        with pytest.raises(MailboxFailure):
            await asyncio.to_thread(visit.open)
        visit.close()

    assert not any("LOGIN" in command for command in script.heard)


# What operators say


def test_a_mailbox_is_named_by_a_url():
    assert account_of("imaps://bounces%40shop.example:p%40ss@imap.shop.example/") == Account(
        host="imap.shop.example", port=993, security=Security.TLS, user="bounces@shop.example", password="p@ss",
        folder="INBOX", done="Bellhop",
    )  # fmt: skip
    other = account_of("imap://u:p@[::1]:1143/Mail/Bounces?done=Mail%2FDone&starttls=never&cafile=/ca.pem")
    assert (other.host, other.port, other.security) == ("::1", 1143, Security.NONE)
    assert (other.folder, other.done, other.cafile) == ("Mail/Bounces", "Mail/Done", "/ca.pem")
    assert account_of("imap://u:p@h").security is Security.STARTTLS
    assert account_of("imap://u:p@h").port == 143
    assert "p@ss" not in repr(account_of("imaps://u:p%40ss@h/"))


@pytest.mark.parametrize(
    "url",
    [
        "https://u:secret@h/",
        "imaps://u:secret@h/#x",
        "imaps://u:secret@h/?x=1",
        "imaps://u:secret@h/?starttls=optional",
        "imaps://u:secret@:993/",
        "imaps://u:sec/ret@h/",
        "imaps://u@h/",
        "imaps://:secret@h/",
        "imaps://u:secret%0d%0a@h/",
        "imaps://u:secr%C3%A9t@h/",
        "imaps://u:secret@h/inbox?done=INBOX",
        "imaps://u:secret@h/a%0db",
        "imaps://u:secret@h/?done=B%C3%BCcher",
    ],
)
def test_what_is_no_mailbox_is_told_without_the_password(url: str):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - each has its own words
        account_of(url)

    assert "secret" not in str(caught.value)
    assert "sec" not in str(caught.value).split()
