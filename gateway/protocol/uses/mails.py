"""One mail: tried again, sent at once, not sent, or only looked at.

A single id that is not there is an error here; of many, those that were found are the answer.
"""

from collections.abc import Sequence

from gateway.notify.emitting.preview import NoMail
from gateway.protocol.problems import Problem
from gateway.protocol.use_cases import Caller, UseCases
from mailer.errors import RenderFailure, TemplateFailure
from mailer.transport import Outgoing


async def revive_one(use: UseCases, caller: Caller, notification_id: str) -> Sequence[str]:
    """Try one dead mail again."""
    del caller
    revived = await use.mailroom.revive([notification_id])
    if not revived:
        raise Problem("not_found", "No dead mail has this id.")
    return revived


async def hasten_mail(use: UseCases, caller: Caller, mail_id: str) -> Sequence[str]:
    """Have a mail that waits be due now."""
    del caller
    return _waiting(await use.mailroom.hasten([mail_id]))


async def drop_mail(use: UseCases, caller: Caller, mail_id: str) -> Sequence[str]:
    """Have a mail that waits never be sent."""
    # Not which admin: the mail may be kept when that admin is erased.
    by = "an admin" if caller.user else caller.name
    return _waiting(await use.mailroom.drop([mail_id], by=by))


def _waiting(ids: Sequence[str]) -> Sequence[str]:
    """The ids. Raises `Problem` where none of them waits."""
    if not ids:
        raise Problem("not_found", "No mail of this id waits for its time.")
    return ids


async def preview_mail(use: UseCases, caller: Caller, notification_id: str) -> Outgoing:
    """A mail as it would be written now, by the templates of now."""
    del caller
    try:
        return await use.previewer.stored(notification_id)
    except NoMail as error:
        raise Problem("not_found", str(error)) from None
    except (RenderFailure, TemplateFailure) as error:
        raise Problem("validation_failed", f"This mail cannot be rendered: {error}.") from error
