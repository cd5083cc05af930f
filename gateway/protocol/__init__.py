"""The interface in values: what may come in, what goes out, and what is said when something is wrong.

It is pure: nothing here waits but parsing of a large batch, which gives others their turn, `auditing`, which
writes down who asks, and the `holdings`, which ask the store what is kept of a user. HTTP and Socket.IO have the same shapes, the same bounds and the same codes
because both are made of this.
"""
