"""The shelf of recipients, in the table `recipients`. Their mails are obligations of the outbox."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime

from storage.campaigns import Campaign, CampaignState, Lead
from storage.encoding import ERASED, FOREVER, is_writable, micros, moment_or_none
from storage.mail import AFTER_SENT, MailState
from storage.people import Erasure
from storage.recipients import (
    Counted,
    Decided,
    Heard,
    Recipient,
    RecipientCounts,
    RecipientPage,
    RecipientRow,
    Recipients,
    RecipientState,
    VariantCount,
    end_of,
)
from storage.sqlite import (
    bulk,
    campaign_recipients,
    campaign_rows,
    deciding,
    obligations,
    recipient_pages,
    recipient_rows,
)
from storage.sqlite.shelf import SQLiteShelf, reading, writing

_SENT = list(AFTER_SENT)
_ENDS = [state for state in MailState if state not in (MailState.PENDING, MailState.LEASED)]


class SQLiteRecipients(SQLiteShelf, Recipients):
    """A row for each recipient. A recipient is decided and the mail owed in one transaction, so no mail is ever missing."""

    MIGRATIONS = recipient_rows.MIGRATIONS

    @writing
    def add(
        self,
        connection: sqlite3.Connection,
        campaign_id: str,
        recipients: Sequence[Recipient],
        *,
        now: datetime,
        gathering: bool = False,
    ) -> int | None:
        """Under one lock with the look at the campaign: nobody comes too late."""
        found = campaign_rows.find(connection, campaign_id)
        taking = CampaignState.RUNNING if gathering else CampaignState.DRAFT
        if found is None or found.gathered or found.state is not taking:
            return None
        at = micros(now)
        return bulk.insert_new(
            connection,
            "recipients (id, campaign, user, address, given, state, wake_at, updated_at)",
            [
                (each.id, campaign_id, each.user, each.address, each.given, RecipientState.PENDING, 0, at)
                for each in recipients
            ],
        )

    @reading
    def due(
        self, connection: sqlite3.Connection, campaign_id: str, *, limit: int, now: datetime
    ) -> list[Recipient]:
        rows = connection.execute(
            "SELECT id, user, address, given FROM recipients WHERE campaign = ? AND wake_at <= ?"
            " ORDER BY wake_at, id LIMIT ?",
            (campaign_id, micros(now), limit),
        )
        return list(map(recipient_rows.recipient_of, rows))

    @reading
    def pending(
        self, connection: sqlite3.Connection, campaign_id: str, *, after: str | None, limit: int
    ) -> list[Recipient]:
        rows = connection.execute(
            "SELECT id, user, address, given FROM recipients WHERE campaign = ? AND state = 'pending' AND id > ?"
            " ORDER BY id LIMIT ?",
            (campaign_id, after or "", limit),
        )
        return list(map(recipient_rows.recipient_of, rows))

    @reading
    def next_due(self, connection: sqlite3.Connection, campaign_id: str) -> datetime | None:
        (wake_at,) = connection.execute(
            "SELECT MIN(wake_at) FROM recipients WHERE campaign = ? AND wake_at IS NOT NULL", (campaign_id,)
        ).fetchone()
        return moment_or_none(wake_at)

    @writing
    def decide(
        self, connection: sqlite3.Connection, lead: Lead, decided: Sequence[Decided], *, now: datetime
    ) -> int:
        """Rows and mails in one transaction. Whose turn it is is not asked, only whether the campaign runs."""
        found = campaign_rows.find(connection, lead.campaign.id)
        if found is None or found.state is not CampaignState.RUNNING:
            return 0
        owed = []
        for each in decided:
            if each.obligation is None:
                deciding.write_down(connection, each, micros(now))
            elif deciding.owe(connection, each, each.obligation.id, micros(now)):
                owed.append(each.obligation)
        obligations.owe(connection, owed)
        return len(owed)

    @writing
    def collect(self, connection: sqlite3.Connection, campaign_id: str, *, limit: int, now: datetime) -> int:
        """A join with the mails that have ended, and one with those that are held: others are passed over by the statements."""
        campaign_recipients.take_back_held(connection, campaign_id, limit=limit, now=micros(now))
        ended = connection.execute(
            "SELECT r.id, m.state, m.decided_by, m.reason FROM recipients r JOIN obligations m ON m.id = r.mail"
            " WHERE r.campaign = ? AND r.state = 'owed' AND m.state IN (SELECT value FROM json_each(?)) LIMIT ?",
            (campaign_id, json.dumps(_ENDS), limit),
        ).fetchall()
        connection.executemany(
            "UPDATE recipients SET state = ?, rule = ?, reason = ?, updated_at = ? WHERE id = ? AND state = 'owed'",
            [
                (*end_of(MailState(state), rule, reason), micros(now), id_)
                for id_, state, rule, reason in ended
            ],
        )
        return campaign_recipients.count(connection, campaign_id, [RecipientState.OWED])

    # What is told of them

    @reading
    def counts(self, connection: sqlite3.Connection, campaign_id: str) -> RecipientCounts:
        """One snapshot: rows and mails are of the same moment."""
        rows = connection.execute(
            "SELECT state, COUNT(*) FROM recipients WHERE campaign = ? GROUP BY state", (campaign_id,)
        ).fetchall()
        skipped = connection.execute(
            "SELECT rule, COUNT(*) FROM recipients WHERE campaign = ? AND state = 'skipped' GROUP BY rule",
            (campaign_id,),
        ).fetchall()
        (clicked,) = connection.execute(
            "SELECT COUNT(*) FROM recipients INDEXED BY recipients_clicked"
            " WHERE campaign = ? AND clicked_at IS NOT NULL AND state = 'sent'",
            (campaign_id,),
        ).fetchone()
        return RecipientCounts(
            rows={RecipientState(state): number for state, number in rows},
            skipped={rule or "": number for rule, number in skipped},
            mails=campaign_recipients.mails(connection, campaign_id),
            clicked=clicked,
        )

    @reading
    def page(
        self,
        connection: sqlite3.Connection,
        campaign_id: str,
        *,
        state: RecipientState | Heard | None,
        after: str | None,
        limit: int,
    ) -> RecipientPage:
        return recipient_pages.page(connection, campaign_id, state=state, after=after, limit=limit)

    @reading
    def of_user(
        self, connection: sqlite3.Connection, user: str, *, limit: int
    ) -> list[tuple[Campaign, RecipientRow]]:
        """By the index of users; campaigns are looked up one by one, as many as there are rows."""
        if not is_writable(user):
            return []
        rows = connection.execute(
            f"SELECT r.campaign, {recipient_rows.TOLD} FROM recipients r LEFT JOIN obligations m ON m.id = r.mail"  # noqa: S608 - constants only
            " WHERE r.user = ? ORDER BY r.id DESC LIMIT ?",
            (user, limit),
        ).fetchall()
        return [
            (campaign, recipient_rows.told_of(row[1:]))
            for row in rows
            if (campaign := campaign_rows.find(connection, row[0])) is not None
        ]

    def erase(self, connection: sqlite3.Connection, erasure: Erasure) -> int:
        # Whoever is known by the address alone has it for a user id.
        """Rows of the user and of the addresses, with the mails that were owed by address."""
        for room in erasure.rooms[1:]:
            obligations.forget_recipients(connection, room, now=erasure.at)
        _erase(connection, erasure.names, now=erasure.at)
        return 0

    # Variants

    @writing
    def clicked(self, connection: sqlite3.Connection, campaign_id: str, mail: str, *, at: datetime) -> None:
        connection.execute(
            "UPDATE recipients SET clicked_at = ? WHERE campaign = ? AND mail = ? AND clicked_at IS NULL",
            (micros(at), campaign_id, mail),
        )

    @writing
    def converted(
        self, connection: sqlite3.Connection, campaign_id: str, users: Sequence[str], *, at: datetime
    ) -> None:
        connection.execute(
            "UPDATE recipients SET converted_at = ? WHERE campaign = ? AND user IN (SELECT value FROM json_each(?))"
            " AND variant IS NOT NULL AND converted_at IS NULL AND (state = 'sent' OR state = 'owed' AND EXISTS"
            # That it has left may not be collected yet.
            " (SELECT 1 FROM obligations m WHERE m.id = recipients.mail AND m.state IN (SELECT value FROM json_each(?))))",
            (micros(at), campaign_id, json.dumps([*filter(is_writable, users)]), json.dumps(_SENT)),
        )

    @reading
    def variant_counts(
        self, connection: sqlite3.Connection, campaign_id: str, *, until: datetime | None = None
    ) -> dict[str, VariantCount]:
        """By the indexes of variants and of who has converted, which hold all that is asked but the latter's variants."""
        latest = FOREVER if until is None else micros(until)
        converted = dict(
            connection.execute(
                "SELECT variant, COUNT(*) FROM recipients INDEXED BY recipients_converted"
                " WHERE campaign = ? AND converted_at <= ? AND state = 'sent' GROUP BY variant",
                (campaign_id, latest),
            ).fetchall()
        )
        rows = connection.execute(
            "SELECT variant, COUNT(*), SUM(state = 'sent'), COUNT(CASE WHEN state = 'sent' AND clicked_at <= ? THEN 1 END)"
            " FROM recipients WHERE campaign = ? AND variant IS NOT NULL GROUP BY variant",
            (latest, campaign_id),
        )
        return {
            variant: VariantCount(
                assigned=assigned, sent=sent, clicked=clicked, converted=converted.get(variant, 0)
            )
            for variant, assigned, sent, clicked in rows
        }

    @reading
    def conversions(
        self,
        connection: sqlite3.Connection,
        campaign_id: str,
        by: Counted,
        *,
        limit: int,
        until: datetime | None = None,
    ) -> list[str]:
        rows = connection.execute(
            f"SELECT variant FROM recipients WHERE campaign = ? AND {by} <= ? AND variant IS NOT NULL"  # noqa: S608 - constants only
            f" AND state = 'sent' ORDER BY {by}, id LIMIT ?",
            (campaign_id, FOREVER if until is None else micros(until), limit),
        )
        return [variant for (variant,) in rows]


def _erase(connection: sqlite3.Connection, users: Sequence[str], *, now: int) -> None:
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
