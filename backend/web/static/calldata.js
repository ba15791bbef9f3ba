// Calldata read back, by functions as they are written in Solidity with the names of their parameters.
import { bytes, hex, keccak256 } from "./protocol.js";

/** A function written as "name(type name, (type name, …) name)" read into its parameters. */
export function signature(text) {
  let at = text.indexOf("(");
  const list = () => {
    const found = [];
    at += 1;
    while (text[at] !== ")") {
      const inner = text[at] === "(" ? list() : null;
      const [, type, name] = /^([\w[\]]*)\s*(\w*)\s*,?\s*/.exec(text.slice(at));
      at += /^([\w[\]]*)\s*(\w*)\s*,?\s*/.exec(text.slice(at))[0].length;
      found.push({ name, type: inner ? "tuple" + type : type, inner });
    }
    at += 1;
    return found;
  };
  const parameters = list(), name = text.slice(0, text.indexOf("("));
  return { name, parameters, selector: hex(keccak256(name + plain(parameters)).slice(0, 4)) };
}
const plain = (list) => `(${list.map((one) => (one.inner ? one.type.replace("tuple", plain(one.inner)) : one.type)).join(",")})`;
const dynamic = ({ type, inner }) => type === "bytes" || type === "string" || type.endsWith("]") || Boolean(inner?.some(dynamic));
const width = (one) => (!dynamic(one) && one.inner ? one.inner.reduce((sum, part) => sum + width(part), 0) : 32);

/**
 * What calldata says, by parameter; integers as BigInt.
 * @throws {Error} where it isn't such a call.
 */
export function decodeCall({ parameters }, data) {
  const view = bytes(data).slice(4);
  const take = (at, size) => {
    if (at < 0 || at + size > view.length) throw new Error("The call's bytes end too early.");
    return view.slice(at, at + size);
  };
  const number = (at) => {
    const found = BigInt(hex(take(at, 32)));
    if (found > BigInt(view.length)) throw new Error("The call's bytes point outside of themselves.");
    return Number(found);
  };
  const one = (parameter, at) => {
    const { type, inner } = parameter;
    if (type.endsWith("]")) {
      const item = { type: type.replace(/\[\]$/, ""), inner }, size = width(item);
      return Array.from({ length: number(at) }, (_, index) => place(item, at + 32 + index * size, at + 32));
    }
    if (inner) return all(inner, at);
    if (type === "bytes" || type === "string") {
      const data = take(at + 32, number(at));
      return type === "bytes" ? hex(data) : new TextDecoder().decode(data);
    }
    const raw = take(at, 32);
    if (type === "address") return hex(raw.slice(12));
    return type.startsWith("bytes") ? hex(raw.slice(0, Number(type.slice(5)))) : BigInt(hex(raw));
  };
  const place = (parameter, at, base) => one(parameter, dynamic(parameter) ? base + number(at) : at);
  const all = (list, base) => {
    let at = base;
    const found = {};
    for (const parameter of list) {
      found[parameter.name] = place(parameter, at, base);
      at += width(parameter);
    }
    return found;
  };
  return all(parameters, 0);
}
