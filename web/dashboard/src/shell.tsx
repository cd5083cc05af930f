import { type ReactNode, useEffect, useRef, useState } from "react";
import { useDesk, useStatus } from "./context.tsx";
import { useMay } from "./may.tsx";
import { auditOf, feedOf, href, mailOf, type Route, traceOf } from "./route.ts";
import { useStore } from "./store.ts";
import { currentTheme, type Theme, wear } from "./theme.ts";
import { Icon, type IconName, Mark } from "./ui/icons.tsx";
import { figure, openOnes } from "./words.ts";

interface Entry {
  readonly route: Route;
  readonly name: string;
  readonly icon: IconName;
  /** The event without which the page is of no use. */
  readonly needs?: string;
}

/** On a phone the first of them have a place of their own, and the rest is behind "More". */
const PAGES: readonly Entry[] = [
  { route: { page: "overview" }, name: "Overview", icon: "overview" },
  { route: feedOf(""), name: "Feed", icon: "feed" },
  { route: traceOf(null), name: "Trace", icon: "trace" },
  { route: { page: "users", user: null }, name: "Users", icon: "users" },
  { route: { page: "online" }, name: "Online", icon: "online" },
  { route: { page: "topics", topic: null }, name: "Topics", icon: "topics" },
  { route: { page: "scheduled" }, name: "Scheduled", icon: "clock" },
  { route: mailOf(""), name: "Mail", icon: "mail" },
  { route: { page: "suppressions", address: "", scope: "" }, name: "Suppressions", icon: "banned" },
  { route: { page: "campaigns", campaign: null, state: "" }, name: "Campaigns", icon: "campaign" },
  { route: { page: "statistics", span: "", type: "", channel: "" }, name: "Statistics", icon: "chart" },
  { route: { page: "types", type: null, view: "" }, name: "Types", icon: "types" },
  { route: { page: "compose", to: "", type: "" }, name: "Compose", icon: "compose", needs: "emit" },
  { route: { page: "nodes" }, name: "Nodes", icon: "node" },
  { route: auditOf(""), name: "Audit", icon: "audit", needs: "audit" },
];
/** Those with a place of their own on a phone. */
const FIRST = 4;

/** What stands around every page: where one is, whether the gateway is there, and who one is. */
export function Shell(props: { route: Route; signOut: () => void; children: ReactNode }): ReactNode {
  const { live } = useDesk();
  const status = useStatus();
  const open = useStore(live.open).map(({ type }) => type);
  const count = open.length;
  const [theme, setTheme] = useState<Theme>(currentTheme);
  const main = useRef<HTMLElement>(null);
  const [more, setMore] = useState(false);
  const may = useMay();
  const shown = PAGES.filter(({ needs }) => needs === undefined || may(needs));
  const behind = shown.slice(FIRST).some(({ route }) => route.page === props.route.page);
  const name = PAGES.find(({ route }) => route.page === props.route.page)?.name ?? "Bellhop";
  useEffect(() => {
    document.title = `${count ? `(${count}) ` : ""}${name} · Bellhop`;
  }, [count, name]);
  // A page that was left at its end should not be entered there.
  useEffect(() => {
    // In braces: newer browsers answer with a promise, which React would take for the end of the effect.
    main.current?.scrollTo(0, 0);
    setMore(false);
  }, [name]);
  const ready = "ready" in status ? status.ready : null;
  const other = theme === "dark" ? "light" : "dark";
  return (
    <div className="shell">
      <aside className="side">
        <a className="skip" href={location.hash} onClick={(event) => leap(event, main.current)}>
          Skip to the page
        </a>
        <a className="brand" href="#/">
          <Mark />
          <span>Bellhop</span>
        </a>
        <nav
          aria-label="Pages"
          className={more ? "all" : ""}
          onKeyDown={(event) => event.key === "Escape" && setMore(false)}
        >
          {shown.map(({ route, name: label, icon }, place) => (
            <a
              key={label}
              href={href(route)}
              className={place < FIRST ? "" : "behind"}
              onClick={() => setMore(false)}
              aria-current={route.page === props.route.page ? "page" : undefined}
            >
              <Icon name={icon} />
              <span className="nav-name">{label}</span>
              {label === "Feed" && count ? (
                <span className="badge">
                  {count}
                  <span className="unseen"> {openOnes(open)}</span>
                </span>
              ) : null}
            </a>
          ))}
          <button
            type="button"
            className={`more ${behind ? "here" : ""}`}
            aria-expanded={more}
            onClick={() => setMore((before) => !before)}
          >
            <Icon name={more ? "close" : "more"} />
            <span className="nav-name">{more ? "Close" : behind ? name : "More"}</span>
          </button>
        </nav>
        <div className="side-foot">
          <Presence />
          <div className="who">
            <span className="who-name" title={ready?.user}>
              {ready?.user ?? "…"}
            </span>
            <button
              type="button"
              className="icon-button"
              aria-label={`Use the ${other} theme`}
              title={`Use the ${other} theme`}
              onClick={() => {
                wear(other);
                setTheme(other);
              }}
            >
              <Icon name={theme === "dark" ? "sun" : "moon"} />
            </button>
            <button
              type="button"
              className="icon-button"
              aria-label="Sign out"
              title="Sign out"
              onClick={props.signOut}
            >
              <Icon name="exit" />
            </button>
          </div>
        </div>
      </aside>
      <main ref={main} tabIndex={-1}>
        {status.state === "offline" ? (
          <p className="banner" role="status">
            The gateway cannot be reached. What you see may be old; trying again.
          </p>
        ) : null}
        {count && props.route.page !== "feed" ? (
          <a className="banner bad" href="#/feed">
            <Icon name="alert" />
            {`${figure(count)} ${openOnes(open)}`}
          </a>
        ) : null}
        <div className="page">{props.children}</div>
      </main>
    </div>
  );
}

function Presence(): ReactNode {
  const { state } = useStatus();
  const words = {
    connecting: "Connecting",
    online: "Live",
    offline: "Reconnecting",
    expired: "Token ended",
    ended: "Ended",
  }[state];
  return (
    <span className="presence" role="status" aria-label="Connection">
      <span className={`dot ${state === "online" ? "good" : "warn"}`} />
      {words}
    </span>
  );
}

function leap(event: { preventDefault: () => void }, main: HTMLElement | null): void {
  event.preventDefault();
  main?.focus();
}
