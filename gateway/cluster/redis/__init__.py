"""Redis as a client sees it: addresses, the protocol, and what it says when it refuses."""
