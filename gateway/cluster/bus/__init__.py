"""What carries frames between nodes: in-process, or Redis."""
