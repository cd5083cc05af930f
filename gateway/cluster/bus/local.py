"""The bus of a gateway that is alone: there is no other node to carry anything to.

It is the null adapter: all that there is to it is that commands to all are carried out here.
"""

from collections.abc import Sequence

from gateway.cluster.bus.base import BusReturned, Frame, Receive, ReceiveCommand
from gateway.cluster.commands import Command
from gateway.ground.parts import Meters


class LocalBus:
    """Carries out its own commands, and carries nothing: a publisher never gets its own frames back.

    `returned` is never called, since nothing can be lost. It needs no start to be asked, and does nothing
    before one.
    """

    carries = False

    def __init__(self) -> None:
        self._carry_out: ReceiveCommand | None = None

    async def start(self, *, receive: Receive, carry_out: ReceiveCommand, returned: BusReturned) -> None:  # noqa: ARG002 - no other node calls
        self._carry_out = carry_out

    async def publish(self, frames: Sequence[Frame]) -> None:
        pass

    async def subscribe(self, rooms: Sequence[str]) -> None:
        pass

    async def unsubscribe(self, rooms: Sequence[str]) -> None:
        pass

    async def order_all(self, command: Command) -> None:
        if self._carry_out is not None:
            self._carry_out(command)

    async def order_others(self, command: Command) -> None:
        pass

    def measure(self, meters: Meters) -> None:
        pass

    def reasons(self) -> list[str]:
        return []

    async def stop(self) -> None:
        self._carry_out = None
