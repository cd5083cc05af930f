"""By what a relay knows a mail that it took: the id in its closing text, such as `Ok: queued as 4ABC`. Pure.

Relays that give mail another Message-ID, as Amazon SES does, speak of it by nothing else.
"""

import re

LONGEST = 128
_QUEUED = re.compile(r"\b(?:queued as|id=)\s*<?([!-;=?-~]{4,200})", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=+/-]{11,199}")
_RANDOM = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(?![0-9a-f])"
)
_AROUND = ".,;:()[]\"'"


def key_of(said: str | None) -> str | None:
    """The id in what a relay said as it took a mail; None where there is none.

    The word behind `queued as` or `id=`, or else the longest word that has a digit in it. At most `LONGEST` characters,
    without what follows an @.
    """
    if said is None:
        return None
    queued = _QUEUED.search(said)
    words = [queued[1]] if queued else [word for word in _WORD.findall(said) if re.search(r"\d", word)]
    key = max(words, key=len, default="").strip(_AROUND)
    # What comes before the @ of a Message-ID: by that it is named elsewhere.
    return key.partition("@")[0][:LONGEST] or None


def is_unguessable(key: str) -> bool:
    """Whether nobody makes it up who has not seen the mail: it has 122 random bits in it (UUID, version 4).

    Queue ids are no secret. Postfix makes them of the time and the number of a file, Exim of the time and of a process.
    """
    return _RANDOM.search(key.lower()[:LONGEST]) is not None
