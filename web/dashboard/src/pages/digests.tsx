import { type ReactNode, useState } from "react";
import { useAsk } from "../context.tsx";
import type { OpenDigest, UserDigests } from "../protocol.ts";
import { Ago, Failed } from "../ui/bits.tsx";
import { humane, plural } from "../words.ts";
import { Details } from "./details.tsx";

const EVERY_MS = 15_000;

/** What is gathered for a person, and what of it would be told now; where nothing is, nothing is shown. */
export function Digests({ user }: { user: string }): ReactNode {
  const { data, error, reload } = useAsk<UserDigests>("digests", { user }, EVERY_MS);
  const [open, setOpen] = useState<string | null>(null);
  if (error) return <Failed error={error} retry={reload} />;
  if (!data?.digests.length) return null;
  return (
    <section className="card below" aria-labelledby="digests">
      <header className="card-head">
        <h2 id="digests">Open digests</h2>
      </header>
      {data.digests.map((digest) => (
        <One key={digest.id} digest={digest} open={setOpen} />
      ))}
      {open ? <Details id={open} close={() => setOpen(null)} /> : null}
    </section>
  );
}

/** What a digest gathers, in words. */
function titleOf(key: string): string {
  if (key === "quiet") return "Held by quiet hours";
  const named = /^(?:type|key):(.*)$/.exec(key);
  return named?.[1] ?? humane(key);
}

function One({ digest, open }: { digest: OpenDigest; open: (id: string) => void }): ReactNode {
  const { key, closes_at, total, notifications, left_out, left_out_total } = digest;
  return (
    <div className="card-part">
      <h3>{titleOf(key)}</h3>
      <p className="soft small">
        Closes <Ago time={closes_at} />; as of now it tells of {plural(total, "notification")}
        {left_out_total ? ` and leaves out ${left_out_total}` : ""}.
      </p>
      <ul className="gathered">
        {notifications.map(({ id, title }) => (
          <li key={id}>
            <button type="button" className="plain-link strong" dir="auto" onClick={() => open(id)}>
              {title}
            </button>
          </li>
        ))}
        {left_out.map(({ id, title, detail }) => (
          <li key={id}>
            <button type="button" className="plain-link" dir="auto" onClick={() => open(id)}>
              {title}
            </button>
            <span className="under">left out: {detail}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
