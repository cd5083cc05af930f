"""Reckoning: the events that happenings come to.

It is done later, and beside the path: types are looked up, and what follows is added. Who has read something has seen it, and
to have seen it one must have got it: so what is told of a person never grows from step to step.

`noting` calls the `Reckoner`, and nobody else does.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Protocol

import msgspec
from msgspec import Struct, structs

from gateway.ground.rooms import user_of
from gateway.notify.delivery.streams import ToldByFrame
from gateway.notify.delivery.translations import MARK
from gateway.notify.stats.happenings import (
    Delivered,
    Happening,
    MailEnded,
    MailHeard,
    ReadAll,
    ReceiptsMarked,
)
from storage.events import (
    Alike,
    Event,
    Happened,
    Outcome,
    Series,
    StatsChannel,
    key_of_one,
    keys_of_each,
)
from storage.obligations import Kind
from storage.streams import Placed, Streams

ALIKE_MAX = 500
"""So many events stand together at most: less than is stored in one write."""
SPAN_MAX = 1000
"""Of one room that was read with all else, so many notifications are told as read; of more the newest are not."""
_READER_BYTES = 8
"""The length of the hash that tells readers apart: enough for the readers of one notification."""
_IMPLIED: Mapping[Outcome, tuple[Outcome, ...]] = {
    Outcome.CLICKED: (Outcome.DELIVERED, Outcome.SEEN, Outcome.READ, Outcome.CLICKED),
    Outcome.READ: (Outcome.DELIVERED, Outcome.SEEN, Outcome.READ),
    Outcome.SEEN: (Outcome.DELIVERED, Outcome.SEEN),
}
"""What somebody has done who has done this."""


def _never(type_: str) -> bool:
    """For a process in which no type has variants."""
    del type_
    return False


class _Named(Struct):
    """What a frame tells of its notification, as far as it is asked."""

    id: str
    type: str


_frames = msgspec.json.Decoder(tuple[str, _Named])


class SentSeries(Protocol):
    """Who knows in which series a mail was sent: `storage.stats.Stats`.

    Mails whose sending is not known are absent.
    """

    async def series_of(self, mails: Sequence[str]) -> dict[str, Series]:
        """Of those that are known to be sent, in which series. Raises `StorageError`."""
        ...


@dataclass(slots=True)
class Reckoner:
    """Makes events of happenings. Raises `StorageError` when the store is away: then all is to be asked again.

    Events have keys that follow from what they tell, so the same happenings make the same events: a batch
    that is worked out twice, after an error, is told once.
    """

    streams: Streams
    sent: SentSeries
    secret: bytes = field(repr=False)
    """The secret under which readers of shared rooms are hashed: they are told apart, and not known."""
    varies: Callable[[str], bool] = _never
    """Tells whether a type has variants: of such a type it is looked up which variant a notification is."""

    async def events(self, happenings: Sequence[Happening]) -> list[Happened]:
        """The events of all, in a number of questions that does not grow with them, but with those who read all.

        Order does not matter to the store. A frame that cannot be read raises: what is worked out then is
        lost as a whole (`Noter`).
        """
        events: list[Happened] = []
        marks: list[ReceiptsMarked] = []
        heard: list[MailHeard] = []
        sent: dict[str, Series] = {}
        for each in happenings:
            match each:
                case Delivered():
                    events += _of_delivered(each)
                case ReceiptsMarked():
                    marks.append(each)
                case ReadAll():
                    events += await self._of_all(each)
                case MailEnded():
                    events += _of_mail(each)
                    if each.outcome is Outcome.SENT:
                        # Of this batch, and so not in the store yet: what is heard of it a moment later has
                        # its series from here.
                        sent[each.id] = _series_of(each)
                case MailHeard():
                    heard.append(each)
        events = await self._told_apart(events)
        return [*events, *await self._of_marks(marks), *await self._of_heard(heard, sent)]

    async def _told_apart(self, events: list[Happened]) -> list[Happened]:
        """The same, those of a type with variants each under its own: a frame does not tell."""
        varying = {type_ for type_ in {event.series.type for event in events} if self.varies(type_)}
        if not varying:
            return events
        each_event = [
            each
            for event in events
            for each in (
                event.each() if isinstance(event, Alike) and event.series.type in varying else (event,)
            )
        ]
        ids = [
            event.about
            for event in each_event
            if isinstance(event, Event)
            and event.about is not None
            and event.series.type in varying
            and event.series.channel != StatsChannel.EMAIL
        ]
        placed = await self.streams.placed(list(dict.fromkeys(ids))) if ids else {}
        return [
            event
            if isinstance(event, Alike) or (place := placed.get(event.about or "")) is None
            else structs.replace(event, series=event.series._replace(variant=place.variant))
            for event in each_event
        ]

    async def _of_marks(self, marks: Sequence[ReceiptsMarked]) -> list[Event]:
        """Each with what it implies, of what is in one of the reader's rooms; one question for all."""
        ids = list(dict.fromkeys(id_ for mark in marks for id_ in mark.ids))
        placed = await self.streams.placed(ids) if ids else {}
        return [
            self._of(mark.at, outcome, id_, place, mark.user)
            for mark in marks
            for id_ in dict.fromkeys(mark.ids)
            # What is none of the reader's rooms, the store has not marked either.
            if (place := placed.get(id_)) is not None and (mark.rooms is None or place.room in mark.rooms)
            for outcome in _IMPLIED[mark.outcome]
        ]

    async def _of_all(self, read: ReadAll) -> list[Event]:
        """Read, of what a room held between the two marks and was shown; one question for each room."""
        events: list[Event] = []
        for room, after in read.read_from.items():
            span = await self.streams.span(room, after=after, limit=SPAN_MAX)
            events += [
                self._of(read.at, outcome, each.id, Placed(room, each.type), read.user)
                for each in span
                if (each.seq or 0) <= read.heads.get(room, 0)
                and not (read.muted is not None and read.muted.hides(each))
                for outcome in _IMPLIED[Outcome.READ]
            ]
        return events

    async def _of_heard(self, heard: Sequence[MailHeard], sent: Mapping[str, Series]) -> list[Event]:
        """In the series that each was sent in: just now, or as the store knows."""
        series = {**await self.sent.series_of([each.id for each in heard]), **sent} if heard else {}
        return [
            Event(
                key=key_of_one(each.id, each.outcome),
                at=each.at,
                outcome=each.outcome,
                # It may be older than the statistics, or another node be about to tell of it.
                series=series.get(
                    each.id, Series(each.type, StatsChannel.EMAIL.value, each.lane, variant=each.variant)
                ),
            )
            for each in heard
        ]

    def _of(self, at: datetime, outcome: Outcome, id_: str, place: Placed, user: str) -> Event:
        """The event of an id in its room, for its reader."""
        if user_of(place.room) is not None:
            return _event(at, outcome, id_, place, StatsChannel.IN_APP)
        # It was delivered when anybody had it: how many that were, no node can tell of a room of many.
        reader = b"" if outcome is Outcome.DELIVERED else self._reader(user, id_)
        return _event(at, outcome, id_, place, StatsChannel.SHARED, reader)

    def _reader(self, user: str, id_: str) -> bytes:
        """A hash of the reader, under the store's secret."""
        # Another for each notification: nobody can be followed by it.
        text = f"{id_} {user}".encode(errors="replace")
        return hashlib.blake2b(text, key=self.secret, digest_size=_READER_BYTES).digest()


def _event(
    at: datetime, outcome: Outcome, id_: str, place: Placed, channel: StatsChannel, reader: bytes = b""
) -> Event:
    """The event of one notification, by the key that tells a repetition."""
    series = Series(place.type, channel.value, variant=place.variant)
    return Event(key=key_of_one(id_, outcome, reader), at=at, outcome=outcome, series=series)


def _of_delivered(delivered: Delivered) -> list[Alike]:
    """It has a turn for every frame of every emit, so what they share is made once.

    Of a frame of which nobody has said what it tells the id and the type are read out of the bytes: a lookup for each
    would cost more than the frame. Of a frame of several languages the first tells as much as any.
    """
    found = [_alike(delivered)]
    if delivered.frames:
        read = Delivered(delivered.at)
        for room, frame in delivered.frames:
            read.add(room, *_told(frame))
        found.append(_alike(read))
    return list(chain.from_iterable(found))


def _alike(delivered: Delivered) -> list[Alike]:
    """What is known of it, by channel and type."""
    return [
        Alike(
            keys=keys_of_each(ids[first : first + ALIKE_MAX], Outcome.DELIVERED),
            at=delivered.at,
            outcome=Outcome.DELIVERED,
            series=Series(type_, channel.value),
        )
        for by_type, channel in (
            (delivered.own, StatsChannel.IN_APP),
            (delivered.shared, StatsChannel.SHARED),
        )
        for type_, ids in by_type.items()
        for first in range(0, len(ids), ALIKE_MAX)
    ]


def _told(frame: bytes) -> ToldByFrame:
    """The id and the type of what a frame tells."""
    said = frame[1:].split(b"\n", 1)[0].partition(b" ")[2] if frame[0] == MARK else frame
    _, told = _frames.decode(said)
    return told.id, told.type


def _of_mail(ended: MailEnded) -> Iterable[Event]:
    """The events of a mail's end: of what stands by itself, also that it was accepted. A notification's own
    mail was counted so when it was emitted (`hearing`).
    """
    series = _series_of(ended)
    if ended.of.kind is not Kind.NOTIFICATION or ended.id != ended.of.id:
        # What stands by itself is not emitted: that it was owed is known by its end at the latest.
        key = key_of_one(ended.id, Outcome.ACCEPTED)
        yield Event(key=key, at=ended.at, outcome=Outcome.ACCEPTED, series=series)
    key = key_of_one(ended.id, ended.outcome)
    yield Event(key=key, at=ended.at, outcome=ended.outcome, series=series._replace(rule=ended.rule))


def _series_of(ended: MailEnded) -> Series:
    """The series of a mail: of a campaign's, under its id."""
    campaign = ended.of.id if ended.of.kind is Kind.CAMPAIGN else ""
    return Series(ended.type, StatsChannel.EMAIL.value, ended.lane, campaign, variant=ended.variant)
