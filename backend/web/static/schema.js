// Holds an answer to a job's JSON Schema before anybody promises it: an answer that the marketplace refuses could never be shown.
// What it doesn't know of JSON Schema it lets pass; the marketplace looks again.
import { canonical } from "./protocol.js";

const kind = (value) => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value);
const is = (type, value) => (type === "integer" ? Number.isInteger(value) : type === kind(value));
const length = (text) => [...text].length;
const same = (a, b) => canonical(a) === canonical(b);

/**
 * What is wrong with a value, as a sentence; null if nothing is.
 * @param {*} value any JSON. @param {object|boolean} schema JSON Schema, draft 2020-12. @param {object} [root] where `$ref` begins. @param {string} [at] the place.
 */
export function fault(value, schema, root = schema, at = "") {
  if (schema === true) return null;
  const say = (why) => `${at ? `At ${at}: ` : ""}${why}.`;
  if (schema === false) return say("this may not be there");
  if (schema.$ref?.startsWith("#/")) {
    const found = schema.$ref.slice(2).split("/").reduce((part, key) => part?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], root);
    const wrong = found === undefined ? null : fault(value, found, root, at);
    if (wrong) return wrong;
  }
  if (schema.type && ![].concat(schema.type).some((type) => is(type, value))) return say(`it must be ${[].concat(schema.type).join(" or ")}`);
  if (schema.enum && !schema.enum.some((one) => same(one, value))) return say(`it must be one of ${schema.enum.slice(0, 8).map((one) => JSON.stringify(one)).join(", ")}`);
  if (Object.hasOwn(schema, "const") && !same(schema.const, value)) return say(`it must be ${JSON.stringify(schema.const)}`);
  const inside = { string: text, number: amount, array: list, object: record }[kind(value)]?.(value, schema, root, at, say);
  if (inside) return inside;
  for (const part of schema.allOf ?? []) { const wrong = fault(value, part, root, at); if (wrong) return wrong; }
  const fits = (part) => fault(value, part, root, at) === null;
  if (schema.anyOf && !schema.anyOf.some(fits)) return schema.anyOf.length === 1 ? fault(value, schema.anyOf[0], root, at) : say("it is none of what is asked for");
  if (schema.oneOf && schema.oneOf.filter(fits).length !== 1) return say("exactly one choice must be made");
  if (schema.not && fits(schema.not)) return say("it is what must not be");
  if (schema.if) return fits(schema.if) ? (schema.then ? fault(value, schema.then, root, at) : null) : schema.else ? fault(value, schema.else, root, at) : null;
  return null;
}

function text(value, { minLength = 0, maxLength = Infinity, pattern }, root, at, say) {
  if (length(value) < minLength) return say(minLength === 1 ? "it is empty" : `it needs ${minLength} characters`);
  if (length(value) > maxLength) return say(`it has more than ${maxLength} characters`);
  if (pattern && !new RegExp(pattern, "u").test(value)) return say(`it must look like ${pattern}`);
  return null;
}
function amount(value, { minimum = -Infinity, maximum = Infinity, exclusiveMinimum = -Infinity, exclusiveMaximum = Infinity, multipleOf }, root, at, say) {
  if (value < minimum || value <= exclusiveMinimum) return say("it is too small");
  if (value > maximum || value >= exclusiveMaximum) return say("it is too large");
  if (multipleOf && !Number.isInteger(Math.round((value / multipleOf) * 1e9) / 1e9)) return say(`it must be a multiple of ${multipleOf}`);
  return null;
}
function list(value, { minItems = 0, maxItems = Infinity, uniqueItems, prefixItems = [], items = true }, root, at, say) {
  if (value.length < minItems) return say(`it needs ${minItems} at least`);
  if (value.length > maxItems) return say(`it takes ${maxItems} at most`);
  if (uniqueItems && new Set(value.map(canonical)).size < value.length) return say("it says one thing twice");
  for (const [index, item] of value.entries()) { const wrong = fault(item, prefixItems[index] ?? items, root, `${at}/${index}`); if (wrong) return wrong; }
  return null;
}
function record(value, { required = [], properties = {}, patternProperties = {}, additionalProperties = true, minProperties = 0 }, root, at, say) {
  const missing = required.find((name) => !Object.hasOwn(value, name));
  if (missing !== undefined) return say(`${missing} is missing`);
  if (Object.keys(value).length < minProperties) return say("something is missing");
  for (const [name, item] of Object.entries(value)) {
    const patterns = Object.entries(patternProperties).filter(([pattern]) => new RegExp(pattern, "u").test(name)).map(([, schema]) => schema);
    const schemas = [...(Object.hasOwn(properties, name) ? [properties[name]] : []), ...patterns];
    for (const schema of schemas.length ? schemas : [additionalProperties]) { const wrong = fault(item, schema, root, `${at}/${name}`); if (wrong) return wrong; }
  }
  return null;
}
