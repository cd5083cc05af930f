"""Where reports are taken. Apart from what takes them, which needs a library that most processes do without."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenAddress:
    """Where a receiver listens: an address of this machine and a port, 0 for any that is free."""

    host: str
    port: int
    lmtp: bool
    """LMTP, from a mail server of one's own; else SMTP, from anybody."""
