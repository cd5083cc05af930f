import type { ReactNode } from "react";
import { Field } from "../ui/field.tsx";

/** When a campaign is sent, and how fast; what is empty is left to the gateway. */
export interface TimingAsked {
  /** By the clock of who looks, as `datetime-local` has it. */
  readonly sendAt: string;
  readonly localTime: string;
  /** As it was written: what is no number, the gateway says. */
  readonly rate: string;
}

export const AT_ONCE: TimingAsked = { sendAt: "", localTime: "", rate: "" };

/** What `create_campaign` is told of it. */
export function timingAsked({ sendAt, localTime, rate }: TimingAsked): object {
  const number = Number(rate);
  return {
    ...(sendAt && { send_at: new Date(sendAt).toISOString() }),
    ...(localTime && { local_time: localTime }),
    ...(rate.trim() && { rate: Number.isFinite(number) ? number : rate.trim() }),
  };
}

export function TimingFields(props: {
  asked: TimingAsked;
  change: (asked: TimingAsked) => void;
  error: (field: string) => string | null;
}): ReactNode {
  const { asked, change, error } = props;
  return (
    <>
      <Field label="Begins" note="your time" hint="Empty: as you start it" error={error("send_at")}>
        {(given) => (
          <input
            {...given}
            type="datetime-local"
            value={asked.sendAt}
            onChange={(event) => change({ ...asked, sendAt: event.target.value })}
          />
        )}
      </Field>
      <div className="pair">
        <Field label="Local time" hint="By each one’s own clock" error={error("local_time")}>
          {(given) => (
            <input
              {...given}
              type="time"
              value={asked.localTime}
              onChange={(event) => change({ ...asked, localTime: event.target.value })}
            />
          )}
        </Field>
        <Field label="At most a minute" hint="Mails; empty: as the lane allows" error={error("rate")}>
          {(given) => (
            <input
              {...given}
              inputMode="numeric"
              value={asked.rate}
              autoComplete="off"
              onChange={(event) => change({ ...asked, rate: event.target.value })}
            />
          )}
        </Field>
      </div>
    </>
  );
}
