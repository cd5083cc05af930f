"""What a catalog has a design for, made by the press, and by its process as it answers one request after the other."""

import io
import signal
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from msgspec import structs

from mailer import printer
from mailer.composed import Composed
from mailer.press import Press
from storage.notifications import Entry, Notification
from tests.unit.mailer.letters import ID, LETTERHEAD, PRESS, RENDERER, notification, order

DESIGNS = {
    "ORDER_UPDATE.html": "<p>{{ title }}, {{ data.order }}</p>",
    "ORDER_UPDATE.de.html": "<p>Hallo</p>",
}
ENTRY = Entry(category="orders", locale="en", catalog_version="1f")


def children() -> list[psutil.Process]:
    """The rendering processes that are there."""
    return [child for child in psutil.Process().children() if "mailer.printer" in child.cmdline()]


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


@pytest.mark.parametrize("link", ["https://[x/", "https://\u2100.example/"])
async def test_a_link_that_nobody_can_take_apart_holds_up_no_mail_of_its_type(link: str) -> None:
    """Whatever an emit may say is the mail's own: it does not end the process, nor keep others' mail back."""
    made = Press(LETTERHEAD, {"ORDER_UPDATE.html": "{{ link }}"})
    try:
        odd = await made.render(designed(link=link), order())
        other = await made.render(designed(link="/orders/1"), order())
    finally:
        await made.close()

    assert (odd.html, other.html) == (link, "https://shop.example/orders/1")


@pytest.mark.parametrize("odd", ["\ufffe", "\uffff"])
async def test_what_no_xml_may_hold_is_left_out_of_a_mail_of_mjml(odd: str) -> None:
    made = Press(
        LETTERHEAD,
        {
            "ORDER_UPDATE.mjml": "<mjml><mj-body><mj-section><mj-column><mj-text>{{ data.order }}</mj-text>"
            "</mj-column></mj-section></mj-body></mjml>"
        },
    )
    try:
        mail = await made.render(designed(data={"order": f"<{odd}1234>"}), order())
    finally:
        await made.close()

    assert "&lt;1234&gt;" in mail.html


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
