"""Redis as a client sees it: addresses, the protocol, and what it says when it refuses.

Bus, presence, budget and witness use it. redis-py reads URLs and TLS options; bytes are read and written
here.
"""
