// The protocol in the browser: hashes, commitments, EIP-712, who signed, and calldata read back. It asks nobody and keeps nothing.

const encoder = new TextEncoder();
const MASK = (1n << 64n) - 1n;
const rotate = (lane, by) => (by ? ((lane << BigInt(by)) | (lane >> BigInt(64 - by))) & MASK : lane);

/** Bytes from 0x hex. */
export const bytes = (hex) => Uint8Array.from(hex.slice(2).match(/../g) ?? [], (pair) => parseInt(pair, 16));
/** 0x hex from bytes. */
export const hex = (data) => "0x" + Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
const join = (...parts) => {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) { whole.set(part, at); at += part.length; }
  return whole;
};
const word = (number) => bytes("0x" + BigInt.asUintN(256, BigInt(number)).toString(16).padStart(64, "0"));
const left = (data) => join(new Uint8Array(32 - data.length), data);

/** keccak256 of bytes or of a text's UTF-8; 32 bytes. */
export function keccak256(data) {
  const message = typeof data === "string" ? encoder.encode(data) : data;
  const padded = new Uint8Array((Math.floor(message.length / 136) + 1) * 136);
  padded.set(message);
  padded[message.length] ^= 1;
  padded[padded.length - 1] ^= 128;
  const view = new DataView(padded.buffer), state = Array(25).fill(0n);
  for (let at = 0; at < padded.length; at += 136) {
    for (let lane = 0; lane < 17; lane++) state[lane] ^= view.getBigUint64(at + 8 * lane, true);
    permute(state);
  }
  const out = new DataView(new ArrayBuffer(32));
  for (let lane = 0; lane < 4; lane++) out.setBigUint64(8 * lane, state[lane], true);
  return new Uint8Array(out.buffer);
}

function permute(s) {
  let bits = 1;
  for (let round = 0; round < 24; round++) {
    const column = [0, 1, 2, 3, 4].map((x) => s[x] ^ s[x + 5] ^ s[x + 10] ^ s[x + 15] ^ s[x + 20]);
    for (let at = 0; at < 25; at++) s[at] ^= column[(at + 4) % 5] ^ rotate(column[(at + 1) % 5], 1);
    let x = 1, y = 0, held = s[1];
    for (let step = 0; step < 24; step++) {
      [x, y] = [y, (2 * x + 3 * y) % 5];
      [held, s[x + 5 * y]] = [s[x + 5 * y], rotate(held, (((step + 1) * (step + 2)) / 2) % 64)];
    }
    for (let row = 0; row < 25; row += 5) {
      const lanes = s.slice(row, row + 5);
      for (let at = 0; at < 5; at++) s[row + at] ^= (lanes[(at + 1) % 5] ^ MASK) & lanes[(at + 2) % 5];
    }
    for (let power = 0; power < 7; power++) {
      if (bits & 1) s[0] ^= 1n << BigInt(2 ** power - 1);
      bits = bits & 128 ? (bits << 1) ^ 0x171 : bits << 1;
    }
  }
}

/** The one text of a JSON value (RFC 8785). */
export function canonical(value) {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
}

/** What a worker sends before the answer: keccak256(job, slot, worker, salt, answer), as 0x hex. */
export const commitment = (job, slot, worker, salt, answer) =>
  hex(keccak256(join(bytes(job), word(slot), bytes(worker), bytes(salt), encoder.encode(canonical(answer)))));

/** An address as EIP-55 writes it. */
export function checksummed(address) {
  const plain = address.slice(2).toLowerCase(), marks = hex(keccak256(plain)).slice(2);
  return "0x" + [...plain].map((digit, at) => (marks[at] > "7" ? digit.toUpperCase() : digit)).join("");
}

// ------------------------------------------------------------------------------------------------ EIP-712

const BATCH = [["job", "bytes32"], ["firstSlot", "uint256"], ["workers", "address[]"], ["places", "bytes"], ["answerRoot", "bytes32"]];
const DOMAIN = [["name", "string"], ["version", "string"], ["chainId", "uint256"], ["verifyingContract", "address"]];
const fields = (pairs) => pairs.map(([name, type]) => ({ name, type }));

/** A type as EIP-712 writes it, with those that it needs. */
export function encodeType(name, types) {
  const needed = new Set();
  const visit = (type) => {
    const base = type.replace(/\[.*$/, "");
    if (!types[base] || needed.has(base)) return;
    needed.add(base);
    types[base].forEach((field) => visit(field.type));
  };
  visit(name);
  needed.delete(name);
  return [name, ...[...needed].sort()].map((type) => `${type}(${types[type].map((field) => `${field.type} ${field.name}`).join(",")})`).join("");
}

function encode(type, value, types) {
  const array = type.match(/^(.*)\[\d*\]$/);
  if (array) return keccak256(join(...value.map((item) => encode(array[1], item, types))));
  if (types[type]) return structHash(type, value, types);
  if (type === "string") return keccak256(value);
  if (type === "bytes") return keccak256(bytes(value));
  if (type.startsWith("bytes")) return join(bytes(value), new Uint8Array(32 - bytes(value).length));
  return type === "address" ? left(bytes(value)) : word(value);
}

const structHash = (name, value, types) =>
  keccak256(join(keccak256(encodeType(name, types)), ...types[name].map((field) => encode(field.type, value[field.name], types))));

/** What a wallet signs for an `eth_signTypedData_v4` message; 32 bytes. */
export const typedDigest = ({ types, primaryType, domain, message }) =>
  keccak256(join(Uint8Array.of(0x19, 1), structHash("EIP712Domain", domain, types), structHash(primaryType, message, types)));

const piecework = (info, name, list, message) => ({
  types: { EIP712Domain: fields(DOMAIN), [name]: list },
  primaryType: name,
  domain: { name: "Piecework", version: "1", chainId: info.chain_id, verifyingContract: info.escrow },
  message,
});

/** The digest of a batch as the API writes it; what its coordinator signs. */
export const batchDigest = (info, batch) =>
  typedDigest(piecework(info, "Batch", fields(BATCH), {
    job: batch.job, firstSlot: batch.first_slot, workers: batch.workers, places: batch.places, answerRoot: batch.answer_root,
  }));

/** The digest of a receipt, which is a batch of one slot. */
export const receiptDigest = (info, { job, slot, worker, commitment }) =>
  batchDigest(info, { job, first_slot: slot, workers: [worker], places: "0x01", answer_root: commitment });

/** The message of a withdrawal for `signTyped`; amounts in base units. */
export const withdrawal = (info, message) =>
  piecework(info, "Withdrawal", fields([["owner", "address"], ["token", "address"], ["receiver", "address"], ["amount", "uint256"], ["maxFee", "uint256"], ["nonce", "uint64"], ["deadline", "uint64"]]), message);

const TERMS = [
  ["requester", "address"], ["operator", "address"], ["token", "address"], ["reward", "uint128"], ["fee", "uint128"], ["coordinator", "address"],
  ["arbitrator", "address"], ["arbitratorExtraData", "bytes"], ["contestDeposit", "uint128"], ["appealStake", "uint128"], ["closesAt", "uint64"],
  ["reviewWindow", "uint32"], ["appealWindow", "uint32"], ["contentHash", "bytes32"], ["salt", "bytes32"],
];

/** A job's id out of its terms as the API writes them. */
export function jobId(info, terms) {
  const message = Object.fromEntries(TERMS.map(([name]) => [name, terms[name.replace(/[A-Z]/g, (letter) => "_" + letter.toLowerCase())]]));
  return hex(typedDigest(piecework(info, "Terms", fields(TERMS), message)));
}

// ------------------------------------------------------------------------------------------------ who signed

const P = 2n ** 256n - 2n ** 32n - 977n;
const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const G = [0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798n, 0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8n];
const mod = (a, m) => ((a % m) + m) % m;
function inverse(a, m) {
  let [low, high, x, y] = [mod(a, m), m, 1n, 0n];
  while (low > 1n) { const q = high / low; [low, high, x, y] = [high % low, low, y - q * x, x]; }
  return mod(x, m);
}
function power(base, exponent) {
  let result = 1n;
  for (let b = mod(base, P), e = exponent; e; e >>= 1n, b = (b * b) % P) if (e & 1n) result = (result * b) % P;
  return result;
}
function add(a, b) {
  if (!a || !b) return a ?? b;
  if (a[0] === b[0] && a[1] !== b[1]) return null;
  const slope = a[0] === b[0] ? 3n * a[0] * a[0] * inverse(2n * a[1], P) : (b[1] - a[1]) * inverse(b[0] - a[0], P);
  const x = mod(slope * slope - a[0] - b[0], P);
  return [x, mod(slope * (a[0] - x) - a[1], P)];
}
function times(point, scalar) {
  let sum = null;
  for (let p = point, s = scalar; s; s >>= 1n, p = add(p, p)) if (s & 1n) sum = add(sum, p);
  return sum;
}

/** The address whose key signed the digest (32 bytes) with a 65-byte signature in 0x hex; null if none did. */
export function recover(digest, signature) {
  const raw = bytes(signature);
  if (raw.length !== 65) return null;
  const [r, s] = [raw.slice(0, 32), raw.slice(32, 64)].map((part) => BigInt(hex(part)));
  const odd = BigInt(raw[64] >= 27 ? raw[64] - 27 : raw[64]);
  if (odd > 1n || !r || !s || r >= N || s > N / 2n) return null;
  const square = mod(r ** 3n + 7n, P);
  let y = power(square, (P + 1n) / 4n);
  if ((y * y) % P !== square) return null;
  if ((y & 1n) !== odd) y = P - y;
  const back = inverse(r, N);
  const key = add(times(G, mod(-BigInt(hex(digest)) * back, N)), times([r, y], mod(s * back, N)));
  return key && hex(keccak256(join(word(key[0]), word(key[1]))).slice(12));
}
