"""Mail as parts of a process: the press that makes it, and the worker that sends it."""

import asyncio
import random
from collections.abc import Callable

from gateway.cluster.presence.base import Presence
from gateway.ground.clock import Timekeeper
from gateway.ground.parts import Meters, Part
from gateway.ground.rooms import user_of
from gateway.mail.settings import MailSettings
from mailer.connect import connect
from mailer.letterhead import Letterhead
from mailer.press import Press
from mailer.transport import Transport
from mailer.worker import Worker
from storage.store import Store


def press_of(settings: MailSettings, *, base_url: str | None) -> Press:
    """The press; `base_url` is the public site's, for the links in mail."""
    return Press(
        Letterhead(
            sender=settings.sender,
            reply_to=settings.reply_to,
            base_url=base_url,
            templates=settings.templates,
            unsubscribe=settings.unsubscribe,
        )
    )


def transport_of(settings: MailSettings) -> Transport:
    """How mail leaves. Raises `MailConfigurationError`."""
    return connect(
        settings.url,
        connections=settings.concurrency,
        session_mails=settings.session_mails,
        step_seconds=settings.timeout_seconds,
        helo=settings.helo,
    )


def check_templates(settings: MailSettings) -> None:
    """Raises `MailConfigurationError` for an operator's template that no mail can be made with."""

    async def check() -> None:
        part = PressPart(press_of(settings, base_url=None))
        await part.start()
        await part.stop()

    asyncio.run(check())


class PressPart(Part):
    """The press. It comes first: a template that cannot be used is known without any server."""

    def __init__(self, press: Press) -> None:
        self._press = press

    async def start(self) -> None:
        try:
            await self._press.start()
        except BaseException:
            await self._press.close()
            raise

    async def stop(self) -> None:
        await self._press.close()


class MailPart(Part):
    """The worker with its relay. `wake` tells it of new mail."""

    def __init__(
        self,
        settings: MailSettings,
        *,
        store: Store,
        presence: Presence,
        press: Press,
        clock: Timekeeper,
        ended: Callable[[str], None],
    ) -> None:
        """`ended` is told what became of each mail."""

        async def is_online(user: str) -> bool:
            return await presence.find(user) is not None

        self._transport = transport_of(settings)
        self.worker = Worker(
            outbox=store.outbox,
            inboxes=store.inboxes,
            transport=self._transport,
            press=press,
            is_online=is_online,
            user_of=user_of,
            concurrency=settings.concurrency,
            attempts=settings.attempts,
            retry_seconds=settings.retry_seconds,
            lease_seconds=settings.lease_seconds,
            # Two sends, since a kept connection may turn out to be spent; each with its opening, its envelope and its end.
            attempt_seconds=15 * settings.timeout_seconds,
            # A mail that went out early cannot be called back.
            clock=clock.cautious,
            random=random.random,
            observe=lambda outcome: ended(outcome.result),
        )
        self.wake = self.worker.wake
        self._mailing: asyncio.Task[None] | None = None

    def measure(self, meters: Meters) -> None:
        meters.watch_gauge(
            "bellhop_mail_stopped",
            "1 while the mail server refuses us, or cannot be trusted",
            lambda: int(self.worker.stopped),
        )

    def start(self) -> None:
        self._mailing = asyncio.create_task(self.worker.run(), name="mail worker")

    async def drain(self, *, seconds: float) -> None:
        await self.worker.drain(seconds=seconds)

    async def stop(self) -> None:
        assert self._mailing is not None
        await self.worker.drain(seconds=0)
        await self._mailing
        await self._transport.close()
