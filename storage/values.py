"""How values are made that there are thousands of in a second."""

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def value(cls: type[T]) -> type[T]:
    """A slotted, keyword-only dataclass that is frozen in the eyes of the type checker, which reads all of our code.

    `dataclass(frozen=True)` guards at run time as well, and sets each field through `object.__setattr__` for it: making one
    of a dozen fields takes three times as long, and an emit makes half a dozen such values.
    """
    return dataclass(slots=True, kw_only=True)(cls)
