"""Jinja's sandbox for templates whose data has a schema."""

from collections.abc import Mapping
from typing import Any

from jinja2.sandbox import ImmutableSandboxedEnvironment


class KeyedEnvironment(ImmutableSandboxedEnvironment):
    """`data.items` is what the data calls so, and never a method of Python's: of data, only members can be reached.

    What is no data, such as a macro or a loop, has Jinja's own members, within the sandbox.
    """

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        if isinstance(obj, (int, float, list, tuple)) or type(obj) is str:
            return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Mapping) and isinstance(argument, str):
            return self.getattr(obj, argument)
        return super().getitem(obj, argument)
