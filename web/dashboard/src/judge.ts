import { useEffect, useState } from "react";
import { refusal, useDesk, useStatus } from "./context.tsx";

export type Errors = Readonly<Record<string, readonly string[]>>;

/** What the gateway said of a question that is still being written. */
export interface Judged<T> {
  /** The last one; of an earlier question while the present one is being judged. */
  readonly answer: T | null;
  readonly errors: Errors;
  /** Why there is no answer, where no field is to blame. */
  readonly problem: string | null;
  /** Whether all of it is about the present question. */
  readonly settled: boolean;
}

interface Held<T> extends Omit<Judged<T>, "settled"> {
  readonly question: string;
}

const NONE: Errors = {};
const PAUSE_MS = 300;

/** Has the gateway judge `body`, a moment after its last change; null asks nothing. */
export function useJudged<T>(event: string, body: object | null): Judged<T> {
  const { gateway } = useDesk();
  const online = useStatus().state === "online";
  const question = body === null ? "" : JSON.stringify(body);
  const [held, setHeld] = useState<Held<T>>({ question: "", answer: null, errors: NONE, problem: null });
  useEffect(() => {
    if (question === "") {
      setHeld({ question, answer: null, errors: NONE, problem: null });
      return;
    }
    if (!online) return;
    let current = true;
    const timer = setTimeout(() => {
      gateway.ask<T>(event, JSON.parse(question) as object).then(
        (answer) => current && setHeld({ question, answer, errors: NONE, problem: null }),
        (error: unknown) => {
          if (!current) return;
          const { errors, message } = refusal(error);
          const problem = Object.keys(errors).length ? null : message;
          setHeld({ question, answer: null, errors, problem });
        },
      );
    }, PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [gateway, online, event, question]);
  const { question: judged, ...said } = held;
  return { ...said, settled: judged === question };
}
