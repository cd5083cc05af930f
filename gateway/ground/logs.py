"""How a node logs: one line per outcome, a constant message with fields, as JSON or as text.

Fields come through `extra`; the id of the request at hand comes along by itself.
"""

import logging
import os
import re
import sys
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from time import monotonic
from typing import Any, TextIO

import orjson

from gateway.ground.settings import Group, setting
from gateway.ground.values import choice


class LogFormat(StrEnum):
    AUTO = "auto"  # text on a terminal, else json
    JSON = "json"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings(Group):
    """How much is logged, and in which form."""

    level: str = setting(
        "LOG_LEVEL", "info", choice("debug", "info", "warning", "error"), "debug, info, warning or error"
    )
    format: LogFormat = setting(  # noqa: RUF009 - it is dataclasses.field
        "LOG_FORMAT", "auto", lambda text: LogFormat(choice(*LogFormat)(text)),
        "`json`, `text`, or `auto`: text on a terminal, else json",
    )  # fmt: skip


IDS_AT_ONCE = 256
_ids: list[str] = []
"""Of requests to come that bring none."""

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is being answered; None outside of one."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_RESERVED = frozenset({"time", "level", "logger", "request_id", "error"})


def accepted_request_id(given: str | None) -> str:
    """The caller's own id of a request, when it is one that may stand in logs and headers; else a new one."""
    if given is not None and re.fullmatch(r"[A-Za-z0-9_.:/+=-]{1,128}", given):
        return given
    if not _ids:
        _ids.extend(_new_ids())
    return _ids.pop()


def _new_ids() -> list[str]:
    """Many at once: asking the kernel for each would cost more than all else that is done for it."""
    digits = os.urandom(16 * IDS_AT_ONCE).hex()
    return [digits[begin : begin + 32] for begin in range(0, len(digits), 32)]


class JsonFormatter(logging.Formatter):
    """One JSON object a line. The fields of `extra` stand beside the message, and never in its place."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        current = request_id.get()
        if current is not None:
            line["request_id"] = current
        line |= {f"{name}_" if name in _RESERVED else name: value for name, value in _fields(record).items()}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        try:
            return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
        except TypeError:
            # A lone surrogate, or an integer beyond 64 bit: better a line with less than none.
            return orjson.dumps({name: ascii(value) for name, value in line.items()}).decode()


class TextFormatter(logging.Formatter):
    """For people: time, level, message, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record)
        current = request_id.get()
        if current is not None:
            fields["request_id"] = current
        words = [f"{_time(record)} {record.levelname.lower():7} {record.getMessage()}"]
        words += [f"{name}={_word(value)}" for name, value in fields.items()]
        line = " ".join(words)
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _word(value: object) -> str:
    text = str(value)
    return text if re.fullmatch(r"[!#-~]+", text) else ascii(text)


def configure(level: str, format: LogFormat, stream: TextIO | None = None) -> None:  # noqa: A002 - the setting's name
    """Send the logs of this process to `stream`, or to what is standard error at this moment."""
    stream = stream or sys.stderr
    as_json = not stream.isatty() if format is LogFormat.AUTO else format is LogFormat.JSON
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # What the libraries say at INFO is theirs to know; their handlers of their own would double our lines.
    for name in ("engineio", "socketio", "aiohttp", "pymongo", "asyncio", "aiosqlite"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))


class Seldom:
    """Says what others can make happen as often as they like: at once, then once a minute with how often it was."""

    def __init__(self, logger: logging.Logger, message: str, *, seconds: float = 60.0) -> None:
        self._logger = logger
        self._message = message
        self._seconds = seconds
        self._times = 0
        self._due = 0.0

    def say(self, *, trace: BaseException | None = None, **fields: object) -> None:
        self._times += 1
        now = monotonic()
        if now < self._due:
            return
        self._due = now + self._seconds
        times, self._times = self._times, 0
        self._logger.warning(self._message, extra={**fields, "times": times}, exc_info=trace)
