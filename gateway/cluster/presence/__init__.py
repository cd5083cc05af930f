"""Who is online, across the cluster: in-process, or Redis.

`base` is the Protocol; `local` and `redis` keep it, held by one contract suite. Sessions tell it who comes
and goes, and admins are told by `gateway.notify.people`.
"""
