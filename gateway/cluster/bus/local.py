"""The bus of a gateway that is alone: there is no other node to carry anything to."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.cluster.bus.base import Frame, Receive, Returned
from gateway.ground.parts import Meters, Obey


class LocalBus:
    """Obeys its own commands, and carries nothing: a publisher never gets its own frames back."""

    carries = False

    def __init__(self) -> None:
        self._obey: Obey | None = None

    async def start(self, *, receive: Receive, obey: Obey, returned: Returned) -> None:  # noqa: ARG002 - no other node calls
        self._obey = obey

    async def publish(self, frames: Sequence[Frame]) -> None:
        pass

    async def subscribe(self, rooms: Sequence[str]) -> None:
        pass

    async def unsubscribe(self, rooms: Sequence[str]) -> None:
        pass

    async def command(self, command: Mapping[str, Any]) -> None:
        if self._obey is not None:
            self._obey(command)

    async def tell(self, command: Mapping[str, Any]) -> None:
        pass

    def measure(self, meters: Meters) -> None:
        pass

    def reasons(self) -> list[str]:
        return []

    async def stop(self) -> None:
        self._obey = None
