"""What came of notifications and mails: told as events, counted to roll-ups, and asked for.

The way of a figure: `noting` hears what happens in this process and queues it, `happenings` works out which
events that is, `names` keeps the series few, and the store keeps each event once. `recounting` counts events
to minutes, these to hours, and these to days; `asking` adds up roll-ups. No event names a person.
"""
