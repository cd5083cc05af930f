import type { ReactNode } from "react";
import { useStatus } from "./context.tsx";

/** Whether the role that one has signed in with may ask this event; the gateway refuses it besides. */
export function useMay(): (event: string) => boolean {
  const status = useStatus();
  const ready = "ready" in status ? status.ready : null;
  return (event) => ready?.may.includes(event) ?? false;
}

/** What is shown only to those who may ask the event. */
export function For({ event, children }: { event: string; children: ReactNode }): ReactNode {
  return useMay()(event) ? children : null;
}
