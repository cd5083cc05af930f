"""The presses of a process, which make its mail: one for both lanes, unless bulk mail comes from somebody else."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from gateway.ground.parts import Part
from gateway.mail.settings import BulkSettings, MailSettings
from mailer.letterhead import Letterhead
from mailer.press import Press
from storage.mail import LaneName


def presses_of(
    mail: MailSettings, bulk: BulkSettings, *, base_url: str | None, bounce_domain: str | None = None
) -> Mapping[LaneName, Press]:
    """What renders the mail of each lane: one for both, unless bulk mail comes from somebody else.

    `base_url` is the public site's, for the links in mail; `bounce_domain` is where mail comes back to us.

    Nothing is started yet. Two lanes with the same letterhead share a press, and so a process.
    """
    letterhead = Letterhead(
        sender=mail.sender,
        reply_to=mail.reply_to,
        base_url=base_url,
        templates=mail.templates,
        unsubscribe=mail.unsubscribe,
        bounce_domain=bounce_domain,
    )
    of_bulk = replace(letterhead, sender=bulk.sender or mail.sender, reply_to=bulk.reply_to or mail.reply_to)
    press = Press(letterhead)
    return {
        LaneName.TRANSACTIONAL: press,
        LaneName.BULK: press if of_bulk == letterhead else Press(of_bulk),
    }


class PressPart(Part):
    """The presses. They come first: a template that cannot be used is known without any server.

    What a press makes of an operator's templates it makes in a process of its own, which it starts and replaces by
    itself.
    """

    def __init__(self, presses: Mapping[LaneName, Press]) -> None:
        self._presses = presses

    async def start(self) -> None:
        """Have the templates checked. Raises `MailConfigurationError`."""
        try:
            # The others have the same templates.
            await self._presses[LaneName.TRANSACTIONAL].start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        for press in self._presses.values():
            await press.close()


def check_templates(settings: MailSettings) -> None:
    """Raises `MailConfigurationError` for an operator's template that no mail can be made with.

    Starts a press and stops it; for the command line, where no loop runs.
    """

    async def check() -> None:
        part = PressPart(presses_of(settings, BulkSettings(), base_url=None))
        await part.start()
        await part.stop()

    asyncio.run(check())
