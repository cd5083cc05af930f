"""The type that the gateway mails in its own name: no catalog has it, and any may have templates for it.

Its words are made by the gateway, in every language that it speaks.
"""

from typing import Any, Final

DIGEST: Final = "DIGEST"
"""Of the mail of a digest."""

_TEXT: Final = {"type": "string"}
_LISTED: Final = {
    "type": "object",
    "required": ["id", "type", "title", "body", "link", "created_at"],
    "properties": {
        "id": _TEXT,
        "type": _TEXT,
        "title": _TEXT,
        "body": _TEXT,
        "link": {"type": ["string", "null"]},
        "created_at": _TEXT,
    },
}
"""A notification that a digest tells."""
DIGEST_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["notifications", "total", "more", "more_words", "since", "words"],
    "properties": {
        "notifications": {"type": "array", "items": _LISTED},
        "total": {"type": "integer"},
        "more": {"type": "integer"},
        "more_words": _TEXT,
        "since": _TEXT,
        "words": {
            "type": "object",
            "required": ["language", "open", "footer", "unsubscribe"],
            "properties": dict.fromkeys(("language", "open", "footer", "unsubscribe"), _TEXT),
        },
    },
}
"""What a template is told of one as `data`. Part of what operators build upon: it may get more, and keeps what it has."""
DIGEST_EXAMPLE: Final[dict[str, Any]] = {
    "notifications": [
        {
            "id": "01940000-0000-7000-8000-000000000001",
            "type": "ORDER_UPDATE",
            "title": "Order 1234 has shipped",
            "body": "It should arrive tomorrow.",
            "link": "https://shop.example/orders/1234",
            "created_at": "2026-11-22T08:27:41.123Z",
        },
        {
            "id": "01940000-0000-7000-8000-000000000002",
            "type": "REVIEW",
            "title": "How do you like it?",
            "body": "",
            "link": None,
            "created_at": "2026-11-22T09:00:00.000Z",
        },
    ],
    "total": 3,
    "more": 1,
    "more_words": "And one more.",
    "since": "2026-11-22T08:27:41.123Z",
    "words": {
        "language": "en",
        "open": "View",
        "footer": "You get these together.",
        "unsubscribe": "Unsubscribe",
    },
}
"""A digest by which its templates are tried: with a body and a link, without, and with more than is listed."""
