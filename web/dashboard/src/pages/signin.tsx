import type { ReactNode } from "react";
import { Mark } from "../ui/icons.tsx";
import { TokenForm } from "../ui/tokenform.tsx";

export function SignIn(props: { why: string | null; signIn: (token: string) => void }): ReactNode {
  return (
    <main className="signin">
      <div className="card signin-card">
        <Mark />
        <h1>Sign in to Bellhop</h1>
        <p className="soft">
          Paste a token of a user with the role admin, support or viewer. It stays in this tab.
        </p>
        <TokenForm why={props.why} act="Sign in" give={async (token) => props.signIn(token)} />
        <p className="hint">
          No token?{" "}
          <code>
            bellhop token <span className="nowrap">--sub you</span>{" "}
            <span className="nowrap">--role admin</span>
          </code>{" "}
          prints one.
        </p>
      </div>
    </main>
  );
}
