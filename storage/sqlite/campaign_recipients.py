"""What becomes of all recipients of a campaign at once, and of the mail that they are owed.

Each function runs inside one transaction of its caller.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence

from storage.campaigns import CANCELLED_REASON, RULE
from storage.encoding import writable
from storage.mail import MailState
from storage.recipients import RecipientState


def count(connection: sqlite3.Connection, campaign_id: str, states: Iterable[RecipientState]) -> int:
    """How many recipients of the campaign are in one of these states, by the index of states."""
    (found,) = connection.execute(
        "SELECT COUNT(*) FROM recipients WHERE campaign = ? AND state IN (SELECT value FROM json_each(?))",
        (campaign_id, json.dumps(list(states))),
    ).fetchone()
    return int(found)


def mails(connection: sqlite3.Connection, campaign_id: str) -> dict[MailState, int]:
    """How many mails of the campaign are in each state; test mails are not among them."""
    found = connection.execute(
        "SELECT state, COUNT(*) FROM obligations WHERE of_id = ? GROUP BY state", (campaign_id,)
    )
    return {MailState(state): number for state, number in found}


def hold(connection: sqlite3.Connection, campaign_id: str) -> None:
    """None of its mail that waits is due, until it is let go."""
    connection.execute(
        "UPDATE obligations SET wake_at = NULL WHERE of_id = ? AND state = 'pending'", (campaign_id,)
    )


def let_go(connection: sqlite3.Connection, campaign_id: str, *, now: int) -> None:
    """What was held is due again as it was, and what a worker has put off for the campaign at once."""
    connection.execute(
        "UPDATE obligations SET due_at = CASE decided_by WHEN :rule THEN :now ELSE due_at END,"
        " wake_at = CASE decided_by WHEN :rule THEN :now ELSE due_at END"
        " WHERE of_id = :id AND state = 'pending' AND (wake_at IS NULL OR decided_by = :rule)",
        {"rule": RULE, "now": now, "id": campaign_id},
    )


def let_choose(connection: sqlite3.Connection, campaign_id: str) -> None:
    """Who waits for a variant to be chosen is due."""
    connection.execute(
        "UPDATE recipients SET wake_at = 0 WHERE campaign = ? AND state = 'pending' AND wake_at IS NULL",
        (campaign_id,),
    )


def take_back_held(connection: sqlite3.Connection, campaign_id: str, *, limit: int, now: int) -> None:
    """Have those be decided again whose mail a rule holds until later: at that time. Their mail goes."""
    held = connection.execute(
        "SELECT r.id, m.id, m.due_at, m.decided_by, m.reason FROM recipients r JOIN obligations m ON m.id = r.mail"
        " WHERE r.campaign = ? AND r.state = 'owed' AND m.state = 'pending' AND m.due_at > ? AND m.attempts = 0"
        " AND m.decided_by IS NOT NULL AND m.decided_by <> ? LIMIT ?",
        (campaign_id, now, RULE, limit),
    ).fetchall()
    connection.executemany(
        "UPDATE recipients SET state = 'pending', wake_at = ?, rule = ?, reason = ?, mail = NULL, updated_at = ?"
        " WHERE id = ?",
        [(due_at, rule, reason, now, id_) for id_, _, due_at, rule, reason in held],
    )
    connection.executemany("DELETE FROM obligations WHERE id = ?", [(mail,) for _, mail, *_ in held])


def cancel(connection: sqlite3.Connection, campaign_id: str, *, now: int) -> tuple[int, int]:
    """How many get nothing any more, and how many mails a worker holds."""
    pending = connection.execute(
        "UPDATE recipients SET state = 'cancelled', wake_at = NULL, rule = NULL, reason = NULL, updated_at = ?"
        " WHERE campaign = ? AND state = 'pending'",
        (now, campaign_id),
    ).rowcount
    connection.execute(
        "UPDATE obligations SET state = 'skipped', reason = ?, decided_by = ?, updated_at = ?, wake_at = NULL"
        " WHERE of_id = ? AND state = 'pending'",
        (CANCELLED_REASON, RULE, now, campaign_id),
    )
    withdrawn = connection.execute(
        "UPDATE recipients SET state = 'cancelled', updated_at = ?1 WHERE campaign = ?2 AND state = 'owed' AND mail IN"
        " (SELECT id FROM obligations WHERE of_id = ?2 AND state = 'skipped' AND decided_by = ?3)",
        (now, campaign_id, RULE),
    ).rowcount
    return pending + withdrawn, mails(connection, campaign_id).get(MailState.LEASED, 0)


def retry(connection: sqlite3.Connection, campaign_id: str, *, now: int) -> int:
    """Have the dead be owed or decided again; answers how many. Who was erased stays dead."""
    again = connection.execute(
        "UPDATE recipients SET state = CASE WHEN mail IS NULL THEN 'pending' ELSE 'owed' END,"
        " wake_at = CASE WHEN mail IS NULL THEN 0 END, rule = NULL, reason = NULL, updated_at = ?"
        " WHERE campaign = ? AND state = 'dead' AND user IS NOT NULL",
        (now, campaign_id),
    ).rowcount
    connection.execute(
        "UPDATE obligations SET state = 'pending', attempts = 0, due_at = ?1, wake_at = ?1, updated_at = ?1,"
        " reason = NULL, code = NULL WHERE of_id = ?2 AND state = 'dead'"
        " AND id IN (SELECT mail FROM recipients WHERE campaign = ?2 AND state = 'owed')",
        (now, campaign_id),
    )
    return again


def revived(connection: sqlite3.Connection, obligation_ids: Sequence[str], *, now: int) -> list[str]:
    """Their recipients are owed them again; answers the campaigns whose they are."""
    ids = json.dumps(writable(obligation_ids))
    connection.execute(
        "UPDATE recipients SET state = 'owed', reason = NULL, updated_at = ? WHERE state = 'dead' AND (campaign, mail) IN"
        " (SELECT of_id, id FROM obligations WHERE id IN (SELECT value FROM json_each(?)) AND of_kind = 'campaign')",
        (now, ids),
    )
    found = connection.execute(
        "SELECT DISTINCT of_id FROM obligations WHERE id IN (SELECT value FROM json_each(?)) AND of_kind = 'campaign'",
        (ids,),
    )
    return [campaign_id for (campaign_id,) in found]


def prune(connection: sqlite3.Connection, campaign_id: str, *, limit: int) -> int:
    """Delete up to `limit` recipients with their mails; answers how many rows that were."""
    rows = connection.execute(
        "SELECT id, mail FROM recipients WHERE campaign = ? LIMIT ?", (campaign_id, limit)
    ).fetchall()
    connection.executemany(
        "DELETE FROM obligations WHERE id = ?", [(mail,) for _, mail in rows if mail is not None]
    )
    connection.executemany("DELETE FROM recipients WHERE id = ?", [(id_,) for id_, _ in rows])
    return len(rows)
