"""The use cases: emit, deliver, read, keep. Each module is one noun or one verb of the glossary.

What stands here knows what is notified, to whom, when, and for how long it is kept. It knows no HTTP, no
Socket.IO session and no SQL: requests come parsed (`requests`), frames leave through `streams.Sockets`, and
what is kept lies behind the Protocols of `storage`. `gateway.process` makes the objects and connects them;
`gateway.protocol` asks them.

Folders: `gates` holds the rules of the one decision, `campaigns` newsletters, `clicks` followed links,
`trials` the experiments of types, `stats` the figures, and `archive` what is put away before it is deleted.
"""
