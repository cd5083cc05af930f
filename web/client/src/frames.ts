/**
 * Answers a function that asks for one `run` in the next animation frame, however often it is called until then.
 *
 * A hidden page has no frames; the timer beside it keeps its title and its badge going.
 */
export const framed = (run: () => void): (() => void) => {
  const HIDDEN_MS = 200;
  const paint = globalThis.requestAnimationFrame as typeof requestAnimationFrame | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const go = (): void => {
    // Whichever of the two comes second finds nothing to do.
    if (!timer) return;
    clearTimeout(timer);
    timer = undefined;
    run();
  };
  return () => {
    if (timer) return;
    timer = setTimeout(go, paint ? HIDDEN_MS : 16);
    paint?.(go);
  };
};
