import type { ReactNode } from "react";
import { useAsk } from "../context.tsx";
import type { Alert, AlertsPage } from "../protocol.ts";
import { Ago, Chip } from "../ui/bits.tsx";
import { Icon } from "../ui/icons.tsx";
import { humane, plural } from "../words.ts";

const EVERY_MS = 10_000;

/** What is firing now, with what to do about it; nothing where nothing is. */
export function Alerts(): ReactNode {
  const { data } = useAsk<AlertsPage>("alerts", {}, EVERY_MS);
  if (!data || data.alerts.length + data.warnings.length === 0) return null;
  const { alerts, warnings } = data;
  return (
    <section className="card alerts" aria-labelledby="alerts">
      <header className="card-head">
        <h2 id="alerts">{alerts.length ? plural(alerts.length, "alert") : "To look at"}</h2>
        <span className="soft small">as each node judges itself</span>
      </header>
      <ul>
        {alerts.map((alert) => (
          <Firing key={`${alert.name} ${alert.lane}`} alert={alert} />
        ))}
        {warnings.map(({ node, text }) => (
          <li key={`${node} ${text}`}>
            <span className="alert-mark">
              <Icon name="eye" />
            </span>
            <div>
              <p>{text}</p>
              <p className="soft small">
                warned of by <span className="mono">{node}</span>
              </p>
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Firing({ alert }: { alert: Alert }): ReactNode {
  const urgent = alert.severity === "critical";
  return (
    <li className={urgent ? "bad" : "warn"}>
      <span className="alert-mark">
        <Icon name="alert" />
      </span>
      <div>
        <p>
          <span className="strong">{alert.summary}</span>{" "}
          <Chip tone={urgent ? "bad" : "warn"}>{humane(alert.severity)}</Chip>
          {alert.lane ? <Chip>{alert.lane}</Chip> : null}
        </p>
        <p>{coded(alert.runbook)}</p>
        <p className="soft small">
          <span className="mono">{alert.name}</span> · since <Ago time={alert.since} /> · on{" "}
          <span className="mono">{alert.nodes.join(", ")}</span>
        </p>
      </div>
    </li>
  );
}

/** What stands between backticks, as code. */
function coded(text: string): ReactNode {
  return text.split("`").map((piece, index) => (index % 2 ? <code key={index}>{piece}</code> : piece));
}
