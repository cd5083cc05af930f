"""The tables of an export into PostgreSQL, as SQL that can be run any number of times.

`bellhop export events --print-schema` prints it, for who makes tables by hand.
"""

SCHEMA = """\
CREATE TABLE IF NOT EXISTS bellhop_events (
    id uuid NOT NULL,                       -- of the event: the same however often it is exported
    at timestamptz NOT NULL,
    outcome text NOT NULL,                  -- emitted, delivered, seen, read, clicked, accepted, sent, …
    count bigint NOT NULL,                  -- how many, where only their number is known; else 1
    about uuid,                             -- the notification or mail; null where there is a number
    type text NOT NULL,
    channel text NOT NULL,                  -- in_app, shared, email
    lane text,
    campaign text,
    rule text,                              -- by which it was skipped
    variant text,                           -- which of several ways to say it this was
    PRIMARY KEY (at, id)                    -- with the time, as a hypertable wants it
);
CREATE TABLE IF NOT EXISTS bellhop_exports (
    source text PRIMARY KEY,                -- a store, since it was last put back from a backup
    cursor text NOT NULL,                   -- the next export begins behind it
    at timestamptz NOT NULL DEFAULT now()   -- when it had come so far
);
"""
