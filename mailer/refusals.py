"""Whom a relay's refusal is about: the one mail, the moment, or us. Pure.

Read in this order: what the answer says in words that leave no doubt, its enhanced code (RFC 3463), its basic code, then
weaker words. The step alone says little: a stock Postfix keeps what it has against our name, our sender or our login
until a recipient is named (`smtpd_delay_reject`). Where nothing says it, `standing` weighs several answers together.
"""

import re
from enum import StrEnum


class SmtpStep(StrEnum):
    """What was refused. The value begins the reason that is kept with the mail."""

    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "content"


class Blame(StrEnum):
    MAIL = "mail"  # this recipient or this message, for good: every repeat would hear the same
    MOMENT = "moment"  # not now
    US = "us"  # our name, address, account or quota: every mail would hear the same
    UNSAID = "unsaid"  # for good, but the answer does not say about whom


ANSWER_LENGTH = 2000
"""How much of an answer is read."""

_Enhanced = tuple[int, int]

# Extended codes by subject and detail; the class is the basic code's to say.
_OF_THE_MAIL: frozenset[_Enhanced] = frozenset(
    {
        (1, 1), (1, 2), (1, 3), (1, 4), (1, 6), (1, 10),  # no such mailbox, no such domain, moved, takes no mail
        (2, 1), (2, 3), (2, 4),  # disabled, message too long for it, a list that does not expand
        (3, 4),  # message too big
        (6, 7), (6, 9),  # an address, or headers, beyond ASCII
    }
)  # fmt: skip
_MAILBOX_FULL: _Enhanced = (2, 2)
_OF_OUR_SENDER: frozenset[_Enhanced] = frozenset({(1, 7), (1, 8), (7, 25), (7, 27)})
_PROTOCOL, _POLICY = 5, 7

# Authentication required, too weak, wrong, or needing encryption (RFC 4954, section 6).
_LOGIN = frozenset({530, 534, 535, 538})
# What we say is not understood, out of order, or not served here: it will not be for the next mail either.
_NOT_UNDERSTOOD = frozenset({500, 502, 503, 504, 555})
_TOO_LARGE_OR_FULL = 552
GOODBYE = 421
"""What a relay says that ends the session."""
_NOT_NOW = frozenset({450, 451})

_ENHANCED = re.compile(r"(?:\A|#)[245]\.(\d{1,3})\.(\d{1,3})(?!\d)")
# What callers chose, and what an answer quotes of it, says nothing: an address may be called `relay-denied@…`.
_QUOTED = re.compile(r"<[^<>]{0,400}>|[^\s<>@]{0,80}@[^\s<>]{0,260}")

_LATER_WORDS = re.compile(r"gr[ae]y-? ?list|try again|temporar|later")
_OURS_BEYOND_DOUBT = re.compile(
    r"\b(?:helo|ehlo)\b"
    r"|\bsender(?: \w+)? (?:rejected|refused|denied|not|verif|unknown|invalid|blocked|must)"
    r"|\b(?:unknown|invalid|bad|unverified|outbound) sender|verify sender"
    r"|\brelay(?:ing)?(?: access| attempt| is| was)* (?:denied|not|prohibited|refused|rejected|disabled)"
    r"|\b(?:to|cannot|can't|not|no|won't) relay|rcpthosts"
    r"|authenticat\w+ (?:is )?(?:required|needed|first)|(?:requires?|must|have|use|need|please) (?:be |smtp )?authenticat"
    r"|not (?:authenticated|logged in)|(?:auth|log ?in) (?:required|needed|first)"
    r"|\bclient host (?:rejected|blocked)|cannot find your"
)
_MAILBOX_FULL_WORDS = re.compile(
    r"(?:mailbox|inbox) (?:is )?full|(?:mailbox|user|recipient)\b[^.]{0,30}\bquota|over ?quota"
)
_MAIL_WORDS = re.compile(
    r"(?:unknown|no such|no|invalid|non-?existent|inactive|disabled) (?:local |virtual )?"
    r"(?:user|recipient|mailbox|addressee|person|customer|account here)"
    r"|(?:user|recipient|mailbox|addressee)(?: address| account| name)?(?: is| was| has been)?"
    r" (?:unknown|not found|not known|not exist|doesn't exist|disabled|inactive|deleted|closed|invalid)"
    r"|(?:mailbox|user|recipient|account|address)\b[^.]{0,60}\b(?:does not|doesn't|not) exist"
    r"|unrout\w+ address|suppression list"
    r"|(?:message|mail)\b[^.]{0,30}\b(?:too (?:large|big|long)|size)"
)
_OUR_WORDS = re.compile(
    r"\byour (?:account|ip|host|server|domain|message could)|send ?as|on behalf|not allowed to send|permission"
    r"|quota|\blimit|too many|exceed|outgoing|outbound|not verified|unverified|identit"
    r"|authent|\brelay|\bsender|reputation|black ?-?list|block ?-?list|spamhaus|dnsbl|\brbl\b|\bspf\b|\bdkim\b|\bdmarc\b"
)


def blame(step: SmtpStep, code: int, text: str, *, utf8: bool = False) -> Blame:
    """Whom the answer `code text` to `step` is about.

    `utf8` says that the mail asked for SMTPUTF8, so that a refused sender may be a refusal of that.

    It answers for any text, of which `ANSWER_LENGTH` characters are read. `code` is the basic code (RFC 5321, section 4.2).
    """
    if not 400 <= code < 600:
        return Blame.MOMENT  # no answer that SMTP knows: the connection is out of step
    text = text[:ANSWER_LENGTH]
    enhanced = _enhanced(text)
    words = " ".join(_QUOTED.sub(" ", text).lower().split())
    if code < 500:
        return _blame_for_now(enhanced, words)
    if code == 504 and "recipient address rejected" in words:
        return Blame.MAIL  # Postfix' answer to a recipient without a domain; the same code as for our name
    if enhanced in _OF_OUR_SENDER or code in _LOGIN or _OURS_BEYOND_DOUBT.search(words):
        return Blame.US
    if enhanced in _OF_THE_MAIL:
        return Blame.MAIL
    if enhanced == _MAILBOX_FULL:
        return Blame.MOMENT
    if enhanced is not None and enhanced[0] in (_PROTOCOL, _POLICY):
        return Blame.US
    if step is SmtpStep.SENDER and not utf8 and code != _TOO_LARGE_OR_FULL:
        return Blame.US  # it knows nothing yet but our sender and the size
    if enhanced is None and code in _NOT_UNDERSTOOD:
        return Blame.US
    return _blame_by_words(step, code, words)


def status(code: int, text: str) -> str | None:
    """The enhanced code of an answer, its class the basic code's; None when it gives none.

    Servers that give two classes that differ are taken by the basic one.
    """
    enhanced = _enhanced(text[:ANSWER_LENGTH])
    return None if enhanced is None else f"{code // 100}.{enhanced[0]}.{enhanced[1]}"


def is_throttle(code: int, text: str) -> bool:
    """Whether the answer says that we send too much at once: 421, or 450 and 451 for a reason of policy (4.7.x)."""
    if code == GOODBYE:
        return True
    enhanced = _enhanced(text[:ANSWER_LENGTH])
    return code in _NOT_NOW and enhanced is not None and enhanced[0] == _POLICY


def _blame_for_now(enhanced: _Enhanced | None, words: str) -> Blame:
    """A stock Postfix refuses to relay with 454, and a name or sender it cannot look up with 450: no wait mends these."""
    if _LATER_WORDS.search(words):
        return Blame.MOMENT
    ours = enhanced in _OF_OUR_SENDER or _OURS_BEYOND_DOUBT.search(words)
    return Blame.US if ours else Blame.MOMENT


def _blame_by_words(step: SmtpStep, code: int, words: str) -> Blame:
    """By what is said, where no code tells. A full mailbox is of the moment, though it is said for good."""
    if _MAILBOX_FULL_WORDS.search(words):
        return Blame.MOMENT
    if _MAIL_WORDS.search(words):
        return Blame.MAIL
    if _OUR_WORDS.search(words):
        return Blame.US
    if code == _TOO_LARGE_OR_FULL:
        return Blame.MOMENT if step is SmtpStep.RECIPIENT else Blame.MAIL
    return Blame.UNSAID


def _enhanced(text: str) -> _Enhanced | None:
    """Subject and detail of the enhanced code: in front, or as qmail has it, `(#5.7.1)` at the end."""
    found = _ENHANCED.search(text)
    return None if found is None else (int(found[1]), int(found[2]))
