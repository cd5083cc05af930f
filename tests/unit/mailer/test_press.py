"""Where an operator's templates run: whatever one of them does, the gateway goes on and no mail is lost by it."""

import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from msgspec import structs

from mailer import press as press_module
from mailer import printer
from mailer.composed import BULK_BYTES_MAX, Composed
from mailer.errors import MailConfigurationError, RenderFailure, TemplateFailure
from mailer.press import Press
from mailer.transport import Outgoing
from storage.mail import LaneName
from storage.notifications import Entry, Notification
from tests.unit.mailer.letters import ID, LETTERHEAD, PRESS, RENDERER, notification, order

DEADLINE_SECONDS = 60

# Each of them holds up a thread for hours, or takes gigabytes.
ENDLESS = [
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "{{ lipsum(n=10 ** 8) }}",
    "{{ data.n ** data.n }}",
]
GREEDY = [
    "{{ 'x' * 10 ** 9 }}",
    "{{ title * 10 ** 9 }}",
    "{{ title|center(10 ** 9) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '{:>1000000000}'.format(1) }}",
    "{{ ([1] * 10 ** 9)|length }}",
    "{{ ('x' * 100000)|replace('', 'y' * 100000) }}",
    "{% set s = namespace(t='x') %}{% for i in range(40) %}{% set s.t = s.t ~ s.t %}{% endfor %}{{ s.t }}",
]


@asynccontextmanager
async def press(folder: Path, **templates: str) -> AsyncIterator[Press]:
    for name, template in templates.items():
        (folder / f"{name}.txt").write_text(template)
    made = Press(replace(LETTERHEAD, templates=folder))
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            yield made
    finally:
        await made.close()


async def mail(by: Press, type_: str, **fields: object) -> Outgoing:
    return await by.render(notification(type=type_, **fields), order())


def children() -> list[psutil.Process]:
    """The rendering processes that are there."""
    return [child for child in psutil.Process().children() if "mailer.printer" in child.cmdline()]


async def test_a_mail_is_the_same_wherever_it_is_rendered(tmp_path: Path) -> None:
    given = notification(title="Grüße", data={"order": 7, "deep": [{"a": [1.5, None, True]}]}, link="/a")
    async with press(tmp_path) as apart:
        there = await apart.render(given, order())

    assert there == RENDERER.render(given, order()) == await PRESS.render(given, order())


async def test_without_templates_of_an_operator_there_is_no_process() -> None:
    await PRESS.start()
    await PRESS.render(notification(), order())

    assert children() == []
    await PRESS.close()


@pytest.mark.parametrize("template", ENDLESS)
async def test_a_template_that_never_ends_is_ended(tmp_path: Path, template: str) -> None:
    async with press(tmp_path, T=template, GOOD="good") as apart:
        with pytest.raises(TemplateFailure, match="the template of T does not come to an end") as caught:
            await mail(apart, "T", data={"n": 10**9})

        assert caught.value.retry_after == press_module.CONDEMNED_SECONDS
        assert (await mail(apart, "GOOD")).text == "good"


@pytest.mark.parametrize("template", GREEDY)
async def test_a_template_that_wants_all_the_memory_gets_little(tmp_path: Path, template: str) -> None:
    async with press(tmp_path, T=template, GOOD="good") as apart:
        with pytest.raises(TemplateFailure):
            await mail(apart, "T")

        assert (await mail(apart, "GOOD")).text == "good"
        [process] = children()
        assert process.memory_info().rss < 1.5 * printer.MEMORY_BYTES


async def test_the_loop_goes_on_while_a_template_spins(tmp_path: Path) -> None:
    async with press(tmp_path, T=ENDLESS[0]) as apart:
        rendering = asyncio.create_task(mail(apart, "T"))
        turns = 0
        while not rendering.done():
            await asyncio.sleep(0)
            turns += 1

        with pytest.raises(TemplateFailure):
            await rendering
        assert turns > 100


async def test_a_template_that_did_not_end_is_not_run_again_for_the_next_mail(tmp_path: Path) -> None:
    """However much mail is owed by it: its cost stays what it was, and other types do not wait."""
    async with press(tmp_path, T=ENDLESS[0], GOOD="good") as apart:
        failures = await asyncio.gather(*(mail(apart, "T") for _ in range(100)), return_exceptions=True)
        before = children()

        assert {type(failure) for failure in failures} == {TemplateFailure}
        assert before == []  # the first has brought it down, and no other has started one
        assert (await mail(apart, "GOOD")).text == "good"


async def test_a_template_whose_failure_is_dear_is_not_run_again_for_the_next_mail(tmp_path: Path) -> None:
    dear = "{% for i in range(99999) %}{% endfor %}" * 60 + "{{ 1 // 0 }}"
    async with press(tmp_path, DEAR=dear, CHEAP="{{ 1 // data.n }}") as apart:
        for type_, fields in (("DEAR", {"n": 1}), ("CHEAP", {"n": 0})):
            with pytest.raises(TemplateFailure, match="ZeroDivisionError"):
                await mail(apart, type_, data=fields)

        with pytest.raises(TemplateFailure, match="DEAR.txt, line 1: ZeroDivisionError") as again:
            await mail(apart, "DEAR")
        assert again.value.retry_after > 0
        assert (await mail(apart, "CHEAP", data={"n": 1})).text == "1"


async def test_a_cancelled_mail_leaves_nothing_that_computes(tmp_path: Path) -> None:
    async with press(tmp_path, T=ENDLESS[0], GOOD="good") as apart:
        await mail(apart, "GOOD")
        [process] = children()
        rendering = asyncio.create_task(mail(apart, "T"))
        while not apart._turn.locked():
            await asyncio.sleep(0)

        rendering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await rendering

        assert not process.is_running()
        assert (await mail(apart, "GOOD")).text == "good"


async def test_a_process_that_was_killed_meanwhile_costs_no_mail(tmp_path: Path) -> None:
    async with press(tmp_path, GOOD="good") as apart:
        await mail(apart, "GOOD")
        [process] = children()
        process.kill()
        assert apart._process is not None
        await apart._process._process.wait()

        assert (await mail(apart, "GOOD")).text == "good"


async def test_a_process_that_falls_silent_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with press(tmp_path, GOOD="good") as apart:
        await mail(apart, "GOOD")
        [process] = children()
        process.suspend()
        monkeypatch.setattr(press_module, "PATIENCE_SECONDS", 0.2)

        with pytest.raises(TemplateFailure, match="does not come to an end"):
            await mail(apart, "GOOD")

        assert not process.is_running()


async def test_a_process_that_will_not_go_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with press(tmp_path, GOOD="good") as apart:
        await mail(apart, "GOOD")
        [process] = children()
        process.suspend()
        monkeypatch.setattr(press_module, "FAREWELL_SECONDS", 0.05)

        await apart.close()

        assert not process.is_running()


async def test_a_process_that_breaks_or_talks_nonsense_condemns_its_template(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with press(tmp_path, GOOD="good") as apart:
        await mail(apart, "GOOD")
        monkeypatch.setattr(press_module, "LARGEST_FRAME_BYTES", 1)

        with pytest.raises(TemplateFailure, match="the template of GOOD breaks rendering"):
            await mail(apart, "GOOD")


async def test_where_no_process_can_be_started_mail_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(press_module.sys, "executable", "/nowhere/python")
    async with press(tmp_path) as apart:
        with pytest.raises(TemplateFailure, match="there is no process to render in"):
            await mail(apart, "T")


async def test_the_process_knows_no_secret_of_the_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLHOP_JWT_SECRET", "secret")
    async with press(tmp_path) as apart:
        await mail(apart, "T")

        [process] = children()
        assert not [name for name in process.environ() if name.startswith("BELLHOP_")]


async def test_an_address_that_cannot_work_is_the_mails_own_fault(tmp_path: Path) -> None:
    async with press(tmp_path) as apart:
        with pytest.raises(RenderFailure, match="the recipient is no mail address"):
            await apart.render(notification(), order("nobody"))


async def test_every_template_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    async with press(
        tmp_path,
        BAD="\n{{ title }",
        WORSE="{% include 'nowhere' %}",
        GOOD="good",
        HUGE="{{ 3 ** (10 ** 9) }}",
    ) as apart:
        (tmp_path / "LATIN.html").write_bytes(b"\xfc")

        with pytest.raises(MailConfigurationError) as caught:
            await apart.start()

    said = str(caught.value).splitlines()
    assert [line.removeprefix(f"a mail template in {tmp_path} cannot be used: ") for line in said] == [
        "BAD.txt, line 2: unexpected '}'",
        "the template of HUGE.txt does not come to an end",
        "LATIN.html, line 1: this is not UTF-8",
        "WORSE.txt, line 1: nowhere is not there",
    ]


async def test_sound_templates_let_a_gateway_start(tmp_path: Path) -> None:
    async with press(tmp_path, GOOD="{{ title }}", ALSO="{% include 'GOOD.txt' %}") as apart:
        await apart.start()

        assert (await mail(apart, "ALSO", title="x")).text == "x"


async def test_a_mended_template_is_used_without_a_restart(tmp_path: Path) -> None:
    async with press(tmp_path, T="{{") as apart:
        with pytest.raises(TemplateFailure):
            await mail(apart, "T")

        (tmp_path / "T.txt").write_text("mended")
        os.utime(tmp_path / "T.txt", (1, 1))

        assert (await mail(apart, "T")).text == "mended"


def test_the_process_answers_each_request_until_there_are_no_more(tmp_path: Path) -> None:
    """Here without the process, to see what it says."""
    (tmp_path / "T.txt").write_text("{{")
    composition = RENDERER.composition(designed(), "Shipped", None)
    sent = [
        replace(LETTERHEAD, templates=tmp_path),
        printer.DesignMail(composition),
        printer.Adopt(DESIGNS),
        printer.DesignMail(composition),
        printer.Render(designed(), order()),
        printer.Check("T.txt"),
        printer.Check("default.txt"),
        printer.Render(notification(), order("nobody")),
        printer.Render(notification(), order()),
    ]
    sink = io.BytesIO()

    printer.serve(io.BytesIO(b"".join(map(printer.framed, sent))), sink)

    sink.seek(0)
    answers = []
    while length := sink.read(printer.LENGTH_BYTES):
        answers.append(printer.answers.decode(sink.read(int.from_bytes(length))))
    assert [type(answer) for answer in answers] == [
        printer.Failed, Composed, printer.Rendered,
        printer.Failed, printer.Sound, printer.Unaddressable, printer.Rendered,
    ]  # fmt: skip
    assert answers[-1].outgoing.id == ID
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


DESIGNS = {
    "ORDER_UPDATE.html": "<p>{{ title }}, {{ data.order }}</p>",
    "ORDER_UPDATE.de.html": "<p>Hallo</p>",
}
ENTRY = Entry(category="orders", locale="en", catalog_version="1f")


def designed(**fields: object) -> Notification:
    return notification(**{"data": {"order": "1234"}, "entry": ENTRY, **fields})


async def test_what_a_catalog_has_a_design_for_is_made_by_it() -> None:
    made = Press(LETTERHEAD, DESIGNS)
    try:
        english = await made.render(designed(), order())
        german = await made.render(designed(entry=structs.replace(ENTRY, locale="de")), order())
        other = await made.render(designed(type="OTHER"), order())
        without = await made.render(notification(), order())
    finally:
        await made.close()

    assert english.html == "<p>Your order has shipped, 1234</p>"
    assert english.subject == "Your order has shipped"
    assert german.html == "<p>Hallo</p>"
    assert other.html == (await PRESS.render(designed(type="OTHER"), order())).html
    assert without.raw == RENDERER.render(notification(), order()).raw


@pytest.mark.parametrize(("zone", "told"), [(None, "08:27, UTC"), ("Asia/Tokyo", "17:27, Asia/Tokyo")])
async def test_a_design_tells_the_time_by_the_clock_that_the_words_went_by(
    zone: str | None, told: str
) -> None:
    made = Press(LETTERHEAD, {"T.txt": "{{ data.at|time }}, {{ timezone }}"})
    entry = structs.replace(ENTRY, locale="de", timezone=zone)
    try:
        mail = await made.render(
            designed(type="T", data={"at": "2026-11-22T08:27:41Z"}, entry=entry), order()
        )
    finally:
        await made.close()

    assert mail.text == told


async def test_a_new_catalog_is_taken_over_by_the_next_mail() -> None:
    made = Press(LETTERHEAD, DESIGNS)
    try:
        first = await made.render(designed(), order())
        made.adopt(DESIGNS)
        same = children()
        made.adopt({"ORDER_UPDATE.html": "<p>Anew</p>"})
        second = await made.render(designed(), order())
        made.adopt(None)
        third = await made.render(designed(), order())
    finally:
        await made.close()

    assert len(same) == 1
    assert (first.html, second.html) == ("<p>Your order has shipped, 1234</p>", "<p>Anew</p>")
    assert third.html == RENDERER.render(notification(), order()).html


def test_bulk_mail_that_would_be_cut_off_is_refused() -> None:
    long = "x" * BULK_BYTES_MAX

    with pytest.raises(RenderFailure, match="bulk mail"):
        RENDERER.render(notification(body=long), order(lane=LaneName.BULK))

    assert RENDERER.render(notification(body=long), order()).html


async def test_what_is_brief_is_rendered_at_once_when_its_templates_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A thread and back takes as long as all of it; to compile the templates, or to render much, takes longer."""
    threads = []
    to_thread = asyncio.to_thread

    async def counted(call: Callable[[], Outgoing]) -> Outgoing:
        threads.append(call)
        return await to_thread(call)

    monkeypatch.setattr(press_module.asyncio, "to_thread", counted)
    monkeypatch.setattr(press_module, "KNOWN_TYPES", 1)
    made = Press(LETTERHEAD)

    mails = [await mail(made, type_) for type_ in ("NEWS", "NEWS", "OTHER", "OTHER")]
    assert len(threads) == 3
    assert mails == [
        RENDERER.render(notification(type=type_), order()) for type_ in ("NEWS", "NEWS", "OTHER", "OTHER")
    ]
    await mail(made, "NEWS", body="x" * 1001)
    await mail(made, "NEWS", data={"items": ["x"] * 300})
    assert len(threads) == 5
