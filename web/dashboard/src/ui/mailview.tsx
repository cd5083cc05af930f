import { type ReactNode, useEffect, useRef, useState } from "react";
import type { RenderedMail } from "../protocol.ts";
import { Segments } from "./bits.tsx";

/** A mail as its reader will see it. The HTML is shown in a document of no origin, with a policy of its own. */
export function MailView({ mail }: { mail: RenderedMail }): ReactNode {
  const [part, setPart] = useState<"html" | "text">("html");
  return (
    <section className="mailview" aria-label="Mail preview">
      <div className="mailview-head">
        <dl>
          <div>
            <dt>From</dt>
            <dd>{mail.from}</dd>
          </div>
          <div>
            <dt>To</dt>
            <dd>{mail.to}</dd>
          </div>
          <div>
            <dt>Subject</dt>
            <dd className="strong">{mail.subject}</dd>
          </div>
        </dl>
        <Segments
          label="Part of the mail"
          value={part}
          choose={setPart}
          options={[
            { value: "html", label: "HTML" },
            { value: "text", label: "Text" },
          ]}
        />
      </div>
      {part === "html" ? (
        <Html html={mail.html} />
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <pre className="mailview-text" tabIndex={0}>
          {mail.text}
        </pre>
      )}
    </section>
  );
}

function Html({ html }: { html: string }): ReactNode {
  const frame = useRef<HTMLIFrameElement>(null);
  const [loaded, setLoaded] = useState(false);
  useEffect(() => {
    // The document has no origin that could be named here; what it gets is no secret from it.
    if (loaded) frame.current?.contentWindow?.postMessage({ html }, "*");
  }, [html, loaded]);
  return (
    <iframe
      ref={frame}
      className="mailview-frame"
      title="The mail as HTML"
      sandbox="allow-scripts"
      src="mail.html"
      onLoad={() => setLoaded(true)}
    />
  );
}
