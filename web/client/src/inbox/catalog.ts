/** What the gateway's catalog says of categories: their names in the reader's language, and their pictures. */

import type { ConnectOptions } from "../protocol.ts";
import type { OwnCategoriesAnswer } from "../shapes.ts";

export type Category = OwnCategoriesAnswer["categories"][number];

/** Where the gateway tells of them: beside its Socket.IO, whatever path both stand below. */
const placeOf = ({ url = location.origin, path = "socket.io/" }: Partial<ConnectOptions>): URL =>
  new URL("../api/categories", new URL(path.replace(/\/?$/, "/"), url.replace(/\/?$/, "/")));

/** The categories in their order; none when the gateway does not tell. */
export async function categoriesOf(options: Partial<ConnectOptions>): Promise<readonly Category[]> {
  try {
    const token = options.token ?? (await options.getToken?.());
    const answer = await fetch(placeOf(options), { headers: { Authorization: `Bearer ${token}` } });
    return answer.ok ? ((await answer.json()) as OwnCategoriesAnswer).categories : [];
  } catch {
    // The keys will do.
    return [];
  }
}
