"""Which pages may use the public site: origins (RFC 6454), as browsers and app shells send them and as people write them.

One parser reads both, so that a setting that can never match anything is known when it is read: `parsed` for what
comes with a request, `permitted` for what an operator writes.
"""

import functools
import ipaddress
import logging
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from yarl import URL

from gateway.ground.parts import Meters, Part

ANY = "*"
NULL = "null"
"""What a browser says for a page that has no origin: one from a file, or a sandboxed frame of whatever site."""
FILE = "file://"
WILDCARD = "*."
CHARACTERS_MAX = 512
"""A name has 253 at most; longer than this is no origin, and not looked at."""
LOGGED_AN_HOUR = 100
"""Different origins that are logged as refused; a flood of made-up ones fills no log."""
HOUR_SECONDS = 3600

_WEB_PORTS = {"http": 80, "https": 443}
_NEVER_SENT = frozenset({"ws", "wss", "ftp"})
_SHAPE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,63})://([^/?#@\\\s]*)")
_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}")
_SHELL_NAME = re.compile(r"[a-z0-9._-]+")
"""What stands for a host in the origins of apps and extensions."""
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

logger = logging.getLogger(__name__)


class OriginError(ValueError):
    """No page can have this origin; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """An origin with a scheme, a host and a port: normalised, so that what is the same is equal."""

    scheme: str
    host: str
    port: int | None
    """None for the scheme's own."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port is None else f":{self.port}")


@functools.lru_cache(maxsize=1024)
def parsed(text: str) -> Web:
    """The origin that the text is, in whatever way it is written. Raises OriginError."""
    found = _SHAPE.fullmatch(text) if len(text) <= CHARACTERS_MAX else None
    if found is None:
        raise OriginError(_why_not(text))
    scheme = found[1].lower()
    if scheme in _NEVER_SENT:
        raise OriginError("browsers send the origin of the page, which begins with https://")
    host, port = _parted(found[2], scheme)
    return Web(scheme=scheme, host=_host(host, scheme), port=port)


def permitted(text: str) -> str:
    """What an operator names, normalised: an origin, `*`, `null`, `file://` or `https://*.shop.example`. Raises OriginError."""
    lowered = text.lower()
    if lowered in (ANY, NULL, FILE):
        return lowered
    scheme, separator, rest = lowered.partition("://")
    if separator and rest.startswith(WILDCARD):
        apex = parsed(f"{scheme}://{rest.removeprefix(WILDCARD)}")
        if scheme not in _WEB_PORTS or "." not in apex.host or _is_address(apex.host):
            raise OriginError("a wildcard stands for the subdomains of a site: https://*.shop.example")
        return str(apex).replace("://", "://" + WILDCARD, 1)
    if "*" in text:
        raise OriginError("a wildcard stands for whole subdomains, behind a scheme: https://*.shop.example")
    return str(parsed(text))


class Origins(Part):
    """Judges the origins of requests; counts those it refuses, and logs each once.

    The gateway's own always may: that of `base_url`, and the one that the request's `Host` names. The latter is judged by
    host and port alone: what ends TLS in front hides the scheme.
    """

    def __init__(
        self,
        permits: Iterable[str] = (),
        *,
        base_url: str | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`permits` are what `permitted` answers."""
        names = set(permits)
        self.any = ANY in names
        """Whether every page may."""
        self.refused = 0
        wildcards = {name for name in names if WILDCARD in name}
        apexes = [parsed(name.replace(WILDCARD, "", 1)) for name in wildcards]
        self._subdomains = tuple((apex.scheme, f".{apex.host}", apex.port) for apex in apexes)
        self._exact = names - wildcards
        if FILE in names:
            # Browsers call it null in a fetch; shells and websockets of some say file://.
            self._exact.add(NULL)
        if base_url is not None:
            scheme, _, rest = base_url.partition("://")
            self._exact.add(str(parsed(f"{scheme}://{rest.partition('/')[0]}")))
        self._now = now
        self._logged: set[str] = set()
        self._logged_since = now()

    def measure(self, meters: Meters) -> None:
        meters.watch_counter(
            "bellhop_origins_refused",
            "Requests of pages whose origin may not use the public site",
            lambda: self.refused,
        )

    def allow(self, origin: str, host: str | None) -> bool:
        """Whether a page of `origin` may use the site that it has reached as `host`."""
        if self.any or origin in self._exact:
            return True
        if len(origin) > CHARACTERS_MAX or len(host or "") > CHARACTERS_MAX:
            return False
        try:
            page = parsed(origin)
        except OriginError:
            return False
        return (
            str(page) in self._exact
            or any(
                page.scheme == scheme and page.port == port and page.host.endswith(suffix)
                for scheme, suffix, port in self._subdomains
            )
            or (page.scheme in _WEB_PORTS and bool(host) and _is_at(page, f"{page.scheme}://{host}"))
        )

    def refuse(self, origin: str, host: str | None) -> None:
        """Count an origin that was not allowed; say so in the log when it is the first time."""
        self.refused += 1
        now = self._now()
        if now - self._logged_since > HOUR_SECONDS:
            self._logged.clear()
            self._logged_since = now
        name = _name(origin)
        if name in self._logged or len(self._logged) >= LOGGED_AN_HOUR:
            return
        self._logged.add(name)
        logger.warning(
            "a page of another origin was refused; if it is one of yours, name its origin in BELLHOP_CORS_ORIGINS, or have "
            "the proxy in front pass the header Host on, or set BELLHOP_BASE_URL",
            extra={"origin": name, "host": _name(f"http://{host}")},
        )


def _is_at(page: Web, site: str) -> bool:
    try:
        return parsed(site) == page
    except OriginError:
        return False


def _name(text: str) -> str:
    """How a stranger's text may stand in a log: as an origin or not at all."""
    try:
        return text if text == NULL else str(parsed(text))
    except OriginError:
        return "malformed"


def _parted(authority: str, scheme: str) -> tuple[str, int | None]:
    """Host and port of an authority; a port that is the scheme's own is none."""
    if authority.startswith("["):
        host, closed, behind = authority[1:].partition("]")
        if not closed or (behind and behind[0] != ":"):
            raise OriginError("its IPv6 address has no end")
        separator, digits = behind[:1], behind[1:]
        host = _ipv6(host)
    else:
        host, separator, digits = authority.partition(":")
    if not separator:
        return host, None
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5 and 0 < int(digits) < 65536):
        raise OriginError("its port is none")
    port = int(digits)
    return host, None if port == _WEB_PORTS.get(scheme) else port


def _ipv6(text: str) -> str:
    try:
        return ipaddress.IPv6Address(text).compressed if "%" not in text else ""
    except ValueError:
        raise OriginError("its IPv6 address is none") from None


def _host(host: str, scheme: str) -> str:
    """The host as browsers send it: in lower case, without a dot at the end, and in ASCII (IDNA 2008, UTS 46)."""
    if ":" in host:
        return host
    if scheme not in _WEB_PORTS:
        if not _SHELL_NAME.fullmatch(host.lower()):
            raise OriginError("its host is no name")
        return host.lower()
    if not host.isascii():
        try:
            host = URL.build(scheme="http", host=host).raw_host or ""
        except ValueError:
            raise OriginError("its host is no name") from None
    host = host.lower().removesuffix(".")
    if len(host) > 253 or not _NAME.fullmatch(host):
        raise OriginError("its host is no name")
    if _NUMBER.fullmatch(host.rpartition(".")[2]) and not _is_address(host):
        raise OriginError("its address is none")
    return host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _why_not(text: str) -> str:
    if len(text) > CHARACTERS_MAX:
        return "it is too long"
    if "://" not in text:
        return "it has no scheme, such as https://"
    return "an origin is scheme, host and port alone: no path, not even a slash, and no user"
