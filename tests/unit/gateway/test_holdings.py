"""What is kept of a user is told to the user, each thing once; what is not told is here, with the reason."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.ground.parts import Whose
from gateway.protocol.answers.users import ProfileAnswer
from gateway.protocol.holdings import HOLDINGS, UserDataAnswer
from storage.mongo import MongoStore
from storage.mongo.shelf import MongoShelf
from storage.sqlite import SQLiteStore
from storage.sqlite.shelf import SQLiteShelf

UNTOLD = {
    "archive": "keys of what was put away; that was told as long as it was in the history",
    "lanes": "who has paused one is a deed, and told as that",
    "links": "a key, which says nothing of the user",
    "mailboxes": "what it knows is told by the suppressions, and to the user by a notification",
    "strays": "mail of others, which may quote an address",
    "switches": "who has set one is a deed",
    "campaigns": "who has made one is a deed; whom it is for, its recipients tell",
}
"""Shelves that forget something with the user, and have none of the answer."""


def test_no_name_is_told_twice():
    names = [*ProfileAnswer().fields, *(name for holding in HOLDINGS for name in holding.fields)]

    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert list(UserDataAnswer().fields) == names


class Asked:
    """A store that notes which of its shelves are asked."""

    def __init__(self) -> None:
        self.shelves: set[str] = set()

    def __getattr__(self, shelf: str) -> Any:
        self.shelves.add(shelf)
        raise NotImplementedError


@pytest.mark.parametrize(
    ("store", "shelf_class"),
    [(SQLiteStore("unused.db"), SQLiteShelf), (MongoStore("mongodb://127.0.0.1/unused"), MongoShelf)],
    ids=["sqlite", "mongo"],
)
async def test_whatever_is_forgotten_with_a_user_is_told_before_or_it_is_said_why_not(
    store: Any, shelf_class: type[Any]
):
    asked = Asked()
    whose = Whose(user="ann", room="user:ann", addresses=(), at=datetime.now(UTC))
    for holding in HOLDINGS:
        with pytest.raises(NotImplementedError):
            await holding.tell(asked, whose, 1)
    forgets = {
        name
        for name, shelf in vars(store).items()
        if isinstance(shelf, shelf_class) and type(shelf).erase is not shelf_class.erase
    }

    # The profile is told before all that nouns tell.
    assert forgets - asked.shelves - {"people"} == set(UNTOLD)
