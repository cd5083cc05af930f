import { type ReactNode, useEffect, useRef, useSyncExternalStore } from "react";
import { useUrgent } from "../context.tsx";
import type { Refusal } from "../gateway.ts";
import type { CampaignState } from "../protocol.ts";
import { ago, humane, initials, moment } from "../words.ts";
import { Icon, type IconName } from "./icons.tsx";

// One timer for all the times on a page.
let now = Date.now();
const watchers = new Set<() => void>();
setInterval(() => {
  now = Date.now();
  for (const watcher of watchers) watcher();
}, 1_000);

export function useNow(): number {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => now,
  );
}

export function Ago({ time }: { time: string }): ReactNode {
  const current = useNow();
  return (
    <time dateTime={time} title={moment(time)}>
      {ago(time, current)}
    </time>
  );
}

export type Tone = "plain" | "good" | "warn" | "bad" | "accent";

export function Chip({ tone = "plain", children }: { tone?: Tone; children: ReactNode }): ReactNode {
  return <span className={`chip ${tone}`}>{children}</span>;
}

const MAIL_TONES: Record<string, Tone> = {
  pending: "warn",
  leased: "accent",
  sent: "good",
  delivered: "good",
  bounced: "bad",
  complained: "bad",
  dead: "bad",
};

export function MailChip({ state }: { state: string }): ReactNode {
  return <Chip tone={MAIL_TONES[state] ?? "plain"}>{state === "leased" ? "Sending" : humane(state)}</Chip>;
}

const CAMPAIGN_TONES: Record<CampaignState, Tone> = {
  draft: "plain",
  scheduled: "accent",
  running: "accent",
  paused: "warn",
  finished: "good",
  cancelled: "plain",
};

export function CampaignChip({ state }: { state: CampaignState }): ReactNode {
  return <Chip tone={CAMPAIGN_TONES[state]}>{humane(state)}</Chip>;
}

export function TypeChip({ type }: { type: string }): ReactNode {
  const urgent = useUrgent(type);
  return (
    <span className={`chip type ${urgent ? "bad" : ""}`} title={type}>
      {type}
    </span>
  );
}

export function Avatar({ name, online }: { name: string; online?: boolean }): ReactNode {
  let hue = 0;
  for (const letter of name) hue = (hue * 31 + (letter.codePointAt(0) ?? 0)) % 6;
  return (
    <span className={`avatar hue-${hue}`} aria-hidden="true">
      {initials(name)}
      {online === undefined ? null : <span className={online ? "dot good" : "dot"} />}
    </span>
  );
}

export function Empty(props: { icon: IconName; title: string; children?: ReactNode }): ReactNode {
  return (
    <div className="empty">
      <span className="empty-icon">
        <Icon name={props.icon} />
      </span>
      <p className="empty-title">{props.title}</p>
      {props.children ? <div className="soft">{props.children}</div> : null}
    </div>
  );
}

export function Failed({ error, retry }: { error: Refusal; retry?: () => void }): ReactNode {
  return (
    <div className="failed" role="alert">
      <Icon name="alert" />
      <span>{error.message}</span>
      {retry ? (
        <button type="button" className="button small" onClick={retry}>
          Try again
        </button>
      ) : null}
    </div>
  );
}

/** Grey lines where the answer will be. */
export function Waiting({ lines = 4 }: { lines?: number }): ReactNode {
  return (
    <div className="waiting" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, line) => (
        <span key={line} className="bone" />
      ))}
    </div>
  );
}

export function Heading(props: { title: string; children?: ReactNode; note?: ReactNode }): ReactNode {
  return (
    <header className="heading">
      <div>
        <h1 dir="auto">{props.title}</h1>
        {props.note ? <p className="soft">{props.note}</p> : null}
      </div>
      {props.children ? <div className="acts">{props.children}</div> : null}
    </header>
  );
}

export function Segments<T extends string>(props: {
  label: string;
  value: T;
  options: readonly { value: T; label: string; count?: number | undefined }[];
  choose: (value: T) => void;
}): ReactNode {
  const group = useRef<HTMLDivElement>(null);
  const { value: chosen } = props;
  // On a phone they may be wider than the screen, and the chosen one out of sight.
  useEffect(() => {
    const row = group.current;
    const button = row?.querySelector("[aria-pressed=true]");
    if (!row || !button) return;
    const [outer, inner] = [row.getBoundingClientRect(), button.getBoundingClientRect()];
    row.scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2;
  }, [chosen]);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out as a row everywhere
    <div className="segments" role="group" aria-label={props.label} ref={group}>
      {props.options.map(({ value, label, count }) => (
        <button
          key={value}
          type="button"
          aria-pressed={value === props.value}
          onClick={() => props.choose(value)}
        >
          {label}
          {count === undefined ? null : <span className="count">{count}</span>}
        </button>
      ))}
    </div>
  );
}

/** A copyable fact: a label and what it stands for. */
export function Fact({ label, children }: { label: string; children: ReactNode }): ReactNode {
  return (
    <div className="fact">
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}
