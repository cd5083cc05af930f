/** Files that a page begins without, by a network that may be away. */

const AGAIN_MS = 1_000;
const MOST_MS = 60_000;

/** Answers the file that `load` imports, however often it takes: the network may be away, and what was pressed still counts. */
export async function fetched<T>(load: () => Promise<T>): Promise<T> {
  for (let wait = AGAIN_MS; ; wait = Math.min(2 * wait, MOST_MS))
    try {
      return await load();
    } catch {
      await new Promise<unknown>((done) => {
        setTimeout(done, wait);
        addEventListener("online", done, { once: true });
      });
    }
}
