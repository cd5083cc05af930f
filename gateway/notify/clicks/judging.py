"""Whether a hit on a link in a mail, or the fetching of its picture, was a person's: rules over what was noted of it, and of the others on the same mail.

Pure, so that what is kept can be judged anew. What only looks like a program's is neither one's nor the other's: people's own
clients tell some of those apart, and the rest counts for nobody.

`book` brings what was noted, and writes the verdict down with the rules that made it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

from mailer.clicks import TRAP
from storage.clicks import Hit, HitKind
from storage.mail import Mail
from storage.opens import Open

# What is seen of a request.
PREFETCH: Final = "prefetch"
"""A browser, or a preview, has fetched ahead."""
AGENT: Final = "agent"
"""It calls itself a program, or nothing at all."""
NO_NAVIGATION: Final = "no_navigation"
"""It does not say that somebody navigates, as browsers do over https."""
PROXY: Final = "proxy"
"""Of a picture: a provider has fetched it for a reader, or ahead of one. Which of them, it does not say."""
# What is seen as others are looked at.
BURST: Final = "burst"
"""One network has followed several links of the mail within a moment."""
EARLY: Final = "early"
"""It came before a person could have read the mail: scanners look before a mail is let in."""
TRAPPED: Final = "trap"
"""One network has followed, within a moment, a link that no person can see."""
SOON: Final = "soon"
"""It came soon, at an address whose mail somebody scans for a company."""

OF_PROGRAMS: Final = frozenset({PREFETCH, AGENT, BURST, TRAPPED, EARLY})
DOUBTS: Final = frozenset({NO_NAVIGATION, SOON, PROXY})
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

    @classmethod
    def of(cls, mail: Mail) -> Self:
        return cls(sent_at=mail.sent_at, domain=mail.order.to.rpartition("@")[2].casefold())


def judge(hit: Hit, others: Sequence[Hit], posted: Posted | None) -> tuple[HitKind, tuple[str, ...]]:
    """What the hit is, and by which rules; `others` are all on its mail. None is known of a mail that is not kept any more.

    The rules are all told, also those that did not decide. With no `posted` only what was seen of the
    requests counts.
    """
    near = _near(hit, others)
    return _judged(hit, posted, near=near, in_burst=_is_burst(near, hit.links))


def judge_open(opened: Open, hits: Sequence[Hit], posted: Posted | None) -> tuple[HitKind, tuple[str, ...]]:
    """The same of a mail's picture; `hits` are those on its links. A person's is what nothing tells of a program."""
    near = _near(opened, hits)
    in_burst = any(_is_burst(_near(hit, hits), hit.links) for hit in near)
    return _judged(opened, posted, near=near, in_burst=in_burst)


def _judged(
    seen: Hit | Open, posted: Posted | None, *, near: Sequence[Hit], in_burst: bool
) -> tuple[HitKind, tuple[str, ...]]:
    why = [*seen.signals]
    if in_burst:
        why.append(BURST)
    if any(hit.target == TRAP for hit in near):
        why.append(TRAPPED)
    if posted is not None:
        since = None if posted.sent_at is None else seen.at - posted.sent_at
        # A mail that is not noted as sent has only just left: its worker writes that down a moment later.
        if since is None or since < EARLY_TIME:
            why.append(EARLY)
        elif since < SOON_TIME and posted.domain not in OF_EVERYBODY:
            why.append(SOON)
    if OF_PROGRAMS.intersection(why):
        return HitKind.BOT, tuple(why)
    return HitKind.UNKNOWN if DOUBTS.intersection(why) else HitKind.HUMAN, tuple(why)


def _near(seen: Hit | Open, hits: Sequence[Hit]) -> Sequence[Hit]:
    """The hits from its network at about its time."""
    return [hit for hit in hits if hit.network == seen.network and abs(hit.at - seen.at) < BURST_TIME]


def _is_burst(near: Sequence[Hit], of_mail: int) -> bool:
    """Whether these are on more links than a person would follow within a moment: three, or half of the mail's."""
    links = len({hit.target for hit in near if hit.target != TRAP})
    return links >= BURST_LINKS or (links > 1 and 2 * links >= of_mail)
