"""What leaves, and what the worker asks of whoever carries it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A rendered mail and its envelope: bare addresses, without display names."""

    id: str
    """The id of its notification; the same at every attempt."""
    sender: str
    recipient: str
    author: str
    """The sender as a reader sees it."""
    subject: str
    date: datetime
    text: str
    html: str
    raw: bytes

    @property
    def needs_utf8(self) -> bool:
        """Whether an address cannot be written in ASCII, so that only an SMTPUTF8 server (RFC 6531) can take it."""
        return not (self.sender.isascii() and self.recipient.isascii())

    def content(self) -> bytes:
        """The message as it goes over the wire, CRLF line ends; the same bytes at every call."""
        return self.raw


class Transport(Protocol):
    """Carries mail away. Many sends may be under way at once, each for another mail."""

    async def send(self, message: Outgoing) -> None:
        """Return when the next hop has taken responsibility for the message; it survives a crash of ours then.

        Raises `TemporaryFailure`, `PermanentFailure` or `RelayFailure`, and nothing else. After a failure or a
        cancellation the message may still have been taken (an answer can be lost on its way): a repeat carries the same
        Message-ID. Never hangs: every step is bounded.
        """
        ...

    async def close(self) -> None:
        """Let connections go; idempotent. No send may follow."""
        ...
