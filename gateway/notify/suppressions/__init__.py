"""Suppressions: the addresses that must not be written to.

`listing` is the list, and how an address comes to stand there; `lookup` answers whether one does, as seldom as the store
has to be asked; `mailboxes` tells people in the app that theirs refuses us.
"""
