import { type ReactNode, useEffect, useRef, useState } from "react";
import { Segments } from "./bits.tsx";

type Part = "html" | "text";
type Look = "light" | "dark";
type Width = "wide" | "phone";

/** What is shown of a mail; one that is only tried has no sender and no reader. */
export interface ShownMail {
  readonly from?: string;
  readonly to?: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** A mail as its reader will see it. The HTML is shown in a document of no origin, with a policy of its own. */
export function MailView({ mail, children }: { mail: ShownMail; children?: ReactNode }): ReactNode {
  const [part, setPart] = useState<Part>("html");
  const [look, setLook] = useState<Look>("light");
  const [width, setWidth] = useState<Width>("wide");
  const knowsDark = mail.html.includes("prefers-color-scheme");
  return (
    <section className="mailview" aria-label="Mail preview">
      <div className="mailview-head">
        <dl>
          <Line name="From">{mail.from}</Line>
          <Line name="To">{mail.to}</Line>
          <Line name="Subject" strong>
            {mail.subject}
          </Line>
        </dl>
        <div className="mailview-acts">
          <Segments<Part>
            label="Part of the mail"
            value={part}
            choose={setPart}
            options={[
              { value: "html", label: "HTML" },
              { value: "text", label: "Text" },
            ]}
          />
          {part === "html" ? (
            <>
              <Segments<Look>
                label="Colours of the reader"
                value={look}
                choose={setLook}
                options={[
                  { value: "light", label: "Light" },
                  { value: "dark", label: "Dark" },
                ]}
              />
              <Segments<Width>
                label="Width of the reader"
                value={width}
                choose={setWidth}
                options={[
                  { value: "wide", label: "Wide" },
                  { value: "phone", label: "Phone" },
                ]}
              />
            </>
          ) : null}
        </div>
      </div>
      {children}
      {part === "html" && look === "dark" && !knowsDark ? (
        <p className="mailview-note">
          This mail has no dark styles of its own: some programs leave it as it is, others turn its colours
          round.
        </p>
      ) : null}
      {part === "html" ? (
        <div className={`mailview-desk ${look}`}>
          <Html html={mail.html} look={look} width={width} />
        </div>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <pre className="mailview-text" tabIndex={0}>
          {mail.text}
        </pre>
      )}
    </section>
  );
}

function Line(props: { name: string; strong?: boolean; children: string | undefined }): ReactNode {
  if (props.children === undefined) return null;
  return (
    <div>
      <dt>{props.name}</dt>
      <dd className={props.strong ? "strong" : ""} dir="auto">
        {props.children}
      </dd>
    </div>
  );
}

function Html({ html, look, width }: { html: string; look: Look; width: Width }): ReactNode {
  const frame = useRef<HTMLIFrameElement>(null);
  const [loaded, setLoaded] = useState(false);
  useEffect(() => {
    // The document has no origin that could be named here; what it gets is no secret from it.
    if (loaded) frame.current?.contentWindow?.postMessage({ html, dark: look === "dark" }, "*");
  }, [html, look, loaded]);
  return (
    <iframe
      ref={frame}
      className={`mailview-frame ${width}`}
      title="The mail as HTML"
      sandbox="allow-scripts"
      src="mail.html"
      onLoad={() => setLoaded(true)}
    />
  );
}
