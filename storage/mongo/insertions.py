"""What is being appended: emissions on their way, and their notifications as they are to be stored."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from storage.errors import IdempotencyMismatch
from storage.mongo.collections import Document
from storage.mongo.documents import document_of
from storage.notifications import Notification
from storage.streams import Appended, Emission


@dataclass(slots=True)
class Work:
    """One emission on its way: what is stored of it, by ordinal, and what became of it."""

    emission: Emission
    key: str | None
    stored: dict[int, Notification] = field(default_factory=dict)
    duplicate: bool = False
    mismatch: bool = False

    def answer(self) -> Appended | IdempotencyMismatch:
        """What became of the emission: its notifications in their order, or a mismatch."""
        if self.mismatch:
            return IdempotencyMismatch("the idempotency key was used before with another content")
        stored = self.stored
        if len(stored) > 1:
            # They may have come in another order: some now, and some from an attempt before.
            stored = dict(sorted(stored.items()))
        return Appended(notifications=tuple(stored.values()), duplicate=self.duplicate)


@dataclass(slots=True)
class Insertion:
    """One notification still to be inserted."""

    work: Work
    ordinal: int
    given: Notification
    notification: Notification
    """The same, as it is to be stored."""
    document: Document
    old: str | None = None
    """The id of what it takes the place of."""


def items_of(work: Work) -> list[Insertion]:
    """What is still to be inserted of an emission; nothing of a mismatch."""
    if work.mismatch:
        return []
    items = []
    for ordinal, notification in enumerate(work.emission.notifications):
        if ordinal in work.stored:
            continue
        document = document_of(notification)
        if work.emission.key is not None:
            document["key"] = work.key
            document["ordinal"] = ordinal
            document["fingerprint"] = work.emission.key.fingerprint
        if (origin := work.emission.origin) is not None:
            document["emitted_by"] = origin.by
            if origin.request_id is not None:
                document["request_id"] = origin.request_id
        items.append(Insertion(work, ordinal, notification, notification, document))
    return items


def numbered_rooms(items: Iterable[Insertion]) -> Iterator[str]:
    """The rooms in which these take a sequence, as often as they do."""
    return (item.notification.room for item in items if item.notification.in_app)
