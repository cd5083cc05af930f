"""The audit: writing down who has done what, looking it up, and forgetting what is old.

`gateway.protocol.auditing` calls `begin` before an operation and `end` after it; which operations are written
down, and what of them, each operation says itself.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.ground import logs
from gateway.ground.clock import Timekeeper
from gateway.ground.parts import Part
from storage.audit import Audit, Deed, DeedPage, DeedSearch
from storage.errors import StorageError
from storage.ids import uuid7

PRUNED_AT_ONCE = 500
"""In one keeping of the house, of one node."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRequest:
    """A page of deeds, newest first: what is None is not asked."""

    by: str | None = None
    """Who has done it, as the caller is named."""
    operation: str | None = None
    target: str | None = None
    """To whom or what it was done, as the operation names it."""
    since: datetime | None = None
    until: datetime | None = None
    """Exclusive."""
    before: str | None = None
    """The cursor of the page before."""
    limit: int = 50


class AuditBook(Part):
    """The use cases of the audit. They raise `StoreUnavailable` when the store is away, but `end`.

    A deed is begun before it is done: a process that dies in the middle leaves a deed without an outcome, and
    so it is known that somebody has tried. A deed that cannot be begun is not done.
    """

    def __init__(self, audit: Audit, clock: Timekeeper, *, kept_days: int) -> None:
        """What is older than `kept_days` is forgotten; 0: nothing is."""
        self._audit = audit
        self._clock = clock
        self._kept_days = kept_days

    async def begin(
        self, *, by: str, role: str, operation: str, target: str | None, detail: Mapping[str, Any]
    ) -> str:
        """Write down what is about to be done; answers by what `end` knows it.

        Raises `StorageError`, and the caller then does nothing. The id of the HTTP request is taken from the
        context.
        """
        deed = Deed(
            id=uuid7(),
            at=self._clock(),
            by=by,
            role=role,
            operation=operation,
            target=target,
            detail=detail,
            request_id=logs.request_id.get(),
        )
        await self._audit.begin(deed)
        return deed.id

    async def end(self, deed_id: str, outcome: str) -> None:
        """Write down what came of it: `done`, or the code of an error. Raises nothing of the store's.

        It is done by now, so a store that has gone away is only told of in the log.
        """
        try:
            await self._audit.end(deed_id, outcome, now=self._clock())
        except StorageError:
            logger.warning(
                "the end of a deed is not written down", extra={"deed": deed_id, "outcome": outcome}
            )

    async def page(self, asked: AuditRequest) -> DeedPage:
        """A page of what is asked for, newest first. Raises `InvalidCursor`."""
        search = DeedSearch(
            by=asked.by, operation=asked.operation, target=asked.target, since=asked.since, until=asked.until
        )
        return await self._audit.page(search, before=asked.before, limit=asked.limit)

    async def to(self, target: str, *, limit: int) -> Sequence[Deed]:
        """What was done to it, newest first; for whoever shows a thing with its story."""
        return (await self._audit.page(DeedSearch(target=target), before=None, limit=limit)).items

    async def keep_house(self) -> None:
        """Forget a bounded part of what is too old; never while the clock is in doubt, for nothing brings a deed back."""
        if self._kept_days and self._clock.may_delete:
            await self._audit.prune(
                before=self._clock() - timedelta(days=self._kept_days), limit=PRUNED_AT_ONCE
            )
