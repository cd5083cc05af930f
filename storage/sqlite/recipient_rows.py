"""The table `recipients`, and a row of it as a value."""

from typing import Any

from storage.encoding import moment, moment_or_none
from storage.mail import MailState
from storage.recipients import Recipient, RecipientRow, RecipientState
from storage.sqlite.schema import Migration, statements

MIGRATIONS = (
    Migration(
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
    ),
    Migration(
        name="recipients-2",
        run=statements("""
ALTER TABLE recipients ADD COLUMN variant TEXT;
ALTER TABLE recipients ADD COLUMN clicked_at INTEGER;
CREATE INDEX recipients_variant ON recipients (campaign, variant, state, clicked_at) WHERE variant IS NOT NULL;
CREATE INDEX recipients_clicked ON recipients (campaign, clicked_at, id) WHERE clicked_at IS NOT NULL;
"""),
    ),
    Migration(
        name="recipients-3",
        run=statements("""
ALTER TABLE recipients ADD COLUMN converted_at INTEGER;
CREATE INDEX recipients_converted ON recipients (campaign, converted_at, id) WHERE converted_at IS NOT NULL;
"""),
    ),
)
TOLD = (
    "r.id, r.user, COALESCE(NULLIF(m.recipient, ''), r.address), r.state, r.rule, r.reason, r.mail, m.state, r.updated_at,"
    " r.variant, r.clicked_at, r.converted_at"
)
"""What `told_of` takes, of `recipients r` and their mails `obligations m`."""


def recipient_of(row: tuple[Any, ...]) -> Recipient:
    """The recipient of a row: id, user, address, and what was given."""
    id_, user, address, given = row
    return Recipient(id=id_, user=user, address=address, given=given)


def told_of(row: tuple[Any, ...]) -> RecipientRow:
    """What is told of a recipient, of a row that has the columns of `TOLD`. Of who was erased no address."""
    (
        id_,
        user,
        address,
        state,
        rule,
        reason,
        mail,
        mail_state,
        updated_at,
        variant,
        clicked_at,
        converted_at,
    ) = row
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
        converted_at=moment_or_none(converted_at),
    )
