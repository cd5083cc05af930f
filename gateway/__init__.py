"""The gateway: all that a node consists of, composed in `gateway.process.node`."""
