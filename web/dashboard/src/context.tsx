import { createContext, useCallback, useContext, useEffect, useRef, useState } from "react";
import { type Gateway, Refusal, type Status } from "./gateway.ts";
import type { Live } from "./live.ts";
import { useStore } from "./store.ts";

export interface Desk {
  readonly gateway: Gateway;
  readonly live: Live;
  /** Carries on with a fresh token; rejects with a `Refusal`. */
  readonly renew: (token: string) => Promise<void>;
}

export const DeskContext = createContext<Desk | null>(null);

export function useDesk(): Desk {
  const desk = useContext(DeskContext);
  if (desk === null) throw new Error("used outside of a session");
  return desk;
}

export function useStatus(): Status {
  return useStore(useDesk().gateway.status);
}

/** Whether a notification of the type needs an answer. */
export function useUrgent(type: string): boolean {
  return useStore(useDesk().live.urgent)?.has(type) ?? false;
}

export function useEvent<T>(event: string, listener: (payload: T) => void): void {
  const { gateway } = useDesk();
  useEffect(() => gateway.on(event, listener), [gateway, event, listener]);
}

export interface Asked<T> {
  readonly data: T | null;
  readonly error: Refusal | null;
  readonly loading: boolean;
  readonly reload: () => void;
}

/** An answer of the gateway, asked anew when the question changes, the connection returns, or `everyMs` has passed. */
export function useAsk<T>(event: string, payload: object | null, everyMs?: number): Asked<T> {
  const { gateway } = useDesk();
  const online = useStatus().state === "online";
  const question = payload === null ? null : JSON.stringify(payload);
  const [answer, setAnswer] = useState<{ question: string | null; data: T | null; error: Refusal | null }>({
    question: null,
    data: null,
    error: null,
  });
  const latest = useRef(0);
  const reload = useCallback(() => {
    if (question === null) return;
    latest.current += 1;
    const turn = latest.current;
    gateway.ask<T>(event, JSON.parse(question) as object).then(
      (data) => turn === latest.current && setAnswer({ question, data, error: null }),
      (error: unknown) =>
        turn === latest.current &&
        setAnswer((before) => ({
          question,
          data: before.question === question ? before.data : null,
          error: refusal(error),
        })),
    );
  }, [gateway, event, question]);
  useEffect(() => {
    if (!online) return;
    reload();
    if (everyMs === undefined) return;
    const timer = setInterval(reload, everyMs);
    return () => clearInterval(timer);
  }, [online, reload, everyMs]);
  const current = answer.question === question;
  return {
    data: current ? answer.data : null,
    error: current ? answer.error : null,
    loading: question !== null && !(current && (answer.data !== null || answer.error !== null)),
    reload,
  };
}

export function refusal(error: unknown): Refusal {
  return error instanceof Refusal ? error : new Refusal("internal", String(error));
}
