"""The process: sockets, HTTP, bus and presence, composed in `gateway.process.node`."""
