"""The namespaces of Socket.IO: who comes in, what they are given, what they may ask."""
