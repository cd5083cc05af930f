/** The switches of a type: as a whole, and of each channel with its rollout. */

import { type ReactNode, useState } from "react";
import { type ChannelName, channelName, isSwitched } from "../catalog.ts";
import { refusal } from "../context.tsx";
import type { TypeDetail } from "../protocol.ts";
import { Chip } from "../ui/bits.tsx";
import { Confirm } from "../ui/dialog.tsx";
import { Switch } from "../ui/field.tsx";
import { Icon } from "../ui/icons.tsx";
import { Rollout } from "../ui/rollout.tsx";
import { toast } from "../ui/toast.tsx";
import { figure } from "../words.ts";

/** What is to hold from now on; null is what the file says. */
export interface Wish {
  enabled?: boolean | null;
  channels?: Partial<Record<ChannelName, { enabled?: boolean | null; percent?: number | null }>>;
  variant?: string | null;
}

/** Asks, and says what comes of it. */
export function SwitchOff(props: {
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

export function Kill({ type, set }: { type: TypeDetail; set: (wish: Wish) => Promise<void> }): ReactNode {
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

export function Channel(props: {
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
