"""How what is decided of recipients is written down, and then their mails owed: in this order, a crash between them loses none."""

from collections.abc import Mapping, Sequence

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from storage.encoding import micros
from storage.mongo import obligations
from storage.mongo.collections import Collections, Document
from storage.mongo.errors import only_duplicates
from storage.mongo.recipient_rows import OWED, PENDING, RECIPIENTS, UNDECIDED
from storage.obligations import Obligation
from storage.recipients import Decided, second


async def write_down(c: Collections, decided: Sequence[Decided], now: int) -> None:
    """Write down what was decided of those who are pending still.

    Unordered: each for itself. A second who comes to an obligation that another recipient of the campaign has is
    refused by the unique index, and is written down as its second. May be repeated, as nobody is pending any more by
    then.
    """
    try:
        await c[RECIPIENTS].bulk_write([_deciding(each, now) for each in decided], ordered=False)
    except BulkWriteError as error:
        seconds = [second(decided[each["index"]]) for each in only_duplicates(error)["writeErrors"]]
        await c[RECIPIENTS].bulk_write([_deciding(each, now) for each in seconds], ordered=False)


def _deciding(each: Decided, now: int) -> UpdateOne:
    """The change of one recipient, judged by its state as it is written.

    What the decision does not say is unset, so that nothing of an earlier one is left.
    """
    fields: Document = {"state": each.state.value, "updated_at": now}
    gone = dict(UNDECIDED)
    for name, value in (
        ("wake_at", None if each.wake_at is None else micros(each.wake_at)),
        ("rule", each.rule),
        ("reason", each.reason),
        ("variant", each.variant),
    ):
        if value is not None:
            fields[name] = value
            gone.pop(name, None)
    if each.obligation is not None:
        fields["mail"] = each.obligation.id
    return UpdateOne({"_id": each.id, "state": PENDING}, {"$set": fields, "$unset": gone})


async def owe(c: Collections, wanted: Mapping[str, Obligation], now: int) -> int:
    """Owe the mails of those of whom it is written down; answers how many.

    Three reads and a write, in this order. A crash before the write leaves recipients who are owed a mail that is not
    there; `collect` finds these. One after it leaves the mail to be sent, unless its user was erased in this moment:
    then its worker finds an address still, and the next erasure of the user takes it.
    """
    cursor = c[RECIPIENTS].find({"_id": {"$in": list(wanted)}, "state": OWED}, {"mail": 1})
    # Only now, and by what is written: who was decided otherwise before is owed nothing.
    owed = [
        obligation
        for row in await cursor.to_list()
        if (obligation := wanted[row["_id"]]).id == row.get("mail")
    ]
    await obligations.owe(c, owed)
    # Who was erased in between has taken what was owed then along, and not this.
    nobodys = {"_id": {"$in": list(wanted)}, "user": {"$exists": False}}
    erased = await c[RECIPIENTS].find(nobodys, {"mail": 1}).to_list()
    if erased:
        await obligations.forget(c, [row["mail"] for row in erased if "mail" in row], now=now)
    return len(owed)
