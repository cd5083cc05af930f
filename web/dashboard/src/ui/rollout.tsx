import { type CSSProperties, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { reachOf } from "../catalog.ts";

/** How long nothing moves before it is saved: an arrow key that is held is one change. */
const SETTLED_MS = 400;

/** For how many of the users something is on: a slider and a number beside it, saved on release. */
export function Rollout(props: {
  label: string;
  percent: number;
  disabled: boolean;
  /** Answers whether it was taken. */
  set: (percent: number) => Promise<boolean>;
}): ReactNode {
  const { percent, set } = props;
  const [chosen, setChosen] = useState(String(percent));
  const id = useId();
  const slider = useRef<HTMLInputElement>(null);
  const field = useRef<HTMLInputElement>(null);
  /** What was released last, and is not saved yet. */
  const waiting = useRef<string | null>(null);
  const save = useRef((_: string) => {});
  save.current = (text) => {
    const wanted = percentIn(text);
    if (wanted === null || wanted === percent) setChosen(String(percent));
    else
      void set(wanted).then((taken) => {
        if (!taken) setChosen(String(percent));
      });
  };
  useEffect(() => {
    if (waiting.current === null) setChosen(String(percent));
  }, [percent]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const settle = () => {
      clearTimeout(timer);
      const text = waiting.current;
      waiting.current = null;
      if (text !== null) save.current(text);
    };
    // React's own change is each step of a drag; the browser's is its end.
    const changed = (event: Event) => {
      clearTimeout(timer);
      waiting.current = (event.target as HTMLInputElement).value;
      timer = setTimeout(settle, SETTLED_MS);
    };
    const inputs = [slider.current, field.current];
    for (const input of inputs) input?.addEventListener("change", changed);
    return () => {
      for (const input of inputs) input?.removeEventListener("change", changed);
      settle();
    };
  }, []);
  const shown = percentIn(chosen);
  return (
    <div className="rollout">
      <div className="rollout-head">
        <label htmlFor={`${id}-field`}>{props.label}</label>
        <span className="percent">
          <input
            ref={field}
            id={`${id}-field`}
            inputMode="decimal"
            value={chosen}
            disabled={props.disabled}
            aria-describedby={`${id}-rule`}
            aria-invalid={shown === null}
            autoComplete="off"
            onChange={(event) => setChosen(event.target.value)}
          />
          %
        </span>
      </div>
      <input
        ref={slider}
        type="range"
        min={0}
        max={100}
        step={1}
        value={shown ?? percent}
        disabled={props.disabled}
        aria-label={`${props.label}, slider`}
        aria-valuetext={`${shown ?? percent} %`}
        aria-describedby={`${id}-rule`}
        style={{ "--filled": `${shown ?? percent}%` } as CSSProperties}
        onChange={(event) => setChosen(event.target.value)}
      />
      <p id={`${id}-rule`} className={shown === null ? "problem" : "hint"}>
        {shown === null ? "A number from 0 to 100." : ruleOf(shown)}
      </p>
    </div>
  );
}

function ruleOf(percent: number): string {
  const said = reachOf(percent);
  return percent > 0 && percent < 100 ? `${said} Raising it keeps everyone who is in.` : said;
}

/** The number that was written, when it is one of the possible. */
export function percentIn(text: string): number | null {
  const number = Number(text.replace(",", ".").replace("%", ""));
  if (text.trim() === "" || !Number.isFinite(number) || number < 0 || number > 100) return null;
  return Math.round(number * 100) / 100;
}
