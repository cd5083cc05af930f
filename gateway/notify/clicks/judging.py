"""Whether a hit on a link in a mail was a person's: rules over what was noted of it, and of the others on the same mail.

Pure, so that what is kept can be judged anew. What only looks like a program's is neither one's nor the other's: people's own
clients tell some of those apart, and the rest counts for nobody.

`book` brings what was noted, and writes the verdict down with the rules that made it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from storage.clicks import Hit, HitKind

# What is seen of a request.
PREFETCH: Final = "prefetch"
"""A browser, or a preview, has fetched ahead."""
AGENT: Final = "agent"
"""It calls itself a program, or nothing at all."""
NO_NAVIGATION: Final = "no_navigation"
"""It does not say that somebody navigates, as browsers do over https."""
# What is seen as others are looked at.
BURST: Final = "burst"
"""One network has followed several links of the mail within a moment."""
EARLY: Final = "early"
"""It came before a person could have read the mail: scanners look before a mail is let in."""
SOON: Final = "soon"
"""It came soon, at an address whose mail somebody scans for a company."""

OF_PROGRAMS: Final = frozenset({PREFETCH, AGENT, BURST, EARLY})
DOUBTS: Final = frozenset({NO_NAVIGATION, SOON})
"""One of these alone leaves it open which it was."""
BURST_TIME: Final = timedelta(seconds=10)
"""How far apart, before or after, hits may be to count as of the same moment."""
BURST_LINKS: Final = 3
"""How many different links make a burst; fewer do where they are half of the mail's."""
EARLY_TIME: Final = timedelta(seconds=10)
"""How long after its sending a hit is early."""
SOON_TIME: Final = timedelta(minutes=10)
"""How long after its sending a hit is soon, at an address that may be a company's."""
OF_EVERYBODY: Final = frozenset(
    (
        "aol.com", "free.fr", "freenet.de", "gmail.com", "gmx.at", "gmx.ch", "gmx.de", "gmx.net", "googlemail.com",
        "hotmail.com", "hotmail.de", "icloud.com", "laposte.net", "libero.it", "live.com", "mac.com", "mail.ru",
        "mailbox.org", "me.com", "msn.com", "orange.fr", "outlook.com", "outlook.de", "posteo.de", "proton.me",
        "protonmail.com", "t-online.de", "tuta.com", "web.de", "wp.pl", "yahoo.com", "yahoo.de", "yandex.ru", "ymail.com",
    )
)  # fmt: skip
"""Domains where people have mail of their own; all others may be a company's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What is known of the mail that holds the links."""

    sent_at: datetime | None
    """When the relay has taken it; None while we have not noted that."""
    domain: str
    """The domain of the address that it went to."""


def judge(hit: Hit, others: Sequence[Hit], posted: Posted | None) -> tuple[HitKind, tuple[str, ...]]:
    """What the hit is, and by which rules; `others` are all on its mail. None is known of a mail that is not kept any more.

    The rules are all told, also those that did not decide. With no `posted` only what was seen of the
    requests counts.
    """
    why = [*hit.signals]
    if _in_burst(hit, others):
        why.append(BURST)
    if posted is not None:
        since = None if posted.sent_at is None else hit.at - posted.sent_at
        # A mail that is not noted as sent has only just left: its worker writes that down a moment later.
        if since is None or since < EARLY_TIME:
            why.append(EARLY)
        elif since < SOON_TIME and posted.domain not in OF_EVERYBODY:
            why.append(SOON)
    if OF_PROGRAMS.intersection(why):
        return HitKind.BOT, tuple(why)
    return HitKind.UNKNOWN if DOUBTS.intersection(why) else HitKind.HUMAN, tuple(why)


def _in_burst(hit: Hit, others: Sequence[Hit]) -> bool:
    """Whether the network of the hit has followed more links about then than a person would: three, or half of them."""
    near = [other for other in others if other.network == hit.network and abs(other.at - hit.at) < BURST_TIME]
    links = len({other.target for other in near})
    return links >= BURST_LINKS or (links > 1 and 2 * links >= hit.links)
