"""What operators say of the two sites: where they listen, how browsers reach them, and who may use them.

Places, origins and networks are parsed here, so that all others have values that are sound. What is wrong is
told in words for an operator by `ValidationError`, and never quotes a password.
"""

import ipaddress
from dataclasses import dataclass

from environs import ValidationError
from yarl import URL

from gateway.ground import origins, places
from gateway.ground.settings import Group, setting
from gateway.ground.values import items, masked_url, number, split, whole

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
"""An address stands for the network of itself alone."""


def _base_url(text: str) -> str:
    """The URL as browsers ask for it: without a slash at the end, its path percent-encoded.

    It is put before paths (`"https://shop.example/notify"` and `"/c/…"`), so it must have neither query nor
    fragment. Raises `ValidationError`.
    """
    parts = split(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValidationError("must be an http(s) URL without query and fragment.")
    if "@" in parts.netloc:
        raise ValidationError("must be a URL without user and password.")
    try:
        site = origins.parsed(f"{parts.scheme}://{parts.netloc}")
        path = URL(text).raw_path.rstrip("/")
    except ValueError as error:
        raise ValidationError(f"is no address that a browser can ask: {error}.") from None
    if "//" in path:
        raise ValidationError("must have a plain path, such as /notify.")
    return f"{site}{path}"


def _origins(text: str) -> tuple[str, ...]:
    """Origins whose pages may use the public site, each once, in the form in which browsers send them. Raises
    `ValidationError`.
    """
    permitted: dict[str, None] = {}
    for item in items(text):
        try:
            permitted[origins.permitted(item)] = None
        except origins.OriginError as error:
            shown = masked_url(item) if "@" in item else item
            raise ValidationError(
                f"must be origins such as https://shop.example, or *; {shown!r} is none: {error}."
            ) from None
    return tuple(permitted)


def _networks(text: str) -> tuple[IPNetwork | str, ...]:
    """Networks of proxies that are believed; `"unix"` for whoever comes by a unix socket. Raises `ValidationError`."""
    try:
        return tuple(item if item == places.UNIX_PEER else ipaddress.ip_network(item) for item in items(text))
    except ValueError as error:
        raise ValidationError(
            f"must be addresses or networks such as 10.0.0.0/8, or unix: {error}."
        ) from None


def _places(text: str) -> tuple[str, ...]:
    """Addresses and paths of sockets, each once, in the order in which they are named.

    Raises `ValidationError` for one that is no address, and for none at all.
    """
    found: dict[str, None] = {}
    for item in items(text):
        try:
            found[places.place(item)] = None
        except ValueError as error:
            raise ValidationError(
                f"must be addresses, names, or unix:/path, with commas between; {item!r} is none: {error}."
            ) from None
    if not found:
        raise ValidationError("names no address.")
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSettings(Group):
    """The public site and the internal one. Read at the start. The same values hold on every node, but for hosts and ports."""

    hosts: tuple[str, ...] = setting(
        "HOST", "127.0.0.1", _places,
        "addresses of the public site (Socket.IO, the pages, `/api`, `/healthz`), comma-separated; `::` is all, of IPv4 and "
        "IPv6; `unix:/path` a unix socket",
    )  # fmt: skip
    port: int = setting("PORT", "8080", whole(0, 65535), "port of the public site; 0: any free one")
    internal_hosts: tuple[str, ...] = setting(
        "INTERNAL_HOST", "127.0.0.1", _places,
        "addresses of the internal site (`/internal`, `/metrics`, `/healthz`, `/readyz`), as above; never expose it",
    )  # fmt: skip
    internal_port: int = setting(
        "INTERNAL_PORT", "8081", whole(0, 65535), "port of the internal site; 0: any free one"
    )
    base_url: str | None = setting(
        "BASE_URL",
        None,
        _base_url,
        "the public site's address as browsers and mail readers see it, for links; may have a path, such as `/notify`",
    )
    click_url: str | None = setting(
        "CLICK_URL",
        None,
        _base_url,
        "the address of links in mail that are led by way of the public site (`/c/…`), on a domain of their own; unset: `BELLHOP_BASE_URL`",
    )
    trusted_proxies: tuple[IPNetwork | str, ...] = setting(
        "TRUSTED_PROXIES", None, _networks,
        "addresses or networks whose `X-Forwarded-For` is believed, comma-separated; `unix` for what comes by a unix socket",
        unset=(),
    )  # fmt: skip
    cors_origins: tuple[str, ...] = setting(
        "CORS_ORIGINS", None, _origins,
        "origins whose pages may use the public site, comma-separated: `https://shop.example`, `https://*.shop.example`, "
        "an app's such as `capacitor://localhost`, `file://`, or `*` for all; its own always may",
        unset=(),
    )  # fmt: skip
    emit_rate: float = setting(
        "EMIT_RATE",
        "0",
        number,
        "notifications per second a service may emit through a node, on average over 10 s; 0: no limit",
    )

    @property
    def base_path(self) -> str:
        """The path under which browsers see the public site, without a slash at its end; mostly empty.

        A proxy may take it off or leave it: the site answers under both.
        """
        return "" if self.base_url is None else URL(self.base_url).raw_path.rstrip("/")

    def contradictions(self) -> list[str]:
        """Places that both sites would take: the one that comes second could not listen, or would be reached by
        the other's callers.
        """
        problems = []
        hosts, internal_hosts = set(self.hosts), set(self.internal_hosts)
        if any(places.is_unix(host) for host in hosts & internal_hosts):
            problems.append("BELLHOP_HOST and BELLHOP_INTERNAL_HOST must not share a unix socket.")
        if self.port and self.port == self.internal_port and places.meet(hosts, internal_hosts):
            problems.append("BELLHOP_PORT and BELLHOP_INTERNAL_PORT must differ.")
        return problems
