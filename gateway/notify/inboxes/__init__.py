"""Inboxes: what readers see of what they were told, and what they do with it.

`reading` is the history, its marks and the badge; `acting` is what else can be done with a notification. `muting` says what a
reader is not shown of rooms of many, and `snoozing` brings back what was put off.
"""
