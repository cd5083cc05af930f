"""What other python-socketio processes order through Redis, carried out on this node's sessions.

A backend with a `write_only` manager of python-socketio reaches the clients of every node. What it emits carries no
sequence and is not stored: it goes to who is connected.
"""

import asyncio
import logging
from collections.abc import Sequence

from gateway.bus.external import CloseRoom, Disconnect, Emit, EnterRoom, ExternalChannel, LeaveRoom, Order
from gateway.engine import Server
from gateway.tasks import Tasks

ORDERS_LIMIT = 10_000
"""Orders that may wait; more are dropped, as everything that is not stored may be."""

logger = logging.getLogger(__name__)


class Neighbours:
    def __init__(self, url: str, server: Server) -> None:
        self._server = server
        self._channel = ExternalChannel(url, execute=self._accept)
        self._orders: asyncio.Queue[Order] = asyncio.Queue(ORDERS_LIMIT)
        self._tasks = Tasks()

    async def start(self) -> None:
        self._tasks.start(self._carry_out_orders(), name="neighbours orders")
        await self._channel.start()

    async def stop(self) -> None:
        await self._channel.stop()
        await self._tasks.stop()

    def _accept(self, order: Order) -> None:
        try:
            self._orders.put_nowait(order)
        except asyncio.QueueFull:
            logger.warning("a neighbour's order is dropped: too many wait")

    async def _carry_out_orders(self) -> None:
        while True:
            order = await self._orders.get()
            try:
                await self._carry_out(order)
            except Exception:
                logger.exception("a neighbour's order failed")

    async def _carry_out(self, order: Order) -> None:
        server = self._server
        match order:
            case Emit():
                rooms: Sequence[str | None] = order.room if isinstance(order.room, tuple) else (order.room,)
                for room in rooms:
                    await server.emit(
                        order.event,
                        order.arguments,
                        namespace=order.namespace,
                        room=room,
                        skip_sid=list(order.skip),
                    )
            case Disconnect():
                await server.disconnect(order.sid, namespace=order.namespace, ignore_queue=True)
            case EnterRoom():
                await server.enter_room(order.sid, order.room, namespace=order.namespace)
            case LeaveRoom():
                await server.leave_room(order.sid, order.room, namespace=order.namespace)
            case CloseRoom():
                await server.close_room(order.room, namespace=order.namespace)
