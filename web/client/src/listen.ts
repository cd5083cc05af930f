/** Answers how to be one of `listeners`, which in turn answers how to be none any more. */
export const listen =
  <T>(listeners: Set<T>) =>
  (listener: T): (() => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
