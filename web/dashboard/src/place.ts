/**
 * Where Socket.IO answers, as seen from the page: beside its folder, under whatever path a proxy has put both.
 *
 * The page is at `…/dashboard/`, with or without `index.html`.
 */
export const socketPath = (page: string): string => new URL("../socket.io/", page).pathname;
