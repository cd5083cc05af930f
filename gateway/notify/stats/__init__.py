"""What came of notifications and mails: told as events, counted to roll-ups, and asked for.

The way of a figure: `hearing` queues what happens in this process (`happenings`), `reckoning` works out which
events that is, `names` keeps the series few, `noting` takes them to the store, which keeps each event once. `recounting` counts events
to minutes, these to hours, and these to days; `asking` adds up roll-ups. No event names a person.
"""
