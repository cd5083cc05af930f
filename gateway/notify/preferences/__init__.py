"""Preferences: what people have chosen, and what holds by that.

`chosen` has the rules, `patches` says what a change makes of a choice, and `quiet` when somebody's quiet hours end; these are
pure. `book` has at hand what was chosen, for all who decide: with a `sieve` that tells who has chosen nothing, and
a `suspicion` where something may be hidden. Nobody is shown anything here, and nothing is changed: that is
`gateway.notify.choosing`.
"""
