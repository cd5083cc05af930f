"""Logs: one line per outcome, that machines and people can read."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from gateway.ground import logs
from gateway.ground.logs import LogFormat


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def logged(shape: LogFormat, stream: io.StringIO | None = None, level: str = "info") -> io.StringIO:
    stream = stream or io.StringIO()
    logs.configure(level, shape, stream)
    return stream


def test_a_line_of_json_has_the_message_and_its_fields():
    stream = logged(LogFormat.JSON)

    logging.getLogger("gateway.x").info("sent %s", "mail", extra={"attempts": 2, "room": "user:ü"})

    line = json.loads(stream.getvalue())
    assert (line["level"], line["logger"], line["message"]) == ("info", "gateway.x", "sent mail")
    assert (line["attempts"], line["room"]) == (2, "user:ü")
    assert line["time"].endswith("Z")
    assert "request_id" not in line


def test_the_id_of_the_request_comes_along():
    stream = logged(LogFormat.JSON)
    token = logs.request_id.set("r-1")

    logging.getLogger("gateway.x").warning("slow")
    logs.request_id.reset(token)

    assert json.loads(stream.getvalue())["request_id"] == "r-1"


def test_a_field_cannot_take_the_place_of_the_lines_own():
    stream = logged(LogFormat.JSON)

    logging.getLogger("gateway.x").info("hello", extra={"level": "fatal", "time": "never"})

    line = json.loads(stream.getvalue())
    assert (line["level"], line["level_"], line["time_"]) == ("info", "fatal", "never")


def test_an_exception_is_part_of_its_line():
    stream = logged(LogFormat.JSON)

    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("gateway.x").exception("failed")

    [line] = stream.getvalue().splitlines()
    assert "ValueError: broken" in json.loads(line)["error"]


def test_what_json_cannot_spell_is_still_logged():
    stream = logged(LogFormat.JSON)

    logging.getLogger("gateway.x").info("odd", extra={"text": "\ud800", "number": 2**70, "thing": {1, 2}})

    assert json.loads(stream.getvalue())["number"] == str(2**70)


def test_text_is_one_line_for_people():
    stream = logged(LogFormat.TEXT)
    token = logs.request_id.set("r-1")

    logging.getLogger("gateway.x").info("sent", extra={"attempts": 2, "reason": "user unknown\nDATA"})
    logs.request_id.reset(token)

    [line] = stream.getvalue().splitlines()
    assert line.endswith(r"info    sent attempts=2 reason='user unknown\nDATA' request_id=r-1")


def test_text_shows_an_exception_below():
    stream = logged(LogFormat.TEXT)

    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("gateway.x").exception("failed")

    assert stream.getvalue().splitlines()[-1] == "ValueError: broken"


def test_auto_is_text_on_a_terminal_and_json_elsewhere():
    terminal, pipe = Terminal(), io.StringIO()

    logged(LogFormat.AUTO, terminal)
    logging.getLogger("gateway.x").info("hello")
    logged(LogFormat.AUTO, pipe)
    logging.getLogger("gateway.x").info("hello")

    assert terminal.getvalue().endswith("info    hello\n")
    assert json.loads(pipe.getvalue())["message"] == "hello"


def test_the_level_is_ours_and_libraries_are_quieter():
    stream = logged(LogFormat.TEXT, level="debug")

    logging.getLogger("gateway.x").debug("ours")
    logging.getLogger("engineio").info("theirs")
    logging.getLogger("engineio").warning("their worry")

    assert [line.split()[2] for line in stream.getvalue().splitlines()] == ["ours", "their"]


@pytest.mark.parametrize("given", ["a", "order-7/retry", "A" * 128, "4bf92f3577b34da6a3ce929d0e0e4736"])
def test_a_sound_request_id_is_kept(given: str):
    assert logs.accepted_request_id(given) == given


@pytest.mark.parametrize("given", [None, "", "a b", "A" * 129, "a\nb", "ü", '"'])
def test_any_other_is_replaced(given: str | None):
    made = logs.accepted_request_id(given)

    assert len(made) == 32
    assert made != logs.accepted_request_id(given)


def test_what_happens_very_often_is_said_at_once_and_then_seldom_with_how_often(monkeypatch, caplog):
    now = 1000.0
    monkeypatch.setattr(logs, "monotonic", lambda: now)
    seldom = logs.Seldom(logging.getLogger("tests.seldom"), "it happens", seconds=60)

    for _ in range(5):
        seldom.say(what="first")
    now += 61
    seldom.say(what="second")

    assert [(each.what, each.times) for each in caplog.records] == [("first", 1), ("second", 5)]
