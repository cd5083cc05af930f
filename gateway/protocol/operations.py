"""The operations: everything that can be asked of a gateway from outside, in one table.

The table has many readers and no other copy: the internal and the public site (`gateway.http`), the events of both
namespaces (`gateway.sockets.operation_events`), the OpenAPI document, and the types of the web's pages. A new operation is
an entry in a module of `gateway.protocol.offered`, and its use case.

What a connection asks of itself alone (`replay`, `token`) belongs to `gateway.sockets`.

It imports every module of `gateway.protocol.offered`; those never import it.
"""

from functools import lru_cache

from auth.principal import Role
from gateway.protocol.offered import (
    acts,
    audits,
    campaigns,
    experiments,
    kinds,
    mails,
    nodes,
    notifications,
    own,
    schedules,
    stats,
    told,
    users,
)
from gateway.protocol.operation import USER, Operation

OPERATIONS: tuple[Operation, ...] = (
    *notifications.OPERATIONS,
    *schedules.OPERATIONS,
    *mails.OPERATIONS,
    *users.OPERATIONS,
    *told.OPERATIONS,
    *campaigns.OPERATIONS,
    *experiments.OPERATIONS,
    *kinds.OPERATIONS,
    *audits.OPERATIONS,
    *nodes.OPERATIONS,
    *stats.OPERATIONS,
    *own.OPERATIONS,
    *acts.OPERATIONS,
)
"""All of them. The order is that of the routes and of the documents."""


@lru_cache(maxsize=len(Role))
def events_for(role: Role) -> tuple[str, ...]:
    """The events of `/admin` that whoever has this role may ask, beside those of the own inbox.

    Remembered, since every admin who connects is told.
    """
    return tuple(
        operation.event
        for operation in OPERATIONS
        if operation.event is not None and operation.scope != USER and role.covers(operation.role)
    )
