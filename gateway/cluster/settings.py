"""What operators say of the nodes beside this one: the bus, who is online, and what this node is called.

The Redis that they name is that of bus, presence, budgets and witness alike.
"""

import re
import secrets
import socket
from dataclasses import dataclass

from environs import ValidationError

from gateway.ground.settings import Group, setting
from gateway.ground.values import boolean, duration, masked_url, matching, positive_duration, url

_plain_bus_url = url(
    "local", "redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", needs_host=("redis", "rediss")
)
"""What reads the forms of a URL, without knowing Redis."""


def _bus_url(text: str) -> str:
    """The URL as it was given, when it can be used. Raises `ValidationError`, whose words hold no password."""
    _plain_bus_url(text)
    if not text.startswith("local:"):
        # Only here: most commands need not wait for redis-py.
        from gateway.cluster.redis.address import RedisAddress

        try:
            RedisAddress.parse(text)
        except ValueError as problem:
            raise ValidationError(f"cannot be used: {problem}.") from None
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings(Group):
    """How the nodes of a cluster find one another.

    All nodes of a cluster must have the same but for `node_id`. It is read at the start.
    """

    node_id: str = setting(
        "NODE_ID", None, matching(r"[A-Za-z0-9_.-]{1,100}", "1-100 letters, digits, `_`, `.` and `-`"),
        "name of this node, unique in the cluster; unset: the host's name and something random",
        make=lambda: f"{re.sub(r'[^A-Za-z0-9_.-]', '-', socket.gethostname())[:80]}-{secrets.token_hex(4)}",
    )  # fmt: skip
    bus_url: str = setting(
        "BUS_URL", "local://", _bus_url,
        "`local://` for a single node, or `redis://…`, `rediss://…`, `unix://…`, `redis+sentinel://host,host2/service/0`, "
        "`rediss+sentinel://…`",
        show=masked_url,
    )  # fmt: skip
    bus_prefix: str = setting(
        "BUS_PREFIX", "bellhop", matching(r"[A-Za-z0-9_.:-]{1,64}", "1-64 letters, digits, `_`, `.`, `:` and `-`"),
        "what every key and channel in Redis begins with",
    )  # fmt: skip
    foreign_emits: bool = setting(
        "FOREIGN_EMITS", "false", boolean,
        "take what python-socketio managers of other processes emit on the channel `<BUS_PREFIX>:<database>:socketio`, "
        "as `store: false`",
    )  # fmt: skip
    presence_grace_seconds: float = setting(
        "PRESENCE_GRACE",
        "5s",
        duration,
        "how long after the last connection a user still counts as there; 0: not at all",
    )
    presence_ttl_seconds: float = setting(
        "PRESENCE_TTL", "30s", positive_duration, "how long a node that died without a word is believed in"
    )

    @property
    def is_alone(self) -> bool:
        """Whether there can be no other node.

        Then nothing is dialled, and the store may be a file.
        """
        return self.bus_url.startswith("local:")

    def contradictions(self) -> list[str]:
        """What cannot work with a node that is alone."""
        if self.foreign_emits and self.is_alone:
            return ["BELLHOP_FOREIGN_EMITS needs a Redis to take them from: set BELLHOP_BUS_URL."]
        return []
