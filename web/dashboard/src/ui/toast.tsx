import { type ReactNode, useEffect } from "react";
import { Store, useStore } from "../store.ts";
import { Icon } from "./icons.tsx";

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly tone: "good" | "bad" | "plain";
  readonly act?: { label: string; href: string } | undefined;
}

const SHOWN = 4;
const LASTS_MS = 6_000;

const toasts = new Store<readonly Toast[]>([]);
let number = 0;

export function toast(text: string, tone: Toast["tone"] = "plain", act?: Toast["act"]): void {
  number += 1;
  const fresh = { id: number, text, tone, act };
  toasts.update((held) => [...held, fresh].slice(-SHOWN));
}

function drop(id: number): void {
  toasts.update((held) => held.filter((one) => one.id !== id));
}

export function Toasts(): ReactNode {
  const shown = useStore(toasts);
  return (
    <div className="toasts" role="status" aria-live="polite" aria-label="Messages">
      {shown.map((one) => (
        <Shown key={one.id} toast={one} />
      ))}
    </div>
  );
}

function Shown({ toast: { id, text, tone, act } }: { toast: Toast }): ReactNode {
  useEffect(() => {
    const timer = setTimeout(() => drop(id), LASTS_MS);
    return () => clearTimeout(timer);
  }, [id]);
  return (
    <div className={`toast ${tone}`}>
      <Icon name={tone === "good" ? "check" : tone === "bad" ? "alert" : "bell"} />
      <span>{text}</span>
      {act ? (
        <a href={act.href} onClick={() => drop(id)}>
          {act.label}
        </a>
      ) : null}
      <button type="button" className="icon-button" aria-label="Dismiss" onClick={() => drop(id)}>
        <Icon name="close" />
      </button>
    </div>
  );
}
