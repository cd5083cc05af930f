import { text } from "./csv.ts";

/** What a spreadsheet would take for a formula, or was kept from it: then a quote more stands in front. */
const FORMULA = /^'*[=+\-@\t\r]/;

/** The text of rows for a spreadsheet: what begins like a formula is made a text. */
export function sheet(rows: readonly (readonly (string | number | null)[])[]): string {
  return text(rows.map((cells) => cells.map((cell) => safe(cell === null ? "" : String(cell)))));
}

const safe = (cell: string): string => (FORMULA.test(cell) ? `'${cell}` : cell);

/** What was meant by a cell of such a sheet; any other text is itself. */
export const meant = (cell: string): string =>
  cell.startsWith("'") && FORMULA.test(cell) ? cell.slice(1) : cell;

/** Has the browser keep the rows as a file for a spreadsheet. */
export function download(name: string, rows: readonly (readonly (string | number | null)[])[]): void {
  // With a mark in front, or a spreadsheet takes it for another coding.
  keep(name, new Blob(["\uFEFF", sheet(rows)], { type: "text/csv;charset=utf-8" }));
}

/** Has the browser keep a file. */
export function keep(name: string, file: Blob): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1_000);
}
