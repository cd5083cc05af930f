"""How operations use the use cases, where that takes more than one call: who asks, and what they may.

Each function takes the use cases, the caller, and what was asked; the entries in `gateway.protocol.offered` name them.

They translate what a use case raises where the protocol has another word for it. They keep nothing, and know
neither HTTP nor sockets.
"""
