"""Digests: mail that was gathered for a user goes out as one.

`closing` ends those that are due; `opened` shows what gathers now. Both have `items` decide what is left to tell, and `news` makes a
mail of that, in the `words` of its reader. That something is put into a digest is decided by a gate, and done by
`gateway.notify.departing`.
"""
