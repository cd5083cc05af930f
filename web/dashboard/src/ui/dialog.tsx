import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { refusal } from "../context.tsx";
import { Icon } from "./icons.tsx";

/** A modal `<dialog>`: the browser keeps the focus inside, closes on Escape and gives the focus back. */
export function Dialog(props: {
  title: string;
  shape: "drawer" | "box";
  /** Null for one that cannot be closed, only answered. */
  close: (() => void) | null;
  children: ReactNode;
}): ReactNode {
  const node = useRef<HTMLDialogElement>(null);
  const title = useId();
  useEffect(() => {
    const dialog = node.current;
    if (dialog && !dialog.open) dialog.showModal();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it, the browser sees to that
    <dialog
      ref={node}
      className={props.shape}
      aria-labelledby={title}
      // A browser closes any dialog on the second Escape: one that must be answered opens again.
      onClose={() => (props.close ? props.close() : node.current?.showModal())}
      onCancel={(event) => props.close === null && event.preventDefault()}
      onClick={(event) => props.close && event.target === node.current && node.current.close()}
    >
      <div className="dialog-inner">
        <header className="dialog-head">
          <h2 id={title}>{props.title}</h2>
          {props.close ? (
            <button
              type="button"
              className="icon-button"
              aria-label="Close"
              onClick={() => node.current?.close()}
            >
              <Icon name="close" />
            </button>
          ) : null}
        </header>
        {props.children}
      </div>
    </dialog>
  );
}

/** Asks before something that cannot be taken back; stays open with the reason when it fails. */
export function Confirm(props: {
  title: string;
  children: ReactNode;
  act: string;
  danger?: boolean;
  /** What must be typed first, for what is worse than a nuisance. */
  phrase?: string;
  run: () => Promise<void>;
  close: () => void;
}): ReactNode {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [typed, setTyped] = useState("");
  const ready = props.phrase === undefined || typed === props.phrase;
  const run = async () => {
    setBusy(true);
    try {
      await props.run();
      props.close();
    } catch (error) {
      setProblem(refusal(error).message);
      setBusy(false);
    }
  };
  return (
    <Dialog title={props.title} shape="box" close={props.close}>
      <div className="dialog-body">
        {props.children}
        {props.phrase === undefined ? null : (
          <label className="field">
            <span className="label">
              Type <b className="mono">{props.phrase}</b> to confirm
            </span>
            <input value={typed} onChange={(event) => setTyped(event.target.value)} autoComplete="off" />
          </label>
        )}
        {problem ? (
          <p className="problem" role="alert">
            {problem}
          </p>
        ) : null}
      </div>
      <footer className="dialog-foot">
        <button type="button" className="button" onClick={props.close}>
          Cancel
        </button>
        <button
          type="button"
          className={`button ${props.danger ? "danger" : "primary"}`}
          disabled={busy || !ready}
          onClick={() => void run()}
        >
          {props.act}
        </button>
      </footer>
    </Dialog>
  );
}
