/** Where one is: a page, kept in the fragment. */

import { fragmentOf, placeOf } from "./fragment.ts";
import { NO_SEARCH, type TraceSearch } from "./tracesearch.ts";

export type Route =
  | { page: "overview" }
  | { page: "online" }
  | { page: "feed"; room: string; type: string; by: string }
  | { page: "users"; user: string | null }
  | { page: "topics"; topic: string | null }
  | { page: "scheduled" }
  | { page: "nodes" }
  | { page: "mail"; state: string; find: string; since: string; until: string }
  | { page: "suppressions"; address: string; scope: string }
  | { page: "campaigns"; campaign: string | null; state: string }
  | { page: "statistics"; span: string; type: string; channel: string }
  | { page: "types"; type: string | null; view: string }
  | { page: "compose"; to: string; type: string }
  | ({ page: "trace"; id: string | null } & TraceSearch)
  | ({ page: "audit" } & AuditSearch);

/** Which deeds are looked for; what is empty is not asked. */
export interface AuditSearch {
  readonly by: string;
  readonly operation: string;
  readonly target: string;
  readonly since: string;
  readonly until: string;
}

export function parse(fragment: string): Route {
  const { path, said } = placeOf(fragment.replace(/^#\/?/, ""));
  const [page, rest] = [path.split("/", 1)[0], path.split("/").slice(1).join("/")];
  switch (page) {
    case "online":
    case "scheduled":
    case "nodes":
      return { page };
    case "topics":
      return { page, topic: rest === "" ? null : decoded(rest) };
    case "feed":
      return { page, room: said("room"), type: said("type"), by: said("by") };
    case "users":
      return { page, user: rest === "" ? null : decoded(rest) };
    case "mail":
      return {
        page,
        state: said("state"),
        find: said("find"),
        since: said("since"),
        until: said("until"),
      };
    case "trace":
      return {
        page,
        id: rest === "" ? null : decoded(rest),
        user: said("user"),
        type: said("type"),
        service: said("service"),
        key: said("key"),
        since: said("since"),
        until: said("until"),
      };
    case "audit":
      return {
        page,
        by: said("by"),
        operation: said("operation"),
        target: said("target"),
        since: said("since"),
        until: said("until"),
      };
    case "suppressions":
      return { page, address: said("address"), scope: said("scope") };
    case "campaigns":
      return {
        page,
        campaign: rest === "" ? null : decoded(rest),
        state: said("state"),
      };
    case "statistics":
      return {
        page,
        span: said("span"),
        type: said("type"),
        channel: said("channel"),
      };
    case "types":
      return { page, type: rest === "" ? null : decoded(rest), view: said("view") };
    case "compose":
      return { page, to: said("to"), type: said("type") };
    default:
      return { page: "overview" };
  }
}

export function href(route: Route): string {
  switch (route.page) {
    case "users":
      return route.user === null ? "#/users" : `#/users/${encodeURIComponent(route.user)}`;
    case "topics":
      return route.topic === null ? "#/topics" : `#/topics/${encodeURIComponent(route.topic)}`;
    case "feed":
      return fragmentOf("#/feed", { room: route.room, type: route.type, by: route.by });
    case "trace": {
      const { page, id, ...search } = route;
      return fragmentOf(id === null ? `#/${page}` : `#/${page}/${encodeURIComponent(id)}`, search);
    }
    case "audit": {
      const { page, ...search } = route;
      return fragmentOf(`#/${page}`, { ...search });
    }
    case "mail":
      return fragmentOf("#/mail", {
        state: route.state,
        find: route.find,
        since: route.since,
        until: route.until,
      });
    case "suppressions":
      return fragmentOf("#/suppressions", { address: route.address, scope: route.scope });
    case "campaigns":
      return fragmentOf(
        route.campaign === null ? "#/campaigns" : `#/campaigns/${encodeURIComponent(route.campaign)}`,
        { state: route.state },
      );
    case "statistics":
      return fragmentOf("#/statistics", { span: route.span, type: route.type, channel: route.channel });
    case "types":
      return fragmentOf(route.type === null ? "#/types" : `#/types/${encodeURIComponent(route.type)}`, {
        view: route.view,
      });
    case "compose":
      return fragmentOf("#/compose", { to: route.to, type: route.type });
    case "overview":
      return "#/";
    default:
      return `#/${route.page}`;
  }
}

/** All mail of a state, or all. */
export function mailOf(state: string): Route {
  return { page: "mail", state, find: "", since: "", until: "" };
}

/** Goes there without a step back to where one is: a filter that one types is one place. */
export function replaceRoute(route: Route): void {
  history.replaceState(history.state, "", href(route));
  dispatchEvent(new HashChangeEvent("hashchange"));
}

/** What is emitted, without a filter or in one room. */
export function feedOf(room: string): Route {
  return { page: "feed", room, type: "", by: "" };
}

/** The trace of one, or the search for one. */
export function traceOf(id: string | null, search: TraceSearch = NO_SEARCH): Route {
  return { page: "trace", id, ...search };
}

/** Who did what: all, or what was done to one. */
export function auditOf(target: string): Route {
  return { page: "audit", by: "", operation: "", target, since: "", until: "" };
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
