"""Where the archive is: a folder, or a bucket of an object store. Read from a URL; nothing is opened."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

_OPTIONS = ("endpoint", "region")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A bucket of a service that speaks S3. What is None is taken from the environment, as AWS_… names it."""

    name: str
    endpoint: str | None = None
    region: str | None = None
    key_id: str | None = None
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder of this machine, or one within a bucket."""

    folder: Path
    bucket: Bucket | None = None


def place(url: str) -> Place:
    """Raises `ValueError` with what the URL must be, which quotes nothing of it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is not a URL.") from None
    if parts.fragment:
        raise ValueError("has a # in it, which must be written %23.")
    if parts.scheme == "file":
        if parts.netloc or not parts.path.startswith("/") or parts.query:
            raise ValueError("must be file:///folder, with the whole path.")
        return Place(folder=Path(unquote(parts.path)))
    if parts.scheme != "s3" or not parts.hostname or port is not None:
        raise ValueError("must be file:///folder or s3://bucket/folder.")
    if (parts.username is None) != (parts.password is None):
        raise ValueError("must have both, the id of a key and its secret, or neither.")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if set(options) - set(_OPTIONS):
        raise ValueError(f"has an option that there is not: there are {' and '.join(_OPTIONS)}.")
    endpoint = options.get("endpoint")
    if endpoint is not None and not endpoint.startswith(("http://", "https://")):
        raise ValueError("must have an endpoint that begins with https:// or http://.")
    return Place(
        folder=Path(unquote(parts.path).strip("/")),
        bucket=Bucket(
            name=parts.hostname,
            endpoint=endpoint,
            region=options.get("region"),
            key_id=None if parts.username is None else unquote(parts.username),
            secret=None if parts.password is None else unquote(parts.password),
        ),
    )
