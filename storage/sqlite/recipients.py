"""The table of recipients, and their mails. Each function runs inside one transaction of its caller."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from storage.campaigns import (
    CANCELLED_REASON,
    DUPLICATE,
    DUPLICATE_REASON,
    RULE,
    Counts,
    Decided,
    Recipient,
    RecipientPage,
    RecipientRow,
    RecipientState,
    VariantCount,
    end_of,
)
from storage.encoding import ERASED, micros, moment, moment_or_none, writable
from storage.mail import MailState
from storage.sqlite import obligations
from storage.sqlite.schema import Migration, statements

MIGRATION = Migration(
    name="recipients-1",
    run=statements("""
CREATE TABLE recipients (
    id TEXT NOT NULL PRIMARY KEY,
    campaign TEXT NOT NULL,
    user TEXT,                          -- NULL: erased
    address TEXT,
    given TEXT,
    state TEXT NOT NULL,
    wake_at INTEGER,                    -- when it is to be decided; NULL: it is
    mail TEXT,                          -- the obligation
    rule TEXT,
    reason TEXT,
    updated_at INTEGER NOT NULL
) WITHOUT ROWID;
-- this way round also for erasing
CREATE UNIQUE INDEX recipients_user ON recipients (user, campaign) WHERE user IS NOT NULL;
CREATE UNIQUE INDEX recipients_mail ON recipients (campaign, mail) WHERE mail IS NOT NULL;
CREATE INDEX recipients_state ON recipients (campaign, state, id);
CREATE INDEX recipients_due ON recipients (campaign, wake_at, id) WHERE wake_at IS NOT NULL;
CREATE INDEX obligations_of_state ON obligations (of_id, state) WHERE of_id IS NOT NULL;
"""),
)
VARIANTS = Migration(
    name="recipients-2",
    run=statements("""
ALTER TABLE recipients ADD COLUMN variant TEXT;
ALTER TABLE recipients ADD COLUMN clicked_at INTEGER;
CREATE INDEX recipients_variant ON recipients (campaign, variant, state, clicked_at) WHERE variant IS NOT NULL;
CREATE INDEX recipients_clicked ON recipients (campaign, clicked_at, id) WHERE clicked_at IS NOT NULL;
"""),
)
_ENDS = [state for state in MailState if state not in (MailState.PENDING, MailState.LEASED)]


def add(
    connection: sqlite3.Connection, campaign_id: str, recipients: Sequence[Recipient], *, now: int
) -> int:
    return connection.executemany(
        "INSERT OR IGNORE INTO recipients (id, campaign, user, address, given, state, wake_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, 'pending', 0, ?)",
        [(each.id, campaign_id, each.user, each.address, each.given, now) for each in recipients],
    ).rowcount


def due(connection: sqlite3.Connection, campaign_id: str, *, limit: int, now: int) -> list[Recipient]:
    rows = connection.execute(
        "SELECT id, user, address, given FROM recipients WHERE campaign = ? AND wake_at <= ?"
        " ORDER BY wake_at, id LIMIT ?",
        (campaign_id, now, limit),
    )
    return list(map(_recipient, rows))


def pending(
    connection: sqlite3.Connection, campaign_id: str, *, after: str | None, limit: int
) -> list[Recipient]:
    rows = connection.execute(
        "SELECT id, user, address, given FROM recipients WHERE campaign = ? AND state = 'pending' AND id > ?"
        " ORDER BY id LIMIT ?",
        (campaign_id, after or "", limit),
    )
    return list(map(_recipient, rows))


def _recipient(row: tuple[Any, ...]) -> Recipient:
    id_, user, address, given = row
    return Recipient(id=id_, user=user, address=address, given=given)


def next_due(connection: sqlite3.Connection, campaign_id: str) -> int | None:
    (wake_at,) = connection.execute(
        "SELECT MIN(wake_at) FROM recipients WHERE campaign = ? AND wake_at IS NOT NULL", (campaign_id,)
    ).fetchone()
    return None if wake_at is None else int(wake_at)


def decide(connection: sqlite3.Connection, decided: Sequence[Decided], *, now: int) -> int:
    owed = []
    for each in decided:
        if each.obligation is None:
            _decide(connection, each, now)
        elif _owe(connection, each, each.obligation.id, now):
            owed.append(each.obligation)
    obligations.owe(connection, owed)
    return len(owed)


def _decide(connection: sqlite3.Connection, each: Decided, now: int) -> None:
    connection.execute(
        "UPDATE recipients SET state = ?, wake_at = ?, rule = ?, reason = ?, variant = ?, updated_at = ?"
        " WHERE id = ? AND state = 'pending'",
        (
            each.state, None if each.wake_at is None else micros(each.wake_at), each.rule, each.reason, each.variant, now,
            each.id,
        ),
    )  # fmt: skip


def _owe(connection: sqlite3.Connection, each: Decided, obligation_id: str, now: int) -> bool:
    """Whether it is this recipient whose mail it is: not one that was decided before, nor the second of an address."""
    changed = connection.execute(
        "UPDATE OR IGNORE recipients SET state = 'owed', wake_at = NULL, mail = ?, rule = NULL, reason = NULL,"
        " variant = ?, updated_at = ? WHERE id = ? AND state = 'pending'",
        (obligation_id, each.variant, now, each.id),
    ).rowcount
    if not changed:
        second = Decided(
            id=each.id,
            state=RecipientState.SKIPPED,
            rule=DUPLICATE,
            reason=DUPLICATE_REASON,
            variant=each.variant,
        )
        _decide(connection, second, now)
    return bool(changed)


def collect(connection: sqlite3.Connection, campaign_id: str, *, limit: int, now: int) -> int:
    ended = connection.execute(
        "SELECT r.id, m.state, m.decided_by, m.reason FROM recipients r JOIN obligations m ON m.id = r.mail"
        " WHERE r.campaign = ? AND r.state = 'owed' AND m.state IN (SELECT value FROM json_each(?)) LIMIT ?",
        (campaign_id, json.dumps(_ENDS), limit),
    ).fetchall()
    connection.executemany(
        "UPDATE recipients SET state = ?, rule = ?, reason = ?, updated_at = ? WHERE id = ? AND state = 'owed'",
        [(*end_of(MailState(state), rule, reason), now, id_) for id_, state, rule, reason in ended],
    )
    return count(connection, campaign_id, [RecipientState.OWED])


def count(connection: sqlite3.Connection, campaign_id: str, states: Iterable[RecipientState]) -> int:
    (found,) = connection.execute(
        "SELECT COUNT(*) FROM recipients WHERE campaign = ? AND state IN (SELECT value FROM json_each(?))",
        (campaign_id, json.dumps(list(states))),
    ).fetchone()
    return int(found)


def let_choose(connection: sqlite3.Connection, campaign_id: str) -> None:
    """Who waits for a variant to be chosen is due."""
    connection.execute(
        "UPDATE recipients SET wake_at = 0 WHERE campaign = ? AND state = 'pending' AND wake_at IS NULL",
        (campaign_id,),
    )


def clicked(connection: sqlite3.Connection, campaign_id: str, mail: str, *, at: int) -> None:
    connection.execute(
        "UPDATE recipients SET clicked_at = ? WHERE campaign = ? AND mail = ? AND clicked_at IS NULL",
        (at, campaign_id, mail),
    )


def variant_counts(connection: sqlite3.Connection, campaign_id: str) -> dict[str, VariantCount]:
    rows = connection.execute(
        "SELECT variant, COUNT(*), SUM(state = 'sent'), SUM(state = 'sent' AND clicked_at IS NOT NULL) FROM recipients"
        " WHERE campaign = ? AND variant IS NOT NULL GROUP BY variant",
        (campaign_id,),
    )
    return {
        variant: VariantCount(assigned=assigned, sent=sent, clicked=clicked)
        for variant, assigned, sent, clicked in rows
    }


def conversions(connection: sqlite3.Connection, campaign_id: str, *, limit: int) -> list[str]:
    rows = connection.execute(
        "SELECT variant FROM recipients WHERE campaign = ? AND clicked_at IS NOT NULL AND variant IS NOT NULL"
        " AND state = 'sent' ORDER BY clicked_at, id LIMIT ?",
        (campaign_id, limit),
    )
    return [variant for (variant,) in rows]


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


def retry(connection: sqlite3.Connection, campaign_id: str, *, now: int) -> int:
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


def mails(connection: sqlite3.Connection, campaign_id: str) -> dict[MailState, int]:
    found = connection.execute(
        "SELECT state, COUNT(*) FROM obligations WHERE of_id = ? GROUP BY state", (campaign_id,)
    )
    return {MailState(state): number for state, number in found}


def counts(connection: sqlite3.Connection, campaign_id: str) -> Counts:
    rows = connection.execute(
        "SELECT state, COUNT(*) FROM recipients WHERE campaign = ? GROUP BY state", (campaign_id,)
    ).fetchall()
    skipped = connection.execute(
        "SELECT rule, COUNT(*) FROM recipients WHERE campaign = ? AND state = 'skipped' GROUP BY rule",
        (campaign_id,),
    ).fetchall()
    return Counts(
        rows={RecipientState(state): number for state, number in rows},
        skipped={rule or "": number for rule, number in skipped},
        mails=mails(connection, campaign_id),
    )


_ROW = (
    "r.id, r.user, COALESCE(NULLIF(m.recipient, ''), r.address), r.state, r.rule, r.reason, r.mail, m.state, r.updated_at,"
    " r.variant, r.clicked_at"
)


def page(
    connection: sqlite3.Connection,
    campaign_id: str,
    *,
    state: RecipientState | None,
    after: str | None,
    limit: int,
) -> RecipientPage:
    chosen = "r.campaign = ? AND r.id > ?" if state is None else "r.campaign = ? AND r.state = ? AND r.id > ?"
    values: tuple[Any, ...] = (
        (campaign_id, after or "") if state is None else (campaign_id, state, after or "")
    )
    rows = connection.execute(
        f"SELECT {_ROW} FROM recipients r LEFT JOIN obligations m ON m.id = r.mail"  # noqa: S608 - constants only
        f" WHERE {chosen} ORDER BY r.id LIMIT ?",
        (*values, limit + 1),
    ).fetchall()
    items = tuple(map(_row, rows[:limit]))
    return RecipientPage(items=items, next=items[-1].id if len(rows) > limit else None)


def of_user(connection: sqlite3.Connection, user: str, *, limit: int) -> list[tuple[str, RecipientRow]]:
    """With the campaign's id."""
    rows = connection.execute(
        f"SELECT r.campaign, {_ROW} FROM recipients r LEFT JOIN obligations m ON m.id = r.mail"  # noqa: S608 - constants only
        " WHERE r.user = ? ORDER BY r.id DESC LIMIT ?",
        (user, limit),
    )
    return [(row[0], _row(row[1:])) for row in rows]


def _row(row: tuple[Any, ...]) -> RecipientRow:
    id_, user, address, state, rule, reason, mail, mail_state, updated_at, variant, clicked_at = row
    return RecipientRow(
        id=id_,
        user=user,
        address=None if user is None else address,
        state=RecipientState(state),
        rule=rule,
        reason=reason,
        mail=mail,
        mail_state=None if mail_state is None else MailState(mail_state),
        updated_at=moment(updated_at),
        variant=variant,
        clicked_at=moment_or_none(clicked_at),
    )


def erase(connection: sqlite3.Connection, users: Sequence[str], *, now: int) -> None:
    """Keep the rows, so that the accounting stays exact, and nothing in them of whose they were."""
    values = {"users": json.dumps(users), "now": now, "erased": ERASED}
    connection.execute(
        "UPDATE recipients SET user = NULL, address = NULL, given = NULL, wake_at = NULL, updated_at = :now,"
        " reason = CASE state WHEN 'pending' THEN :erased ELSE NULL END,"
        " rule = CASE state WHEN 'pending' THEN :erased ELSE rule END,"
        " state = CASE state WHEN 'pending' THEN 'skipped' ELSE state END"
        " WHERE user IN (SELECT value FROM json_each(:users))",
        values,
    )


def prune(connection: sqlite3.Connection, campaign_id: str, *, limit: int) -> int:
    rows = connection.execute(
        "SELECT id, mail FROM recipients WHERE campaign = ? LIMIT ?", (campaign_id, limit)
    ).fetchall()
    connection.executemany(
        "DELETE FROM obligations WHERE id = ?", [(mail,) for _, mail in rows if mail is not None]
    )
    connection.executemany("DELETE FROM recipients WHERE id = ?", [(id_,) for id_, _ in rows])
    return len(rows)
