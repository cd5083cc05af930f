"""What a holding is: what one noun keeps of a user, and how it is told to the person whom it is about.

It is only a description, and stands beside the noun's other shapes. Which there are, and in which order they are
told, is in `gateway.protocol.holdings`; `gateway.notify.people.users` asks them.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from marshmallow.fields import Field

from gateway.ground.encoding import Json
from gateway.ground.parts import Whose
from storage.store import Store

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding(Generic[T]):
    """Some of what is held about a user (GDPR, article 15).

    Made once, when its module is read. That it is forgotten with the user is for the `erase` of its shelf.
    """

    fields: Mapping[str, Field[Any]]
    """Of the schema of the answer, by name; no other holding has one of these."""
    read: Callable[[Store, Whose, int], Awaitable[T]]
    """Takes how many of a kind it may answer at most. Raises `StoreUnavailable`."""
    shape: Callable[[T], Json]
    """Makes JSON of what was read: a value for each of `fields`."""

    async def tell(self, store: Store, whose: Whose, limit: int) -> Json:
        """What there is of this user."""
        return self.shape(await self.read(store, whose, limit))
