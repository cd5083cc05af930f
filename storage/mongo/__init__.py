"""The production store: MongoDB, a replica set of any size."""

from storage.mongo.store import MongoStore

__all__ = ["MongoStore"]
