"""What a mail says of its kind to those who handle it: which list it is of (RFC 2919), and for whose statistics a complaint counts.

Of mail whose type the catalog has: without a category there is nothing that complaints could be told apart by.
"""

import re
from functools import lru_cache
from hashlib import sha256

from mailer import headers
from storage.obligations import Kind, Lease

_OTHER = re.compile(r"[^A-Za-z0-9._-]")
_SENDER = "bellhop"
_SENDER_CHARACTERS = 15
"""That the providers who count by `Feedback-ID` allow at most."""


def labels(lease: Lease, domain: str, *, can_be_left: bool) -> bytes:
    """The fields `List-Id` and `Feedback-ID` of a mail from this domain; the first only of what its reader can say no to.

    `Feedback-ID` is the campaign or else the type, the category, the lane and a name for the sender.

    Providers add up complaints by `Feedback-ID`: it holds no id of a user. Empty for what the catalog has no category of.
    """
    entry = lease.notification.entry
    if entry is None or entry.category is None:
        return b""
    campaign = lease.of.id if lease.of.kind is Kind.CAMPAIGN else lease.notification.type
    parts = (_OTHER.sub("_", campaign), entry.category, lease.mail.order.lane, _sender_of(domain))
    fields = headers.raw("Feedback-ID", ":".join(parts))
    if can_be_left:
        fields = headers.raw("List-Id", f"<{entry.category}.{domain}>") + fields
    return fields.encode()


@lru_cache(maxsize=8)
def _sender_of(domain: str) -> str:
    """The same for all mail from a domain, of every node."""
    return (_SENDER + sha256(domain.encode()).hexdigest())[:_SENDER_CHARACTERS]
