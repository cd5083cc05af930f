"""How values lie in a database, the same in both adapters, so that what is read equals what was written.

Times are whole microseconds since the epoch: exact, where a BSON date would cut to milliseconds. `data` is JSON text:
the caller's own object comes back as it was, with keys that hold dots or dollars and integers beyond 64 bits,
neither of which a BSON document holds. Half a surrogate pair is escaped: JSON may, and UTF-8 may not hold it.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec
import orjson

from storage.errors import InvalidCursor
from storage.notifications import Entry, Notification
from storage.receipts import Receipt
from storage.streams import IdempotencyKey
from storage.suppressions import Evidence, Suppression

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FOREVER = 1 << 62
"""`shown_until` of what never expires: later than any `datetime`."""
WIPED = 0
"""`shown_until` of what was recalled or swept away: earlier than any clock."""
ROOMS_PER_QUERY = 1_000

# Why a mail was skipped without any worker's judgement.
RECALLED = "recalled"
EXPIRED = "expired"
ERASED = "erased"
ORPHANED = "its notification was never stored"

_AS_JSON = (
    orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS
)
_encode = json.JSONEncoder(separators=(",", ":")).encode
_LONG_NUMBER = re.compile(r"[0-9]{19}")
_entries = msgspec.json.Decoder(Entry)
ENTRIES_REMEMBERED = 256
Form = TypeVar("Form")


@lru_cache(maxsize=256)
def micros(moment: datetime) -> int:
    """Cached: what was emitted together shares its time.

    Exact for every aware time, whatever its zone. A time without a zone raises `TypeError`: no store takes one.
    """
    since = moment - EPOCH
    return since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds


def micros_or_none(moment: datetime | None) -> int | None:
    return None if moment is None else micros(moment)


def moment(value: int) -> datetime:
    """The time of that many microseconds, in UTC; the other way round of `micros`."""
    return EPOCH + timedelta(microseconds=value)


def moment_or_none(value: int | None) -> datetime | None:
    return None if value is None else moment(value)


def shown_until(notification: Notification) -> int:
    """When a notification stops being shown, in microseconds; `FOREVER` for one that does not expire.

    It is an index's field in both stores, so that what is shown, expired or wiped is one comparison with a time.
    """
    return FOREVER if notification.expires_at is None else micros(notification.expires_at)


def data_text(data: Mapping[str, Any]) -> str:
    """The JSON text of a caller's object, which `data_of` reads back as an equal one.

    NaN and the infinities are written as Python names them, as no JSON has a word for them. Raises `TypeError` or
    `ValueError` for what is no JSON, which callers have seen to before.
    """
    plain = data if isinstance(data, dict) else dict(data)
    try:
        text = orjson.dumps(plain, option=_AS_JSON)
    except TypeError:
        return _encode(plain)
    # It takes a sixth of the time; but it writes NaN as null, which would come back as another value.
    # Asked of text: of bytes Python asks first whether what is looked for is a number, and makes an error to find that out.
    decoded = text.decode()
    return decoded if "null" not in decoded else _encode(plain)


def data_of(text: str) -> dict[str, Any]:
    """The object of a text that `data_text` has written."""
    data: dict[str, Any]
    # In a third of the time; but of whole numbers beyond 64 bits it makes others.
    if _LONG_NUMBER.search(text) is None:
        try:
            data = orjson.loads(text)
        except orjson.JSONDecodeError:
            pass  # NaN, or half a surrogate pair
        else:
            return data
    data = json.loads(text)
    return data


class Remembering(Generic[Form]):
    """A way to write entries, each object once for as long as it is remembered: all news of a type often share theirs.

    It holds `ENTRIES_REMEMBERED` of them, and forgets all at once when there is one more: what is emitted again is written
    again. Several threads may call it: at worst an entry is written twice.
    """

    def __init__(self, write: Callable[[Entry], Form]) -> None:
        self._write = write
        self._known: dict[int, tuple[Entry, Form]] = {}
        """By identity, which is an object's own for as long as it is held here."""

    def __call__(self, entry: Entry) -> Form:
        """The form, which must not be changed."""
        known = self._known.get(id(entry))
        if known is not None:
            return known[1]
        if len(self._known) >= ENTRIES_REMEMBERED:
            self._known.clear()
        form = self._write(entry)
        self._known[id(entry)] = (entry, form)
        return form


def _json(entry: Entry) -> str:
    return msgspec.json.encode(entry).decode()


entry_text: Remembering[str] = Remembering(_json)
entry_document: Remembering[dict[str, Any]] = Remembering(msgspec.to_builtins)


def entry_of(text: str) -> Entry:
    """The entry of a text that `entry_text` has written. Fields that this release does not know are passed over."""
    return _entries.decode(text)


def news_text(news: Notification) -> str:
    """What an obligation that stands by itself tells, as JSON; its id is the obligation's.

    What has no place in a digest's or a campaign's news (sequence, expiry, mail) is left out.
    """
    return _encode(
        {
            "room": news.room, "type": news.type, "title": news.title, "body": news.body, "link": news.link,
            "data": data_text(news.data), "created_at": micros(news.created_at),
            "entry": None if news.entry is None else entry_text(news.entry),
        }
    )  # fmt: skip


def news_of(id_: str, text: str) -> Notification:
    """What `news_text` was made of, under the id of its obligation; in no stream, and without its mail."""
    fields = json.loads(text)
    return Notification(
        id=id_,
        room=fields["room"],
        type=fields["type"],
        title=fields["title"],
        body=fields["body"],
        link=fields["link"],
        data=data_of(fields["data"]),
        created_at=moment(fields["created_at"]),
        in_app=False,
        entry=None if (entry := fields.get("entry")) is None else entry_of(entry),
    )


def evidence_text(evidence: Evidence) -> str:
    """As JSON, without what is not known."""
    fields = {"mail": evidence.mail, "code": evidence.code, "diagnostic": evidence.diagnostic}
    return _encode({name: value for name, value in fields.items() if value is not None})


def evidence_of(text: str) -> Evidence:
    """What `evidence_text` was made of."""
    return Evidence(**json.loads(text))


def held_until(suppression: Suppression) -> int:
    """`FOREVER` for what is to be lifted by hand."""
    return FOREVER if suppression.expires_at is None else micros(suppression.expires_at)


def whole_days(moment: datetime) -> int:
    """Since the epoch, by the days of UTC.

    A rule that counts days counts these, wherever the recipient lives.
    """
    return (moment - EPOCH).days


def key_text(key: IdempotencyKey) -> str:
    """One text per (scope, text): the length in front keeps `a:b` + `c` apart from `a` + `b:c`."""
    return f"{len(key.scope)}:{key.scope}:{key.text}"


def key_parts(text: str) -> tuple[str, str]:
    """The scope and the text that `key_text` was made of.

    Of the whole text only: a scope may hold colons itself.
    """
    length, _, rest = text.partition(":")
    return rest[: int(length)], rest[int(length) + 1 :]


def writable(texts: Iterable[str]) -> list[str]:
    """Those of `texts` that a database can hold at all; half a surrogate pair matches nothing, so it is left out."""
    given = list(texts)
    # As nearly always: one look at all of them.
    return given if "".join(given).isascii() else [text for text in given if is_writable(text)]


def is_writable(text: str) -> bool:
    """False for a lone surrogate, which JSON can spell and UTF-8 cannot."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def cursor_of(notification: Notification, place: int | None = None) -> str:
    """Where a page newest first ends: at this place, by default the time; equal ones are told apart by the id.

    A cursor says where its page ended and nothing of what was asked: whoever turns the page asks the same again.
    """
    return cursor_text(micros(notification.created_at) if place is None else place, notification.id)


def cursor_text(place: int, id_: str) -> str:
    """A cursor as clients get it. They hand it back and read nothing in it: what a place is differs by store and by page."""
    return f"{place}~{id_}"


def position_of(cursor: str, *, parameter: str = "before") -> tuple[int, str]:
    """What `cursor_text` was made of. Raises `InvalidCursor`, which names the parameter.

    A cursor comes from outside, so anything may stand in it: what cannot have been made by a store is refused here, and
    what could have been is only a place to begin at, whoever made it.
    """
    text, separator, notification_id = cursor.partition("~")
    try:
        place = int(text)
    except ValueError as error:
        raise InvalidCursor("the cursor is not one of this store", parameter=parameter) from error
    if not separator or not is_writable(notification_id) or abs(place) >= FOREVER:
        raise InvalidCursor("the cursor is not one of this store", parameter=parameter)
    return place, notification_id


def receipt_of(
    *,
    seen_at: int | None = None,
    read_at: int | None = None,
    dismissed_at: int | None = None,
    clicked_at: int | None = None,
    archived_at: int | None = None,
    snoozed_until: int | None = None,
    unread_at: int | None = None,
    returned_at: int | None = None,
    acted: str | None = None,
    acted_at: int | None = None,
    covered_at: int | None = None,
) -> Receipt:
    """A receipt from its row.

    `covered_at` is the time of the `read_all` that covers the notification, if one does; with `unread_at` none does.

    All times are in microseconds, and None where it did not happen. `unread_at` itself is in no receipt: it is what makes
    `read_at` None.
    """
    if read_at is None and unread_at is None:
        read_at = covered_at
    return Receipt(
        seen_at=moment_or_none(seen_at),
        read_at=moment_or_none(read_at),
        dismissed_at=moment_or_none(dismissed_at),
        clicked_at=moment_or_none(clicked_at),
        archived_at=moment_or_none(archived_at),
        snoozed_until=moment_or_none(snoozed_until),
        returned_at=moment_or_none(returned_at),
        acted=acted,
        acted_at=moment_or_none(acted_at),
    )
