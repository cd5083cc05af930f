import { type ReactNode, useState } from "react";
import { actor, CHANNELS, changeWords, nameOf } from "../catalog.ts";
import { useAsk, useDesk } from "../context.tsx";
import { For, useMay } from "../may.tsx";
import type { TypeDetail, Types } from "../protocol.ts";
import { href } from "../route.ts";
import { Ago, Chip, Empty, Failed, Segments, Waiting } from "../ui/bits.tsx";
import { Icon } from "../ui/icons.tsx";
import { toast } from "../ui/toast.tsx";
import { Differing, Marks } from "../ui/typebits.tsx";
import { TypePreviewer } from "./typepreview.tsx";
import { Channel, Kill, SwitchOff, type Wish } from "./typeswitches.tsx";
import { TypeTrial } from "./typetrial.tsx";

const EVERY_MS = 5_000;
type View = "" | "preview";

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
