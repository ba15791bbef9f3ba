// Rows out of what people have: CSV (RFC 4180, also with semicolons or tabs), JSON Lines, or a JSON array. Faults name row and column.

export class RowFault extends Error {
  constructor(row, sentence) { super(row ? `Row ${row}: ${sentence}` : sentence); this.row = row; }
}

const MOST = 1_000_000;

/** Records of a CSV text; quoted fields may hold separators and line breaks. */
export function csv(text, separator) {
  const records = [];
  let record = [], field = "", quoted = false, at = 0;
  const end = () => { record.push(field); field = ""; };
  while (at < text.length) {
    const sign = text[at];
    if (quoted) {
      if (sign !== '"') field += sign;
      else if (text[at + 1] === '"') { field += '"'; at += 1; } else quoted = false;
    } else if (sign === '"' && field === "") quoted = true;
    else if (sign === separator) end();
    else if (sign === "\n" || sign === "\r") {
      if (sign === "\r" && text[at + 1] === "\n") at += 1;
      end();
      if (record.length > 1 || record[0] !== "") records.push(record);
      record = [];
    } else field += sign;
    at += 1;
  }
  if (quoted) throw new RowFault(records.length + 1, "a quotation mark is opened and never closed.");
  end();
  if (record.length > 1 || record[0] !== "") records.push(record);
  return records;
}

function table(text) {
  const head = text.slice(0, text.search(/[\r\n]|$/));
  const separator = [",", "\t", ";"].sort((a, b) => head.split(b).length - head.split(a).length)[0];
  const [names, ...records] = csv(text, separator);
  if (!names) throw new RowFault(0, "There is nothing in it.");
  const columns = names.map((name) => name.trim());
  const doubled = columns.find((name, at) => columns.indexOf(name) !== at);
  if (doubled !== undefined) throw new RowFault(1, `the column “${doubled}” is there twice.`);
  return records.map((record, at) => {
    if (record.length !== columns.length) throw new RowFault(at + 2, `it has ${record.length} columns, but the first row names ${columns.length}.`);
    return Object.fromEntries(columns.map((name, place) => [name, record[place]]));
  });
}

function lines(text) {
  return text.split(/\r?\n/).map((line, at) => [line, at + 1]).filter(([line]) => line.trim()).map(([line, at]) => {
    try { return JSON.parse(line); } catch (error) { throw new RowFault(at, `this isn't JSON (${error.message}).`); }
  });
}

/** The rows of a text: objects by column, or single values. */
export function rowsOf(text, name = "") {
  const whole = text.replace(/^\uFEFF/, "").trim();
  if (!whole) throw new RowFault(0, "There is nothing in it.");
  let rows;
  if (whole.startsWith("[")) {
    try { rows = JSON.parse(whole); } catch (error) { throw new RowFault(0, `This isn't a JSON array (${error.message}).`); }
  } else if (whole.startsWith("{") || /\.(jsonl|ndjson|manifest)$/i.test(name)) rows = lines(whole);
  else rows = table(whole);
  if (!rows.length) throw new RowFault(0, "It has a head, but no row.");
  if (rows.length > MOST) throw new RowFault(0, `It has ${rows.length.toLocaleString("en")} rows; a job has at most ${MOST.toLocaleString("en")}.`);
  return rows;
}

/** The names of all columns, in the order in which they come up. */
export function columnsOf(rows) {
  const names = new Set();
  for (const row of rows.slice(0, 1000)) if (row && typeof row === "object" && !Array.isArray(row)) Object.keys(row).forEach((name) => names.add(name));
  return [...names];
}

const HINTS = { source: /^(text|sentence|content|body|comment|review|passage)$/i, "source-ref": /(url|uri|image|picture|photo|audio|video|file|src|ref|link)/i };

/** Which column a unit's field most likely is. */
export function guess(field, columns) {
  return columns.find((name) => name === field) ?? columns.find((name) => name.toLowerCase() === field.toLowerCase()) ?? columns.find((name) => HINTS[field]?.test(name)) ?? "";
}

function value(cell) {
  if (typeof cell !== "string" || !/^\s*[[{]/.test(cell)) return cell;
  try { return JSON.parse(cell); } catch { return cell; }
}

/** One row as a unit's content. `mapping` is column by field; without any the whole row is the unit, or the column `alone` of it. */
export function unitOf(row, mapping, alone) {
  if (!Object.keys(mapping).length) return alone ? value(row?.[alone]) : row;
  const unit = {};
  for (const [field, column] of Object.entries(mapping)) {
    const cell = column === "" ? undefined : row?.[column];
    if (cell !== undefined && cell !== "") unit[field] = field === "source" || field === "source-ref" ? String(cell) : value(cell);
  }
  return unit;
}

/** What rows lack that the template needs: row and column of each, at most `most`. */
export function lacking(rows, fields, mapping, most = 20) {
  const found = [];
  const empty = (row, field) => { const cell = mapping[field] ? row?.[mapping[field]] : undefined; return cell === undefined || cell === null || String(cell).trim() === ""; };
  for (const field of fields.required) if (!mapping[field]) found.push({ row: 0, sentence: `Say which column is “${field}”.` });
  if (fields.either.length && !fields.either.some((field) => mapping[field])) found.push({ row: 0, sentence: `Say which column is ${fields.either.map((field) => `“${field}”`).join(" or ")}.` });
  if (found.length) return found;
  for (const [at, row] of rows.entries()) {
    for (const field of fields.required) if (empty(row, field)) found.push({ row: at + 1, column: mapping[field], sentence: `Unit ${at + 1}, column “${mapping[field]}”: empty, but the template needs it.` });
    if (fields.either.length && fields.either.every((field) => empty(row, field))) found.push({ row: at + 1, sentence: `Unit ${at + 1}: neither ${fields.either.join(" nor ")} has anything in it.` });
    if (found.length >= most) break;
  }
  return found;
}
