import type { ReactNode } from "react";
import { askedOf, authorOf, CHANNEL_NAMES, CHANNELS, hoursOf, originOf } from "../choices.ts";
import { useAsk } from "../context.tsx";
import type { CellAnswer, PreferenceRow, UserPreferences } from "../protocol.ts";
import { href } from "../route.ts";
import { Ago, Chip, Empty, Fact, Failed, Waiting } from "../ui/bits.tsx";
import { humane } from "../words.ts";

const EVERY_MS = 15_000;

/** What a person has chosen to be told, what holds of it, and who has chosen so. */
export function Choices({ user }: { user: string }): ReactNode {
  const { data, error, reload } = useAsk<UserPreferences>("user_preferences", { user }, EVERY_MS);
  return (
    <section className="card below" aria-labelledby="choices">
      <header className="card-head">
        <h2 id="choices">Preferences</h2>
        {data ? (
          <span className="soft small">{data.version ? `Version ${data.version}` : "Never changed"}</span>
        ) : null}
      </header>
      {error ? <Failed error={error} retry={reload} /> : null}
      {data ? <Body user={user} data={data} /> : error ? null : <Waiting lines={6} />}
    </section>
  );
}

function Body({ user, data }: { user: string; data: UserPreferences }): ReactNode {
  const off = CHANNELS.filter((channel) => data.channels[channel] === false);
  return (
    <>
      <dl className="facts card-facts across">
        <Fact label="Quiet hours">{hoursOf(data)}</Fact>
        <Fact label="Time zone">{data.timezone ?? <Unchosen />}</Fact>
        <Fact label="Language">{data.locale ?? <Unchosen />}</Fact>
        <Fact label="Tracking">
          {data.tracking === null ? <Unchosen /> : data.tracking ? "Agreed" : "Refused"}
        </Fact>
        <Fact label="Channels off">
          {off.length ? off.map((channel) => CHANNEL_NAMES[channel]).join(", ") : "None"}
        </Fact>
      </dl>
      {data.grid.length ? (
        <table className="grid">
          <thead>
            <tr>
              <th scope="col">Type</th>
              {CHANNELS.map((channel) => (
                <th scope="col" key={channel}>
                  {CHANNEL_NAMES[channel]}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {data.grid.map((row) => (
              <Line key={row.type} row={row} />
            ))}
          </tbody>
        </table>
      ) : (
        <Empty icon="types" title="Nothing to choose">
          There is no catalog, so there are no types to choose from.
        </Empty>
      )}
      <Changes user={user} data={data} />
    </>
  );
}

function Unchosen(): ReactNode {
  return <span className="soft">not chosen</span>;
}

function Line({ row }: { row: PreferenceRow }): ReactNode {
  return (
    <tr>
      <td className="said">
        <a className="strong clip" href={href({ page: "types", type: row.type, view: "" })}>
          {row.type}
        </a>
        <span className="under clip">{row.type_name ? `${row.name}: ${row.type_name}` : row.name}</span>
      </td>
      {CHANNELS.map((channel) => (
        <td key={channel}>
          <Cell name={CHANNEL_NAMES[channel] ?? channel} cell={row.channels[channel]} />
        </td>
      ))}
    </tr>
  );
}

function Cell({ name, cell }: { name: string; cell: CellAnswer }): ReactNode {
  return (
    <>
      <span className="channel-name">{name}</span>
      <Chip tone={cell.value ? "good" : "plain"}>
        {typeof cell.value === "string" ? humane(cell.value) : cell.value ? "On" : "Off"}
      </Chip>
      <span className={cell.from === "default" ? "under" : "under told"}>{originOf(cell)}</span>
    </>
  );
}

function Changes({ user, data }: { user: string; data: UserPreferences }): ReactNode {
  if (!data.changes.length) return null;
  return (
    <div className="card-part">
      <h3>Changes</h3>
      <ol className="log">
        {data.changes.map((change) => (
          <li key={change.version}>
            <span className="soft nowrap small">
              <Ago time={change.at} />
            </span>
            <span>
              <b>{authorOf(change, user)}</b>
              {askedOf(change).map((line) => (
                <span key={line} className="under">
                  {line}
                </span>
              ))}
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
}
