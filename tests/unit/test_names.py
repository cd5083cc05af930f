"""One word has one meaning: a class's name says in the whole house which class it is."""

import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("auth", "gateway", "mailer", "storage")
ADAPTERS = {Path("storage"), Path("storage/mongo"), Path("storage/sqlite")}
"""A noun of the store may have its class in each of these: they are the same noun."""
SEEN_IN_PART = {
    "Campaigns": "the gates ask the shelf whether one runs, and nothing else",
    "Chosen": "the book of preferences, as far as the gates and who mutes rooms ask it",
    "Contacts": "the book of contacts, as far as the gates, the languages and the refusals ask it",
    "Digests": "the gates ask the shelf for company in a digest, and nothing else",
    "Emits": "the emitter, as far as its listeners know it",
    "Suppressions": "the list of suppressions, as far as the gates and the refusals ask it, and its shelf",
}
"""Protocols that stand beside who needs them, and say of the one noun as much as is asked of it there."""


def classes() -> dict[str, list[tuple[Path, str]]]:
    """Where each name is given, and to a child of what."""
    found: dict[str, list[tuple[Path, str]]] = defaultdict(list)
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            for name, bases in re.findall(
                r"^class (\w+)(?:\(([^)]*)\))?:", file.read_text(encoding="utf-8"), re.MULTILINE
            ):
                found[name].append((file.relative_to(ROOT), bases))
    return found


def is_one_noun_of_the_store(files: list[Path]) -> bool:
    folders = [file.parent for file in files]
    return set(folders) <= ADAPTERS and len(set(folders)) == len(folders)


def test_no_two_classes_share_a_name():
    """To mend it, give the one to which the word comes less naturally a more exact name."""
    given = {name: [file for file, _ in places] for name, places in classes().items()}
    shared = {
        name: [str(file) for file in files]
        for name, files in given.items()
        if len(files) > 1 and name not in SEEN_IN_PART and not is_one_noun_of_the_store(files)
    }

    assert len(given) > 1000
    assert not shared


def test_what_is_seen_in_part_is_a_protocol_each_time():
    """A name that is given once needs no reason any more."""
    given = classes()

    for name in SEEN_IN_PART:
        assert len(given[name]) > 1, name
        assert {bases for _, bases in given[name]} == {"Protocol"}, name
