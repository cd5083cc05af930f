"""Where mail is rendered, so that no template can hold up the process, outlast its drain, or take its memory.

The built-in templates are known to be quick, and are rendered in a thread, or at once where there is little to render.
Those of an operator are rendered in a process of their own, `mailer.printer`, which is started with the first mail and
replaced when a template brings it down.
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from mailer import templating
from mailer.choice import has_design
from mailer.clicks import Marks
from mailer.composed import Composed, Composition
from mailer.errors import MailConfigurationError, RenderFailure, TemplateFailure
from mailer.letterhead import Letterhead
from mailer.printer import (
    LARGEST_FRAME_BYTES,
    LENGTH_BYTES,
    WALL_SECONDS,
    Adopt,
    Check,
    DesignMail,
    Failed,
    PressAnswer,
    PressRequest,
    Render,
    Rendered,
    Unaddressable,
    answers,
    framed,
)
from mailer.render import Renderer
from mailer.transport import Outgoing
from storage.mail import MailOrder
from storage.notifications import Notification

BRIEF_CHARACTERS = 1000
"""Of a body, and of data: what takes half a millisecond by the built-in templates, and a thread as long to get to and back."""
KNOWN_TYPES = 1000
DEAR_CPU_SECONDS = 0.1
CONDEMNED_SECONDS = 60.0
"""How long no mail of a type is rendered after its template brought the process down, or failed after so much CPU: one that
never ends costs a second a minute, however much mail wants it."""
PATIENCE_SECONDS = WALL_SECONDS + 5
"""How long an answer may take before the process is ended from outside: its own bounds come first."""
FAREWELL_SECONDS = 2.0
_OUT_OF_TIME = (-signal.SIGPROF, -signal.SIGALRM)


class Press:
    """Renders the mail of one letterhead, for several at once. `close` ends what the other methods have started.

    `designs` are the mail templates of a catalog, texts by name; `compose` needs them.

    Operators' templates are rendered one at a time. A template that takes too long costs its own type a minute, and
    others the second until the process is replaced.
    """

    def __init__(self, letterhead: Letterhead, designs: Mapping[str, str] | None = None) -> None:
        self._letterhead = letterhead
        self._designs = designs
        self._is_stale = False
        """Whether the process has others than these."""
        self._renderer = Renderer(letterhead) if letterhead.templates is None else None
        self._known: set[str] = set()
        """Types whose built-in templates are compiled."""
        self._process: _Process | None = None
        self._turn = asyncio.Lock()
        self._condemned: dict[str, tuple[float, str]] = {}
        """By type: until when by the loop's clock, and why."""

    async def start(self) -> None:
        """Compile every template of the operator's. Raises `MailConfigurationError` that names all that do not."""
        folder = self._letterhead.templates
        if folder is None:
            return
        problems = []
        for name in await asyncio.to_thread(templating.names_in, folder):
            try:
                await self._ask(Check(name), of=name)
            except TemplateFailure as failure:
                problems.append(f"a mail template in {folder} cannot be used: {failure}")
        if problems:
            raise MailConfigurationError("\n".join(problems))

    async def render(
        self,
        notification: Notification,
        order: MailOrder,
        *,
        id_: str | None = None,
        unsubscribe_url: str | None = None,
        marks: Marks | None = None,
    ) -> Outgoing:
        """Raises as `Renderer.render`. What a template does costs a bounded time and memory, and none of the loop's.

        Built-in templates are rendered in a thread for the first time, and at once after that, if there is little to
        render.
        """
        if self._renderer is not None and not self._is_designed(notification):
            make = partial(
                self._renderer.render,
                notification,
                order,
                id_=id_,
                unsubscribe_url=unsubscribe_url,
                marks=marks,
            )
            if notification.type in self._known and _is_brief(notification):
                return make()
            outgoing = await asyncio.to_thread(make)
            if len(self._known) < KNOWN_TYPES:
                self._known.add(notification.type)
            return outgoing
        request = Render(notification, order, id_, unsubscribe_url, marks)
        answer = await self._ask(request, of=notification.type)
        if isinstance(answer, Unaddressable):
            raise RenderFailure(answer.reason)
        assert isinstance(answer, Rendered)
        return answer.outgoing

    async def compose(self, composition: Composition) -> Composed:
        """Make a mail by the designs. Raises `TemplateFailure`; its cost is bounded as that of `render`.

        Of one catalog: `adopt` changes which.
        """
        answer = await self._ask(DesignMail(composition), of=composition.type)
        assert isinstance(answer, Composed)
        return answer

    def adopt(self, designs: Mapping[str, str] | None) -> None:
        """Make the mail of a catalog's types by these templates from now on; None: there is no catalog any more.

        A mail that is being rendered is rendered by the old ones; the next one has a new process. What was condemned
        may be tried again.
        """
        if designs != self._designs:
            self._designs = designs
            self._is_stale = True
            self._condemned.clear()

    def _is_designed(self, notification: Notification) -> bool:
        locale = notification.locale
        return (
            self._designs is not None
            and locale is not None
            and has_design(self._designs, notification.type, locale)
        )

    async def close(self) -> None:
        """End the process; idempotent."""
        async with self._turn:
            process, self._process = self._process, None
            if process is not None:
                await process.end(within_seconds=FAREWELL_SECONDS)

    async def _ask(self, request: PressRequest, *, of: str) -> PressAnswer:
        # One at a time: a mail takes milliseconds, and what takes longer must not do so several times at once.
        """The process's answer, when it is this one's turn. `of` is what is condemned if it brings the process down.

        Raises `TemplateFailure`. Whoever is cancelled here ends the process, as its answer would be taken for the next
        one's.
        """
        async with self._turn:
            self._refuse_condemned(of)
            process = self._process = await self._working()
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    answer = await process.ask(request)
            except BaseException as error:
                # Cancelled, perhaps by a drain: whatever it computes is not waited for. One that has gone tells why.
                self._process = None
                gone = isinstance(error, (EOFError, ConnectionError))
                code = await process.end(within_seconds=FAREWELL_SECONDS if gone else 0)
                if not isinstance(error, Exception):
                    raise
                endless = isinstance(error, TimeoutError) or code in _OUT_OF_TIME
                what = "does not come to an end" if endless else "breaks rendering"
                raise self._condemned_for(f"the template of {of} {what}", of=of) from error
            if not isinstance(answer, Failed):
                return answer
            if answer.cpu_seconds > DEAR_CPU_SECONDS:
                raise self._condemned_for(answer.reason, of=of)
            raise TemplateFailure(answer.reason)

    async def _working(self) -> "_Process":
        """The process; a new one where it has gone, which is not for the next mail to suffer from."""
        if self._process is not None:
            if self._process.is_running and not self._is_stale:
                return self._process
            await self._process.end(within_seconds=0)
        self._is_stale = False
        try:
            return await _Process.start(self._letterhead, self._designs)
        except OSError as error:
            raise TemplateFailure(f"there is no process to render in: {error.strerror}") from error

    def _refuse_condemned(self, of: str) -> None:
        until, reason = self._condemned.get(of, (0.0, ""))
        remaining = until - asyncio.get_running_loop().time()
        if remaining > 0:
            raise TemplateFailure(reason, retry_after=remaining)

    def _condemned_for(self, reason: str, *, of: str) -> TemplateFailure:
        """Have nothing of that type be rendered for a minute; the failure to raise."""
        now = asyncio.get_running_loop().time()
        self._condemned = {known: entry for known, entry in self._condemned.items() if entry[0] > now}
        self._condemned[of] = (now + CONDEMNED_SECONDS, reason)
        return TemplateFailure(reason, retry_after=CONDEMNED_SECONDS)


def _is_brief(notification: Notification) -> bool:
    return len(notification.body) <= BRIEF_CHARACTERS and len(repr(notification.data)) <= BRIEF_CHARACTERS


class _Process:
    """`mailer.printer`, seen from outside."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._sink, self._source = process.stdin, process.stdout

    @classmethod
    async def start(cls, letterhead: Letterhead, designs: Mapping[str, str] | None) -> "_Process":
        """Start one, with the letterhead and the designs on their way to it. Raises OSError where none can be had."""
        process = cls(
            await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "mailer.printer", stdin=PIPE, stdout=PIPE, stderr=DEVNULL,
                # The terminal's Ctrl-C is meant for the gateway alone, which ends this one.
                start_new_session=True, env=_environment(),
            )
        )  # fmt: skip
        process._sink.write(framed(letterhead))
        if designs is not None:
            process._sink.write(framed(Adopt(dict(designs))))
        return process

    @property
    def is_running(self) -> bool:
        return self._process.returncode is None

    async def ask(self, request: PressRequest) -> PressAnswer:
        """Raises whatever shows that it is not there any more, or talks nonsense."""
        self._sink.write(framed(request))
        await self._sink.drain()
        length = int.from_bytes(await self._source.readexactly(LENGTH_BYTES))
        if length > LARGEST_FRAME_BYTES:
            raise ValueError("no answer is so large")
        answer: PressAnswer = answers.decode(await self._source.readexactly(length))
        return answer

    async def end(self, *, within_seconds: float) -> int | None:
        """Have it end, as it does when there is nothing more to read, or be ended after that time; answers its exit code."""
        self._sink.close()
        # No `asyncio.timeout`: in a task that is cancelled it does not tell its own end from that, up to Python 3.11.2.
        gone = asyncio.ensure_future(self._process.wait())
        await asyncio.wait([gone], timeout=within_seconds)
        if not gone.done():
            with suppress(ProcessLookupError):
                self._process.kill()
            await gone
        # Until its pipe has ended too, so that nothing of it outlives the loop.
        await self._process.communicate()
        return self._process.returncode


def _environment() -> dict[str, str]:
    """Ours without the gateway's secrets, and with the path that this code was found by."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("BELLHOP_")}
    return ours | {"PYTHONPATH": os.pathsep.join(str(Path(place).resolve()) for place in sys.path)}
