"""What is told of users, and which topics they are in.

Profiles and topics; what is told twice changes nothing the second time.
"""

from collections.abc import Sequence

from gateway.notify.emitting.owing import USERS_NAMED
from gateway.notify.people.profiles import ProfileChange
from gateway.notify.people.topics import MembersChange, TooManyTopics
from gateway.protocol.parsing import Invalid
from gateway.protocol.problems import Problem
from gateway.protocol.use_cases import Caller, UseCases
from storage.people import Profile
from storage.topics import TOPICS_PER_USER, Changed


async def profile(use: UseCases, caller: Caller, user: str) -> Profile:
    """What is known of a user."""
    del caller
    return _told_of(await use.profiles.find(user))


async def replace_profile(use: UseCases, caller: Caller, change: ProfileChange) -> Profile:
    """Have what is told be all that is told."""
    del caller
    return _told_of(await use.profiles.tell_one(change.whole()))


async def change_profile(use: UseCases, caller: Caller, change: ProfileChange) -> Profile:
    """Change what is told of a user, and answer what is known then."""
    del caller
    return _told_of(await use.profiles.tell_one(change))


async def change_profiles(use: UseCases, caller: Caller, changes: Sequence[ProfileChange]) -> int:
    """Change what is told of several users; when the store refuses one, see the use case."""
    del caller
    await use.profiles.tell(changes)
    return len({change.user for change in changes})


def _told_of(found: Profile | None) -> Profile:
    """What was found. Raises `Problem` where nothing is known of the user."""
    if found is None:
        raise Problem("not_found", "Nothing is known of this user.")
    return found


async def change_members(use: UseCases, caller: Caller, change: MembersChange) -> Changed:
    """Put users into a topic and take others out."""
    del caller
    try:
        return await use.topics.change(change)
    except TooManyTopics as error:
        named = ", ".join(error.users[:USERS_NAMED])
        raise Invalid(
            {"add": [f"A user may be in {TOPICS_PER_USER} topics; nothing was changed because of: {named}."]}
        ) from None
