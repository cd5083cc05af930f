"""Which links of a mail are led by way of us: those of its HTML that lead to the web, and that nobody has asked to be left.

Left as they are: what unsubscribes, or leads to the preferences; what has the attribute `data-no-track`; and a link whose words
are an address themselves, of which mail programs warn when it leads elsewhere. The text part is never touched.
"""

import re
from collections.abc import Collection

from selectolax.lexbor import LexborHTMLParser, LexborNode

from mailer.clicks import LINKS_MAX, Marks
from mailer.weblinks import web_url

LONGEST_TARGET = 2000
NO_TRACK = "data-no-track"
_ADDRESS = re.compile(r"(https?://|www\.)\S*|[\w-]+(\.[\w-]+)+([/?#:]\S*)?", re.IGNORECASE)


def tracked(html: str, marks: Marks, *, spared: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """The HTML with its links led by way of us, and what they lead to; as it was, where there is none to lead.

    `spared` are beginnings of URLs that are left as they are.

    A target that stands in several links is one. Beyond `LINKS_MAX` links are left as they are. Parsing is linear in
    the length.
    """
    tree = LexborHTMLParser(html)
    beginnings = (marks.url, *spared)
    found: dict[str, list[LexborNode]] = {}
    for link in tree.css("a[href], area[href]"):
        target = _target(link)
        if target is None or target.startswith(beginnings):
            continue
        if target in found or len(found) < LINKS_MAX:
            found.setdefault(target, []).append(link)
    if not found:
        return html, ()
    for target, links in found.items():
        leads = marks.link(target, links=len(found))
        for link in links:
            link.attrs["href"] = leads
    return tree.html or html, tuple(found)


def _target(link: LexborNode) -> str | None:
    """Where it leads; None where it is not to be touched."""
    if NO_TRACK in link.attributes:
        return None
    target = web_url((link.attributes.get("href") or "").strip())
    if target is None or len(target) > LONGEST_TARGET:
        return None
    # Linear: of a long text no match is looked for.
    words = (link.text() or "").strip()
    return None if len(words) <= LONGEST_TARGET and _ADDRESS.fullmatch(words) else target
