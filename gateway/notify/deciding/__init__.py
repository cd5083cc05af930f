"""Deciding: whether a channel's part of a notification is sent, held, merged or skipped, and by which rule.

`decision` asks the `gates`, a module for each rule, in their order; a `verdicts.Case` goes in, and a verdict comes out. What a
gate may ask of the rest of the gateway are its `sources`; by `whereabouts`, `windows` and `drawing` gates and others
reckon alike. `sayings` tells people afterwards what each gate has said. Nothing here acts on a verdict, and only
`preferences` stands below.
"""
