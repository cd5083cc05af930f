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

/** The file in a language such as `de-AT`, of those that there are; undefined where there is none. */
export const wordsOf = <T>(
  files: Readonly<Record<string, () => Promise<T>>>,
  language: string,
): Promise<T> | undefined => files[language.toLowerCase().split("-")[0] as string]?.();
