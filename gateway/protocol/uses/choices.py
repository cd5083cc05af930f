"""Preferences: one's own, and another's whom one may choose for.

Whom a caller may choose for was judged by the operation's scope and role before.
"""

from gateway.notify.choosing.choices import Choice, HalfQuiet, PreferenceGrid, VersionMismatch
from gateway.notify.preferences.patches import DigestRefused, LockedPreference, UnknownPreference
from gateway.protocol import preferences
from gateway.protocol.parsing import Invalid
from gateway.protocol.preferences import ChoiceRequest, Proven
from gateway.protocol.problems import Problem
from gateway.protocol.use_cases import Caller, UseCases


async def own_preferences(use: UseCases, caller: Caller, asked: None) -> PreferenceGrid:
    """What the caller has chosen, and what holds of it."""
    del asked
    return await use.choices.show(caller.user)


async def user_preferences(use: UseCases, caller: Caller, user: str) -> Proven:
    """The same of any user, with the proof of who has chosen."""
    del caller
    return Proven(
        await use.choices.show(user), await use.choices.changes(user, limit=preferences.CHANGES_SHOWN)
    )


async def choose(
    use: UseCases, caller: Caller, asked: ChoiceRequest, *, anew: bool = False
) -> PreferenceGrid:
    """Choose for the caller, or for another whom the caller may choose for.

    Raises `Problem` for what is locked and for another version, and `Invalid` for what the catalog does not
    have, and for digests of what comes in none. `anew` takes back all that is not named. The other
    connections of the user hear of it by the bus.
    """
    choice = Choice(
        user=asked.user or caller.user, patch=asked.patch, by=caller.name, version=asked.version, anew=anew
    )
    try:
        return await use.choices.choose(choice)
    except LockedPreference as error:
        raise Problem(
            "locked_preference", f"What is critical is always sent: {', '.join(error.places)}."
        ) from None
    except UnknownPreference as error:
        raise Invalid({place: ["The catalog has no such thing."] for place in error.places}) from None
    except DigestRefused as error:
        raise Invalid({place: ["Comes by itself: choose true or false."] for place in error.places}) from None
    except HalfQuiet:
        raise Invalid({"quiet_hours": ["Must have both start and end."]}) from None
    except VersionMismatch as error:
        raise Problem("version_mismatch", f"It is version {error.version} by now.") from None


async def show_or_choose(use: UseCases, caller: Caller, asked: ChoiceRequest | None) -> PreferenceGrid:
    """What the caller has chosen, after the change if one is asked for."""
    if asked is None:
        return await own_preferences(use, caller, None)
    return await choose(use, caller, asked)


async def choose_for(use: UseCases, caller: Caller, asked: ChoiceRequest) -> Proven:
    """Choose for a user, and answer what holds then with the proof."""
    await choose(use, caller, asked)
    return await user_preferences(use, caller, asked.user)


async def choose_anew(use: UseCases, caller: Caller, asked: ChoiceRequest) -> Proven:
    """Choose all anew for a user, as `choose_for`."""
    await choose(use, caller, asked, anew=True)
    return await user_preferences(use, caller, asked.user)
