import { type FormEvent, type ReactNode, useState } from "react";
import { refusal, useDesk } from "../context.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Field } from "../ui/field.tsx";
import { toast } from "../ui/toast.tsx";

/** Asks for an address that is to get no mail any more. */
export function AddSuppression(props: { close: () => void; done: () => void }): ReactNode {
  const { gateway } = useDesk();
  const [address, setAddress] = useState("");
  const [scope, setScope] = useState("*");
  const [category, setCategory] = useState("");
  const [note, setNote] = useState("");
  const [busy, setBusy] = useState(false);
  const [errors, setErrors] = useState<Record<string, string[]>>({});
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      await gateway.ask("suppress", {
        address: address.trim(),
        scope: scope === "category" ? `category:${category.trim()}` : scope,
        ...(note.trim() && { evidence: { diagnostic: note.trim() } }),
      });
      toast("Suppressed: it gets no more of it", "good");
      props.done();
      props.close();
    } catch (error) {
      const { message, errors: found } = refusal(error);
      setErrors(Object.keys(found).length ? found : { "": [message] });
      setBusy(false);
    }
  };
  const said = (name: string) => errors[name]?.join(" ") ?? null;
  return (
    <Dialog title="Suppress an address" shape="box" close={props.close}>
      <form onSubmit={(event) => void save(event)}>
        <div className="dialog-body">
          <Field label="Address" required error={said("address")}>
            {(given) => (
              <input
                {...given}
                value={address}
                onChange={(event) => setAddress(event.target.value)}
                autoComplete="off"
              />
            )}
          </Field>
          <Field label="What it gets no more" error={scope === "category" ? null : said("scope")}>
            {(given) => (
              <select {...given} value={scope} onChange={(event) => setScope(event.target.value)}>
                <option value="*">Mail at all</option>
                <option value="lane:bulk">Bulk mail</option>
                <option value="category">Mail of one category</option>
              </select>
            )}
          </Field>
          {scope === "category" ? (
            <Field label="Category" hint="As the catalog calls it, such as offers" error={said("scope")}>
              {(given) => (
                <input {...given} value={category} onChange={(event) => setCategory(event.target.value)} />
              )}
            </Field>
          ) : null}
          <Field label="Why" hint="Kept as its evidence" error={said("evidence.diagnostic")}>
            {(given) => <input {...given} value={note} onChange={(event) => setNote(event.target.value)} />}
          </Field>
          {said("") ? (
            <p className="problem" role="alert">
              {said("")}
            </p>
          ) : null}
        </div>
        <footer className="dialog-foot">
          <button type="button" className="button" onClick={props.close}>
            Cancel
          </button>
          <button type="submit" className="button primary" disabled={busy || address.trim() === ""}>
            Suppress
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
