"""The audience of a campaign, page by page: the members of a topic, or the users whom a filter lets pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.notify.campaigns.plans import Imported, OfTopic, OfUsers
from gateway.notify.languages import Languages
from storage.ids import uuid7
from storage.people import People, Profile
from storage.recipients import Recipient
from storage.topics import Topics

PAGE = 500


@dataclass(frozen=True, slots=True)
class Gathered:
    """A page of an audience."""

    recipients: list[Recipient]
    next: str | None
    """Where the next page begins; None: this was the last."""


class Audiences:
    """Finds who belongs to an audience. Raises `StorageError`."""

    def __init__(self, topics: Topics, people: People, languages: Languages) -> None:
        self._topics = topics
        self._people = people
        self._languages = languages

    async def page(
        self, audience: Imported | OfTopic | OfUsers, *, after: str | None, limit: int = PAGE
    ) -> Gathered:
        """Those behind `after`, of `limit` that are looked at. Who is imported is written down already."""
        match audience:
            case Imported():
                return Gathered([], None)
            case OfTopic(topic=topic):
                page = await self._topics.members(topic, after=after, limit=limit)
                return Gathered(_recipients([member.user for member in page.members]), page.next)
            case OfUsers():
                profiles = await self._people.known(after=after, limit=limit)
                users = await self._passed(audience, profiles)
                last = profiles[-1].contact.user if len(profiles) == limit else None
                return Gathered(_recipients(users), last)

    async def _passed(self, audience: OfUsers, profiles: Sequence[Profile]) -> list[str]:
        users = [
            profile.contact.user for profile in profiles if _has(profile.attributes, audience.attributes)
        ]
        if audience.locale is None:
            return users
        languages = await self._languages.of(users)
        return [user for user in users if _speaks(languages.get(user), audience.locale)]


def _recipients(users: Sequence[str]) -> list[Recipient]:
    return [Recipient(id=uuid7(), user=user) for user in users]


def _has(attributes: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(name in attributes and _same(attributes[name], value) for name, value in wanted.items())


def _same(one: object, other: object) -> bool:
    """As JSON has it: there true is not 1."""
    return one == other and isinstance(one, bool) is isinstance(other, bool)


def _speaks(language: str | None, wanted: str) -> bool:
    """Basic filtering of RFC 4647, section 3.3.1: `de` is met by `de-AT`, and not by `den`."""
    return language is not None and f"{language}-".lower().startswith(f"{wanted}-".lower())
