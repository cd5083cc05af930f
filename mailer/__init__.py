"""How mail leaves: rendering, transports, and the worker that empties the outbox."""
