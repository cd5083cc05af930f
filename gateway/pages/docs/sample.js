// What one would ask an operation: a sound value for each field, and the line for a shell.

/** What fields of these names hold, where the schema alone would say too little. */
const KNOWN = {
  to: "user:ann",
  type: "ORDER_UPDATE",
  title: "Your order has shipped",
  user: "ann",
  topic: "deals",
  address: "ann@example.org",
  text: "ann",
  lane: "bulk",
  timezone: "Europe/Berlin",
  locale: "de",
};

/** What may be left out only where something else makes up for it, as the texts of a catalog. */
const WANTED = new Set(["title"]);

/** A value of the schema: what must be there, and nothing else. */
export function sample(drawing, given, name = "") {
  const { schema } = drawing.resolve(given);
  if (schema.example !== undefined) return schema.example;
  if (name in KNOWN && !schema.properties) return KNOWN[name];
  if (schema.enum) return schema.enum[0];
  const [choice] = schema.oneOf ?? schema.anyOf ?? [];
  if (choice) return sample(drawing, choice, name);
  switch ([schema.type].flat()[0]) {
    case "array":
      return schema.minItems ? [sample(drawing, schema.items ?? {}, name)] : [];
    case "integer":
    case "number":
      return schema.minimum ?? 1;
    case "boolean":
      return true;
    case "object":
      return Object.fromEntries(
        Object.keys(schema.properties ?? {})
          .filter((field) => schema.required?.includes(field) || WANTED.has(field))
          .map((field) => [field, sample(drawing, schema.properties[field], field)]),
      );
    default:
      return schema.format === "date-time" ? "2030-01-01T09:00:00Z" : "…";
  }
}

/** The body as a text, with its media type; null where there is none. */
export function bodyOf(drawing, operation) {
  const [media] = Object.entries(operation.requestBody?.content ?? {});
  if (!media) return null;
  const [type, { schema = {} }] = media;
  if (!type.endsWith("json")) return { type, text: "" };
  return { type, text: JSON.stringify(sample(drawing, schema), null, 2) };
}

/** The path with its values in it. `values` are by the names of the parameters. */
export function pathOf(path, parameters, values) {
  const query = new URLSearchParams();
  let filled = path;
  for (const { name, in: place } of parameters) {
    const value = values[name] ?? "";
    if (place === "path") filled = filled.replace(`{${name}}`, value === "" ? `{${name}}` : encodeURIComponent(value));
    else if (place === "query" && value !== "") query.set(name, value);
  }
  return query.size ? `${filled}?${query}` : filled;
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** What one types into a shell; the key is in a variable of it, and on no screen. */
export function curl({ origin, method, path, secret, body }) {
  const words = ["curl"];
  if (method !== "get") words.push("-X", method.toUpperCase());
  words.push(quoted(origin + path));
  if (secret) words.push("\\\n  -H", `"Authorization: Bearer $${secret}"`);
  if (body) words.push("\\\n  -H", quoted(`Content-Type: ${body.type}`), "\\\n  -d", body.text ? quoted(body.text) : "@file");
  return words.join(" ");
}
