"""What others publish, read within a bound."""

from aiohttp import StreamReader


async def up_to(content: StreamReader, limit: int) -> bytes:
    """The body to its end, or `limit` bytes and one more, so that too much is seen. Raises what aiohttp does.

    A read answers with what has come so far, which is not all of a body that comes in pieces.
    """
    body = bytearray()
    async for piece in content.iter_chunked(limit + 1):
        body += piece
        if len(body) > limit:
            break
    return bytes(body[: limit + 1])
