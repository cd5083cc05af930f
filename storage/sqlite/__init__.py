"""The embedded store: one SQLite file, durable, with no service to start."""

from storage.sqlite.store import SQLiteStore

__all__ = ["SQLiteStore"]
