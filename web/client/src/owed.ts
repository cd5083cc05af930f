import type { Mark } from "./protocol.ts";

/** Marks that the gateway lacks, in the order in which they were made: of some ids, or of all there is when it is told. */
export type Owed = [mark: Mark, ids: string[] | undefined][];
