import { type ReactNode, useState } from "react";
import { looksLikeToken } from "../token.ts";
import { Icon, Mark } from "../ui/icons.tsx";

export function SignIn(props: { why: string | null; signIn: (token: string) => void }): ReactNode {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const submit = () => {
    const token = text.trim();
    if (looksLikeToken(token)) props.signIn(token);
    else setProblem("That is no token: one has three parts with dots between them.");
  };
  const said = problem ?? props.why;
  return (
    <main className="signin">
      <form
        className="card signin-card"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <Mark />
        <h1>Sign in to Bellhop</h1>
        <p className="soft">Paste a token of a user with the role admin. It stays in this tab.</p>
        {said ? (
          <p className="problem" role="alert">
            <Icon name="alert" />
            {said}
          </p>
        ) : null}
        <label className="field">
          <span className="label">Token</span>
          <textarea
            className="mono"
            rows={4}
            value={text}
            spellCheck={false}
            autoComplete="off"
            placeholder="eyJhbGciOiJIUzI1NiIs…"
            aria-invalid={problem !== null}
            onChange={(event) => {
              setText(event.target.value);
              setProblem(null);
            }}
            onKeyDown={(event) => {
              if (event.key === "Enter") {
                event.preventDefault();
                submit();
              }
            }}
          />
        </label>
        <button type="submit" className="button primary wide" disabled={text.trim() === ""}>
          Sign in
        </button>
        <p className="hint">
          No token? <code>bellhop token --sub you --role admin</code> prints one.
        </p>
      </form>
    </main>
  );
}
