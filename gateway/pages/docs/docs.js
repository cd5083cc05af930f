// Draws the OpenAPI document as a page. Everything is put in as text, never as markup; backticks become code.

import { element, folded, prose } from "./elements.js";
import { trying } from "./trying.js";

const methods = ["get", "post", "put", "patch", "delete"];

class Drawing {
  constructor(description) {
    this.description = description;
  }

  resolve(schema) {
    const reference = schema.$ref;
    if (!reference) return { schema, name: null };
    const name = reference.split("/").pop();
    return { schema: this.description.components.schemas[name], name };
  }

  /** What a value is, in a few words. */
  type(given) {
    const { schema, name } = this.resolve(given);
    if (name) return name;
    const choices = schema.oneOf ?? schema.anyOf;
    if (choices) return choices.map((choice) => this.type(choice)).join(" or ");
    if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
    const types = [schema.type ?? "anything"].flat();
    return types.map((type) => (type === "array" ? `list of ${this.type(schema.items ?? {})}` : type)).join(" or ");
  }

  bounds(schema) {
    const found = [];
    const range = (least, most, unit) => {
      if (least !== undefined && most !== undefined) found.push(`${least} to ${most}${unit}`);
      else if (most !== undefined) found.push(`at most ${most}${unit}`);
      else if (least !== undefined) found.push(`at least ${least}${unit}`);
    };
    range(schema.minLength, schema.maxLength, " characters");
    range(schema.minItems, schema.maxItems, " items");
    if (schema.exclusiveMinimum === undefined) range(schema.minimum, schema.maximum, "");
    else found.push(`more than ${schema.exclusiveMinimum}, at most ${schema.maximum}`);
    if (schema.format !== undefined) found.push(schema.format);
    if (schema.default !== undefined && schema.default !== null) found.push(`default ${JSON.stringify(schema.default)}`);
    return found.join("; ");
  }

  /** The references inside a schema, so that each can be unfolded where it is used. */
  references(schema) {
    const inner = [schema, schema.items, schema.additionalProperties, ...(schema.oneOf ?? []), ...(schema.anyOf ?? [])];
    return inner.filter((each) => each?.$ref);
  }

  fields(given, above = []) {
    const { schema, name } = this.resolve(given);
    if (!schema.properties) return element("p", {}, this.type(given));
    const required = new Set(schema.required ?? []);
    const rows = Object.entries(schema.properties).map(([field, value]) => {
      const seen = name ? [...above, name] : above;
      const below = this.references(value).filter((each) => !seen.includes(this.resolve(each).name));
      return element(
        "tr",
        {},
        element("td", {}, element("code", required.has(field) ? { class: "required", title: "required" } : {}, field)),
        element(
          "td",
          {},
          this.type(value),
          element("div", { class: "quiet" }, ...prose(value.description), value.description ? " " : "", this.bounds(value)),
          ...below.map((each) => folded([this.type(each)], () => [this.fields(each, seen)])),
        ),
      );
    });
    return element("table", {}, element("tbody", {}, ...rows));
  }

  content(content = {}) {
    return Object.entries(content).map(([type, { schema = {} }]) =>
      element("div", {}, element("p", { class: "quiet" }, element("code", {}, type)), this.fields(schema)),
    );
  }

  parameters(parameters = []) {
    if (!parameters.length) return [];
    const rows = parameters.map((parameter) =>
      element(
        "tr",
        {},
        element("td", {}, element("code", parameter.required ? { class: "required" } : {}, parameter.name), ` in ${parameter.in}`),
        element(
          "td",
          {},
          this.type(parameter.schema),
          element("div", { class: "quiet" }, ...prose(parameter.description ?? parameter.schema.description), " ", this.bounds(parameter.schema)),
        ),
      ),
    );
    return [element("h4", {}, "Parameters"), element("table", {}, element("tbody", {}, ...rows))];
  }

  responses(responses) {
    return Object.entries(responses).map(([status, response]) =>
      folded([element("strong", {}, status), " ", ...prose(response.description)], () => this.content(response.content)),
    );
  }

  operation({ path, method, operation }, place) {
    const caller = operation.security ? Object.keys(operation.security[0])[0] : null;
    return element(
      "article",
      { id: idOf(operation) },
      element("h3", {}, element("span", { class: `method ${method}` }, method), element("code", {}, path)),
      element("p", {}, operation.summary, operation.summary.endsWith(".") ? "" : ". ", ...prose(operation.description)),
      caller
        ? element("p", { class: "quiet" }, `Authorization: Bearer, ${caller === "user" ? "a user's token" : "an API key or a service token"}`)
        : null,
      ...this.parameters(operation.parameters),
      ...(operation.requestBody ? [element("h4", {}, "Body"), ...this.content(operation.requestBody.content)] : []),
      element("h4", {}, "Answers"),
      ...this.responses(operation.responses),
      ...trying(this, place),
    );
  }
}

const idOf = (operation) => operation.operationId.replaceAll(/[^a-z0-9]+/gi, "-");

/** What a path is about: the first word behind the site's own. */
function subjectOf({ path }) {
  const [site, subject] = path.split("/").filter(Boolean);
  return ["internal", "api"].includes(site) ? (subject ?? site) : site;
}

/** By what it does: paths are long, and much alike. */
function entry({ path, method, operation }) {
  return element(
    "li",
    {},
    element(
      "a",
      { href: `#${idOf(operation)}`, title: path },
      element("span", { class: `method ${method}` }, method),
      " ",
      operation.summary,
    ),
  );
}

/** Shows those operations alone that hold every word that is looked for. */
function search(operations) {
  const field = document.getElementById("search");
  const found = document.getElementById("found");
  const texts = operations.map(({ path, method, operation }) => ({
    id: idOf(operation),
    text: [method, path, operation.operationId, operation.summary, operation.description].join(" ").toLowerCase(),
  }));
  const show = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = texts.filter(({ text }) => words.every((word) => text.includes(word)));
    const ids = new Set(shown.map(({ id }) => id));
    for (const article of document.querySelectorAll("article")) article.hidden = !ids.has(article.id);
    for (const item of document.querySelectorAll("nav li")) item.hidden = !ids.has(item.firstChild.hash.slice(1));
    for (const list of document.querySelectorAll("nav ul")) {
      list.hidden = [...list.children].every((item) => item.hidden);
      list.previousElementSibling.hidden = list.hidden;
    }
    found.textContent = words.length ? `${shown.length} of ${texts.length}` : "";
  };
  field.addEventListener("input", show);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.matches("input, textarea")) return;
    event.preventDefault();
    field.focus();
  });
  // What the browser has kept of a reload is looked for too.
  show();
}

async function draw() {
  const answer = await fetch("../openapi.json");
  if (!answer.ok) throw new Error(`openapi.json: ${answer.status}`);
  const description = await answer.json();
  const drawing = new Drawing(description);
  const operations = Object.entries(description.paths).flatMap(([path, item]) =>
    methods.filter((method) => item[method]).map((method) => ({ path, method, operation: item[method] })),
  );
  document.getElementById("version").append(description.info.version);
  document.getElementById("description").append(description.info.description);
  document.getElementById("operations").replaceChildren(...operations.map((each) => drawing.operation(each, each)));
  const subjects = [...new Set(operations.map(subjectOf))];
  document.getElementById("contents").replaceChildren(
    ...subjects.flatMap((subject) => [
      element("h2", {}, subject),
      element("ul", {}, ...operations.filter((each) => subjectOf(each) === subject).map(entry)),
    ]),
  );
  search(operations);
  // The browser looked for the fragment before there was anything to find.
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

draw().catch((error) => {
  document.getElementById("operations").replaceChildren(element("p", { role: "alert" }, `The description cannot be drawn: ${error.message}`));
});
