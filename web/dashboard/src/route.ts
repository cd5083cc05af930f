/** Where one is: a page, kept in the fragment, which never reaches a server's log. */

export type Route =
  | { page: "overview" }
  | { page: "online" }
  | { page: "feed"; room: string }
  | { page: "users"; user: string | null }
  | { page: "mail"; state: string }
  | { page: "compose"; to: string };

export function parse(fragment: string): Route {
  const [path = "", query = ""] = fragment.replace(/^#\/?/, "").split("?", 2);
  const parameters = new URLSearchParams(query);
  const [page, rest] = [path.split("/", 1)[0], path.split("/").slice(1).join("/")];
  switch (page) {
    case "online":
      return { page };
    case "feed":
      return { page, room: parameters.get("room") ?? "" };
    case "users":
      return { page, user: rest === "" ? null : decoded(rest) };
    case "mail":
      return { page, state: parameters.get("state") ?? "" };
    case "compose":
      return { page, to: parameters.get("to") ?? "" };
    default:
      return { page: "overview" };
  }
}

export function href(route: Route): string {
  switch (route.page) {
    case "users":
      return route.user === null ? "#/users" : `#/users/${encodeURIComponent(route.user)}`;
    case "feed":
      return route.room ? `#/feed?room=${encodeURIComponent(route.room)}` : "#/feed";
    case "mail":
      return route.state ? `#/mail?state=${encodeURIComponent(route.state)}` : "#/mail";
    case "compose":
      return route.to ? `#/compose?to=${encodeURIComponent(route.to)}` : "#/compose";
    case "overview":
      return "#/";
    default:
      return `#/${route.page}`;
  }
}

/** The user whose room it is. */
export function userOf(room: string): string | null {
  return room.startsWith("user:") ? room.slice(5) : null;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
