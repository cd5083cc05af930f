"""Nodes, and what is counted on them.

The node is asked for by name, over the bus.
"""

from gateway.protocol.problems import Problem
from gateway.protocol.use_cases import Caller, UseCases


async def drain_node(use: UseCases, caller: Caller, node: str) -> None:
    """Have a node stop calmly."""
    del caller
    if not await use.nodes.send_away(node):
        raise Problem("not_found", "No node of this name answers.")
