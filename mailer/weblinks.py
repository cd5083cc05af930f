"""Addresses of the web as a mail may hold them."""

import re
from urllib.parse import quote, urljoin, urlsplit

from mailer import address

_URL_CHARACTERS = "%/:=&?~#+!$,;'@()*[]"


def web_url(text: str) -> str | None:
    """The text as a URL of the web in ASCII, or None: nothing else, `javascript:` least of all, becomes an href."""
    return quote(_with_ascii_host(text), safe=_URL_CHARACTERS) if is_web(text) else None


def absolute(link: str, base_url: str | None) -> str:
    """A path as a URL of the public site, where that is known; any other link as it is.

    It raises nothing for any text: not every link that was let in is one that can be taken apart.
    """
    return urljoin(base_url, link) if base_url is not None and is_path(link) else link


def is_path(link: str) -> bool:
    """An absolute path of our own site; after two slashes, forward or back, browsers read another host."""
    return link.startswith("/") and link[1:2] not in ("/", "\\")


def is_web(url: str) -> bool:
    """Whether it is an address of http or https with a host, and without blanks and controls."""
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and not re.search(r"[\s\x00-\x20]", url)
        )
    except ValueError:
        return False


def _with_ascii_host(url: str) -> str:
    """The URL with a host of any script as the DNS has it; a mail program may know an older encoding, or none."""
    parts = urlsplit(url)
    host, colon, port = parts.netloc.partition(":")
    if host.isascii():
        return url
    try:
        return parts._replace(netloc=f"{address.ascii_domain(host)}{colon}{port}").geturl()
    except ValueError:
        return url
