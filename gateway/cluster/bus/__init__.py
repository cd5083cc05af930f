"""What carries frames between nodes: in-process, or Redis. Whatever it loses, the cursors of `gateway.notify.delivery` find."""
