"""How the lease of an obligation ends: what its holder tells the outbox."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.obligations import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The transport took it.

    It ends the obligation. A worker that dies between the transport's yes and this has the mail sent a second time, under
    the same Message-ID.
    """

    relay_id: str | None = None
    """What the relay said as it took it: by this it can be asked about the mail."""
    relay_key: str | None = None
    """The id in that, by which `taken_as` finds the mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """It is not needed any more, or not wanted.

    It ends the obligation, and is no failure: a skipped mail cannot be revived.
    """

    rule: str
    """The name of the rule that said so."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Postponed:
    """Not now: it is due again at `until`.

    `code` is what an SMTP server has answered (RFC 5321, section 4.2), None where none did. With a `rule` it is nobody's
    failure, and such a one is not counted.
    """

    until: datetime
    reason: str
    code: int | None = None
    counted: bool = True
    """Whether the attempt counts; else it is given back."""
    rule: str | None = None
    """The name of the rule that holds it; None when a failure does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """It becomes an item of the open digest of that room and key, else of this one, which is opened with it.

    Whether it is an item of a digest that was open or of a new one is decided as it is written; `digest` says what the new
    one would be.
    """

    digest: Digest
    silence: timedelta | None = None
    """How long after it the digest waits for the next one at least, within its `latest_at`; None: it closes when it does."""
    rule: str
    """The name of the rule that said so."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Buried:
    """It is given up on.

    It is kept with its reason, and found as `dead`. People can revive it, until it is pruned with its notification.
    """

    reason: str
    code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """It is given back as if it had not been leased: unsent, uncounted, due as before.

    A worker that is shutting down says so of what it has not begun.
    """


Settled = Sent | Skipped | Postponed | Buried | Released
"""What is written into the mail alone."""
Ending = Settled | Gathered
