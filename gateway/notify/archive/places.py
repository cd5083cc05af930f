"""Where the archive is: a folder, or a bucket of an object store. Read from a URL; nothing is opened.

`file:///srv/archive`, or `s3://id:secret@bucket/folder?endpoint=https://s3.example.org&region=eu-central-1`.
The settings read it at the start, so that a mistake is known before anything is deleted.
"""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

_OPTIONS = ("endpoint", "region")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Bucket:
    """A bucket of a service that speaks S3. What is None is taken from the environment, as AWS_… names it.

    Its `repr` has no secret in it, for settings are shown.
    """

    name: str
    endpoint: str | None = None
    """Of another service than Amazon's; None: theirs."""
    region: str | None = None
    key_id: str | None = None
    """Both parts of a key, or neither."""
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DepotPlace:
    """A folder of this machine, or one within a bucket.

    With a bucket, `folder` is what stands in front of the names of its objects, and may be empty.
    """

    folder: Path
    bucket: S3Bucket | None = None


def place(url: str) -> DepotPlace:
    """Raises `ValueError` with what the URL must be, which quotes nothing of it.

    Messages go on after the name of the setting, as "must be …". The URL may hold a secret, so no message
    shows any of it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # Without the cause: its text would quote the URL.
        raise ValueError("is not a URL.") from None
    if parts.fragment:
        raise ValueError("has a # in it, which must be written %23.")
    if parts.scheme == "file":
        if parts.netloc or not parts.path.startswith("/") or parts.query:
            raise ValueError("must be file:///folder, with the whole path.")
        return DepotPlace(folder=Path(unquote(parts.path)))
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
    return DepotPlace(
        folder=Path(unquote(parts.path).strip("/")),
        bucket=S3Bucket(
            name=parts.hostname,
            endpoint=endpoint,
            region=options.get("region"),
            key_id=None if parts.username is None else unquote(parts.username),
            secret=None if parts.password is None else unquote(parts.password),
        ),
    )
