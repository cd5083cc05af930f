"""Mail as a part of a process: its settings, and the worker with all that it needs."""
