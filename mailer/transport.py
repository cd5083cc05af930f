"""What leaves, and what the worker asks of whoever carries it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A rendered mail and its envelope: bare addresses, without display names.

    It is made once and sent as it is: what is put on it as it leaves makes another one.
    """

    id: str
    """Of what is owed; the same at every attempt."""
    sender: str
    recipient: str
    author: str
    """The sender as a reader sees it."""
    subject: str
    date: datetime
    text: str
    html: str
    raw: bytes
    targets: tuple[str, ...] = ()
    """What its links lead to that lead by way of us."""

    @property
    def needs_utf8(self) -> bool:
        """Whether an address cannot be written in ASCII, so that only an SMTPUTF8 server (RFC 6531) can take it."""
        return not (self.sender.isascii() and self.recipient.isascii())

    def content(self) -> bytes:
        """The message as it goes over the wire, CRLF line ends; the same bytes at every call."""
        return self.raw


HandingOver = Callable[[float], None]
"""Told, before a message leaves, for how many seconds the next hop may take it without our knowing. What it raises keeps it back."""


def unheeded(seconds: float) -> None:
    """For whom it is all the same."""
    del seconds


class Transport(Protocol):
    """Carries mail away. Many sends may be under way at once, each for another mail."""

    async def send(self, message: Outgoing, *, handing_over: HandingOver = unheeded) -> str | None:
        """Return when the next hop has taken responsibility for the message; it survives a crash of ours then.

        Answers what the next hop said as it took it, if it said anything: one short line of printable characters.

        Raises `TemporaryFailure`, `UnclearRefusal`, `PermanentFailure` or `RelayFailure`, what `handing_over` raises, and
        nothing else. After a
        failure without a code or a cancellation the message may still have been taken, if it was handed over (an answer
        can be lost on its way): a repeat carries the same Message-ID. Never hangs: every step is bounded.
        """
        ...

    async def close(self) -> None:
        """Let connections go; idempotent. No send may follow."""
        ...
