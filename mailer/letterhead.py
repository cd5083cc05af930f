"""What stands on every mail of a gateway: who writes, where answers go, how a reader leaves, where links lead."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from mailer import address
from mailer.address import Mailbox
from mailer.unsubscribe import written
from storage.notifications import Notification

PLACEHOLDERS = ("id", "room", "type")
"""What of its notification a URL to unsubscribe by may hold, in braces."""
_URI = re.compile(r"[!#$%&'()*+./0-9:;=?@A-Z_a-z~\[\]{}-]+")
_PLACEHOLDER = re.compile("{(" + "|".join(PLACEHOLDERS) + ")}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """What the settings say of all mail of a lane: it is the same for as long as the process lives."""

    sender: Mailbox
    reply_to: Mailbox | None = None
    base_url: str | None = None
    """Of the public site, for links that are paths."""
    templates: Path | None = None
    """A folder of the operator's, looked into before the built-in templates."""
    unsubscribe: tuple[str, ...] = ()
    """URLs with placeholders, as `parse_unsubscribe` gives them."""
    bounce_domain: str | None = None
    """Where mail comes back to us: there, what a link says can be said by a letter as well."""

    def fields(self) -> Iterator[str]:
        """The header fields that are the same on each mail."""
        yield self.sender.field("From")
        if self.reply_to is not None:
            yield self.reply_to.field("Reply-To")

    def unsubscribe_urls(self, notification: Notification, own: str | None = None) -> tuple[str, ...]:
        """Where the reader of this mail unsubscribes; what is filled in cannot change what the URL leads to.

        `own` is a URL of the web that this mail alone has. Beside it stands the letterhead's one of mailto, or else
        the address that says the same as `own`.

        Empty where the settings have none and the mail has no URL of its own.
        """

        def value(placeholder: re.Match[str]) -> str:
            return quote(str(getattr(notification, placeholder[1])), safe="", errors="replace")

        urls = tuple(_PLACEHOLDER.sub(value, url) for url in self.unsubscribe)
        if own is None:
            return urls
        by_letter = [url for url in urls if url.startswith("mailto:")]
        if not by_letter and self.bounce_domain and (leave := written(own, self.bounce_domain)):
            by_letter = [f"mailto:{leave}?subject=unsubscribe"]
        return (own, *by_letter)


def parse_unsubscribe(text: str) -> tuple[str, ...]:
    """A URL of https, one of mailto, or both with a comma between; https first. Raises ValueError."""
    found: dict[str, str] = {}
    for url in re.split(r"[\s,]+", text.strip()):
        scheme = url.partition(":")[0]
        sample = _PLACEHOLDER.sub("x", url)
        if not _URI.fullmatch(sample) or {"{", "}"} & set(sample):
            raise ValueError(
                f"a URL is of ASCII without blanks, commas and quotes, and holds no braces but "
                f"{', '.join('{' + name + '}' for name in PLACEHOLDERS)}"
            )
        if scheme == "mailto":
            address.parse(sample[len("mailto:") :].partition("?")[0])
        elif scheme != "https" or not urlsplit(sample).hostname:
            raise ValueError("each URL begins with https:// and a host, or with mailto: and an address")
        if scheme in found:
            raise ValueError(f"there are two URLs of {scheme}")
        found[scheme] = url
    return tuple(sorted(found.values()))
