import { type ReactNode, useState } from "react";
import { useAsk, useDesk } from "../context.tsx";
import { For } from "../may.tsx";
import type { NodeState, NodesPage as Page } from "../protocol.ts";
import { Ago, Chip, Failed, Heading, Waiting } from "../ui/bits.tsx";
import { Confirm } from "../ui/dialog.tsx";
import { Icon } from "../ui/icons.tsx";
import { toast } from "../ui/toast.tsx";
import { figure, part, plural } from "../words.ts";

const EVERY_MS = 5_000;

/** The nodes of the cluster: what each runs, how busy it is, and sending one away. */
export function NodesPage(): ReactNode {
  const { gateway } = useDesk();
  const { data, error, reload } = useAsk<Page>("nodes", {}, EVERY_MS);
  const [leaving, setLeaving] = useState<string | null>(null);
  const alone = data?.nodes.length === 1;
  const catalogs = new Set(data?.nodes.map(({ catalog }) => catalog));
  const releases = new Set(data?.nodes.map(({ release }) => release));
  return (
    <>
      <Heading title="Nodes" note={data ? plural(data.nodes.length, "node") : "What this gateway runs on"} />
      {error ? <Failed error={error} retry={reload} /> : null}
      {data?.silent.length ? (
        <p className="card notice" role="status">
          <Icon name="alert" />
          <span>
            No answer of <b className="mono">{data.silent.join(", ")}</b>
          </span>
        </p>
      ) : null}
      <section className="card" aria-label="Nodes">
        {data === null ? (
          error ? null : (
            <Waiting lines={3} />
          )
        ) : (
          <table className="nodes">
            <thead>
              <tr>
                <th scope="col">Node</th>
                <th scope="col">Release</th>
                <th scope="col">Catalog</th>
                <th scope="col">Sessions</th>
                <th scope="col">Load</th>
                <th scope="col">
                  <span className="unseen">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {data.nodes.map((node) => (
                <Row
                  key={node.node}
                  node={node}
                  asked={node.node === data.asked}
                  differs={{ release: releases.size > 1, catalog: catalogs.size > 1 }}
                  drain={setLeaving}
                />
              ))}
            </tbody>
          </table>
        )}
      </section>
      {leaving ? (
        <Confirm
          title={`Send ${leaving} away?`}
          act="Drain"
          danger
          close={() => setLeaving(null)}
          run={async () => {
            await gateway.ask("drain_node", { node: leaving });
            toast(`${leaving} is leaving`, "good");
            reload();
          }}
        >
          <p>
            It sends its clients to the others, finishes its mail, and its process ends. Whatever runs it may
            start it again.
            {alone ? " There is no other node: nobody is served until one is there." : ""}
          </p>
        </Confirm>
      ) : null}
    </>
  );
}

function Row(props: {
  node: NodeState;
  asked: boolean;
  differs: { release: boolean; catalog: boolean };
  drain: (node: string) => void;
}): ReactNode {
  const { node, differs } = props;
  return (
    <tr>
      <td className="said">
        <span className="strong mono clip">{node.node}</span>
        <span className="under clip">
          {props.asked ? "you are here · " : ""}
          started <Ago time={node.started_at} />
        </span>
      </td>
      <td>{differs.release ? <Chip tone="warn">{node.release}</Chip> : node.release}</td>
      <td className="mono small">
        {differs.catalog ? <Chip tone="warn">{node.catalog ?? "none"}</Chip> : (node.catalog ?? "none")}
      </td>
      <td>
        {figure(node.sessions)}
        <span className="under">{plural(node.users, "user")}</span>
      </td>
      <td>{part(node.load)}</td>
      <td className="row-acts">
        {node.leaving ? (
          <Chip tone="warn">Leaving</Chip>
        ) : (
          <For event="drain_node">
            <button
              type="button"
              className="button small"
              aria-label={`Drain ${node.node}`}
              onClick={() => props.drain(node.node)}
            >
              Drain…
            </button>
          </For>
        )}
      </td>
    </tr>
  );
}
