"""The process: composes the parts into a node, runs it, and is the `bellhop` command.

It is the only room that knows all others. A process is a list of parts (`base`): a node (`node`) is built
floor by floor (`floors`), and what has a process of its own is an office (`office`). How it lives and dies is
in `lifetime`, `signals`, `outlet` and `descriptors`. Each command of the command line is a file with its
`Subcommand`.

Commands import what they need inside their functions: `bellhop --help` must not wait for a node to be
imported.
"""
