import type { ReactNode } from "react";
import { actor, brief, CHANNELS, channelName, type Group, grouped } from "../catalog.ts";
import { useAsk } from "../context.tsx";
import { useParameter } from "../parameter.ts";
import type { ChannelDay, TypeSummary, Types } from "../protocol.ts";
import { href } from "../route.ts";
import { Ago, Empty, Failed, Heading, Waiting } from "../ui/bits.tsx";
import { Icon } from "../ui/icons.tsx";
import { Differing, Marks, StateChip } from "../ui/typebits.tsx";
import { figure, plural } from "../words.ts";
import { OneType } from "./type.tsx";

const EVERY_MS = 5_000;

export function TypesPage(props: { type: string | null; view: string }): ReactNode {
  return props.type === null ? <All /> : <OneType key={props.type} type={props.type} view={props.view} />;
}

function All(): ReactNode {
  const { data, error, reload } = useAsk<Types>("types", {}, EVERY_MS);
  const [search, setSearch] = useParameter("find");
  const wanted = search.trim().toUpperCase().replaceAll(" ", "_");
  const groups = data ? named(grouped(data), wanted) : [];
  return (
    <>
      <Heading title="Types" note={data?.version ? <Note types={data} /> : "What notifications there are"}>
        <label className="search">
          <Icon name="search" />
          <input
            type="search"
            aria-label="Find a type"
            placeholder="Find a type…"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
          />
        </label>
      </Heading>
      {error ? <Failed error={error} retry={reload} /> : null}
      {data ? <Differing nodes={data.nodes} /> : null}
      {data && data.version === null ? <NoCatalog /> : null}
      {data === null ? (
        error ? null : (
          <div className="card">
            <Waiting lines={8} />
          </div>
        )
      ) : (
        groups.map((group) => <Category key={group.key} group={group} alone={data.version === null} />)
      )}
      {data && wanted && groups.length === 0 ? (
        <section className="card">
          <Empty icon="search" title={`No type is called ${wanted}`}>
            It may be in no catalog, and can be switched off all the same:{" "}
            <a href={href({ page: "types", type: wanted, view: "" })}>open {wanted}</a>.
          </Empty>
        </section>
      ) : null}
    </>
  );
}

/** Those with the text in their name. */
function named(groups: readonly Group[], text: string): readonly Group[] {
  if (!text) return groups;
  return groups
    .map((group) => ({ ...group, types: group.types.filter(([name]) => name.includes(text)) }))
    .filter(({ types }) => types.length);
}

function Note({ types }: { types: Types }): ReactNode {
  const { version, types: all, nodes } = types;
  return (
    <>
      {plural(Object.keys(all).length, "type")} in catalog{" "}
      <span className="mono" title={version ?? ""}>
        {brief(version ?? "")}
      </span>
      , on {plural(Object.keys(nodes).length, "node")}
    </>
  );
}

function NoCatalog(): ReactNode {
  return (
    <section className="card types-card">
      <Empty icon="types" title="This gateway has no catalog">
        <p>
          A catalog says of each type what its data must be, how it reads in which language, and where it
          goes.
        </p>
        <p>
          <code>bellhop catalog init shop</code> writes one to begin with; <code>BELLHOP_CATALOG=shop</code>{" "}
          has the gateway use it.{" "}
          <a href="catalog.txt" target="_blank" rel="noreferrer">
            How a catalog is written
          </a>
          .
        </p>
      </Empty>
    </section>
  );
}

function Category({ group, alone }: { group: Group; alone: boolean }): ReactNode {
  const id = `category-${group.key}`;
  return (
    <section className="card types-card" aria-labelledby={id}>
      <header className="card-head">
        <h2 id={id}>{alone ? "Known without one" : group.name}</h2>
        {group.key ? <span className="mono soft small">{group.key}</span> : null}
      </header>
      <table className="types">
        <thead>
          <tr>
            <th scope="col">Type</th>
            <th scope="col">Inbox</th>
            <th scope="col">Mail</th>
            <th scope="col">Changed</th>
          </tr>
        </thead>
        <tbody>
          {group.types.map(([name, type]) => (
            <Row key={name} name={name} type={type} unchanged={alone ? "Never" : "As in the file"} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Row({ name, type, unchanged }: { name: string; type: TypeSummary; unchanged: string }): ReactNode {
  return (
    <tr className={type.enabled ? "" : "is-off"}>
      <td className="said">
        <a className="row-link type-name" href={href({ page: "types", type: name, view: "" })}>
          {name}
        </a>
        <Marks type={type} />
      </td>
      {CHANNELS.map((channel) => (
        <td key={channel} className="channel-cell">
          <span className="channel-name">{channelName(channel)}</span>
          <StateChip type={type} channel={channel} />
          <Day day={type.day[channel]} />
        </td>
      ))}
      <td className="soft nowrap changed">
        {type.changed ? (
          <>
            <Ago time={type.changed.at} />
            <span className="under">by {actor(type.changed.by)}</span>
          </>
        ) : (
          <span className="none">{unchanged}</span>
        )}
      </td>
    </tr>
  );
}

function Day({ day }: { day: ChannelDay }): ReactNode {
  const { sent, skipped, dead } = day;
  return (
    <span className="under day" title="In the last 24 hours">
      {sent + skipped + dead === 0 ? (
        "nothing today"
      ) : (
        <>
          {figure(sent)} sent
          {skipped ? ` · ${figure(skipped)} skipped` : null}
          {dead ? <b className="dead"> · {figure(dead)} dead</b> : null}
        </>
      )}
    </span>
  );
}
