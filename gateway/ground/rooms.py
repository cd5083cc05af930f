"""The names of rooms: the one address of a notification.

`user:<id>`, `topic:<name>`, `admins` and `all`. An empty name is never "everyone".
"""

from collections.abc import Iterable

from auth.principal import Principal, is_topic, is_user_id
from storage.beginnings import Membership

ADMINS = "admins"
ALL = "all"
_USER = "user:"
_TOPIC = "topic:"


def user_room(user: str) -> str:
    return _USER + user


def topic_room(topic: str) -> str:
    return _TOPIC + topic


def user_of(room: str) -> str | None:
    """The user whose own room it is; None for every other room."""
    return room[len(_USER) :] if room.startswith(_USER) else None


def is_room(name: str) -> bool:
    if name.startswith(_USER):
        return is_user_id(name[len(_USER) :])
    if name.startswith(_TOPIC):
        return is_topic(name[len(_TOPIC) :])
    return name in (ADMINS, ALL)


def rooms_of(principal: Principal, given: Iterable[str] = ()) -> tuple[str, ...]:
    """The rooms that make up the principal's inbox, the user's own first; `given` are topics beside the token's."""
    return inbox_rooms(principal.user, dict.fromkeys((*principal.topics, *given)))


def membership(user: str) -> Membership:
    """Which rooms of this user's are shared: all but the own one, of which these are everybody's and the rest are given."""
    return Membership(own=user_room(user), everybodys=(ALL, ADMINS))


def inbox_rooms(user: str, topics: Iterable[str]) -> tuple[str, ...]:
    return (user_room(user), *map(topic_room, topics), ALL)
