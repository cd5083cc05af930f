"""What operators say of the secret by which links and return addresses are known to be ours."""

from dataclasses import dataclass

from environs import ValidationError

from gateway.ground.settings import Group, setting
from gateway.ground.values import items, masked

SHORTEST_BYTES = 32


def _secrets(text: str) -> tuple[str, ...]:
    if any(len(secret.encode()) < SHORTEST_BYTES for secret in items(text)):
        raise ValidationError(
            f"is too short: a secret has {SHORTEST_BYTES} bytes or more (try `openssl rand -hex 32`)."
        )
    return tuple(items(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings(Group):
    """What links in mail, and the addresses that it comes back to, are made with."""

    secrets: tuple[str, ...] = setting(
        "LINK_SECRET", None, _secrets,
        "secret of what mail carries to be known again by: the link to unsubscribe by, tracked links, and the address that bounces come "
        "back to; 32 bytes or more; several, comma-separated, while rotating (the first makes, all are heeded)",
        unset=(), show=masked, secret=True,
    )  # fmt: skip
