import { type ReactNode, useState } from "react";
import { refusal } from "../context.tsx";
import { looksLikeToken } from "../token.ts";
import { Icon } from "./icons.tsx";

/** Where a token is pasted; says what is wrong with it, or `why` one is wanted. */
export function TokenForm(props: {
  why: string | null;
  act: string;
  give: (token: string) => Promise<void>;
}): ReactNode {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const submit = async () => {
    const token = text.trim();
    if (!looksLikeToken(token)) {
      setProblem("That is no token: one has three parts with dots between them.");
      return;
    }
    try {
      await props.give(token);
    } catch (error) {
      setProblem(refusal(error).message);
    }
  };
  const said = problem ?? props.why;
  return (
    <form
      className="token-form"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
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
              void submit();
            }
          }}
        />
      </label>
      <button type="submit" className="button primary wide" disabled={text.trim() === ""}>
        {props.act}
      </button>
    </form>
  );
}
