"""The process: composes the parts into a node, runs it, and is the `bellhop` command."""
