"""How a service becomes a process: it starts, serves until it is asked to stop, drains, and ends in time.

What the signals mean stands in `gateway.process.signals`; the last word has `LastResort`, whatever thread hangs.

It knows nothing of what the service does. Both kinds of process, nodes and offices, are run by it. Time is
what it guards: whoever stops a process (a supervisor, an operator) will kill it at some point, and by then
all must be given back.
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
from gateway.catalog.problems import CatalogError, FlagsError
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
"""Between two looks for the terminal."""
TERMINAL_LOOKS = 30
"""A shell that ends tells its jobs first, and lets go of the terminal then; on a busy machine that takes a while."""

GARBAGE_THRESHOLD = 20_000
"""Objects made, less those freed, before the collector looks at the young ones."""
SWITCH_SECONDS = 0.0001
"""How long a thread of the store waits for the interpreter before the loop must let go of it. A commit asks for it a dozen
times: at Python's default of 5 ms, each would wait for all that the loop writes to its sockets meanwhile."""

logger = logging.getLogger(__name__)


class Runnable(Protocol):
    """A `Process`, as far as its life goes. `stop` is called whatever `start` came to."""

    async def start(self) -> object: ...
    def reload(self) -> bool: ...
    async def drain(self) -> None: ...
    async def stop(self) -> None: ...


S = TypeVar("S", bound=Runnable)


def run(build: Callable[[], S], start: Callable[[S], Awaitable[object]], *, drain_seconds: float) -> int:
    """Run a service until it is asked to stop, and answer the exit code of the process.

    The process ends soon after this: within `drain_seconds` and `STOP_SECONDS` of being asked, if need be by force.

    `build` makes the service on the loop; `start` starts it, with whatever the caller does beside that. Exit
    codes: 0 asked to stop, 1 failed, 2 wrong settings.
    """
    # Before the loop: what comes while uvloop is imported is kept too.
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
    """Ends the process when it does not end by itself, whatever its threads do.

    A thread watches the clock while Python runs; behind it, `faulthandler` does it without Python.
    """

    def __init__(self) -> None:
        self._deadline = math.inf
        """By the monotonic clock; it only comes closer."""
        self._code = 1
        self._nowhere = os.open(os.devnull, os.O_WRONLY)
        """Where the traces go that `faulthandler` insists on. Opened ahead, as there may be no descriptor left in the end."""
        self._thread: threading.Thread | None = None

    def arm(self, seconds: float, *, code: int = 1) -> None:
        """End the process with `code` in `seconds`, or when it was to be ended before, if that is sooner.

        May be called again; `code` of the last call counts.
        """
        self._code = code
        self._expect(seconds, patience_seconds=PATIENCE_SECONDS)
        if self._thread is None:
            # A daemon: it must not keep a process alive that ends by itself.
            self._thread = threading.Thread(target=self._watch, name="last resort", daemon=True)
            self._thread.start()

    def prepare(self, seconds: float) -> None:
        """The same without a word: for a signal's handler, and for a loop that will never come to arm it.

        It takes no lock and makes no Python thread.
        """
        self._expect(seconds, patience_seconds=1)

    def _expect(self, seconds: float, *, patience_seconds: float) -> None:
        """Set the deadline, and the one behind it that needs no interpreter."""
        self._deadline = min(self._deadline, time.monotonic() + seconds)
        left = max(self._deadline - time.monotonic(), 0) + outlet.FLUSH_SECONDS + patience_seconds
        # This thread needs no interpreter, which somebody may hold for ever, and starting it no lock.
        faulthandler.dump_traceback_later(left, exit=True, file=self._nowhere)

    def _watch(self) -> None:
        """Wait for the deadline; then say which threads hang, let the log out, and end the process."""
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
    """One service, from its start to its end, and what it is asked meanwhile.

    Made on the loop, ended with it. Signals come in the main thread, in the middle of anything; they only put
    something on the loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, drain_seconds: float) -> None:
        self._loop = loop
        self._stop_seconds = drain_seconds + STOP_SECONDS
        self._last_resort = LastResort()
        self._asked_to_stop = asyncio.Event()
        self._asked_to_hurry = asyncio.Event()
        self._asked_to_reload = False
        """While it started: it may have read by then what has changed since."""
        self._started: Runnable | None = None

    async def of(self, build: Callable[[], S], start: Callable[[S], Awaitable[object]]) -> int:
        """Handle signals from here on, serve, and answer the exit code."""
        signals.handle(self._signalled)
        code = 1
        try:
            code = await self._serve(build, start)
        finally:
            # The interpreter joins threads as it ends, and one of them may hang.
            self._last_resort.arm(LEFTOVER_SECONDS, code=code)
        return code

    async def _serve(self, build: Callable[[], S], start: Callable[[S], Awaitable[object]]) -> int:
        """Build, start, wait, drain and stop; answers the exit code."""
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
                # A reload that comes from here on would read for nothing.
                self._started = None
                logger.info("draining")
                await self._until(self._asked_to_hurry, service.drain(), name="drain")
        except (StoreConfigurationError, MailConfigurationError, FlagsError) as error:
            return _fail(2, error)
        except CatalogError as error:
            for mistake in error.mistakes:
                print(mistake, file=sys.stderr)  # noqa: T201 - as `bellhop catalog check` does
            return _fail(2, error.summary)
        except (StorageError, OSError) as error:
            return _fail(1, error)
        finally:
            # Also after a start that failed: parts before the one that failed are running.
            await service.stop()
            logger.info("stopped")
        return 0

    async def _until(self, event: asyncio.Event, work: Awaitable[object], *, name: str) -> bool:
        """Do the work, but give it up when the event comes first; whether it was done.

        Work that is given up is cancelled and waited for, however it ends. Work that has failed raises here.
        """
        working = asyncio.ensure_future(work)
        waiting = asyncio.create_task(event.wait(), name=f"end of {name}")
        try:
            await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if working.done():
            await working
            return True
        # And waited for: what it holds must be let go of before the next step begins.
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
        """Do what a signal means, on the loop."""
        if number in signals.STOPS:
            self._stop()
        elif number is signal.SIGHUP:
            self._heed_hangup()
        else:
            logger.info("a signal without a meaning came", extra={"signal": number.name})

    def _stop(self) -> None:
        """Asked to stop: drain; asked again: give up draining."""
        if not self._asked_to_stop.is_set():
            self._asked_to_stop.set()
            self._last_resort.arm(self._stop_seconds)
        elif not self._asked_to_hurry.is_set():
            logger.info("hurrying")
            self._asked_to_hurry.set()
            self._last_resort.arm(HURRY_SECONDS)

    def _heed_hangup(self) -> None:
        """SIGHUP: stop where the terminal has gone, else reload, now or when it has started."""
        if not self._stop_without_terminal():
            if self._started is not None:
                self._reload(self._started)
            else:
                self._asked_to_reload = True
            # A terminal may be gone a moment after it has said so.
            self._look_again(TERMINAL_LOOKS)

    def _reload(self, service: Runnable) -> None:
        """Have the service read anew, and say whether there was anything."""
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
        """Stop where the terminal has gone; answers whether it has."""
        gone = signals.terminal_has_gone()
        if gone and not self._asked_to_stop.is_set():
            self._stop()
        return gone


def _settle_down() -> None:
    """Tune the interpreter for what it does from now on.

    Called once, when the service has started: by then what lasts is there.
    """
    # What was made to last is not looked at by every collection of garbage.
    gc.collect()
    gc.freeze()
    # A batch makes thousands of values, which reference counting frees. At the default of 700 the collector walks
    # over them, and time and again over every connection, for a tenth of the CPU of a batch, and finds nothing.
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 20)
    sys.setswitchinterval(SWITCH_SECONDS)


def _fail(code: int, error: Exception | str) -> int:
    """Say why the process cannot go on, and answer the code."""
    print(f"bellhop: {error}", file=sys.stderr)  # noqa: T201 - the last word of a process that cannot go on
    return code
