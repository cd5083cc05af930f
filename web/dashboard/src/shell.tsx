import { type ReactNode, useEffect, useRef, useState } from "react";
import { useDesk, useStatus } from "./context.tsx";
import { href, mailOf, type Route } from "./route.ts";
import { useStore } from "./store.ts";
import { currentTheme, type Theme, wear } from "./theme.ts";
import { Icon, type IconName, Mark } from "./ui/icons.tsx";
import { figure, openOnes } from "./words.ts";

const PAGES: readonly { route: Route; name: string; icon: IconName }[] = [
  { route: { page: "overview" }, name: "Overview", icon: "overview" },
  { route: { page: "online" }, name: "Online", icon: "online" },
  { route: { page: "feed", room: "" }, name: "Feed", icon: "feed" },
  { route: { page: "users", user: null }, name: "Users", icon: "users" },
  { route: { page: "topics", topic: null }, name: "Topics", icon: "topics" },
  { route: { page: "scheduled" }, name: "Scheduled", icon: "clock" },
  { route: mailOf(""), name: "Mail", icon: "mail" },
  { route: { page: "suppressions", address: "", scope: "" }, name: "Suppressions", icon: "banned" },
  { route: { page: "campaigns", campaign: null, state: "" }, name: "Campaigns", icon: "campaign" },
  { route: { page: "statistics", span: "", type: "", channel: "" }, name: "Statistics", icon: "chart" },
  { route: { page: "types", type: null, view: "" }, name: "Types", icon: "types" },
  { route: { page: "compose", to: "", type: "" }, name: "Compose", icon: "compose" },
];

/** What stands around every page: where one is, whether the gateway is there, and who one is. */
export function Shell(props: { route: Route; signOut: () => void; children: ReactNode }): ReactNode {
  const { live } = useDesk();
  const status = useStatus();
  const open = useStore(live.open).map(({ type }) => type);
  const count = open.length;
  const [theme, setTheme] = useState<Theme>(currentTheme);
  const main = useRef<HTMLElement>(null);
  const pages = useRef<HTMLElement>(null);
  const name = PAGES.find(({ route }) => route.page === props.route.page)?.name ?? "Bellhop";
  useEffect(() => {
    document.title = `${count ? `(${count}) ` : ""}${name} · Bellhop`;
  }, [count, name]);
  // A page that was left at its end should not be entered there.
  useEffect(() => {
    // In braces: newer browsers answer with a promise, which React would take for the end of the effect.
    main.current?.scrollTo(0, 0);
    // On a phone there are more of them than fit.
    const [row, here] = [pages.current, pages.current?.querySelector<HTMLElement>(`[data-page="${name}"]`)];
    if (row && here) row.scrollLeft = here.offsetLeft - (row.clientWidth - here.offsetWidth) / 2;
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
        <nav aria-label="Pages" ref={pages}>
          {PAGES.map(({ route, name: label, icon }) => (
            <a
              key={label}
              href={href(route)}
              data-page={label}
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
