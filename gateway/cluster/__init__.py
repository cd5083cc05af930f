"""What nodes tell one another: the bus, presence, gossip."""
