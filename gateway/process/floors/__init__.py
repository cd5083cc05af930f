"""What a node is made of, floor by floor: each takes those below it, makes what it adds, and has that hear what it must.

When its parts start, `gateway.process.node` says.
"""
