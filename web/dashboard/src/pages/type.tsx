import { type ReactNode, useState } from "react";
import {
  actor,
  CHANNELS,
  type ChannelName,
  changeWords,
  channelName,
  isSwitched,
  nameOf,
} from "../catalog.ts";
import { refusal, useAsk, useDesk } from "../context.tsx";
import { For, useMay } from "../may.tsx";
import type { TypeDetail, Types } from "../protocol.ts";
import { href } from "../route.ts";
import { Ago, Chip, Empty, Failed, Segments, Waiting } from "../ui/bits.tsx";
import { Confirm } from "../ui/dialog.tsx";
import { Switch } from "../ui/field.tsx";
import { Icon } from "../ui/icons.tsx";
import { Rollout } from "../ui/rollout.tsx";
import { toast } from "../ui/toast.tsx";
import { Differing, Marks } from "../ui/typebits.tsx";
import { figure } from "../words.ts";
import { TypePreviewer } from "./typepreview.tsx";
import { TypeTrial } from "./typetrial.tsx";

const EVERY_MS = 5_000;
type View = "" | "preview";

/** What is to hold from now on; null is what the file says. */
export interface Wish {
  enabled?: boolean | null;
  channels?: Partial<Record<ChannelName, { enabled?: boolean | null; percent?: number | null }>>;
  variant?: string | null;
}

export function OneType(props: { type: string; view: string }): ReactNode {
  const { type } = props;
  const { gateway } = useDesk();
  const may = useMay();
  const asked = useAsk<TypeDetail>("type", { type }, EVERY_MS);
  const all = useAsk<Types>("types", {});
  // What a switch answers is newer than what was asked before it.
  const [told, setTold] = useState<TypeDetail | null>(null);
  const data = newest(told, asked.data);
  const category = all.data?.categories.find(({ key }) => key === data?.category);
  const unknown = data === null && asked.error?.code === "not_found";
  const view: View = props.view === "preview" && data?.known ? "preview" : "";
  const set = async (wish: Wish): Promise<void> => {
    setTold(await gateway.ask<TypeDetail>("type_switch", { type, ...wish }));
    toast("In force on every node within a second", "good");
  };
  return (
    <>
      <a className="back" href={href({ page: "types", type: null, view: "" })}>
        <Icon name="back" />
        Types
      </a>
      <header className="heading">
        <div>
          <h1 className="type-title">{type}</h1>
          {data ? (
            <p className="line">
              {category ? (
                <span className="soft">{nameOf(category, all.data?.default_locale ?? null)}</span>
              ) : null}
              {data.known ? null : <Chip>Not in the catalog</Chip>}
              <Marks type={data} />
            </p>
          ) : null}
        </div>
        <div className="acts">
          {data?.known ? (
            <Segments<View>
              label="Shown"
              value={view}
              choose={(value) => {
                location.hash = href({ page: "types", type, view: value });
              }}
              options={[
                { value: "", label: "Switches" },
                { value: "preview", label: "Preview" },
              ]}
            />
          ) : null}
        </div>
      </header>
      {unknown ? (
        <Unknown type={type} set={set} />
      ) : asked.error ? (
        <Failed error={asked.error} retry={asked.reload} />
      ) : null}
      {all.data ? <Differing nodes={all.data.nodes} /> : null}
      {data === null ? (
        asked.error ? null : (
          <div className="card">
            <Waiting lines={8} />
          </div>
        )
      ) : view === "preview" ? (
        <TypePreviewer type={data} />
      ) : (
        <>
          <fieldset className="bare" disabled={!may("type_switch")}>
            <Kill type={data} set={set} />
            <div className="channels">
              {CHANNELS.map((channel) => (
                <Channel key={channel} type={data} channel={channel} set={set} />
              ))}
            </div>
          </fieldset>
          <TypeTrial type={data} choose={(variant) => set({ variant })} />
          <Changes type={data} />
        </>
      )}
    </>
  );
}

/** An answer that was on its way while a switch was set must not put it back. */
function newest(told: TypeDetail | null, asked: TypeDetail | null): TypeDetail | null {
  if (told === null || asked === null) return told ?? asked;
  return (told.changed?.at ?? "") > (asked.changed?.at ?? "") ? told : asked;
}

/** A type that neither the catalog nor anybody who switched has named: whoever has to stop it cannot wait for a file. */
function Unknown({ type, set }: { type: string; set: (wish: Wish) => Promise<void> }): ReactNode {
  const [asking, setAsking] = useState(false);
  return (
    <section className="card">
      <Empty icon="types" title="Nothing is known of this type">
        <p>
          It is not in the catalog, and nobody has switched it. If backends emit it, it goes out as they say.
        </p>
        <For event="type_switch">
          <button type="button" className="button danger-quiet" onClick={() => setAsking(true)}>
            Switch off…
          </button>
        </For>
      </Empty>
      {asking ? <SwitchOff type={type} critical={false} set={set} close={() => setAsking(false)} /> : null}
    </section>
  );
}

/** Asks, and says what comes of it. */
function SwitchOff(props: {
  type: string;
  critical: boolean;
  set: (wish: Wish) => Promise<void>;
  close: () => void;
}): ReactNode {
  return (
    <Confirm
      title={`Switch ${props.type} off?`}
      act="Switch off"
      danger
      close={props.close}
      run={() => props.set({ enabled: false })}
    >
      <ul className="consequences">
        <li>Within a second no node shows or mails anything of this type, to anybody.</li>
        <li>Emits are answered 202 all the same, and their records say “skipped: switch”.</li>
        <li>Mail of it that is still waiting is not sent. What was delivered stays where it is.</li>
        {props.critical ? <li>It is critical: people may wait for it.</li> : null}
      </ul>
    </Confirm>
  );
}

function Kill({ type, set }: { type: TypeDetail; set: (wish: Wish) => Promise<void> }): ReactNode {
  const [asking, setAsking] = useState(false);
  const switched = isSwitched(type.changes);
  return (
    <section className={`card kill ${type.enabled ? "" : "off"}`} aria-labelledby="kill">
      <span className="kill-icon">
        <Icon name="power" />
      </span>
      <div className="kill-words">
        <h2 id="kill">{type.enabled ? "On" : "Switched off"}</h2>
        <p className="soft">
          {type.enabled
            ? "Emits of this type go out by the channels below."
            : "Nothing of this type is shown or mailed. Emits are still answered 202, and their records say why."}
        </p>
      </div>
      <div className="acts">
        {switched ? (
          <button type="button" className="button" onClick={() => void quietly(set({ enabled: null }))}>
            What the file says
          </button>
        ) : null}
        {type.enabled ? (
          <button type="button" className="button danger-quiet" onClick={() => setAsking(true)}>
            Switch off…
          </button>
        ) : (
          <button
            type="button"
            className="button primary"
            onClick={() => void quietly(set({ enabled: true }))}
          >
            Switch on
          </button>
        )}
      </div>
      {asking ? (
        <SwitchOff type={type.type} critical={type.critical} set={set} close={() => setAsking(false)} />
      ) : null}
    </section>
  );
}

function Channel(props: {
  type: TypeDetail;
  channel: ChannelName;
  set: (wish: Wish) => Promise<void>;
}): ReactNode {
  const { type, channel, set } = props;
  const state = type.channels[channel];
  const { sent, skipped, dead } = type.day[channel];
  const name = channelName(channel);
  const wish = (wanted: { enabled?: boolean | null; percent?: number | null }) =>
    set({ channels: { [channel]: wanted } });
  return (
    <section
      className={`card channel ${type.enabled ? "" : "is-off"}`}
      aria-labelledby={`channel-${channel}`}
    >
      <header className="card-head">
        <h2 id={`channel-${channel}`}>
          <Icon name={channel === "email" ? "mail" : "bell"} />
          {name}
        </h2>
        {state.overridden ? <Chip tone="accent">Set by an admin</Chip> : <Chip>As in the file</Chip>}
      </header>
      <div className="channel-body">
        <Switch
          label={`${name} is ${state.enabled ? "on" : "off"}`}
          note={state.enabled ? useOf(channel, state.by_default) : "Nothing of this type goes this way."}
          on={state.enabled}
          set={(on) => void quietly(wish({ enabled: on }))}
        />
        <Rollout
          label={`${name} rollout`}
          percent={state.percent}
          disabled={!state.enabled || !type.enabled}
          set={(percent) => quietly(wish({ percent }))}
        />
        {state.overridden ? (
          <button
            type="button"
            className="button small reset"
            onClick={() => void quietly(wish({ enabled: null, percent: null }))}
          >
            <Icon name="retry" />
            What the file says
          </button>
        ) : null}
        <dl className="day-figures" aria-label={`${name} in the last 24 hours`}>
          <div>
            <dt>{channel === "email" ? "Sent today" : "Shown today"}</dt>
            <dd>{figure(sent)}</dd>
          </div>
          <div>
            <dt>Skipped</dt>
            <dd>{figure(skipped)}</dd>
          </div>
          {channel === "email" ? (
            <div className={dead ? "bad" : ""}>
              <dt>Dead</dt>
              <dd>{figure(dead)}</dd>
            </div>
          ) : null}
        </dl>
      </div>
    </section>
  );
}

function useOf(channel: ChannelName, byDefault: boolean): string {
  if (byDefault) return "Used for every emit of this type, unless the emit says otherwise.";
  return channel === "in_app" ? "This type is for mail only." : "Used when an emit asks for it.";
}

function Changes({ type }: { type: TypeDetail }): ReactNode {
  return (
    <section className="card" aria-labelledby="changes">
      <header className="card-head">
        <h2 id="changes">Who switched what</h2>
      </header>
      {type.changes.length ? (
        <ul className="changes">
          {type.changes.map((change) => (
            <li key={`${change.at} ${change.by}`}>
              <span>{changeWords(change).join(" ")}</span>
              <span className="soft nowrap">
                {actor(change.by)}, <Ago time={change.at} />
              </span>
            </li>
          ))}
        </ul>
      ) : (
        <p className="soft unchanged">Nobody has: all is as the catalog’s file says.</p>
      )}
    </section>
  );
}

/** Answers whether it was done; what is refused is told. */
async function quietly(done: Promise<void>): Promise<boolean> {
  try {
    await done;
    return true;
  } catch (error) {
    toast(refusal(error).message, "bad");
    return false;
  }
}
