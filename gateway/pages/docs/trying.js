// Asking an operation from the page. The key stays in the page's memory, and goes when it is closed.

import { element, folded } from "./elements.js";
import { bodyOf, curl, pathOf } from "./sample.js";

/** Of all operations on the page. */
let key = "";
const SHOWN = 20_000;

/** The part of an operation's description in which one sees how it is asked, and may ask it. */
export function trying(drawing, { path, method, operation }) {
  const parameters = (operation.parameters ?? []).filter(({ in: place }) => place !== "header");
  const caller = operation.security ? Object.keys(operation.security[0])[0] : null;
  // A user's operations are on the public site, which is somewhere else.
  const here = caller !== "user" && !path.startsWith("/api/");
  const origin = operation.servers?.[0]?.url ?? (here ? location.origin : "https://shop.example");
  const body = bodyOf(drawing, operation);
  const values = {};
  const id = operation.operationId;
  const line = element("code");
  const copy = element("button", { type: "button" }, "Copy");
  const draw = () => {
    const given = text ? { ...body, text: text.value } : body;
    const secret = caller === null ? "" : caller === "user" ? "TOKEN" : "KEY";
    line.textContent = curl({ origin, method, path: pathOf(path, parameters, values), secret, body: given });
  };
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(line.textContent);
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = "Copy"), 1_500);
  });
  const text = body?.type.endsWith("json")
    ? element("textarea", { id: `${id}-body`, rows: Math.min(12, body.text.split("\n").length + 1), spellcheck: "false" }, body.text)
    : null;
  text?.addEventListener("input", draw);
  const fields = parameters.map((parameter) => {
    const input = element("input", { id: `${id}-${parameter.name}`, autocomplete: "off" });
    input.addEventListener("input", () => {
      values[parameter.name] = input.value.trim();
      draw();
    });
    return element("p", { class: "asked" }, element("label", { for: input.id }, parameter.name, parameter.required ? " *" : ""), input);
  });
  draw();
  const shell = element("div", { class: "shell" }, element("pre", { tabindex: "0", "aria-label": "For a shell" }, line));
  // Where a page may not write to the clipboard, the text can be marked.
  if (navigator.clipboard) shell.append(copy);
  return [
    element("h4", {}, "Ask it"),
    shell,
    ...(here && (body === null || text)
      ? [folded(["Try it"], () => [form({ id, method, path, parameters, values, caller, fields, body, text })])]
      : []),
  ];
}

function form({ id, method, path, parameters, values, caller, fields, body, text }) {
  const secret = element("input", { id: `${id}-key`, type: "password", autocomplete: "off", value: key });
  secret.addEventListener("input", () => (key = secret.value.trim()));
  const said = element("div", { "aria-live": "polite" });
  const made = element(
    "form",
    {},
    ...(caller === null ? [] : [element("p", { class: "asked" }, element("label", { for: secret.id }, "API key"), secret)]),
    ...fields,
    ...(text ? [element("p", { class: "asked" }, element("label", { for: text.id }, "Body"), text)] : []),
    element("button", { type: "submit" }, method === "get" ? "Ask" : "Ask, in earnest"),
    said,
  );
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    said.replaceChildren("…");
    const headers = { ...(caller && key ? { Authorization: `Bearer ${key}` } : {}), ...(text ? { "Content-Type": body.type } : {}) };
    try {
      const answer = await fetch(`../..${pathOf(path, parameters, values)}`, {
        method: method.toUpperCase(),
        headers,
        ...(text ? { body: text.value } : {}),
      });
      const told = await answer.text();
      said.replaceChildren(
        element("p", { class: answer.ok ? "good" : "bad" }, element("strong", {}, `${answer.status}`), ` ${answer.statusText}`),
        element("pre", { tabindex: "0", "aria-label": "The answer" }, readable(told)),
      );
    } catch (error) {
      said.replaceChildren(element("p", { class: "bad" }, `No answer: ${error.message}`));
    }
  });
  // Another operation may have been given the key meanwhile.
  made.addEventListener("focusin", () => (secret.value = key));
  return made;
}

function readable(text) {
  let shown = text;
  try {
    shown = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // As it came: metrics are no JSON.
  }
  return shown.length > SHOWN ? `${shown.slice(0, SHOWN)}\n… and ${shown.length - SHOWN} characters more` : shown;
}
