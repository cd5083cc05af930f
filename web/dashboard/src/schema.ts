/** A form for JSON Schema: which field each part of a schema is, and where what is wrong is told. */

export type Schema = Readonly<Record<string, unknown>>;
export type Json = unknown;
export type Step = string | number;
export type Path = readonly Step[];

/** A string as the browser has a field for it; `datetime` is RFC 3339 with its zone. */
export type Format = "text" | "long" | "date" | "time" | "datetime" | "email" | "url";

export interface Property {
  readonly name: string;
  readonly schema: Schema;
  readonly required: boolean;
}

/** How a part of a schema is drawn; `json` is what has no form. */
export type Shape =
  | { readonly kind: "text"; readonly format: Format; readonly longest: number | undefined }
  | { readonly kind: "choice"; readonly options: readonly Json[] }
  | { readonly kind: "number"; readonly whole: boolean }
  | { readonly kind: "flag" }
  | { readonly kind: "object"; readonly properties: readonly Property[] }
  | { readonly kind: "list"; readonly item: Schema; readonly most: number }
  | { readonly kind: "json" };

const JSON_FIELD: Shape = { kind: "json" };
/** Levels that are drawn; what lies deeper is written as JSON. */
const DEEPEST = 5;
/** References that lead on to references. */
const HOPS = 8;
const OPTIONS_MOST = 200;
/** A string that may be longer gets more than a line. */
const LINE = 160;
const FORMATS: Record<string, Format> = {
  date: "date",
  "date-time": "datetime",
  email: "email",
  "idn-email": "email",
  uri: "url",
  iri: "url",
};
const SCALARS = ["string", "number", "integer"];

/** How `schema`, a part of `root`, is drawn at `depth`. */
export function shapeOf(schema: Schema, root: Schema, depth = 0): Shape {
  const given = resolved(schema, root);
  if ("const" in given) return { kind: "choice", options: [given.const] };
  if (Array.isArray(given.enum) && given.enum.length <= OPTIONS_MOST)
    return { kind: "choice", options: given.enum };
  const either = (given.anyOf ?? given.oneOf) as unknown;
  if (Array.isArray(either)) return eitherOf(either.filter(isSchema), root, depth);
  switch (typeOf(given)) {
    case "string":
      return textOf(given);
    case "integer":
    case "number":
      return { kind: "number", whole: typeOf(given) === "integer" };
    case "boolean":
      return { kind: "flag" };
    case "object":
      return depth < DEEPEST ? objectOf(given) : JSON_FIELD;
    case "array":
      return depth < DEEPEST ? listOf(given) : JSON_FIELD;
    default:
      return JSON_FIELD;
  }
}

/** Of several: numbers and texts are written into one line, and what may be null is drawn as what it is otherwise. */
function eitherOf(branches: readonly Schema[], root: Schema, depth: number): Shape {
  const some = branches.map((branch) => resolved(branch, root)).filter((branch) => branch.type !== "null");
  const [only] = some;
  if (only && some.length === 1) return shapeOf(only, root, depth);
  const scalar = some.length > 0 && some.every((branch) => SCALARS.includes(branch.type as string));
  return scalar ? { kind: "text", format: "text", longest: undefined } : JSON_FIELD;
}

function typeOf(given: Schema): string {
  const { type } = given;
  if (typeof type === "string") return type;
  if (Array.isArray(type)) {
    const types = type.filter((one) => one !== "null");
    if (types.length === 1) return types[0] as string;
    return types.length && types.every((one) => SCALARS.includes(one)) ? "string" : "";
  }
  return isSchema(given.properties) ? "object" : isSchema(given.items) ? "array" : "";
}

function textOf(given: Schema): Shape {
  const longest = typeof given.maxLength === "number" ? given.maxLength : undefined;
  const format = FORMATS[given.format as string] ?? (longest && longest > LINE ? "long" : "text");
  return { kind: "text", format, longest };
}

function objectOf(given: Schema): Shape {
  if (!isSchema(given.properties)) return JSON_FIELD;
  const required = Array.isArray(given.required) ? given.required : [];
  const properties = Object.entries(given.properties).map(([name, schema]) => ({
    name,
    schema: isSchema(schema) ? schema : {},
    required: required.includes(name),
  }));
  return properties.length ? { kind: "object", properties } : JSON_FIELD;
}

function listOf(given: Schema): Shape {
  if (given.prefixItems !== undefined || !isSchema(given.items)) return JSON_FIELD;
  const most = typeof given.maxItems === "number" ? given.maxItems : Number.POSITIVE_INFINITY;
  return { kind: "list", item: given.items, most };
}

/** The schema with what its reference says; one that leads nowhere, or round and round, says nothing. */
export function resolved(schema: Schema, root: Schema): Schema {
  let given = schema;
  for (let hop = 0; hop < HOPS && typeof given.$ref === "string"; hop += 1) {
    const { $ref, ...beside } = given;
    const target = ($ref as string).startsWith("#") ? at(root, steps($ref as string)) : undefined;
    given = { ...(isSchema(target) ? target : {}), ...beside };
  }
  return given;
}

/** What a part begins as when it is added. */
export function blank(schema: Schema, root: Schema): Json {
  const shape = shapeOf(schema, root);
  switch (shape.kind) {
    case "text":
      return "";
    case "choice":
      return shape.options[0] ?? null;
    case "number":
      return 0;
    case "flag":
      return false;
    case "object":
      return {};
    case "list":
      return [];
    default:
      return isSchema(schema) && schema.type === "array" ? [] : {};
  }
}

export const isSchema = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What `value` has at `path`; undefined where there is nothing. */
export function at(value: Json, path: Path): Json {
  let found = value;
  for (const step of path) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, step)) return undefined;
    found = (found as Record<Step, Json>)[step];
  }
  return found;
}

/** `value` with `next` at `path`; undefined takes it away. */
export function withAt(value: Json, path: Path, next: Json): Json {
  const [step, ...rest] = path;
  if (step === undefined) return next;
  if (typeof step === "number") {
    const list = Array.isArray(value) ? [...value] : [];
    const inner = withAt(list[step], rest, next);
    if (inner === undefined) list.splice(step, 1);
    else list[step] = inner;
    return list;
  }
  const object: Record<string, Json> = isSchema(value) ? { ...value } : {};
  const inner = withAt(object[step], rest, next);
  if (inner === undefined) delete object[step];
  else object[step] = inner;
  return object;
}

/** A JSON Pointer (RFC 6901) below `/data`. */
export function pointerOf(path: Path): string {
  return ["/data", ...path.map((step) => String(step).replaceAll("~", "~0").replaceAll("/", "~1"))].join("/");
}

function steps(reference: string): string[] {
  return reference
    .replace(/^#\/?/, "")
    .split("/")
    .filter(Boolean)
    .map((step) => decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The pointers of all fields that are drawn for `value`. */
export function pointers(schema: Schema, root: Schema, value: Json, path: Path = []): string[] {
  const shape = shapeOf(schema, root, path.length);
  const own = pointerOf(path);
  if (shape.kind === "object")
    return [
      own,
      ...shape.properties.flatMap(({ name, schema: inner }) =>
        pointers(inner, root, at(value, [name]), [...path, name]),
      ),
    ];
  if (shape.kind === "list" && Array.isArray(value))
    return [own, ...value.flatMap((inner, index) => pointers(shape.item, root, inner, [...path, index]))];
  return [own];
}

/** What is wrong, by the field that tells it: the one of its pointer, or the nearest around it. */
export function placed(
  errors: Readonly<Record<string, readonly string[]>>,
  fields: readonly string[],
): Readonly<Record<string, string>> {
  const drawn = new Set(fields);
  const found: Record<string, string> = {};
  for (const [pointer, texts] of Object.entries(errors)) {
    if (pointer !== "/data" && !pointer.startsWith("/data/")) continue;
    let field = pointer;
    while (!drawn.has(field) && field !== "/data") field = field.slice(0, field.lastIndexOf("/"));
    const inner = field === pointer ? "" : `${pointer.slice(field.length + 1)}: `;
    const said = texts.map((text) => sentence(inner + text)).join(" ");
    found[field] = field in found ? `${found[field]} ${said}` : said;
  }
  return found;
}

/** "it is missing" → "It is missing." */
export function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
