"""What was said and what is owed: notifications, inboxes and the outbox, in SQLite or MongoDB."""
