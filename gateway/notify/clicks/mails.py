"""The mails whose links are led by way of us, as they are found again when one is followed.

It knows on which shelf each kind of mail has what it tells: a notification's own, a digest's, a campaign's.
What is done with it is `book`'s.
"""

from dataclasses import dataclass
from datetime import datetime

from gateway.ground.rooms import user_of
from gateway.notify.clicks.judging import Posted
from storage.campaigns import Campaigns
from storage.notifications import Notification
from storage.obligations import Kind
from storage.outbox import Outbox
from storage.recipients import Recipients
from storage.streams import Streams


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedMail:
    """A mail, and what it tells.

    It is put together as it is asked for; a mail that retention has deleted is none any more, and its links
    lead on all the same.
    """

    user: str
    type: str
    marks: Notification | None
    """What is marked in the app by a click; None where nothing was told there."""
    campaign: str | None
    """The campaign whose mail it is; None for any other."""


class TrackedMails:
    """Looks them up. Raises `StorageError`.

    It keeps nothing.
    """

    def __init__(
        self, *, streams: Streams, outbox: Outbox, campaigns: Campaigns, recipients: Recipients
    ) -> None:
        self._streams = streams
        self._outbox = outbox
        self._campaigns = campaigns
        self._recipients = recipients

    async def user(self, mail: str) -> str | None:
        """Whose mail it is; None for one that is not kept any more."""
        told = await self._outbox.find(mail)
        return None if told is None else user_of(told.room)

    async def find(self, mail: str) -> TrackedMail | None:
        """What is known of it; None for one that is not kept any more, or whose user was erased."""
        told, of = await self._outbox.find(mail), await self._outbox.subject(mail)
        user = None if told is None else user_of(told.room)
        if told is None or of is None or user is None:
            return None
        if of.kind is not Kind.CAMPAIGN:
            own = await self._streams.notification(of.id)
            # What is hidden in the app is there to nobody: a click marks nothing of it.
            is_shown = own is not None and own.seq is not None
            return TrackedMail(user=user, type=told.type, marks=own if is_shown else None, campaign=None)
        campaign = await self._campaigns.find(of.id)
        announced = None if campaign is None else campaign.announced
        marks = None if announced is None else await self._streams.notification(announced)
        return TrackedMail(user=user, type=told.type, marks=marks, campaign=of.id)

    async def clicked(self, campaign: str, mail: str, *, at: datetime) -> None:
        """A person has followed a link of a campaign's mail.

        The first time counts; done again it changes nothing.
        """
        await self._recipients.clicked(campaign, mail, at=at)

    async def posted(self, mail: str) -> Posted | None:
        """When it has left, and whither; None for one that is not kept any more."""
        told = await self._outbox.find(mail)
        if told is None or told.mail is None:
            return None
        return Posted.of(told.mail)
