"""What Bellhop asks of a store: a set of shelves, one for each noun, and a life.

A shelf is a Protocol in a file of its own, with the values that it keeps. SQLite and MongoDB implement each beside its
tables or collections. Every method may raise `StoreUnavailable`. Values are immutable, and every time is aware and in
UTC. Times are handed in, so that tests hold the clock. The suites `tests/contract/test_store_*.py` hold both adapters to
these sentences.
"""

from datetime import datetime
from typing import Protocol

from storage.archive import Archive
from storage.audit import Audit
from storage.campaigns import Campaigns
from storage.clicks import Clicks
from storage.digests import Digests
from storage.epochs import Epochs
from storage.inboxes import Inboxes
from storage.lanes import Lanes
from storage.links import Links
from storage.mailboxes import Mailboxes
from storage.opens import Opens
from storage.outbox import Outbox
from storage.people import People
from storage.preferences import Preferences
from storage.recipients import Recipients
from storage.schedule import Schedule
from storage.snoozes import Snoozes
from storage.stats import Stats
from storage.strays import Strays
from storage.streams import Streams
from storage.suppressions import Suppressions
from storage.switches import Switches
from storage.tallies import Tallies
from storage.topics import Topics
from storage.trials import Trials


class Store(Protocol):
    """The shelves with their common life. One instance serves one event loop."""

    @property
    def streams(self) -> Streams: ...

    @property
    def inboxes(self) -> Inboxes: ...

    @property
    def snoozes(self) -> Snoozes: ...

    @property
    def outbox(self) -> Outbox: ...

    @property
    def digests(self) -> Digests: ...

    @property
    def people(self) -> People: ...

    @property
    def epochs(self) -> Epochs: ...

    @property
    def switches(self) -> Switches: ...

    @property
    def tallies(self) -> Tallies: ...

    @property
    def topics(self) -> Topics: ...

    @property
    def preferences(self) -> Preferences: ...

    @property
    def links(self) -> Links: ...

    @property
    def schedule(self) -> Schedule: ...

    @property
    def suppressions(self) -> Suppressions: ...

    @property
    def strays(self) -> Strays: ...

    @property
    def lanes(self) -> Lanes: ...

    @property
    def mailboxes(self) -> Mailboxes: ...

    @property
    def campaigns(self) -> Campaigns: ...

    @property
    def recipients(self) -> Recipients: ...

    @property
    def stats(self) -> Stats: ...

    @property
    def audit(self) -> Audit: ...

    @property
    def clicks(self) -> Clicks: ...

    @property
    def opens(self) -> Opens: ...

    @property
    def archive(self) -> Archive: ...

    @property
    def trials(self) -> Trials: ...

    async def open(self) -> None:
        """Connect, and bring the store to this release's schema; idempotent, also while other nodes do it.

        Raises `StoreConfigurationError` for what an operator must change, a store that a newer release has changed
        included, and `StoreUnavailable` for a server that is away.

        It may take as long as a migration does. What is opened twice is open.
        """
        ...

    async def ping(self, *, size: int = 1) -> None:
        """Return when the store can take an append now, else raise `StoreUnavailable`; within two seconds.

        It asks for a write, not for an answer: one record, where the notifications are kept, is overwritten with some
        `size` bytes, as durably as an append is. So what would refuse an append refuses this: a full disk, a lock, a
        role that was taken away.

        `size` is for a caller that wants to know whether there is room for more than a byte.
        """
        ...

    async def time(self) -> datetime | None:
        """What the store's own clock says; None for a store that has no other than this machine's.

        A process compares it with its own: leases are by the processes' clocks, and these must not differ by much.
        """
        ...

    async def shared_secret(self) -> bytes:
        """32 bytes that all processes on this store share and nobody else has; made by the first that asks.

        Durable when it answers, and never another one while the store lives.
        """
        ...

    async def close(self) -> None:
        """Finish what is under way and let go; idempotent.

        What is asked afterwards raises `StoreUnavailable`.
        """
        ...
