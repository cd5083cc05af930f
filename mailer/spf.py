"""How much a verifier would have to ask to judge by an SPF record (RFC 7208, section 4.6.4): who asks for too much, fails."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

MOST_LOOKUPS = 10
MOST_VOIDS = 2
DEPTH = 10
_TERM = re.compile(
    r"([+?~-]?)(include|a|mx|ptr|exists|ip4|ip6|all)(?::([^/]*))?(?:/.*)?", re.IGNORECASE | re.DOTALL
)
"""Its qualifier, its mechanism, and the domain; how much of an address counts is of no cost."""
_MODIFIER = re.compile(r"([a-z][a-z0-9._-]*)=(.*)", re.IGNORECASE | re.DOTALL)

AskDns = Callable[[str, str], Awaitable[Sequence[str]]]
"""Asks the DNS for a name and a type; answers the values, none for a name that is not there."""


@dataclass(slots=True)
class Cost:
    """What judging by a record takes."""

    lookups: int = 0
    voids: int = 0
    """Of them that find nothing."""
    problems: list[str] = field(default_factory=list)
    passes_all: bool = False
    """Whether it lets everybody pass."""
    passes_some: bool = False
    """Whether it lets anybody pass, as far as can be told without a mail."""


def is_spf(text: str) -> bool:
    return text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")


async def cost(domain: str, ask: AskDns) -> Cost | None:
    """Of the domain's record; None for a domain without one.

    It counts as a verifier that evaluates everything does, up to the first `all`. `ask` raises what it likes, which passes.
    """
    total = Cost()
    found = await _record(domain, ask, total)
    if found is None:
        return total if total.problems else None
    await _count(domain, found, ask, total, depth=0)
    return total


async def _record(domain: str, ask: AskDns, total: Cost) -> str | None:
    records = [text for text in await ask(domain, "TXT") if is_spf(text)]
    if len(records) > 1:
        total.problems.append(f"{domain} has {len(records)} SPF records: verifiers take none of them")
        return None
    return records[0] if records else None


async def _count(domain: str, record: str, ask: AskDns, total: Cost, *, depth: int) -> None:
    """Count the terms of one record, and follow what it includes. Far beyond the bound nothing more is asked."""
    redirect = None
    has_all = False
    for term in record.split()[1:]:
        if (modifier := _MODIFIER.fullmatch(term)) and not _TERM.fullmatch(term):
            if modifier[1].lower() == "redirect":
                redirect = modifier[2]
            continue
        match = _TERM.fullmatch(term)
        if match is None:
            total.problems.append(f"the SPF record of {domain} has a term that is none: {term[:40]}")
            continue
        passes, kind, rest = match[1] in ("", "+"), match[2].lower(), match[3] or ""
        total.passes_some = total.passes_some or passes
        if kind == "all":
            has_all = True
            total.passes_all = total.passes_all or (passes and depth == 0)
            break
        if kind in ("ip4", "ip6"):
            continue
        total.lookups += 1
        if "%" in rest or kind == "ptr" or total.lookups > 2 * MOST_LOOKUPS:
            continue  # known only when a mail comes
        if kind == "include":
            await _follow(rest, ask, total, depth=depth)
        else:
            await _note_void(rest or domain, {"mx": "MX"}.get(kind, "A"), ask, total)
    if redirect is not None and not has_all:
        total.lookups += 1
        await _follow(redirect, ask, total, depth=depth)


async def _follow(target: str, ask: AskDns, total: Cost, *, depth: int) -> None:
    if depth >= DEPTH:
        total.problems.append("its SPF records include one another without end")
        return
    found = await _record(target, ask, total)
    if found is not None:
        await _count(target, found, ask, total, depth=depth + 1)
    elif not total.problems:
        total.problems.append(f"it includes {target}, which has no SPF record")


async def _note_void(name: str, kind: str, ask: AskDns, total: Cost) -> None:
    found = await ask(name, kind)
    if not found and kind == "A":
        found = await ask(name, "AAAA")
    total.voids += not found
