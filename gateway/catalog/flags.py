"""The shop's flag service as a part of a process: asked in the background, and put into the live catalog below admins' switches.

Nothing waits for it but a start, and that for a bounded time. What it does not say anew stays as it was said last. Without
BELLHOP_FLAGS nothing of OpenFeature is imported.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

from gateway.catalog.channels import CHANNELS
from gateway.catalog.flag_settings import FlagSettings
from gateway.catalog.live import LiveCatalog
from gateway.catalog.problems import FlagsError
from gateway.catalog.switches import Override, Switch
from gateway.ground.logs import Seldom
from gateway.ground.parts import Meters, Part
from gateway.ground.tasks import Tasks

if TYPE_CHECKING:
    from gateway.catalog.flag_service import Answers, FlagService

T = TypeVar("T")

MAKE_SECONDS = 20.0
"""How long the operator's function may take."""
ANSWER_SECONDS = 5.0
"""For all flags together. A later answer is taken when it comes; until then nothing else is asked."""

logger = logging.getLogger(__name__)


class FlagPart(Part):
    """Asks the flag service round by round, never two at a time; without one it does nothing.

    It starts behind the catalog, whose types it asks for. A start fails for a wrong BELLHOP_FLAGS, and not for
    a service that does not answer.
    """

    def __init__(self, settings: FlagSettings, live: LiveCatalog) -> None:
        self._maker = settings.maker
        self._every = settings.every
        self._live = live
        self._service: FlagService | None = None
        self._asking: tuple[list[str], asyncio.Future[Answers]] | None = None
        """The flags that are being asked for."""
        self._words: dict[str, bool] = {}
        """The last word on each flag that the service knows, or knew."""
        self._trouble: str | None = None
        """Why last words stay in force; None while all is said."""
        self._news = asyncio.Event()
        self._silent = Seldom(
            logger, "the flag service does not answer for all flags: its last words stay in force"
        )
        self._tasks = Tasks()

    def measure(self, meters: Meters) -> None:
        """Show whether the flags in force are older than the last round."""
        if self._maker is not None:
            meters.watch_gauge(
                "bellhop_flags_stale",
                "1 while the flag service does not answer for all flags, and its last words stay in force",
                lambda: int(self._trouble is not None),
            )

    def concerns(self) -> list[str]:
        """That the flag service does not answer."""
        return [] if self._trouble is None else [f"flags: {self._trouble}; their last words stay in force"]

    async def start(self) -> None:
        """Have the first answers in force, if they come in time. Raises `FlagsError`, and then the process does not start."""
        if self._maker is None:
            return
        if self._live.current is None:
            raise FlagsError("BELLHOP_FLAGS switches the types of the catalog: set BELLHOP_CATALOG as well")
        # Here, so that who has no flag service does not load what it takes.
        from gateway.catalog.flag_service import FlagService

        try:
            async with asyncio.timeout(MAKE_SECONDS):
                self._service = await _on_a_thread(partial(FlagService.made_by, self._maker))
        except TimeoutError:
            raise FlagsError(
                f"BELLHOP_FLAGS: {self._maker} did not return within {MAKE_SECONDS:g} seconds: it must not wait for the service"
            ) from None
        await self._look(self._service)
        self._live.on_change.append(lambda _: self._news.set())
        self._tasks.start(partial(self._look_forever, self._service), name="flags")

    async def stop(self) -> None:
        await self._tasks.stop()
        if self._asking is not None:
            answers = self._asking[1]
            if not answers.cancel():
                answers.exception()  # it has come, and nobody is to be told any more
        if self._service is not None:
            self._service.close()

    async def _look_forever(self, service: "FlagService") -> None:
        """Ask now and then, and at once for the types of another catalog."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    await self._news.wait()
            self._news.clear()
            await self._look(service)

    async def _look(self, service: "FlagService") -> None:
        """Wait for a round of answers, as long as it may take, and have it in force."""
        if self._asking is None:
            keys = [key for type_ in self._types() for key in _keys(type_).values()]
            self._asking = keys, _on_a_thread(partial(service.ask, keys))
        keys, answers = self._asking
        await asyncio.wait({answers}, timeout=ANSWER_SECONDS)
        if not answers.done():
            self._complain(f"no answer within {ANSWER_SECONDS:g} seconds")
            return
        self._asking = None
        if error := answers.exception():
            self._complain(str(error))
        else:
            self._take(keys, answers.result())

    def _take(self, keys: list[str], answers: "Answers") -> None:
        """Put what was said in force; of what was asked for and not answered, what was said last."""
        words = {
            key: word for key in keys if (word := answers.words.get(key, self._words.get(key))) is not None
        }
        gone = [key for key in words if key not in answers.words and key not in answers.failed]
        changed, self._words = words != self._words, words
        if changed:
            self._live.flags = dict(self._switches())
            logger.info("flags in force", extra={"flags": len(words), "off": [*words.values()].count(False)})
        if answers.failed:
            key, reason = next(iter(answers.failed.items()))
            self._complain(f"{len(answers.failed)} cannot be evaluated, such as {key}: {reason}")
        elif gone:
            self._complain(f"{len(gone)} are known no more, such as {gone[0]}")
        else:
            self._trouble = None

    def _switches(self) -> Iterator[tuple[str, Switch]]:
        """The words as switches of their types, of those types that anything is said of."""
        for type_ in self._types():
            whole, *own = (self._words.get(key) for key in _keys(type_).values())
            channels = {
                channel: Override(enabled=word)
                for channel, word in zip(CHANNELS, own, strict=True)
                if word is not None
            }
            if whole is not None or channels:
                yield type_, Switch(enabled=whole, channels=channels)

    def _types(self) -> tuple[str, ...]:
        return () if self._live.current is None else tuple(self._live.current.types)

    def _complain(self, trouble: str) -> None:
        """Say that last words stay, and why."""
        self._trouble = trouble
        self._silent.say(reason=trouble)


def _keys(type_: str) -> dict[str | None, str]:
    """The names of a type's flags: first of the whole, then of each channel, in their order."""
    return {None: f"bellhop.{type_}"} | {channel: f"bellhop.{type_}.{channel}" for channel in CHANNELS}


def _on_a_thread(work: Callable[[], T]) -> asyncio.Future[T]:
    """Do it on a thread that no end of the process waits for: it is others' code, and may never return."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if future.done():
            return  # nobody waits for it any more
        if error is None:
            future.set_result(result)  # type: ignore[arg-type]  # it is what `work` has returned
        else:
            future.set_exception(error)

    def run() -> None:
        result: T | None = None
        error: Exception | None = None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001 - it is told where it is waited for
            # Not even an exit of others' code ends more than its own work.
            error = (
                raised
                if isinstance(raised, FlagsError)
                else RuntimeError(f"{type(raised).__name__}: {raised}")
            )
        # The loop may have been closed since.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, error)

    Thread(target=run, name="flags", daemon=True).start()
    return future
