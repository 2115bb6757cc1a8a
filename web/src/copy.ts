// A copy on disk: the answers lie in data.js, and what the server would sort, filter and page is done here.

import type { Stamp } from "./state";

type Row = Record<string, unknown>;
interface Table {
  key: string;
  money: string;
  sort: string;
  filters: string[];
  searched: string[];
  decimals: string[];
  rows: Row[];
  total: number;
}
export interface Copy {
  stamp: Stamp;
  written_at: string;
  answers: Record<string, { stamp?: Stamp }>;
  tables: Record<string, Table>;
}

const PAGE = 25;

export function copied(copy: Copy, what: string): { stamp?: Stamp } {
  const [name, query] = what.split("?", 2);
  const args = new URLSearchParams(query ?? "");
  const table = copy.tables[name ?? ""];
  if (table) return { stamp: copy.stamp, ...page(table, args) };
  if (name === "find") return { stamp: copy.stamp, ...find(copy, args.get("q") ?? "") };
  const answer = copy.answers[what];
  if (answer) return answer;
  throw new Error("This copy does not hold that; the dashboard itself shows it: ecomm dashboard.");
}

function page(table: Table, args: URLSearchParams): Row {
  const said = args.get("sort") ?? table.sort;
  const column = said.replace(/^-/, "");
  const text = (args.get("search") ?? "").trim().toLowerCase();
  const matches = (row: Row, but = ""): boolean =>
    table.filters.every((f) => f === but || !args.get(f) || row[f] === args.get(f)) &&
    (!text || table.searched.some((c) => String(row[c] ?? "").toLowerCase().includes(text)));
  const rows = table.rows.filter((row) => matches(row));
  const sign = said.startsWith("-") ? -1 : 1;
  const exact = table.decimals.includes(column);
  rows.sort((a, b) => {
    const [x, y] = [a[column], b[column]];
    if (x === y || (x == null && y == null)) return String(a[table.key]) < String(b[table.key]) ? -1 : 1;
    if (x == null) return 1;
    if (y == null) return -1;
    if (exact || typeof x === "number") return sign * (Number(x) - Number(y)) || 0;
    return String(x) < String(y) ? -sign : sign;
  });
  const pages = Math.max(1, Math.ceil(rows.length / PAGE));
  const at = Math.min(Math.max(Number(args.get("page") ?? "1") || 1, 1), pages);
  const filters = Object.fromEntries(
    table.filters.map((name) => {
      const counts = new Map<string, number>();
      for (const row of table.rows) {
        const value = row[name];
        if (value != null && matches(row, name)) counts.set(String(value), (counts.get(String(value)) ?? 0) + 1);
      }
      const facet = [...counts].map(([value, n]) => ({ value, rows: n }));
      return [name, facet.sort((a, b) => b.rows - a.rows || (a.value < b.value ? -1 : 1)).slice(0, 50)];
    }),
  );
  return {
    sort: said,
    page: at,
    pages,
    total: rows.length,
    sums: { money: summed(rows, table.money), refunds: summed(rows, "refunds") },
    filters,
    rows: rows.slice((at - 1) * PAGE, at * PAGE),
  };
}

/** The exact sum of a column of money. */
function summed(rows: Row[], column: string): string {
  const total = rows.reduce((sum, row) => sum + thousandths(String(row[column] ?? "0")), 0n);
  const digits = (total < 0n ? -total : total).toString().padStart(4, "0");
  return `${total < 0n ? "-" : ""}${digits.slice(0, -3)}.${digits.slice(-3).replace(/0$/, "")}`;
}

/** An amount has two decimals, or three in currencies such as KWD. */
function thousandths(text: string): bigint {
  const [whole = "0", part = ""] = text.split(".");
  return BigInt(whole + part.padEnd(3, "0"));
}

function find(copy: Copy, q: string): Row {
  const text = q.trim().toLowerCase();
  const matches = text
    ? Object.keys(copy.answers)
        .filter((what) => what.startsWith("history?"))
        .map((what) => new URLSearchParams(what.split("?", 2)[1]))
        .map((args) => ({ source: args.get("source"), key: args.get("key") ?? "", is_current: true, versions: null }))
        .filter((m) => m.key.toLowerCase().startsWith(text))
        .map((m) => ({ ...m, exact: m.key.toLowerCase() === text }))
        .sort((a, b) => Number(b.exact) - Number(a.exact) || (a.key < b.key ? -1 : 1))
        .slice(0, 12)
    : [];
  return { q, matches };
}
