"""Types of the catalog.

A type is named by the caller, and may be none of the catalog.
"""

from gateway.notify.types.preview import NoSuchType, TypePreview, TypePreviewRequest
from gateway.notify.types.states import TypeDetail
from gateway.protocol.problems import Problem
from gateway.protocol.use_cases import Caller, UseCases


async def preview_type(use: UseCases, caller: Caller, asked: TypePreviewRequest) -> TypePreview:
    """What a type would say, to a user if one is named."""
    del caller
    try:
        return await use.type_previewer.preview(asked)
    except NoSuchType:
        raise Problem("not_found", "The catalog has no such type.") from None


async def type_in_full(use: UseCases, caller: Caller, name: str) -> TypeDetail:
    """A type with its schema and switches."""
    del caller
    found = await use.types.one(name)
    if found is None:
        raise Problem("not_found", "The catalog has no such type, and nobody has switched one.")
    return found
