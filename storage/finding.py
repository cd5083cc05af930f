"""Finding people: the words that somebody is found by, and what of a search they must begin with.

Both stores keep the words of each contact: its id, its address, and those of its name, in lower case as far as ASCII goes, and
parted where one of `BLANKS` is, which is what both can make of a text by themselves. So a search asks for a word's first letter
in both cases.
"""

from collections.abc import Iterable, Sequence
from string import ascii_lowercase, ascii_uppercase

from storage.people import Contact

CANDIDATES = 500
"""Contacts that are looked at for one search."""
LAST = "\U0010ffff"
"""What comes after all that begins alike."""

BLANKS = ("\xa0", "\u3000")
"""What parts words besides a space: the one that no line ends at, and the wide one between the names of East Asia."""

_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


def lower(text: str) -> str:
    """In lower case as the stores have it: ASCII letters only."""
    return text.translate(_LOWER)


def words_of(contact: Contact) -> list[str]:
    """The words that a contact is found by, in lower case as the stores have them: of the id, the address and the name.

    Parted where there are blanks of any kind. The stores keep a list of their own, which is parted at fewer: a word that
    only this finds is in no index, so that somebody is found by it only beside a longer one.
    """
    return lower(" ".join(filter(None, (contact.user, contact.email, contact.name)))).split()


def sought(text: str) -> list[str]:
    """The words of a search, the longest first: that one finds the fewest.

    No words for a text of blanks: then nobody is sought.
    """
    return sorted(lower(text).split(), key=len, reverse=True)


def forms(word: str) -> tuple[str, ...]:
    """How a word may begin that is kept; the same, where its first letter has no other case.

    One or two, the smaller letter first; each is looked up by a range of its own.
    """
    first, rest = word[:1], word[1:]
    return tuple(dict.fromkeys(lower(case) + rest for case in (first, first.lower(), first.upper())))


def matching(contacts: Iterable[Contact], words: Sequence[str]) -> list[Contact]:
    """Those of which every word of the search begins a word, by id.

    It judges what a store has found by one word, from the contacts as they are: a stale index can hide somebody, and show
    nobody wrongly.
    """
    wanted = [forms(word) for word in words]
    found = [
        contact
        for contact in contacts
        if (own := words_of(contact)) and all(any(each.startswith(form) for each in own) for form in wanted)
    ]
    return sorted(found, key=lambda contact: contact.user)
