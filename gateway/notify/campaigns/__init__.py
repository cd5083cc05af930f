"""Campaigns: one thing for many people, each of whom is decided for and accounted for.

`book` and `steering` are what can be asked; `running` does the work in `steps`, with `audience` (who), `drafting`
and `drafts` (what becomes of each), `pacing` (how fast) and `trial` (which variant). `plans` are the values,
`accounts` the figures, `speech` and `own_words` what it says. What is kept is `storage.campaigns` and
`storage.recipients`; mail leaves by the outbox, and what becomes of it is collected from there.
"""
