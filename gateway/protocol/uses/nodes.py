"""Nodes, and what is counted on them."""

from gateway.protocol.problems import Problem
from gateway.protocol.use_cases import Caller, UseCases


async def drain_node(use: UseCases, caller: Caller, node: str) -> None:
    del caller
    if not await use.nodes.send_away(node):
        raise Problem("not_found", "No node of this name answers.")
