"""The tags of languages (BCP 47), and which of several a reader gets. Knows nothing of the languages themselves."""

import re
from collections.abc import Collection

TAG = r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}"
"""Of the tags that there are, those that people use."""
LONGEST_TAG = 47
_is_tag = re.compile(TAG).fullmatch


def is_tag(text: str) -> bool:
    """Whether it is written as a tag, such as `de` or `pt-BR`; there may be no such language."""
    return len(text) <= LONGEST_TAG and _is_tag(text) is not None


def lookup(wanted: str | None, available: Collection[str], default: str) -> str:
    """The best of `available` for a reader: RFC 4647, section 3.4, `de-CH-1996` → `de-CH` → `de` → `default`.

    In any case of the letters. `default` need not be among the available ones.
    """
    if wanted in available:
        return str(wanted)
    if wanted is not None and len(wanted) <= 64:
        by_tag = {tag.lower(): tag for tag in available}
        for tag in ranges(wanted):
            if tag.lower() in by_tag:
                return by_tag[tag.lower()]
    return default


def ranges(wanted: str) -> list[str]:
    """The tag and what it is shortened to, step by step; a single letter goes together with what follows it.

    The first is the tag itself, with hyphens; `_` counts as one.
    """
    parts = wanted.replace("_", "-").split("-")
    found = []
    while parts:
        found.append("-".join(parts))
        parts.pop()
        if parts and len(parts[-1]) == 1:
            parts.pop()
    return found
