"""What can be asked, by what it is about: a table in each module, which `gateway.protocol.operations` puts together.

An entry names functions and schemas, and does nothing itself: what takes more than one call of a use case is
in `gateway.protocol.uses`. Where several routes or events ask the same, they are one operation; where they
ask alike but not the same, they are two, each with a name.
"""
