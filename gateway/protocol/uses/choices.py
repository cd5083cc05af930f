"""Preferences: one's own, and another's whom one may choose for."""

from gateway.notify.choosing import Choice, Chosen, HalfQuiet, VersionMismatch
from gateway.notify.preferences import LockedPreference, UnknownPreference
from gateway.protocol import preferences
from gateway.protocol.parsing import Invalid
from gateway.protocol.preferences import ChoiceRequest, Proven
from gateway.protocol.problems import Problem
from gateway.protocol.use_cases import Caller, UseCases


async def own_preferences(use: UseCases, caller: Caller, asked: None) -> Chosen:
    del asked
    return await use.choices.show(caller.user)


async def user_preferences(use: UseCases, caller: Caller, user: str) -> Proven:
    del caller
    return Proven(
        await use.choices.show(user), await use.choices.changes(user, limit=preferences.CHANGES_SHOWN)
    )


async def choose(use: UseCases, caller: Caller, asked: ChoiceRequest, *, anew: bool = False) -> Chosen:
    """Choose for the caller, or for another whom the caller may choose for."""
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
    except HalfQuiet:
        raise Invalid({"quiet_hours": ["Must have both start and end."]}) from None
    except VersionMismatch as error:
        raise Problem("version_mismatch", f"It is version {error.version} by now.") from None


async def choose_for(use: UseCases, caller: Caller, asked: ChoiceRequest) -> Proven:
    await choose(use, caller, asked)
    return await user_preferences(use, caller, asked.user)


async def choose_anew(use: UseCases, caller: Caller, asked: ChoiceRequest) -> Proven:
    await choose(use, caller, asked, anew=True)
    return await user_preferences(use, caller, asked.user)
