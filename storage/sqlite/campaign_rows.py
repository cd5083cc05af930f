"""The table `campaigns`, and a row of it as a campaign. Each function runs inside one transaction of its caller."""

import json
import sqlite3
from collections.abc import Collection
from datetime import datetime
from typing import Any

from storage.campaigns import ENDED, Campaign, CampaignState
from storage.encoding import micros, micros_or_none, moment, moment_or_none
from storage.sqlite.schema import Migration, statements

MIGRATIONS = (
    Migration(
        name="campaigns-1",
        run=statements("""
CREATE TABLE campaigns (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    plan TEXT NOT NULL,
    made_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    send_at INTEGER,
    started_at INTEGER,
    ended_at INTEGER,
    gathered INTEGER NOT NULL,
    gathered_upto TEXT,
    recipients INTEGER,
    announced TEXT,
    wake_at INTEGER,                    -- when somebody is to look at it, or the lease ends; NULL: nobody is
    token TEXT                          -- of the lease
) WITHOUT ROWID;
CREATE INDEX campaigns_newest ON campaigns (created_at, id);
CREATE INDEX campaigns_wake ON campaigns (wake_at) WHERE wake_at IS NOT NULL;
"""),
    ),
    Migration(
        name="campaigns-2",
        run=statements("""
ALTER TABLE campaigns ADD COLUMN frozen TEXT;
ALTER TABLE campaigns ADD COLUMN paced_until INTEGER;
ALTER TABLE campaigns ADD COLUMN chosen TEXT;
ALTER TABLE campaigns ADD COLUMN chosen_at INTEGER;
"""),
    ),
    Migration(
        name="campaigns-3",
        run=statements("ALTER TABLE campaigns ADD COLUMN resumed_at INTEGER;"),
    ),
    Migration(
        name="campaigns-4",
        run=statements("CREATE INDEX campaigns_stopped ON campaigns (state) WHERE reason IS NOT NULL;"),
    ),
)
COLUMNS = (
    "id, name, type, plan, made_by, created_at, state, reason, send_at, started_at, ended_at, gathered, gathered_upto,"
    " recipients, announced, frozen, paced_until, chosen, chosen_at, resumed_at"
)


def find(connection: sqlite3.Connection, campaign_id: str) -> Campaign | None:
    """The campaign; None when it is not there."""
    row = connection.execute(
        f"SELECT {COLUMNS} FROM campaigns WHERE id = ?",  # noqa: S608 - constants only
        (campaign_id,),
    ).fetchone()
    return None if row is None else campaign_of(row)


def move(
    connection: sqlite3.Connection,
    campaign_id: str,
    of: Collection[CampaignState],
    to: CampaignState,
    *,
    now: datetime,
    wake_at: datetime | None = None,
    reason: str | None = None,
    resumes: bool = False,
) -> Campaign | None:
    """Change the state in one statement that judges it; None when it is in none of `of`.

    The token goes, and with it any lead. What is None becomes NULL: when to wake, the reason, when it ended.
    """
    values = {
        "id": campaign_id, "of": json.dumps(list(of)), "to": to, "reason": reason, "wake_at": micros_or_none(wake_at),
        "started_at": micros(now) if to is CampaignState.RUNNING else None,
        "ended_at": micros(now) if to in ENDED else None, "resumed_at": micros(now) if resumes else None,
    }  # fmt: skip
    row = connection.execute(
        "UPDATE campaigns SET state = :to, reason = :reason, wake_at = :wake_at, token = NULL,"  # noqa: S608 - constants only
        " started_at = COALESCE(started_at, :started_at), ended_at = :ended_at,"
        " resumed_at = COALESCE(:resumed_at, resumed_at)"
        f" WHERE id = :id AND state IN (SELECT value FROM json_each(:of)) RETURNING {COLUMNS}",
        values,
    ).fetchone()
    return None if row is None else campaign_of(row)


def campaign_of(row: tuple[Any, ...]) -> Campaign:
    """The campaign of a row that has the columns of `COLUMNS`."""
    (
        id_, name, type_, plan, by, created_at, state, reason, send_at, started_at, ended_at, gathered, upto, count,
        announced, frozen, paced_until, chosen, chosen_at, resumed_at,
    ) = row  # fmt: skip
    return Campaign(
        id=id_,
        name=name,
        type=type_,
        plan=plan,
        by=by,
        created_at=moment(created_at),
        state=CampaignState(state),
        reason=reason,
        send_at=moment_or_none(send_at),
        started_at=moment_or_none(started_at),
        resumed_at=moment_or_none(resumed_at),
        ended_at=moment_or_none(ended_at),
        gathered=bool(gathered),
        gathered_upto=upto,
        recipients=count,
        announced=announced,
        frozen=frozen,
        paced_until=moment_or_none(paced_until),
        chosen=chosen,
        chosen_at=moment_or_none(chosen_at),
    )
