"""The use cases: emit, deliver, read, keep. Each module is one noun or one verb of the glossary.

What stands here knows what is notified, to whom, when, and for how long it is kept. It knows no HTTP, no
Socket.IO session and no SQL: requests come parsed (`requests`), frames leave through `delivery.streams.Sockets`,
and what is kept lies behind the Protocols of `storage`. `gateway.process` makes the objects and connects them;
`gateway.protocol` asks them.

What belongs together has a room, and arrows between rooms run one way. On the path of an emit: `preferences` (what
people have chosen), `deciding` (what may be sent, by which rule), `wording` (what is said), `emitting` (what is
stored and owed), `delivery` (what reaches which session). What people do with it: `inboxes`, `choosing`, `clicks`.
Mail: `digests` (what goes out as one), `lanes` (whether any may leave), `returns` (what comes back), `suppressions`
(whom none goes to). Beside these: `campaigns`, `trials` (the experiments of types), `types`, `people`, `stats`
(the figures) and `archive` (what is put away before it is deleted).
"""
