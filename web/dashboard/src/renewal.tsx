import { type ReactNode, useState } from "react";
import { useDesk, useStatus } from "./context.tsx";
import { useStore } from "./store.ts";
import { useNow } from "./ui/bits.tsx";
import { Dialog } from "./ui/dialog.tsx";
import { Icon } from "./ui/icons.tsx";
import { TokenForm } from "./ui/tokenform.tsx";
import { plural } from "./words.ts";

/** Carries the session over the end of its token, with the page as it is: asks for a fresh one before, and after. */
export function Renewal({ signOut }: { signOut: () => void }): ReactNode {
  const { gateway, renew } = useDesk();
  const status = useStatus();
  const ends = useStore(gateway.ends);
  const [asked, setAsked] = useState(false);
  const expired = status.state === "expired";
  const ask = () => setAsked(true);
  if (expired || (asked && ends !== null))
    return (
      <Dialog
        key={expired ? "expired" : "expiring"}
        title={expired ? "Your token has ended" : "Stay signed in"}
        shape="box"
        close={expired ? null : () => setAsked(false)}
      >
        <div className="dialog-body">
          <p>
            {expired
              ? "The page is as you left it. Paste a fresh token to go on."
              : "Paste a fresh token of yours. The page stays as it is."}
          </p>
          <TokenForm
            why={expired ? status.why : null}
            act="Go on"
            give={async (token) => {
              await renew(token);
              setAsked(false);
            }}
          />
          {expired ? (
            <button type="button" className="button wide" onClick={signOut}>
              Sign out
            </button>
          ) : null}
        </div>
      </Dialog>
    );
  return ends === null ? null : <Ending at={ends} ask={ask} />;
}

function Ending({ at, ask }: { at: string; ask: () => void }): ReactNode {
  const seconds = Math.max(0, Math.round((Date.parse(at) - useNow()) / 1000));
  return (
    <section className="ending" aria-label="Your token">
      <Icon name="alert" />
      <span role="status">Your token ends soon.</span>
      <span className="soft number" aria-hidden="true">
        {plural(seconds, "second")}
      </span>
      <button type="button" className="button small" onClick={ask}>
        Paste a fresh one
      </button>
    </section>
  );
}
