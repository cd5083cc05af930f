import { type ReactNode, useRef, useState } from "react";
import { refusal, useDesk } from "../context.tsx";
import { download } from "../download.ts";
import { For } from "../may.tsx";
import { paced } from "../pace.ts";
import { More, usePages } from "../paging.tsx";
import type { SuppressionPage as Page, Suppression } from "../protocol.ts";
import { href } from "../route.ts";
import { AT_ONCE, type Imported, type Item, imported, read, sheetOf } from "../suppressionlist.ts";
import { Ago, Chip, Empty, Failed, Heading, Segments, type Tone, Waiting } from "../ui/bits.tsx";
import { Confirm, Dialog } from "../ui/dialog.tsx";
import { Icon } from "../ui/icons.tsx";
import { toast } from "../ui/toast.tsx";
import { humane, plural } from "../words.ts";
import { Details } from "./details.tsx";
import { AddSuppression } from "./suppress.tsx";

const EVERY_MS = 5_000;
const SHOWN = 50;
const PAGE = 200;
const FILE_BYTES = 8 * 2 ** 20;
const MISTAKES_SHOWN = 20;
const SCOPES = [
  { value: "", label: "All" },
  { value: "*", label: "No mail at all" },
  { value: "lane:bulk", label: "No bulk mail" },
];
const TONES: Record<string, Tone> = { hard_bounce: "bad", complaint: "bad", soft_bounce: "warn" };

/** Whom no mail goes to, how it is known, and how it is lifted. */
export function SuppressionsPage(props: { address: string; scope: string }): ReactNode {
  const { address, scope } = props;
  const { gateway } = useDesk();
  const asked = { limit: SHOWN, ...(address && { address }), ...(scope && { scope }) };
  const { data, error, items, next, more, ...pages } = usePages<Page, Suppression>({
    event: "suppressions",
    question: asked,
    place: "before",
    everyMs: EVERY_MS,
    itemsOf: (page) => page.suppressions,
    keyOf: ({ scope: within, address: of }) => `${within} ${of}`,
  });
  const [text, setText] = useState(address);
  const [lifting, setLifting] = useState<Suppression | null>(null);
  const [open, setOpen] = useState<string | null>(null);
  const [adding, setAdding] = useState(false);
  const go = (where: { address?: string; scope?: string }) => {
    location.hash = href({ page: "suppressions", address, scope, ...where });
  };
  const reload = () => {
    pages.forget();
    pages.reload();
  };
  return (
    <>
      <Heading title="Suppressions" note="Addresses that get no mail, how that is known, and the way back">
        <For event="suppress">
          <button type="button" className="button" onClick={() => setAdding(true)}>
            <Icon name="plus" />
            Add…
          </button>
          <Import done={reload} />
        </For>
        <Export asked={asked} />
      </Heading>
      <form
        className="filters"
        onSubmit={(event) => {
          event.preventDefault();
          go({ address: text.trim() });
        }}
      >
        <label className="search">
          <Icon name="search" />
          <input
            type="search"
            aria-label="Address"
            placeholder="An address, then Enter"
            value={text}
            onChange={(event) => {
              setText(event.target.value);
              if (event.target.value === "") go({ address: "" });
            }}
          />
        </label>
        <Segments label="Scope" value={scope} choose={(value) => go({ scope: value })} options={SCOPES} />
      </form>
      {error ? <Failed error={error} retry={reload} /> : null}
      <section className="card" aria-label="Suppressions">
        {data === null ? (
          error ? null : (
            <Waiting lines={6} />
          )
        ) : items.length === 0 ? (
          <Empty icon="check" title={address || scope ? "None such" : "Nobody is suppressed"}>
            Addresses come to stand here when they refuse mail for good, complain, or are added by hand.
          </Empty>
        ) : (
          <List items={items} lift={setLifting} open={setOpen} />
        )}
        <More next={next} more={more}>
          Older
        </More>
      </section>
      {adding ? <AddSuppression close={() => setAdding(false)} done={reload} /> : null}
      {open ? <Details id={open} close={() => setOpen(null)} /> : null}
      {lifting ? (
        <Confirm
          title="Write to this address again?"
          act="Lift"
          close={() => setLifting(null)}
          run={async () => {
            await gateway.ask("lift_suppression", { address: lifting.address, scope: lifting.scope });
            toast("Lifted: it is written to again", "good");
            reload();
          }}
        >
          <p>
            <b className="mono">{lifting.address}</b> gets {scopeWords(lifting.scope, "mail again")}. If the
            cause is still there, it comes to stand here again.
          </p>
        </Confirm>
      ) : null}
    </>
  );
}

function List(props: {
  items: readonly Suppression[];
  lift: (suppression: Suppression) => void;
  open: (mail: string) => void;
}): ReactNode {
  return (
    <table className="suppressions">
      <thead>
        <tr>
          <th scope="col">Address</th>
          <th scope="col">Reason</th>
          <th scope="col">Evidence</th>
          <th scope="col">When</th>
          <th scope="col">
            <span className="unseen">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {props.items.map((item) => (
          <tr key={`${item.scope} ${item.address}`}>
            <td className="said">
              <span className="strong clip">{item.address}</span>
              <span className="under clip">{scopeWords(item.scope, "mail")}</span>
            </td>
            <td>
              <Chip tone={TONES[item.reason] ?? "plain"}>{humane(item.reason)}</Chip>
              <span className="under clip">{item.source}</span>
            </td>
            <td className="reason soft">
              <span className="clip-2" title={item.evidence.diagnostic ?? ""}>
                {[item.evidence.code, item.evidence.diagnostic].filter(Boolean).join(" · ") || "–"}
              </span>
              {item.evidence.mail ? (
                <button
                  type="button"
                  className="plain-link under"
                  onClick={() => props.open(item.evidence.mail ?? "")}
                >
                  The mail
                </button>
              ) : null}
            </td>
            <td className="soft nowrap">
              <Ago time={item.created_at} />
              {item.expires_at ? (
                <span className="under">
                  ends <Ago time={item.expires_at} />
                </span>
              ) : null}
            </td>
            <td className="row-acts">
              <For event="lift_suppression">
                <button
                  type="button"
                  className="button small"
                  aria-label={`Lift ${item.address}`}
                  onClick={() => props.lift(item)}
                >
                  Lift…
                </button>
              </For>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Import({ done }: { done: () => void }): ReactNode {
  const { gateway } = useDesk();
  const file = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState<string | null>(null);
  const [result, setResult] = useState<Imported | null>(null);
  const take = async (chosen: File) => {
    if (chosen.size > FILE_BYTES)
      throw new Error("The file is larger than 8 MB: bellhop suppressions import takes it.");
    const lines = read(await chosen.text());
    if (lines === null) throw new Error("Its first line names no column address.");
    const ask = paced(
      async (suppressions: readonly Item[]) =>
        (await gateway.ask<{ suppressed: number }>("suppress_many", { suppressions })).suppressed,
    );
    return imported(lines, ask, (count) =>
      setBusy(lines.length > AT_ONCE ? `${count} of ${lines.length}` : "…"),
    );
  };
  const start = (chosen: File) => {
    setBusy("…");
    take(chosen)
      .then(setResult, (error: Error) => toast(error.message, "bad"))
      .finally(() => {
        setBusy(null);
        done();
      });
  };
  return (
    <>
      <input
        ref={file}
        type="file"
        accept=".csv,text/csv"
        hidden
        aria-label="A list as CSV"
        onChange={(event) => {
          const [chosen] = event.target.files ?? [];
          if (chosen) start(chosen);
          event.target.value = "";
        }}
      />
      <button type="button" className="button" disabled={busy !== null} onClick={() => file.current?.click()}>
        {busy === null ? "Import CSV…" : `Importing ${busy}`}
      </button>
      {result ? (
        <Dialog title="Imported" shape="box" close={() => setResult(null)}>
          <div className="dialog-body">
            <p>
              {plural(result.read, "line")} read, {result.fresh} new, {result.mistakes.length} left out.
            </p>
            {result.mistakes.length ? (
              <ul className="mistakes">
                {result.mistakes.slice(0, MISTAKES_SHOWN).map(({ line, problem }) => (
                  <li key={line}>
                    Line {line}: {problem}
                  </li>
                ))}
              </ul>
            ) : null}
          </div>
        </Dialog>
      ) : null}
    </>
  );
}

function Export({ asked }: { asked: object }): ReactNode {
  const { gateway } = useDesk();
  const [busy, setBusy] = useState(false);
  const write = async () => {
    const ask = paced((place: object) =>
      gateway.ask<Page>("suppressions", { ...asked, limit: PAGE, ...place }),
    );
    const found: Suppression[] = [];
    let before: string | null = null;
    do {
      const page: Page = await ask(before === null ? {} : { before });
      found.push(...page.suppressions);
      before = page.next;
    } while (before !== null);
    download("suppressions.csv", sheetOf(found));
  };
  return (
    <button
      type="button"
      className="button"
      disabled={busy}
      onClick={() => {
        setBusy(true);
        write()
          .catch((error: unknown) => toast(refusal(error).message, "bad"))
          .finally(() => setBusy(false));
      }}
    >
      {busy ? "Exporting…" : "Export CSV"}
    </button>
  );
}

function scopeWords(scope: string, mail: string): string {
  if (scope === "*") return `all ${mail}`;
  const [kind, name = ""] = scope.split(":", 2);
  return kind === "lane" ? `${name} ${mail}` : `${mail} about ${humane(name).toLowerCase()}`;
}
