"""The audience of a campaign, page by page: the members of a topic, or the users whom a filter lets pass.

The runner writes a page after the other down, and a dry run looks at one. Whether somebody gets anything is
not decided here: whoever belongs to the audience is a recipient, also one who will be skipped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.notify.campaigns.plans import Imported, OfTopic, OfUsers
from gateway.notify.wording.languages import Languages
from storage.ids import uuid7
from storage.people import People, Profile
from storage.recipients import Recipient
from storage.topics import Topics

PAGE = 500
"""Users that are looked at in one step: of a filter that lets few pass, few of them are answered."""


@dataclass(frozen=True, slots=True)
class AudiencePage:
    """A page of an audience.

    It may be empty and have a next all the same: nobody of that part has passed.
    """

    recipients: list[Recipient]
    """Each with a new id: written down again after a crash, a user who is known keeps the first one."""
    next: str | None
    """Where the next page begins; None: this was the last."""


class Audiences:
    """Finds who belongs to an audience. Raises `StorageError`.

    It keeps nothing. A page begins behind a user's id, in the order of ids; so whoever comes to the audience
    while it is gathered belongs to it or not, by where the gathering has come to.
    """

    def __init__(self, topics: Topics, people: People, languages: Languages) -> None:
        self._topics = topics
        self._people = people
        self._languages = languages

    async def page(
        self, audience: Imported | OfTopic | OfUsers, *, after: str | None, limit: int = PAGE
    ) -> AudiencePage:
        """Those behind `after`, of `limit` that are looked at. Who is imported is written down already."""
        match audience:
            case Imported():
                return AudiencePage([], None)
            case OfTopic(topic=topic):
                page = await self._topics.members(topic, after=after, limit=limit)
                return AudiencePage(_recipients([member.user for member in page.members]), page.next)
            case OfUsers():
                profiles = await self._people.known(after=after, limit=limit)
                users = await self._passed(audience, profiles)
                last = profiles[-1].contact.user if len(profiles) == limit else None
                return AudiencePage(_recipients(users), last)

    async def _passed(self, audience: OfUsers, profiles: Sequence[Profile]) -> list[str]:
        """The users of these profiles whom the filter lets pass, in their order. Languages are asked for only
        where the filter names one, and only of those whose attributes are right.
        """
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
    """Whether each attribute that is wanted is there, and is so; attributes that are not named do not count."""
    return all(name in attributes and _same(attributes[name], value) for name, value in wanted.items())


def _same(one: object, other: object) -> bool:
    """As JSON has it: there true is not 1."""
    return one == other and isinstance(one, bool) is isinstance(other, bool)


def _speaks(language: str | None, wanted: str) -> bool:
    """Basic filtering of RFC 4647, section 3.3.1: `de` is met by `de-AT`, and not by `den`."""
    return language is not None and f"{language}-".lower().startswith(f"{wanted}-".lower())
