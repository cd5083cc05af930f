"""What came of notifications and mails: told as events, counted to roll-ups, and asked for."""
