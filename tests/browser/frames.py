"""How smoothly a page paints, in frames per second as the page itself sees them."""

from collections.abc import Awaitable, Callable

from playwright.async_api import Page

FRAMES_PER_SECOND = 30
SHARE_OF_IDLE = 0.5
BURSTS = 3
_COUNT = """() => {
    window.frames_at = [];
    const note = at => { window.frames_at.push(at); requestAnimationFrame(note); };
    requestAnimationFrame(note);
}"""
_MEASURED = """() => {
    const waits = frames_at.slice(1).map((at, n) => at - frames_at[n]);
    return [waits.length, (frames_at.at(-1) - frames_at[0]) / 1000, Math.max(...waits)];
}"""


async def assert_smooth(page: Page, burst: Callable[[int], Awaitable[None]]) -> None:
    """More than 30 frames a second while `burst` runs: or, on a machine too busy for that, at least half of what the
    same page had idle just before.

    Whatever else the machine does takes frames away: the best of three bursts, numbered from 1, is the page's own.
    """
    await page.evaluate(_COUNT)
    await page.wait_for_function("() => frames_at.length > 30")
    idle = await page.evaluate("1000 * (frames_at.length - 1) / (frames_at.at(-1) - frames_at[0])")
    measured = []
    rate = 0.0
    for number in range(1, BURSTS + 1):
        await page.evaluate("() => { window.frames_at.length = 0 }")
        await burst(number)
        seen, seconds, longest = await page.evaluate(_MEASURED)
        rate = seen / seconds
        measured.append(f"{rate:.0f} frames/s over {seconds:.2f} s, longest {longest:.0f} ms")
        if rate >= FRAMES_PER_SECOND:
            break
    print(f"{measured}, idle {idle:.0f}")  # noqa: T201 - figures that were measured; pytest shows them with -s
    assert rate >= min(FRAMES_PER_SECOND, SHARE_OF_IDLE * idle), (measured, idle)
