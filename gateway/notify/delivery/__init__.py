"""Delivery: what is stored reaches each connection once, in its room's order, in the language of its reader.

`fanout` takes events to this node and to the others; `events` makes them, with `translations` of the words. `cursors` writes
to the sessions here what is new to them, `repair` reads from the store what the bus has lost, and `replaying` what
a session has missed. `heard_rooms`, `muster`, `streams` and `written` are what a node knows of its rooms. Why
something is told, and to whom, is decided elsewhere.
"""
