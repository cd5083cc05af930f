"""Lanes: whether mail of each lane may leave.

`weighing` counts what became of mail, `brakes` judges when that is too bad (by `settings`), and `book` pauses a lane or a campaign by
it, and takes the orders of operators.
"""
