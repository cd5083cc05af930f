"""Choosing: how people see what they are told, and say what they want of it.

By `choices` they look at the whole of it and change it. The link in a mail, which `ways_out` puts there, needs no login:
`leaving` keeps what it does, and `lowering` works out what that is, which never turns anything on. What a choice
means is `gateway.notify.preferences`'.
"""
