"""What a node is made of, floor by floor: each takes those below it, makes what it adds, and has that hear what it must.

When its parts start, `gateway.process.node` says.

A floor is made and then only read: it has no start, no stop and no method. Whatever of it lives is a part.
What hears whom is said where both are there for the first time.
"""
