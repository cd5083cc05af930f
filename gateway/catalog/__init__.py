"""The catalog: what every type of notification is about, its shape, its words, its channels, and for whom it is on.

Reading (`loading`, `folder`, `types` and what they use) is apart from asking (`catalog`, `live`, `words`):
the first may take a second and tells every mistake, the second is on the path of each emit and never fails.
Nothing here knows a store, a bus or a socket.
"""
