"""What everything stands on: settings, logs, the clock, tasks, and the names of rooms."""
