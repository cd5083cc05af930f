"""The fields that requests are made of: strict where marshmallow is lenient, and documented as they judge.

They let nothing in that could not be stored or sent on: no bool for a number, no number for a text, no NaN, no lone
surrogate, no integer beyond 64 bit, no bottomless nesting. Which fields a request has is said by `emit` and `asking`.

Each says in its metadata what it judges, which becomes the OpenAPI document: the two cannot differ. Each
raises `ValidationError` with a sentence for the caller.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from marshmallow import ValidationError, fields, validate

from auth.principal import USER_ID_MAX, is_user_id
from gateway.ground.rooms import is_room
from gateway.protocol.patterns import ADDRESS
from gateway.protocol.soundness import DATA_DEPTH_MAX, unsound
from mailer import address, locales
from storage.encoding import is_writable

ROOMS_MAX = 1000
"""Rooms of one emit."""
CURSOR_MAX = 512
"""Characters. Cursors are ours; a longer one is none."""
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)
"""Later times would overflow where a span is added to them."""
WISHES = ("daily", "weekly")
"""How often email may be wanted, where it is not wanted at once."""


class Text(fields.String):
    """A string of bounded length that matches `pattern` as a whole and is sound Unicode.

    `pattern` must be read alike by Python, JSON Schema and JavaScript; `meaning` completes the sentence "Must
    be …".
    """

    def __init__(
        self, pattern: str, meaning: str, *, longest: int, shortest: int = 1, **options: Any
    ) -> None:
        documented = {"minLength": shortest, "maxLength": longest, "pattern": f"^{pattern}$"}
        super().__init__(metadata={**documented, **options.pop("metadata", {})}, **options)
        self._matches = re.compile(pattern).fullmatch
        self._meaning = meaning
        self._shortest = shortest
        self._longest = longest

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> str:
        del attr, data, options
        if not isinstance(value, str):
            raise ValidationError("Must be a string.")
        # The length comes before the pattern, which costs by length.
        if not self._shortest <= len(value) <= self._longest:
            raise ValidationError(f"Must have {self._shortest} to {self._longest} characters.")
        if not is_writable(value) or self._matches(value) is None:
            raise ValidationError(f"Must be {self._meaning}.")
        return value


def locale_field(**options: Any) -> Text:
    """A language of the reader's; of those that a type has the best is taken.

    `"de"`, `"pt-BR"`. Whether somebody has words in it is not asked here.
    """
    return Text(
        locales.TAG, "a language such as de or pt-BR", shortest=2, longest=locales.LONGEST_TAG, **options
    )


def cursor_field() -> Text:
    """Where a page begins.

    Only the store can read one; it raises `InvalidCursor` for one that it has not given.
    """
    return Text(
        r"[ -~]*",
        "a cursor",
        longest=CURSOR_MAX,
        load_default=None,
        metadata={"description": "`next` of the page before."},
    )


def limit_field(default: int, most: int) -> fields.Integer:
    """How many a page holds at most.

    Strict: `"20"` and `20.5` are no numbers of items.
    """
    return fields.Integer(strict=True, load_default=default, validate=validate.Range(min=1, max=most))


class EmailAddress(Text):
    """An address that mail can go to; its domain may be of any script that IDNA 2008 allows.

    Kept as it was written; it is compared in another form.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(ADDRESS, "an address such as ann@example.org", longest=address.LONGEST, **options)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> str:
        text = super()._deserialize(value, attr, data, **options)
        try:
            address.parse(text)
        except ValueError as error:
            raise ValidationError(f"Must be an address such as ann@example.org: {error}.") from None
        return text


class Room(fields.String):
    """The name of a room.

    `"user:42"`, `"topic:deals"`, `"admins"`, `"all"`.
    """

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> str:
        del attr, data, options
        if not isinstance(value, str) or not is_room(value):
            raise ValidationError("invalid_room: must be user:<id>, topic:<name>, admins or all.")
        return value


class Items(fields.List[Any]):
    """A list of bounded length, which is measured before its items are looked at: there may be thousands.

    `validate` must be a bound on the length: it is asked before the items are loaded, and then again by
    marshmallow.
    """

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> list[Any]:
        if isinstance(value, list):
            self._validate(value)
        return super()._deserialize(value, attr, data, **options)


class Rooms(fields.Field[tuple[str, ...]]):
    """A room, or a list of rooms; each counts once.

    Loads a tuple, in the order in which they were named.
    """

    _room = Room()
    _list = Items(_room, validate=validate.Length(min=1, max=ROOMS_MAX))

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> tuple[str, ...]:
        inner = self._list if isinstance(value, list) else self._room
        given = inner.deserialize(value, attr, data, **options)
        return tuple(dict.fromkeys(given)) if isinstance(given, list) else (str(given),)


class UserId(fields.String):
    """The id of a user, as the operator's own system has it."""

    def __init__(self, **options: Any) -> None:
        documented = {"minLength": 1, "maxLength": USER_ID_MAX, "description": "A user id."}
        super().__init__(metadata={**documented, **options.pop("metadata", {})}, **options)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> str:
        del attr, data, options
        if not isinstance(value, str) or not is_user_id(value):
            raise ValidationError(
                f"Must be a user id: 1 to {USER_ID_MAX} characters of one line, no blanks at the ends."
            )
        return value


class Timestamp(fields.AwareDateTime):
    """A time with its zone, as RFC 3339 has it.

    Loads UTC. Raises for a time without a zone, and for one that arithmetic could not be done with.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(format="iso", **options)

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> datetime:
        if not isinstance(value, str):
            raise ValidationError("Must be a time such as 2026-12-01T08:00:00Z.")
        moment: datetime = super()._deserialize(value, attr, data, **options)
        try:
            moment = moment.astimezone(UTC)
        # A time near the year 9999 in a western zone has no UTC.
        except OverflowError:
            moment = _LATEST
        if moment >= _LATEST:
            raise ValidationError("Must be before the year 9000.")
        return moment


class StrictBoolean(fields.Boolean):
    """True or false, and nothing that only looks like it."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> bool:
        del attr, data, options
        if not isinstance(value, bool):
            raise ValidationError("Must be true or false.")
        return value


class Wish(fields.Field[Any]):
    """Whether email is wanted: true or false, or `daily` or `weekly` for a digest."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> bool | str:
        del attr, data, options
        if not isinstance(value, bool) and value not in WISHES:
            raise ValidationError(f"Must be true, false, {' or '.join(WISHES)}.")
        return value  # type: ignore[no-any-return]  # one of them


class Seconds(fields.Float):
    """A number of seconds, `longest` at most; more than `above` where that is given, else 0 or more."""

    def __init__(self, *, longest: float, above: float | None = None, **options: Any) -> None:
        bounds = validate.Range(min=above or 0, max=longest, min_inclusive=above is None)
        documented = {} if above is None else {"exclusiveMinimum": above}
        super().__init__(validate=bounds, metadata=documented | options.pop("metadata", {}), **options)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> float:
        if isinstance(value, str):
            raise ValidationError("Must be a number of seconds.")
        return super()._deserialize(value, attr, data, **options)


class Percent(fields.Float):
    """A number from 0 to 100, without NaN."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_nan=False, validate=validate.Range(min=0, max=100), **options)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> float:
        if isinstance(value, str):
            raise ValidationError("Must be a number from 0 to 100.")
        percent: float = super()._deserialize(value, attr, data, **options)
        if round(percent, 2) != percent:
            raise ValidationError("Must not be finer than a hundredth of a percent.")
        return percent


class NameMap(fields.Dict):
    """A table under names of the caller's own: what is wrong is told under the name alone.

    Both a name that is wrong and what stands under one are told under it: a caller sees one place.
    """

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> Any:
        try:
            return super()._deserialize(value, attr, data, **options)  # type: ignore[no-untyped-call]  # the library's
        except ValidationError as error:
            if not isinstance(error.messages, dict):
                raise
            # The library parts what is wrong with a name from what is wrong with what stands under it.
            raise ValidationError(
                {name: told.get("key") or told["value"] for name, told in error.messages.items()}
            ) from None


class Object(fields.Dict):
    """A JSON object of the caller's own, sound enough to be stored and sent on.

    Not copied: what was decoded from the request is the caller's alone by now.
    """

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any
    ) -> dict[str, Any]:
        del attr, data, options
        if not isinstance(value, dict):
            raise ValidationError("Must be an object.")
        problem = unsound(value, DATA_DEPTH_MAX)
        if problem:
            raise ValidationError(problem)
        return value
