"""The process that renders by an operator's templates, for `mailer.press`: `python -m mailer.printer`.

A template can be made to compute for ever, or to fill the memory, in a hundred ways; no sandbox and no thread can stop
them all, but the kernel can: this process gives itself bounds of CPU, time and memory, and ends when it exceeds them.

It reads a letterhead and then requests, and answers each, as MessagePack with its length before it.
"""

import os
import resource
import signal
import sys
from time import process_time
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from mailer.clicks import Marks
from mailer.composed import Composed, Composition
from mailer.errors import RenderFailure, TemplateFailure
from mailer.letterhead import Letterhead
from mailer.render import Compose, Renderer
from mailer.transport import Outgoing
from storage.mail import MailOrder
from storage.notifications import Notification

if TYPE_CHECKING:
    from mailer.designs import Designs

CPU_SECONDS = 1.0
"""For one mail. The built-in templates take a few thousandths of it."""
WALL_SECONDS = 10.0
MEMORY_BYTES = 256 * 2**20
LENGTH_BYTES = 4
LARGEST_FRAME_BYTES = 32 * 2**20
"""What a mail of the largest parts takes, several times over."""


class Check(msgspec.Struct, frozen=True, tag=True):
    """See whether a template can be used at all."""

    template: str


class Render(msgspec.Struct, frozen=True, tag=True):
    """Make the mail of a notification, by a design where there is one, or by the operator's templates."""

    notification: Notification
    order: MailOrder
    id: str | None = None
    unsubscribe_url: str | None = None
    marks: Marks | None = None


class Adopt(msgspec.Struct, frozen=True, tag=True):
    """Compose by the mail templates of a catalog from now on: texts, by name. It has no answer."""

    sources: dict[str, str]


class DesignMail(msgspec.Struct, frozen=True, tag=True):
    """Make the mail of a catalog's type."""

    composition: Composition


class Rendered(msgspec.Struct, frozen=True, tag=True):
    """The mail, whole."""

    outgoing: Outgoing


class Sound(msgspec.Struct, frozen=True, tag=True):
    """A template that compiles."""


class Unaddressable(msgspec.Struct, frozen=True, tag=True):
    """It cannot be sent at all, whatever the template: its address is none, or it is too large."""

    reason: str


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The template did."""

    reason: str
    cpu_seconds: float
    """What it cost."""


PressRequest = Check | Render | DesignMail
PressAnswer = Rendered | Composed | Sound | Unaddressable | Failed

letterheads = msgspec.msgpack.Decoder(Letterhead, dec_hook=lambda kind, text: kind(text))
requests = msgspec.msgpack.Decoder(PressRequest | Adopt)
answers = msgspec.msgpack.Decoder(PressAnswer)
_encoder = msgspec.msgpack.Encoder(enc_hook=str)  # a folder is a text on its way


def framed(message: Letterhead | Adopt | PressRequest | PressAnswer) -> bytes:
    """A message with its length before it, in four bytes."""
    content = _encoder.encode(message)
    return len(content).to_bytes(LENGTH_BYTES) + content


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer until the source ends.

    Each answer has `CPU_SECONDS` and `WALL_SECONDS`: beyond them the kernel ends the process, in the midst of whatever
    it does.
    """
    desk = _Desk(letterheads.decode(_read(source)))
    while content := _read(source):
        request = requests.decode(content)
        if isinstance(request, Adopt):
            desk.adopt(request)
            continue
        _count_time(CPU_SECONDS, WALL_SECONDS)
        answer = framed(desk.answer(request))
        _count_time(0, 0)
        sink.write(answer)
        sink.flush()


def main() -> None:
    """Bound this process, and serve on its standard input and output."""
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Whatever else might be printed must not be taken for an answer.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    # Data, not address space: what is only mapped, such as a file of locales, costs nothing.
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    serve(source, sink)


def _read(source: BinaryIO) -> bytes:
    return source.read(int.from_bytes(source.read(LENGTH_BYTES)))


def _count_time(cpu_seconds: float, wall_seconds: float) -> None:
    """Have the kernel end this process after so much CPU, or time; 0: no more."""
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
    signal.setitimer(signal.ITIMER_REAL, wall_seconds)


class _Desk:
    def __init__(self, letterhead: Letterhead) -> None:
        self._renderer = Renderer(letterhead)
        self._designs: Designs | None = None

    def adopt(self, stock: Adopt) -> None:
        # Only here: MRML, the inliner and Babel are nothing to a gateway without a catalog.
        from mailer.designs import Designs

        self._designs = Designs(stock.sources)

    def answer(self, request: PressRequest) -> PressAnswer:
        """What becomes of a request. What is no failure of a template's, such as memory that has run out, ends the process."""
        begun = process_time()
        try:
            return self._work(request)
        except RenderFailure as failure:
            return Unaddressable(reason=str(failure))
        except TemplateFailure as failure:
            return Failed(reason=str(failure), cpu_seconds=process_time() - begun)

    def _work(self, request: PressRequest) -> PressAnswer:
        if isinstance(request, Check):
            self._renderer.check(request.template)
            return Sound()
        if isinstance(request, Render):
            compose = self._compose_of(request.notification)
            return Rendered(
                outgoing=self._renderer.render(
                    request.notification,
                    request.order,
                    id_=request.id,
                    unsubscribe_url=request.unsubscribe_url,
                    marks=request.marks,
                    compose=compose,
                )
            )
        if self._designs is None:
            raise TemplateFailure("no catalog was adopted")
        return self._designs.compose(request.composition)

    def _compose_of(self, notification: Notification) -> Compose | None:
        """The designs, where they have one for it."""
        locale, designs = notification.locale, self._designs
        if designs is None or locale is None:
            return None
        return designs.compose if designs.has(notification.type, locale) else None


if __name__ == "__main__":
    main()
