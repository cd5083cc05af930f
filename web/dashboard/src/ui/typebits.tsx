import { Fragment, type ReactNode } from "react";
import { brief, type ChannelName, stateOf, versionsOf } from "../catalog.ts";
import type { TypeSummary, Types } from "../protocol.ts";
import { Chip } from "./bits.tsx";
import { Icon } from "./icons.tsx";

/** A warning while nodes of a cluster run different catalogs. */
export function Differing({ nodes }: { nodes: Types["nodes"] }): ReactNode {
  const versions = versionsOf(nodes);
  if (versions.length < 2) return null;
  return (
    <div className="warning" role="status">
      <Icon name="alert" />
      <div>
        <p className="strong">Nodes run different catalogs.</p>
        <p>
          What is emitted reads as the node that takes it has it:{" "}
          {versions.map(([version, names], index) => (
            <Fragment key={version ?? ""}>
              {index ? "; " : null}
              {version ? <span className="mono">{brief(version)}</span> : "none"} on {names.join(", ")}
            </Fragment>
          ))}
          . If a rollout is under way, this passes by itself.
        </p>
      </div>
    </div>
  );
}

/** What holds for the whole type, beyond its channels. */
export function Marks({ type }: { type: TypeSummary }): ReactNode {
  return (
    <span className="marks">
      {type.enabled ? null : <Chip tone="bad">Switched off</Chip>}
      {type.urgent ? <Chip tone="bad">Needs an answer</Chip> : null}
      {type.critical ? <Chip tone="accent">Critical</Chip> : null}
      {type.lane === "bulk" ? <Chip>Bulk</Chip> : null}
      {type.locales.length ? <span className="soft small">{type.locales.join(" · ")}</span> : null}
    </span>
  );
}

export function StateChip(props: { type: TypeSummary; channel: ChannelName }): ReactNode {
  const channel = props.type.channels[props.channel];
  const { word, tone, told } = stateOf(props.type.enabled ? channel : { ...channel, enabled: false });
  return (
    <span className={`chip ${tone}`} title={told}>
      {word}
    </span>
  );
}
