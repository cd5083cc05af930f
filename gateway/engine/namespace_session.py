"""A session of a namespace: one connection in one namespace, as clients and the library name it by its `sid`."""

import asyncio
from enum import Enum, auto

from gateway.engine.connection import Connection


class NamespaceStage(Enum):
    PENDING = auto()  # the connect handler is at work; nothing is sent yet
    OPEN = auto()
    LEAVING = auto()  # the disconnect handler is at work; nothing is sent any more


class NamespaceSession:
    """One connection in one namespace, and the rooms that it has entered there."""

    __slots__ = ("connection", "decider", "namespace", "overdue", "rooms", "sid", "stage")

    def __init__(self, sid: str, namespace: str, connection: Connection) -> None:
        self.sid = sid
        self.namespace = namespace
        self.connection = connection
        self.rooms: set[str] = set()
        self.stage = NamespaceStage.PENDING
        self.decider: asyncio.Task[None] | None = None
        """The task in which its connect handler is at work."""
        self.overdue = False
        """Whether its connect handler was interrupted."""
