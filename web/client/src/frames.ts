/**
 * Answers a function that asks for one `run` in the next animation frame, however often it is called until then.
 *
 * A hidden page has no frames; the timer beside it keeps its title and its badge going.
 */
export function framed(run: () => void): () => void {
  const HIDDEN_MS = 200;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let frame = 0;
  const paint = globalThis.requestAnimationFrame as typeof requestAnimationFrame | undefined;
  const go = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (paint) cancelAnimationFrame(frame);
    run();
  };
  return () => {
    if (timer !== undefined) return;
    timer = setTimeout(go, paint ? HIDDEN_MS : 16);
    if (paint) frame = paint(go);
  };
}
