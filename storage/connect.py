"""From a URL to a store."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from storage.errors import StoreConfigurationError
from storage.store import Store


def connect(url: str) -> Store:
    """The store that `url` names, not opened yet.

    `sqlite:///relative/path`, `sqlite:////absolute/path`, `mongodb://…` and `mongodb+srv://…` (the database from the
    path, `bellhop` if none). Raises `StoreConfigurationError` for any other.

    A driver is imported with the first store of its kind. Nothing is dialled and no file is made before `open`.
    """
    scheme = url.partition("://")[0].lower()
    # Each where it is wanted: a command on a file would pay a fifth of a second and 8 MB for MongoDB's driver.
    if scheme == "sqlite":
        from storage.sqlite import SQLiteStore

        return SQLiteStore(_path(url))
    if scheme in ("mongodb", "mongodb+srv"):
        from storage.mongo import MongoStore

        return MongoStore(url)
    raise StoreConfigurationError(
        f"no store for the scheme {scheme[:20]!r}: use sqlite:///path, mongodb:// or mongodb+srv://"
        if "://" in url
        else "the store's URL has no scheme: use sqlite:///path, mongodb:// or mongodb+srv://"
    )


def file_of(url: str) -> Path | None:
    """The file of the store that `url` names; None for one on a server.

    Raises `StoreConfigurationError` for a SQLite URL that names no file.
    """
    return _path(url) if url.partition("://")[0].lower() == "sqlite" else None


def _path(url: str) -> Path:
    """The path of a SQLite URL: three slashes and what follows are relative, four absolute. Percent-encoding is undone."""
    parts = urlsplit(url)
    path = unquote(parts.path).removeprefix("/")
    if parts.netloc or not path or parts.query or parts.fragment:
        raise StoreConfigurationError(
            "a SQLite store is named sqlite:///relative/path or sqlite:////absolute/path, with nothing after the path"
        )
    return Path(path)
