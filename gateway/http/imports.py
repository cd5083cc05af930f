"""The import of a campaign's recipients: a body of any length, taken in as it comes.

What has come is kept a batch after the other, so that memory is bound by a batch, and a client that is cut off loses the last one
at most. Between two batches whatever else the loop has to do has its turn.

`gateway.http.internal` calls it. Rows are read by `gateway.protocol`, and kept by the book of campaigns. A
row that is wrong is counted and told by its line; it does not stop the others.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from aiohttp import web

from gateway.http import edge
from gateway.notify.campaigns.book import CampaignBook, Imports
from gateway.notify.campaigns.plans import RecipientRequest
from gateway.protocol import campaigns
from gateway.protocol.campaign_rows import CSV, NDJSON, CsvRows, JsonRows, RowSplitter, SkippedRow
from gateway.protocol.campaigns import ImportResult
from gateway.protocol.problems import Problem

BATCH = 500
"""Recipients that are kept in one transaction."""
STEP = 50
"""Lines that are parsed at once: a few milliseconds."""


async def take_in(request: web.Request, book: CampaignBook, *, by: str, may_choose: bool) -> ImportResult:
    """Raises Problem, `Unfit`, and what the book raises.

    Done twice it adds nobody twice: the book knows who is there. After an error in the middle the client
    sends all again. `may_choose` says whether `by`, who asks, may tell of consents.

    Raises `Problem` for a body of another type or one that is too long, `NoSuchCampaign`, `WrongState` for
    one that is no draft, and `Unfit` for one whose audience is not imported.
    """
    # Before the first byte is read: a campaign that is not to be filled costs no upload.
    campaign = await book.importing(request.match_info["campaign"])
    rows = _rows(request)
    records = RowSplitter(quoted=isinstance(rows, CsvRows))
    tally = _Tally(partial(book.take, campaign, by=by, may_choose=may_choose))
    step = 0
    async for chunk in edge.read_chunks(request, limit=campaigns.IMPORT_BYTES_MAX):
        for line, record in records.take(chunk):
            await tally.add(rows.row(line, record))
            step += 1
            if step % STEP == 0:
                await asyncio.sleep(0)
    for line, record in records.end():
        await tally.add(rows.row(line, record))
    return await tally.end()


def _rows(request: web.Request) -> JsonRows | CsvRows:
    """What reads records of the body's type. Raises `Problem` for another."""
    given = request.headers.get("Content-Type", "")
    if len(given) <= edge.MEDIA_TYPE_CHARACTERS:
        if request.content_type in (NDJSON, "application/ndjson", "application/jsonl"):
            return JsonRows()
        if request.content_type == CSV:
            return CsvRows()
    raise Problem("unsupported_media_type", f"It must be {NDJSON} or {CSV}.")


class _Tally:
    """Keeps what has come in batches, and counts.

    One for an import. Memory is bound by `BATCH` rows and `MISTAKES_TOLD` mistakes.
    """

    def __init__(self, take: Callable[[Sequence[RecipientRequest]], Awaitable[Imports]]) -> None:
        self._take = take
        self._batch: list[RecipientRequest] = []
        """Rows that are not kept yet."""
        self._received = self._added = self._known = self._agreed = self._refused = 0
        self._mistakes: list[tuple[int, str]] = []
        """Lines and what is wrong with them: the first ones to be found."""

    async def add(self, row: RecipientRequest | SkippedRow | None) -> None:
        """Count a row, and keep the batch when it is full; None is an empty line or a head."""
        if row is None:
            return
        self._received += 1
        if isinstance(row, SkippedRow):
            self._refuse(row.line, row.problem)
            return
        self._batch.append(row)
        if len(self._batch) == BATCH:
            await self._keep()

    async def end(self) -> ImportResult:
        """Keep the rest, and say what became of all."""
        await self._keep()
        return ImportResult(
            received=self._received,
            added=self._added,
            known=self._known,
            agreed=self._agreed,
            refused=self._refused,
            # What the book refuses is found a batch later than what cannot be read.
            mistakes=sorted(self._mistakes),
        )

    async def _keep(self) -> None:
        """Keep the batch. Raises what the book raises, and then the rows of this batch are not counted."""
        batch, self._batch = self._batch, []
        if not batch:
            return
        taken = await self._take(batch)
        self._added += taken.added
        self._known += taken.known
        self._agreed += taken.agreed
        for line, problem in taken.refused.items():
            self._refuse(line, problem)

    def _refuse(self, line: int, problem: str) -> None:
        """Count a mistake, and note it while there are few."""
        self._refused += 1
        if len(self._mistakes) < campaigns.MISTAKES_TOLD:
            self._mistakes.append((line, problem))
