/** The connection is cut, twenty are sent, it comes back: and the customer's own client counts what it has had. */

import type { Inbox } from "@bellhop/client";
import { act, type Customer } from "./config.ts";
import { button, element } from "./elements.ts";
import type { Watch } from "./watch.ts";

const SENT = 20;
const TYPE = "PARCEL_SCAN";

/** "20 of 20, in order, none twice", of the numbers in the order in which they came. */
export function verdict(numbers: readonly number[], sent: number): string {
  const different = new Set(numbers).size;
  const ordered = numbers.every((number, index) => !index || number > (numbers[index - 1] as number));
  const twice = numbers.length - different;
  return `${different} of ${sent}, ${ordered ? "in order" : "out of order"}, ${twice ? `${twice} twice` : "none twice"}`;
}

export interface Cut {
  element: HTMLElement;
  /** Another inbox of the customer's takes over. */
  attend(inbox: Inbox): void;
}

export function cut(customer: Customer, watch: Watch, complain: (text: string) => void): Cut {
  const { name } = customer;
  const steps = [`Cut ${name}’s connection`, `Send ${SENT} while it is cut`, "Reconnect"] as const;
  const says = element("p", "cut-says", `In a tunnel, nothing comes. Behind it, everything does.`);
  says.setAttribute("role", "status");
  let step = 0;
  let inbox: Inbox | undefined;
  let numbers: number[] = [];

  const run = async (): Promise<void> => {
    if (step === 0) {
      numbers = [];
      says.classList.remove("good");
      await watch.cut(customer.id);
      says.textContent = "Cut. The gateway has no connection to write to.";
    } else if (step === 1) {
      await act("burst", customer);
      says.textContent = `${SENT} sent; ${name} has had ${numbers.length} of them.`;
    } else {
      says.textContent = "Coming back…";
      inbox?.reconnect();
    }
    step = (step + 1) % steps.length;
    does.textContent = steps[step] as string;
  };
  const does = button(steps[0], "button quiet", async () => {
    does.disabled = true;
    try {
      await run();
      complain("");
    } catch (error) {
      complain((error as Error).message);
    }
    does.disabled = false;
    does.focus();
  });

  const section = element("section", "cut", does, says);
  section.setAttribute("aria-label", "A connection that is cut");
  return {
    element: section,
    attend(now) {
      inbox = now;
      now.onArrival((arrived) => {
        for (const { type, data } of arrived) if (type === TYPE) numbers.push(Number(data.number));
        if (numbers.length < SENT) return;
        says.textContent = verdict(numbers, SENT);
        says.classList.add("good");
      });
    },
  };
}
