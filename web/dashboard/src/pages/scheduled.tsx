import { type ReactNode, useState } from "react";
import { useDesk } from "../context.tsx";
import { Heading } from "../ui/bits.tsx";
import { Confirm } from "../ui/dialog.tsx";
import { toast } from "../ui/toast.tsx";
import { HeldMail } from "./heldmail.tsx";
import { Missed, Upcoming } from "./upcoming.tsx";
import type { Asking } from "./waitinglist.tsx";

const WORDS: Readonly<Record<Asking["event"], { act: string; text: string; done: string }>> = {
  send_scheduled: {
    act: "Emit now",
    text: "It is emitted at once, with the words of now, to everybody in its room.",
    done: "Emitted",
  },
  cancel_scheduled: {
    act: "Cancel it",
    text: "It is never emitted. This cannot be undone.",
    done: "Cancelled",
  },
  send_mail: {
    act: "Send now",
    text: "It leaves at once, also within its reader's quiet hours.",
    done: "On its way",
  },
  cancel_mail: {
    act: "Cancel it",
    text: "The mail is never sent. What is shown in the app stays. This cannot be undone.",
    done: "Cancelled",
  },
};

/** What is still to come: notifications that are emitted later, and mail that is held. */
export function ScheduledPage(): ReactNode {
  const [asking, setAsking] = useState<Asking | null>(null);
  const [done, setDone] = useState(0);
  const { gateway } = useDesk();
  const words = asking ? WORDS[asking.event] : null;
  return (
    <>
      <Heading
        title="Scheduled"
        note="What is emitted later, and mail that is held until its reader wants it"
      />
      <Missed key={`missed ${done}`} ask={setAsking} />
      <Upcoming key={`later ${done}`} ask={setAsking} />
      <HeldMail key={`held ${done}`} ask={setAsking} />
      {asking && words ? (
        <Confirm
          title={`${words.act}: “${asking.title}”?`}
          act={words.act}
          danger={asking.event.startsWith("cancel")}
          close={() => setAsking(null)}
          run={async () => {
            await gateway.ask(asking.event, { id: asking.id });
            toast(words.done, "good");
            setDone((before) => before + 1);
          }}
        >
          <p>{words.text}</p>
        </Confirm>
      ) : null}
    </>
  );
}
