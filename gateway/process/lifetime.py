"""How a service becomes a process: it starts, serves until it is asked to stop, drains, and ends in time.

What the signals mean stands in `gateway.process.signals`; the last word has `LastResort`, whatever thread hangs.
"""

import asyncio
import faulthandler
import gc
import logging
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from auth.errors import KeyConfigurationError
from gateway.catalog.problems import CatalogError
from gateway.process import outlet, signals
from mailer.errors import MailConfigurationError
from storage.errors import StorageError, StoreConfigurationError

STOP_SECONDS = 5.0
"""How long all may take that comes after the drain: sites, store and bus let go of what they hold."""
HURRY_SECONDS = 5.0
"""The same, for who asked twice."""
LEFTOVER_SECONDS = 2.0
"""How long a thread may go on that nobody waits for any more."""
PATIENCE_SECONDS = 10.0
"""How much longer the last resort has for its own last word, on a machine that has much else to do."""
TERMINAL_SECONDS = 1.0
TERMINAL_LOOKS = 30
"""A shell that ends tells its jobs first, and lets go of the terminal then; on a busy machine that takes a while."""

GARBAGE_THRESHOLD = 20_000
"""Objects made, less those freed, before the collector looks at the young ones."""
SWITCH_SECONDS = 0.0001
"""How long a thread of the store waits for the interpreter before the loop must let go of it. A commit asks for it a dozen
times: at Python's default of 5 ms, each would wait for all that the loop writes to its sockets meanwhile."""

logger = logging.getLogger(__name__)


class Service(Protocol):
    async def start(self) -> object: ...
    def reload(self) -> bool: ...
    async def drain(self) -> None: ...
    async def stop(self) -> None: ...


S = TypeVar("S", bound=Service)


def run(build: Callable[[], S], start: Callable[[S], Awaitable[object]], *, drain_seconds: float) -> int:
    """Run a service until it is asked to stop, and answer the exit code of the process.

    The process ends soon after this: within `drain_seconds` and `STOP_SECONDS` of being asked, if need be by force.
    """
    signals.hold()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_Life(runner.get_loop(), drain_seconds).of(build, start))


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop of uvloop where it runs, else asyncio's own."""
    try:
        import uvloop
    except ImportError:  # pragma: no cover - Windows, PyPy
        return None
    return uvloop.new_event_loop


class LastResort:
    """Ends the process when it does not end by itself, whatever its threads do."""

    def __init__(self) -> None:
        self._deadline = math.inf
        self._code = 1
        self._nowhere = os.open(os.devnull, os.O_WRONLY)
        self._thread: threading.Thread | None = None

    def arm(self, seconds: float, *, code: int = 1) -> None:
        """End the process with `code` in `seconds`, or when it was to be ended before, if that is sooner."""
        self._code = code
        self._expect(seconds, patience_seconds=PATIENCE_SECONDS)
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="last resort", daemon=True)
            self._thread.start()

    def prepare(self, seconds: float) -> None:
        """The same without a word: for a signal's handler, and for a loop that will never come to arm it."""
        self._expect(seconds, patience_seconds=1)

    def _expect(self, seconds: float, *, patience_seconds: float) -> None:
        self._deadline = min(self._deadline, time.monotonic() + seconds)
        left = max(self._deadline - time.monotonic(), 0) + outlet.FLUSH_SECONDS + patience_seconds
        # This thread needs no interpreter, which somebody may hold for ever, and starting it no lock.
        faulthandler.dump_traceback_later(left, exit=True, file=self._nowhere)

    def _watch(self) -> None:
        while (left := self._deadline - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
        hanging = [
            thread.name
            for thread in threading.enumerate()
            if not thread.daemon and thread is not threading.main_thread()
        ]
        logger.warning("the process is ended by force", extra={"exit_code": self._code, "threads": hanging})
        outlet.drain()
        os._exit(self._code)


class _Life:
    """One service, from its start to its end, and what it is asked meanwhile."""

    def __init__(self, loop: asyncio.AbstractEventLoop, drain_seconds: float) -> None:
        self._loop = loop
        self._stop_seconds = drain_seconds + STOP_SECONDS
        self._last_resort = LastResort()
        self._asked_to_stop = asyncio.Event()
        self._asked_to_hurry = asyncio.Event()
        self._asked_to_reload = False
        """While it started: it may have read by then what has changed since."""
        self._started: Service | None = None

    async def of(self, build: Callable[[], S], start: Callable[[S], Awaitable[object]]) -> int:
        signals.handle(self._signalled)
        code = 1
        try:
            code = await self._serve(build, start)
        finally:
            self._last_resort.arm(LEFTOVER_SECONDS, code=code)
        return code

    async def _serve(self, build: Callable[[], S], start: Callable[[S], Awaitable[object]]) -> int:
        try:
            service = build()
        except (KeyConfigurationError, StoreConfigurationError, MailConfigurationError) as error:
            return _fail(2, error)
        try:
            # A start that is given up is undone by `stop`.
            if await self._until(self._asked_to_stop, start(service), name="start"):
                _settle_down()
                self._started = service
                if self._asked_to_reload:
                    self._reload(service)
                await self._asked_to_stop.wait()
                self._started = None
                logger.info("draining")
                await self._until(self._asked_to_hurry, service.drain(), name="drain")
        except (StoreConfigurationError, MailConfigurationError) as error:
            return _fail(2, error)
        except CatalogError as error:
            for mistake in error.mistakes:
                print(mistake, file=sys.stderr)  # noqa: T201 - as `bellhop catalog check` does
            return _fail(2, error.summary)
        except (StorageError, OSError) as error:
            return _fail(1, error)
        finally:
            await service.stop()
            logger.info("stopped")
        return 0

    async def _until(self, event: asyncio.Event, work: Awaitable[object], *, name: str) -> bool:
        """Do the work, but give it up when the event comes first; whether it was done."""
        working = asyncio.ensure_future(work)
        waiting = asyncio.create_task(event.wait(), name=f"end of {name}")
        try:
            await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if working.done():
            await working
            return True
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        return False

    def _signalled(self, number: signal.Signals) -> None:
        """In the middle of whatever the main thread does: here nothing may wait, or need a lock."""
        if number in signals.STOPS:
            # Not only in the loop, which may be what hangs.
            self._last_resort.prepare(self._stop_seconds)
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._heed, number)

    def _heed(self, number: signal.Signals) -> None:
        if number in signals.STOPS:
            self._stop()
        elif number is signal.SIGHUP:
            self._heed_hangup()
        else:
            logger.info("a signal without a meaning came", extra={"signal": number.name})

    def _stop(self) -> None:
        if not self._asked_to_stop.is_set():
            self._asked_to_stop.set()
            self._last_resort.arm(self._stop_seconds)
        elif not self._asked_to_hurry.is_set():
            logger.info("hurrying")
            self._asked_to_hurry.set()
            self._last_resort.arm(HURRY_SECONDS)

    def _heed_hangup(self) -> None:
        if not self._stop_without_terminal():
            if self._started is not None:
                self._reload(self._started)
            else:
                self._asked_to_reload = True
            self._look_again(TERMINAL_LOOKS)

    def _reload(self, service: Service) -> None:
        if service.reload():
            logger.info("reloading", extra={"signal": "SIGHUP"})
        else:
            logger.info("nothing to reload: settings are read at the start alone", extra={"signal": "SIGHUP"})

    def _look_again(self, times: int) -> None:
        """Stop should the terminal go within so many looks."""
        if times and not self._asked_to_stop.is_set():

            def look() -> None:
                if not self._stop_without_terminal():
                    self._look_again(times - 1)

            self._loop.call_later(TERMINAL_SECONDS, look)

    def _stop_without_terminal(self) -> bool:
        gone = signals.terminal_has_gone()
        if gone and not self._asked_to_stop.is_set():
            self._stop()
        return gone


def _settle_down() -> None:
    """Tune the interpreter for what it does from now on."""
    # What was made to last is not looked at by every collection of garbage.
    gc.collect()
    gc.freeze()
    # A batch makes thousands of values, which reference counting frees. At the default of 700 the collector walks
    # over them, and time and again over every connection, for a tenth of the CPU of a batch, and finds nothing.
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 20)
    sys.setswitchinterval(SWITCH_SECONDS)


def _fail(code: int, error: Exception | str) -> int:
    print(f"bellhop: {error}", file=sys.stderr)  # noqa: T201 - the last word of a process that cannot go on
    return code
