"""Which changes of a schema a store still needs: the rule, once for both adapters.

Each shelf declares its own migrations, and a store keeps the names of those that ran. So shelves that were made side by
side have no number to fight over, and a new one changes no list of another's.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol, TypeVar

from storage.errors import StoreConfigurationError

CHANGING = "the store is brought to this release's schema"
"""What the log says of each change before it is made: one of much data takes a while."""


class Named(Protocol):
    """A migration, as far as the rule has to know it."""

    @property
    def name(self) -> str:
        """By which it is known for ever: a name that was released is never given to another change."""
        ...


Migration = TypeVar("Migration", bound=Named)


def pending(known: Iterable[Migration], ran: Collection[str]) -> list[Migration]:
    """Those of `known` that have not run, in their order.

    Raises `StoreConfigurationError` when something ran that is not known: a newer release has changed the store, and
    what this one would write there could be wrong.

    A name that ran twice counts once. Nothing is read or written here.
    """
    migrations = list(known)
    if unknown := sorted(set(ran) - {migration.name for migration in migrations}):
        raise newer(unknown)
    return [migration for migration in migrations if migration.name not in ran]


def newer(changes: Sequence[str]) -> StoreConfigurationError:
    """What is said of a store that holds these changes, which this release does not know.

    Three are named, and not in full: the names are another release's, and the message is for a log.
    """
    told = ", ".join(change[:40] for change in changes[:3])
    return StoreConfigurationError(
        f"the store was changed by a newer release ({told}), which this one does not know: "
        "run that release, or name another store"
    )
