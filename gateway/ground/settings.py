"""Bellhop's settings: what may be set, how it is read from the environment, and what is in force.

Each setting is declared once, on the field that holds it; `SETTINGS` is the list of them, and drives loading,
`bellhop config`, the documentation and the tests of the manifests. Every mistake is reported at once.
"""

import difflib
import ipaddress
import os
import re
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

import environs
from environs import ValidationError
from yarl import URL

from auth.characters import BLANKS, is_line
from gateway.ground import origins, places
from mailer.address import Mailbox, parse_ours
from mailer.letterhead import parse_unsubscribe

PREFIX = "BELLHOP_"
FILE = "_FILE"
TEST_PREFIX = "BELLHOP_TEST_"
"""Names with it belong to the test suite and are no settings."""

FILE_BYTES_MAX = 1024 * 1024
"""More is no value of a setting, but another file."""
_UNSEEN = BLANKS + "".join(
    chr(code)
    for code in (0xAD, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
)
"""What nobody sees at the ends of a value, and so nobody means: white space, zero-width characters, marks of direction."""
_KNOWN = {
    " ": "a blank", "\t": "a tab", "\n": "a line end", "\r": "a carriage return", "\xa0": "a no-break space",
    "\u200b": "a zero-width space", "\ufeff": "a byte order mark",
}  # fmt: skip

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
Parse = Callable[[str], Any]
_T = TypeVar("_T")


class SettingsError(Exception):
    """Settings that cannot work. `problems` holds a sentence for each, which never shows a secret."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class LogFormat(StrEnum):
    AUTO = "auto"  # text on a terminal, else json
    JSON = "json"
    TEXT = "text"


class Origin(StrEnum):
    """Where the value in force comes from."""

    DEFAULT = "default"
    ENVIRONMENT = "environment"
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is to be known of one setting before it has a value."""

    name: str
    """Without the prefix."""
    default: str | None
    """As it would be written in the environment; None for one that is unset or made up at start."""
    help: str
    parse: Parse
    show: Callable[[str], str] = str
    """How `bellhop config` may print a value: secrets masked."""
    secret: bool = False
    lines: bool = False
    """Whether it has several lines, of which those that are blank mean nothing at the ends."""

    @property
    def variable(self) -> str:
        return PREFIX + self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A setting in force, ready to be shown."""

    setting: Setting
    shown: str
    origin: Origin


# --- how values are read


def duration(text: str) -> float:
    """Seconds from `90`, `90s`, `1.5m`, `2h`, `7d` or `500ms`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?", text.strip())
    if match is None:
        raise ValidationError(
            "must be a number of seconds, or one with a unit such as 500ms, 90s, 10m, 2h or 7d."
        )
    return float(match[1]) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, None: 1}[match[2]]


def _positive_duration(text: str) -> float:
    seconds = duration(text)
    if not seconds:
        raise ValidationError("must be more than 0.")
    return seconds


def _whole(minimum: int = 0, maximum: int = 2**31 - 1) -> Parse:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,10}", text) or not minimum <= int(text) <= maximum:
            raise ValidationError(f"must be a whole number from {minimum} to {maximum}.")
        return int(text)

    return parse


def _number(text: str) -> float:
    if not re.fullmatch(r"\d{1,10}(\.\d+)?", text):
        raise ValidationError("must be a number, 0 or more.")
    return float(text)


def _mails_per_second(text: str) -> float:
    rate = _number(text)
    if 0 < rate < 0.001:
        raise ValidationError("must be 0.001 or more, or 0.")
    return rate


def _boolean(text: str) -> bool:
    folded = text.lower()
    if folded not in ("true", "false", "1", "0", "yes", "no", "on", "off"):
        raise ValidationError("must be true or false.")
    return folded in ("true", "1", "yes", "on")


def _choice(*choices: str) -> Parse:
    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValidationError(f"must be one of {', '.join(choices)}.")
        return text.lower()

    return parse


def _matching(pattern: str, meaning: str) -> Parse:
    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValidationError(f"must be {meaning}.")
        return text

    return parse


def _items(text: str) -> list[str]:
    """The items of a list with commas between; blanks beside a comma mean nothing, and nothing else may stand there."""
    items = _cut(text)
    for item in items:
        if problem := _unseen_ends(item):
            raise ValidationError(f"has an item that {problem}.")
    return items


def _cut(text: str) -> list[str]:
    return [item for part in text.split(",") if (item := part.strip(" \t"))]


def _unseen_ends(text: str) -> str | None:
    """What stands at the ends of a value and cannot be meant; None when nothing does."""
    if text[:1] in _UNSEEN:
        return f"begins with {_called(text[0])}"
    if text[-1:] in _UNSEEN:
        return f"ends with {_called(text[-1])}"
    return None


def _unmeant(text: str) -> str | None:
    """Why a value of one line cannot be meant as it is: it would start, and nothing would match it."""
    if problem := _unseen_ends(text):
        return f"{problem}: take it out."
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return "is in quotes, which are taken as a part of it: leave them out."
    return None


def _parsed(setting: Setting, text: str) -> Any:
    value = setting.parse(text)
    # Only now: what is right for the setting is the better word on most of these.
    odd = None if setting.lines else next((each for each in text if not is_line(each)), None)
    if odd is not None:
        raise ValidationError(f"holds {_called(odd)}: it must be one line.")
    return value


def _called(character: str) -> str:
    code = f"U+{ord(character):04X}"
    return f"{_KNOWN[character]} ({code})" if character in _KNOWN else f"the invisible character {code}"


def file_text(path: Path) -> str:
    """What a file holds, without a byte order mark and one line end at its end. Raises ValueError saying why it cannot."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ValueError(f"cannot read the file: {error.strerror}.") from None
    if len(content) > FILE_BYTES_MAX:
        raise ValueError(f"the file has more than {FILE_BYTES_MAX} bytes.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("cannot read the file: not UTF-8 text.") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise ValueError("the file is empty.")
    return text


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValidationError("is not a URL.") from None
    return parts


def _url(*schemes: str, needs_host: tuple[str, ...] = ()) -> Parse:
    def parse(text: str) -> str:
        # MongoDB's URLs may list several hosts, whose ports urlsplit cannot read: their driver judges them.
        scheme, separator, rest = text.partition("://")
        if not separator or scheme not in schemes:
            raise ValidationError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}.")
        if scheme in needs_host and (rest[:1] in ("", "/", "?") or not _split(text).hostname):
            raise ValidationError("names no host.")
        return text

    return parse


_plain_bus_url = _url(
    "local", "redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", needs_host=("redis", "rediss")
)


def _bus_url(text: str) -> str:
    _plain_bus_url(text)
    if not text.startswith("local:"):
        # Only here: most commands need not wait for redis-py.
        from gateway.cluster.redis.address import Address

        try:
            Address.parse(text)
        except ValueError as problem:
            raise ValidationError(f"cannot be used: {problem}.") from None
    return text


def _base_url(text: str) -> str:
    """The URL as browsers ask for it: without a slash at the end, its path percent-encoded."""
    parts = _split(text)
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
    permitted: dict[str, None] = {}
    for item in _items(text):
        try:
            permitted[origins.permitted(item)] = None
        except origins.OriginError as error:
            shown = masked_url(item) if "@" in item else item
            raise ValidationError(
                f"must be origins such as https://shop.example, or *; {shown!r} is none: {error}."
            ) from None
    return tuple(permitted)


def _transports(text: str) -> tuple[str, ...]:
    transports = tuple(dict.fromkeys(_items(text)))
    if not transports or not set(transports) <= {"polling", "websocket"}:
        raise ValidationError("must be polling, websocket, or both with a comma between.")
    return transports


def _networks(text: str) -> tuple[IPNetwork | str, ...]:
    try:
        return tuple(
            item if item == places.UNIX_PEER else ipaddress.ip_network(item) for item in _items(text)
        )
    except ValueError as error:
        raise ValidationError(
            f"must be addresses or networks such as 10.0.0.0/8, or unix: {error}."
        ) from None


def _places(text: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for item in _items(text):
        try:
            found[places.place(item)] = None
        except ValueError as error:
            raise ValidationError(
                f"must be addresses, names, or unix:/path, with commas between; {item!r} is none: {error}."
            ) from None
    if not found:
        raise ValidationError("names no address.")
    return tuple(found)


def _mailbox(text: str) -> Mailbox:
    try:
        return parse_ours(text)
    except ValueError as error:
        raise ValidationError(f"must be an address such as Shop <shop@example.org>: {error}.") from None


def _unsubscribe_urls(text: str) -> tuple[str, ...]:
    try:
        return parse_unsubscribe(text)
    except ValueError as error:
        raise ValidationError(
            f"must be a URL of https, of mailto, or both with a comma between: {error}."
        ) from None


def _helo(text: str) -> str:
    if literal := re.fullmatch(r"\[(IPv6:)?([0-9A-Fa-f.:]{2,45})\]", text):
        try:
            address = ipaddress.ip_address(literal[2])
        except ValueError:
            address = None
        if address is not None and (address.version == 6) == bool(literal[1]):
            return text
    label = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    # The last label is no number: that would be an address without its brackets.
    if len(text) > 253 or not re.fullmatch(rf"(?:{label}\.)+(?!\d+\Z){label}", text):
        raise ValidationError(
            "must be a full name such as shop.example.org, or an address such as [192.0.2.1]."
        )
    return text


def _folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise ValidationError("is not a folder.")
    return Path(text)


def _jwt_secrets(text: str) -> tuple[str, ...]:
    if any(len(secret.encode()) < 32 for secret in _items(text)):
        raise ValidationError("is too short: a secret has 32 bytes or more (try `openssl rand -hex 32`).")
    return tuple(_items(text))


def _pem(text: str) -> str:
    # Some tools can only hand in one line, with \n written out.
    pem = text.replace("\\n", "\n").strip()
    if "PRIVATE KEY" in pem:
        raise ValidationError("is a private key: give the public one, the private stays with the issuer.")
    if not re.match(r"-----BEGIN (RSA )?PUBLIC KEY-----|-----BEGIN CERTIFICATE-----", pem):
        raise ValidationError("must be a public key in PEM.")
    return pem


def _api_keys(text: str) -> Mapping[str, str]:
    keys: dict[str, str] = {}
    for position, item in enumerate(_items(text), 1):
        name, _, key = item.partition(":")
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name) or not key:
            raise ValidationError(f"must be name:key, with commas between; number {position} is not.")
        if len(key) < 32:
            raise ValidationError(
                f"has too short a key for {name}: 32 characters or more (try `openssl rand -hex 32`)."
            )
        if not re.fullmatch(r"[!-~]+", key):
            raise ValidationError(f"has a key for {name} that no header can carry: printable ASCII only.")
        if name in keys:
            raise ValidationError(f"names {name} twice.")
        keys[name] = key
    return keys


# --- how values are shown

MASK = "***"
_SECRET_PARAMETER = re.compile(
    r"([?&;,][^=&;,]*(?:password|passwd|secret|token|key)[^=&;,]*[=:])[^&;]*", re.IGNORECASE
)
_USER_INFO = re.compile(r"(?<=://)(?:([^:@/?]*):)?.*@", re.DOTALL)


def masked_url(url: str) -> str:
    """The URL without its password, wherever it stands; rather too much is masked than too little."""
    if "://" not in url:
        return MASK
    url = _USER_INFO.sub(lambda found: (f"{found[1]}:" if found[1] is not None else "") + MASK + "@", url)
    return _SECRET_PARAMETER.sub(rf"\1{MASK}", url)


def _masked(text: str) -> str:
    return ",".join(MASK for _ in _cut(text))


def _masked_api_keys(text: str) -> str:
    return ",".join(f"{item.partition(':')[0]}:{MASK}" if ":" in item else MASK for item in _cut(text))


def _first_line(text: str) -> str:
    return text.replace("\\n", "\n").strip().splitlines()[0] + " …"


# --- the settings themselves


def _setting(
    name: str,
    default: str | None,
    parse: Parse,
    help: str,  # noqa: A002 - the word argparse uses too
    *,
    unset: Any = None,
    make: Callable[[], Any] | None = None,
    show: Callable[[str], str] = str,
    secret: bool = False,
    lines: bool = False,
) -> Any:
    """A field and its setting. `unset` or `make()` is the value when there is no default."""
    setting = Setting(
        name=name, default=default, help=help, parse=parse, show=show, secret=secret, lines=lines
    )
    metadata = {"setting": setting}
    visible = show is str and not secret
    if make is not None:
        return field(default_factory=make, metadata=metadata, repr=visible)
    value = unset if default is None else parse(default)
    if isinstance(value, dict):
        return field(default_factory=dict, metadata=metadata, repr=visible)
    return field(default=value, metadata=metadata, repr=visible)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    """What tokens and services are verified with."""

    jwt_secrets: tuple[str, ...] = _setting(
        "JWT_SECRET", None, _jwt_secrets,
        "HS256 secret of user tokens, 32 bytes or more; several, comma-separated, while rotating (the first signs)",
        unset=(), show=_masked, secret=True,
    )  # fmt: skip
    jwt_public_key: str | None = _setting(
        "JWT_PUBLIC_KEY", None, _pem,
        "public key of the token issuer, PEM; RS256, ES256 or EdDSA by the key's own type",
        show=_first_line, lines=True,
    )  # fmt: skip
    jwt_jwks_url: str | None = _setting(
        "JWT_JWKS_URL", None, _url("http", "https", needs_host=("http", "https")),
        "where the issuer publishes its keys; cached, refetched on an unknown `kid` at most once a minute",
        show=masked_url,
    )  # fmt: skip
    jwt_audience: str | None = _setting("JWT_AUDIENCE", None, str, "the `aud` a token must have")
    jwt_issuer: str | None = _setting("JWT_ISSUER", None, str, "the `iss` a token must have")
    jwt_leeway_seconds: float = _setting(
        "JWT_LEEWAY", "10s", duration, "how far clocks may differ when times are judged"
    )
    api_keys: Mapping[str, str] = _setting(
        "API_KEYS", None, _api_keys,
        "API keys of services, `name:key,name:key`; a key has 32 characters or more",
        unset={}, show=_masked_api_keys, secret=True,
    )  # fmt: skip

    @property
    def verify_tokens(self) -> bool:
        """True when there is something to verify a token with."""
        return bool(self.jwt_secrets or self.jwt_public_key or self.jwt_jwks_url)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    """How mail leaves."""

    url: str = _setting(
        "MAIL_URL", "spool:///var/mail", _url("spool", "smtp", "smtps", needs_host=("smtp", "smtps")),
        "`smtp://user:pass@host:587` (STARTTLS required unless `?starttls=optional` or `never`), `smtps://…`, or "
        "`spool:///folder`, which writes one `.eml` file per mail (relative to the working directory)",
        show=masked_url,
    )  # fmt: skip
    sender: Mailbox = _setting(  # noqa: RUF009 - it is dataclasses.field
        "MAIL_FROM", "Bellhop <bellhop@localhost>", _mailbox,
        "the one address mail comes from; a name with a comma or the like stands in double quotes",
    )  # fmt: skip
    reply_to: Mailbox | None = _setting(  # noqa: RUF009 - it is dataclasses.field
        "MAIL_REPLY_TO", None, _mailbox, "the one address that answers go to; unset: where mail comes from"
    )
    unsubscribe: tuple[str, ...] = _setting(
        "MAIL_UNSUBSCRIBE_URL", None, _unsubscribe_urls,
        "where readers unsubscribe: an `https://` URL that accepts the POST of RFC 8058, a `mailto:` URL, or both with a "
        "comma between; `{id}`, `{room}` and `{type}` of the notification are filled in",
        unset=(),
    )  # fmt: skip
    templates: Path | None = _setting(  # noqa: RUF009 - it is dataclasses.field
        "MAIL_TEMPLATES", None, _folder, "a folder of templates of your own, found before the built-in ones"
    )
    worker: bool = _setting("MAIL_WORKER", "true", _boolean, "run the mail worker inside `bellhop serve`")
    attempts: int = _setting("MAIL_ATTEMPTS", "8", _whole(), "attempts before a mail is buried; 0: never")
    retry_seconds: float = _setting(
        "MAIL_RETRY", "60s", _positive_duration,
        "the wait after a first failed attempt; each later one is four times as long, 12 hours at most",
    )  # fmt: skip
    lease_seconds: float = _setting(
        "MAIL_LEASE",
        "60s",
        _positive_duration,
        "how long a mail stays with a worker that has died; one under way is held for as long as it takes",
    )
    concurrency: int = _setting("MAIL_CONCURRENCY", "8", _whole(1, 1000), "mails under way at once")
    session_mails: int = _setting(
        "MAIL_PER_SESSION",
        "100",
        _whole(),
        "mails sent over one connection to the mail server; 0: any number",
    )
    timeout_seconds: float = _setting(
        "MAIL_TIMEOUT", "5m", _positive_duration,
        "how long the mail server may take to answer; after the end of a mail twice as long",
    )  # fmt: skip
    helo: str | None = _setting(
        "MAIL_HELO", None, _helo,
        "the name this host gives to the mail server; unset: its full name, or its address in brackets",
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkSettings:
    """How the mail of the lane `bulk` leaves; what is unset is as for all other mail."""

    url: str | None = _setting(
        "BULK_URL", None, _url("spool", "smtp", "smtps", needs_host=("smtp", "smtps")),
        "where mail of the lane `bulk` leaves by, as in `BELLHOP_MAIL_URL`; unset: the same way as all mail, and behind it",
        show=masked_url,
    )  # fmt: skip
    sender: Mailbox | None = _setting(  # noqa: RUF009 - it is dataclasses.field
        "BULK_FROM", None, _mailbox, "the one address bulk mail comes from; unset: `BELLHOP_MAIL_FROM`"
    )
    reply_to: Mailbox | None = _setting(  # noqa: RUF009 - it is dataclasses.field
        "BULK_REPLY_TO", None, _mailbox,
        "the one address that answers to bulk mail go to; unset: `BELLHOP_MAIL_REPLY_TO`",
    )  # fmt: skip
    rate: float = _setting(
        "BULK_RATE", "0", _mails_per_second, "bulk mails per second, of all nodes together; 0: no limit"
    )
    concurrency: int | None = _setting(
        "BULK_CONCURRENCY", None, _whole(1, 1000),
        "bulk mails under way at once; unset: a quarter of `BELLHOP_MAIL_CONCURRENCY`",
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceSettings:
    grace_seconds: float = _setting(
        "PRESENCE_GRACE",
        "5s",
        duration,
        "how long after the last connection a user still counts as there; 0: not at all",
    )
    ttl_seconds: float = _setting(
        "PRESENCE_TTL", "30s", _positive_duration, "how long a node that died without a word is believed in"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What bounds the use of a node. 0 switches a limit off."""

    max_connections: int = _setting(
        "MAX_CONNECTIONS", "20000", _whole(), "connections a node takes; 0: any number"
    )
    max_connections_per_user: int = _setting(
        "MAX_CONNECTIONS_PER_USER",
        "20",
        _whole(),
        "connections of one user, beyond it the oldest is closed; 0: any number",
    )
    connect_deadline_seconds: float = _setting(
        "CONNECT_DEADLINE",
        "10s",
        duration,
        "how long a connection may stay open without having said who it is; 0: for ever",
    )
    connect_rate: float = _setting(
        "CONNECT_RATE", "20", _number, "new connections per second from one address; 0: no limit"
    )
    connect_burst: int = _setting(
        "CONNECT_BURST", "200", _whole(1), "new connections at once from one address"
    )
    max_message_bytes: int = _setting(
        "MAX_MESSAGE_BYTES",
        "65536",
        _whole(),
        "size of one inbound message; 0: the transport's own limit of 1 MB",
    )
    client_events_per_second: float = _setting(
        "CLIENT_EVENTS_PER_SECOND", "20", _number, "events a connection may send; 0: no limit"
    )
    client_events_burst: int = _setting(
        "CLIENT_EVENTS_BURST", "40", _whole(1), "events a connection may send at once"
    )
    send_buffer_bytes: int = _setting(
        "SEND_BUFFER_BYTES",
        "262144",
        _whole(),
        "unsent bytes of a connection before it is a slow consumer; 0: no limit",
    )
    replay_limit: int = _setting(
        "REPLAY_LIMIT",
        "500",
        _whole(),
        "missed notifications replayed per room, beyond it the client is told to resync",
    )
    emit_rate: float = _setting(
        "EMIT_RATE",
        "0",
        _number,
        "notifications per second a service may emit through a node, on average over 10 s; 0: no limit",
    )
    history_days: int = _setting("HISTORY_DAYS", "90", _whole(), "days a notification is kept; 0: for ever")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an operator can choose. The defaults make a working node but for the keys."""

    hosts: tuple[str, ...] = _setting(
        "HOST", "127.0.0.1", _places,
        "addresses of the public site (Socket.IO, the pages, `/api`, `/healthz`), comma-separated; `::` is all, of IPv4 and "
        "IPv6; `unix:/path` a unix socket",
    )  # fmt: skip
    port: int = _setting("PORT", "8080", _whole(0, 65535), "port of the public site; 0: any free one")
    internal_hosts: tuple[str, ...] = _setting(
        "INTERNAL_HOST", "127.0.0.1", _places,
        "addresses of the internal site (`/internal`, `/metrics`, `/healthz`, `/readyz`), as above; never expose it",
    )  # fmt: skip
    internal_port: int = _setting(
        "INTERNAL_PORT", "8081", _whole(0, 65535), "port of the internal site; 0: any free one"
    )
    base_url: str | None = _setting(
        "BASE_URL",
        None,
        _base_url,
        "the public site's address as browsers and mail readers see it, for links; may have a path, such as `/notify`",
    )
    trusted_proxies: tuple[IPNetwork | str, ...] = _setting(
        "TRUSTED_PROXIES", None, _networks,
        "addresses or networks whose `X-Forwarded-For` is believed, comma-separated; `unix` for what comes by a unix socket",
        unset=(),
    )  # fmt: skip
    cors_origins: tuple[str, ...] = _setting(
        "CORS_ORIGINS", None, _origins,
        "origins whose pages may use the public site, comma-separated: `https://shop.example`, `https://*.shop.example`, "
        "an app's such as `capacitor://localhost`, `file://`, or `*` for all; its own always may",
        unset=(),
    )  # fmt: skip
    transports: tuple[str, ...] = _setting(
        "TRANSPORTS", "polling,websocket", _transports, "how clients may connect"
    )
    ping_interval_seconds: float = _setting(
        "PING_INTERVAL", "25s", _positive_duration, "how often a client is pinged"
    )
    ping_timeout_seconds: float = _setting(
        "PING_TIMEOUT", "20s", _positive_duration, "how long a client has for the answer"
    )
    node_id: str = _setting(
        "NODE_ID", None, _matching(r"[A-Za-z0-9_.-]{1,100}", "1-100 letters, digits, `_`, `.` and `-`"),
        "name of this node, unique in the cluster; unset: the host's name and something random",
        make=lambda: f"{re.sub(r'[^A-Za-z0-9_.-]', '-', socket.gethostname())[:80]}-{secrets.token_hex(4)}",
    )  # fmt: skip
    store_url: str = _setting(
        "STORE_URL", "sqlite:///var/bellhop.db", _url("sqlite", "mongodb", "mongodb+srv"),
        "`sqlite:///file` (relative to the working directory), `mongodb://…` or `mongodb+srv://…` (database from the "
        "path, `bellhop` if none)",
        show=masked_url,
    )  # fmt: skip
    bus_url: str = _setting(
        "BUS_URL", "local://", _bus_url,
        "`local://` for a single node, or `redis://…`, `rediss://…`, `unix://…`, `redis+sentinel://host,host2/service/0`, "
        "`rediss+sentinel://…`",
        show=masked_url,
    )  # fmt: skip
    bus_prefix: str = _setting(
        "BUS_PREFIX", "bellhop", _matching(r"[A-Za-z0-9_.:-]{1,64}", "1-64 letters, digits, `_`, `.`, `:` and `-`"),
        "what every key and channel in Redis begins with",
    )  # fmt: skip
    foreign_emits: bool = _setting(
        "FOREIGN_EMITS", "false", _boolean,
        "take what python-socketio managers of other processes emit on the channel `<BUS_PREFIX>:<database>:socketio`, "
        "as `store: false`",
    )  # fmt: skip
    drain_seconds: float = _setting("DRAIN_SECONDS", "25s", duration, "how long a stop may take; 0: at once")
    log_level: str = _setting(
        "LOG_LEVEL", "info", _choice("debug", "info", "warning", "error"), "debug, info, warning or error"
    )
    log_format: LogFormat = _setting(  # noqa: RUF009 - it is dataclasses.field
        "LOG_FORMAT", "auto", lambda text: LogFormat(_choice(*LogFormat)(text)),
        "`json`, `text`, or `auto`: text on a terminal, else json",
    )  # fmt: skip
    keys: KeySettings = field(default_factory=KeySettings)
    mail: MailSettings = field(default_factory=MailSettings)
    bulk: BulkSettings = field(default_factory=BulkSettings)
    presence: PresenceSettings = field(default_factory=PresenceSettings)
    limits: Limits = field(default_factory=Limits)

    @property
    def base_path(self) -> str:
        """The path under which browsers see the public site, without a slash at its end; mostly empty."""
        return "" if self.base_url is None else URL(self.base_url).raw_path.rstrip("/")


_GROUPS: Mapping[str, type] = {
    "keys": KeySettings, "mail": MailSettings, "bulk": BulkSettings, "presence": PresenceSettings, "limits": Limits
}  # fmt: skip


def _declared(kind: type) -> Iterator[Setting]:
    for declared in fields(kind):
        if "setting" in declared.metadata:
            yield declared.metadata["setting"]


SETTINGS: tuple[Setting, ...] = (
    *_declared(Settings), *(setting for group in _GROUPS.values() for setting in _declared(group))
)  # fmt: skip
"""Every setting, in the order in which they are shown."""


def load(environ: Mapping[str, str] | None = None, *, serving: bool = False) -> Settings:
    """The settings in force. `serving` demands what `bellhop serve` cannot do without: a key to verify tokens with.

    Raises `SettingsError` with everything that is wrong.
    """
    source = _Source(os.environ if environ is None else environ)
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        value = source.setting(setting.name, None, setting=setting)
        if value is not None:
            values[setting.name] = value
    problems = [*_unknown(source.given), *source.problems()]
    settings = _build(Settings, values, **{name: _build(kind, values) for name, kind in _GROUPS.items()})
    problems += _contradictions(settings)
    wrong = ("JWT_SECRET", "JWT_PUBLIC_KEY", "JWT_JWKS_URL")
    if serving and not settings.keys.verify_tokens and not any(source.is_given(name) for name in wrong):
        problems.append(
            "There is no key to verify tokens with: set BELLHOP_JWT_SECRET (try `openssl rand -hex 32`), "
            "BELLHOP_JWT_PUBLIC_KEY or BELLHOP_JWT_JWKS_URL. `bellhop demo` makes its own."
        )
    if problems:
        raise SettingsError(problems)
    return settings


def survey(environ: Mapping[str, str] | None = None) -> list[Entry]:
    """Every setting with the value in force, secrets masked, and where it came from; also of settings that are wrong."""
    source = _Source(os.environ if environ is None else environ)
    entries = []
    for setting in SETTINGS:
        text = source.text(setting.name)
        shown = setting.show(text) if text else setting.default or ""
        entries.append(Entry(setting=setting, shown=shown, origin=source.origin(setting.name)))
    return entries


def markdown() -> str:
    """The reference of all settings, as a table for the documentation."""
    rows = [
        f"| `{setting.variable}` | {f'`{setting.default}`' if setting.default else ''} | {setting.help.replace('|', '&#124;')} |"
        for setting in SETTINGS
    ]
    return "\n".join(["| name | default | meaning |", "|---|---|---|", *rows])


class _Source(environs.Env):
    """The environment, with `BELLHOP_X_FILE` for every `BELLHOP_X`, and errors gathered instead of raised.

    environs' own FileAwareEnv stops at the first file it cannot read and sees nothing but `os.environ`. An empty value
    is an unset one: that is what a compose file's `${X:-}` leaves.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(eager=False, prefix=PREFIX)
        self.add_parser("setting", lambda text, setting: None if text is None else _parsed(setting, text))
        self.given = {
            name: value
            for name, value in environ.items()
            if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX) and value.strip(" \t\r\n")
        }
        self._files: dict[str, str] = {}
        self._refused: set[str] = set()
        self._problems: list[str] = []
        for setting in SETTINGS:
            variable = setting.variable + FILE
            if variable in self.given:
                self._read(setting, variable)
            if setting.variable in self.given and variable in self.given:
                self._problems.append(f"{setting.variable} and {variable} are both set: keep one.")
            elif setting.variable in self.given:
                self._accept(setting, setting.variable, self.given[setting.variable])

    def _read(self, setting: Setting, variable: str) -> None:
        path = self.given[variable]
        try:
            if problem := _unmeant(path):
                raise ValueError(f"the path {problem}")
            text = file_text(Path(path))
        except ValueError as error:
            self._problems.append(f"{variable}: {error}")
        else:
            self._files[setting.variable] = text
            self._accept(setting, variable, text)

    def _accept(self, setting: Setting, variable: str, text: str) -> None:
        """Refuse a value that cannot be meant as it is; then nothing more is said of it."""
        problem = None if setting.lines else _unmeant(text)
        if problem is not None:
            self._refused.add(setting.variable)
            self._problems.append(f"{variable} {problem}")

    def _get_value(self, env_key: str, default: Any) -> Any:
        if env_key in self._refused:
            return default
        return self._files.get(env_key) or self.given.get(env_key, default)

    def text(self, name: str) -> str | None:
        return self._files.get(PREFIX + name) or self.given.get(PREFIX + name)

    def is_given(self, name: str) -> bool:
        return PREFIX + name in self.given or PREFIX + name + FILE in self.given

    def origin(self, name: str) -> Origin:
        if self._files.get(PREFIX + name):
            return Origin.FILE
        return Origin.ENVIRONMENT if PREFIX + name in self.given else Origin.DEFAULT

    def problems(self) -> list[str]:
        try:
            self.seal()
        except environs.EnvValidationError as error:
            messages: Any = error.error_messages  # a mapping, since several were read
            return self._problems + [f"{name} {text}" for name, texts in messages.items() for text in texts]
        return self._problems


def _unknown(given: Mapping[str, str]) -> list[str]:
    known = {name for setting in SETTINGS for name in (setting.variable, setting.variable + FILE)}
    links = [
        name
        for name, value in given.items()
        if re.fullmatch(rf"{PREFIX}(.+_)?(SERVICE_(HOST|PORT(_.*)?)|PORT(_\d+_(TCP|UDP)(_.*)?)?)", name)
        and (name not in known or "://" in value)
    ]
    problems = []
    if links:
        problems.append(
            f"{', '.join(sorted(links))}: Kubernetes sets these for a Service named like Bellhop; "
            "give the pod `enableServiceLinks: false`."
        )
    for name in sorted(set(given) - known - set(links)):
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
        problems.append(f"{name} is no setting of Bellhop" + (f"; did you mean {near[0]}?" if near else "."))
    return problems


def _contradictions(settings: Settings) -> list[str]:
    problems = []
    hosts, internal_hosts = set(settings.hosts), set(settings.internal_hosts)
    if any(places.is_unix(host) for host in hosts & internal_hosts):
        problems.append("BELLHOP_HOST and BELLHOP_INTERNAL_HOST must not share a unix socket.")
    if settings.port and settings.port == settings.internal_port and places.meet(hosts, internal_hosts):
        problems.append("BELLHOP_PORT and BELLHOP_INTERNAL_PORT must differ.")
    if settings.foreign_emits and settings.bus_url.startswith("local:"):
        problems.append("BELLHOP_FOREIGN_EMITS needs a Redis to take them from: set BELLHOP_BUS_URL.")
    limits = settings.limits
    if 0 < limits.send_buffer_bytes < 4096:
        problems.append(
            "BELLHOP_SEND_BUFFER_BYTES must be 4096 or more (or 0): a single notification needs that."
        )
    return problems


def _build(kind: type[_T], values: Mapping[str, Any], **groups: Any) -> _T:
    own = {
        declared.name: values[declared.metadata["setting"].name]
        for declared in fields(kind)  # type: ignore[arg-type]  # they are dataclasses all
        if "setting" in declared.metadata and declared.metadata["setting"].name in values
    }
    return kind(**own, **groups)
