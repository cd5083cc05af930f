"""What is answered about types: the JSON of `gateway.notify.types`, as `gateway.protocol.catalog` says it."""

from gateway.ground.encoding import Json, time
from gateway.notify.types import KnownTypes, TypeDetail, TypeState
from storage.switches import Change


def change(value: Change) -> Json:
    return {"at": time(value.at), "by": value.by, "change": value.asked}


def type_(value: TypeState) -> Json:
    return {
        "urgent": value.urgent,
        "known": value.known,
        "category": value.category,
        "critical": value.critical,
        "lane": value.lane,
        "locales": list(value.locales),
        "enabled": value.enabled,
        "channels": {
            name: {
                "enabled": channel.enabled,
                "percent": channel.percent,
                "overridden": channel.overridden,
                "by_default": channel.by_default,
            }
            for name, channel in value.channels.items()
        },
        "changed": None if value.changed is None else change(value.changed),
        "day": value.day,
    }


def types(value: KnownTypes) -> Json:
    return {
        "version": value.version,
        "default_locale": value.default_locale,
        "nodes": value.nodes,
        "categories": [
            {"key": each.key, "names": dict(each.names), "order": each.order} for each in value.categories
        ],
        "types": {each.name: type_(each) for each in value.types},
    }


def type_in_full(value: TypeDetail) -> Json:
    return {
        **type_(value.state),
        "type": value.state.name,
        "schema": value.schema,
        "examples": value.examples,
        "changes": [change(each) for each in value.changes],
    }
