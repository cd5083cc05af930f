import { type ReactNode, useId } from "react";

/** What a control gets of the field that it stands in. */
export interface Given {
  readonly id: string;
  readonly "aria-invalid": boolean;
  readonly "aria-describedby": string | undefined;
  readonly "aria-required"?: true;
}

/** A label, its control, and below it what is wrong, or else a hint. */
export function Field(props: {
  label: ReactNode;
  hint?: ReactNode;
  note?: ReactNode;
  required?: boolean;
  error: string | null;
  children: (given: Given) => ReactNode;
}): ReactNode {
  const id = useId();
  const said = props.error ?? props.hint;
  return (
    <div className="field">
      <span className="label">
        <label htmlFor={id}>
          {props.label}
          {props.required ? (
            <span className="required" aria-hidden="true">
              {" *"}
            </span>
          ) : null}
        </label>
        {props.note ? <span className="soft">{props.note}</span> : null}
      </span>
      {props.children({
        id,
        "aria-invalid": props.error !== null,
        "aria-describedby": said ? `${id}-said` : undefined,
        ...(props.required ? { "aria-required": true } : {}),
      })}
      {said ? (
        <span id={`${id}-said`} className={props.error ? "problem" : "hint"}>
          {said}
        </span>
      ) : null}
    </div>
  );
}

export function Switch(props: {
  label: ReactNode;
  note?: ReactNode;
  on: boolean;
  disabled?: boolean;
  set: (on: boolean) => void;
}): ReactNode {
  return (
    <label className="switch">
      <input
        type="checkbox"
        role="switch"
        aria-checked={props.on}
        checked={props.on}
        disabled={props.disabled}
        onChange={(event) => props.set(event.target.checked)}
      />
      <span>
        <span className="label">{props.label}</span>
        {props.note ? <span className="hint">{props.note}</span> : null}
      </span>
    </label>
  );
}

/** From a day to a day, either of which may be left open. */
export function DayRange(props: {
  since: string;
  until: string;
  set: (change: { since?: string; until?: string }) => void;
}): ReactNode {
  const { since, until, set } = props;
  return (
    <>
      <label className="day">
        <span className="soft">From</span>
        <input
          type="date"
          value={since}
          max={until}
          onChange={(event) => set({ since: event.target.value })}
        />
      </label>
      <label className="day">
        <span className="soft">to</span>
        <input
          type="date"
          value={until}
          min={since}
          onChange={(event) => set({ until: event.target.value })}
        />
      </label>
    </>
  );
}
