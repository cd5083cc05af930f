"""Returns: what comes back of mail, and what follows from it.

`attribution` finds the mail that a report is about, and says how far it is to be believed; `reports` draws the conclusion, for that
mail and for its address. `fates` are the values.
"""
