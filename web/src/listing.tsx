// Customers and products as tables: sorted, filtered and paged where the data is.

import { type ComponentChildren } from "preact";
import { count, day, decimal, money, percent, words } from "./format";
import { Icon } from "./icons";
import { Head, Loaded, Pager, Panel, Table, type Column } from "./parts";
import { copy, go, here, link, path, route, stamp, useAnswer } from "./state";

type Value = string | number | null;
type Row = Record<string, Value>;
interface Listed {
  sort: string;
  page: number;
  pages: number;
  total: number;
  sums: { money: string; refunds: string };
  filters: Record<string, { value: string; rows: number }[]>;
  rows: Row[];
}

const figures: Record<string, (value: Value) => string> = { money, count, share: percent, number: decimal, day: (value) => day(value as string) };
/** name, title, how it is shown. */
type Shown = [string, string, string];
const CUSTOMERS: Shown[] = [
  ["customer_segment", "Segment", "text"],
  ["rfm_group", "RFM group", "text"],
  ["orders", "Orders", "count"],
  ["total_spent", "Spent", "money"],
  ["gross_revenue", "Sold", "money"],
  ["refunds", "Refunded", "money"],
  ["clv_estimate", "Lifetime value", "money"],
  ["last_order_date", "Last order", "day"],
  ["return_rate", "Returned", "share"],
  ["favourite_category", "Favourite", "text"],
  ["customer_tier", "Tier", "text"],
];
const PRODUCTS: Shown[] = [
  ["performance_category", "Performance", "text"],
  ["price_reporting", "Price", "money"],
  ["orders", "Orders", "count"],
  ["revenue", "Revenue", "money"],
  ["gross_revenue", "Sold", "money"],
  ["refunds", "Refunded", "money"],
  ["margin_estimate", "Margin (est.)", "money"],
  ["return_rate", "Returned", "share"],
  ["stock_quantity", "Stock", "count"],
  ["days_of_stock", "Days of stock", "number"],
  ["lifecycle_stage", "Stage", "text"],
];
/** Shown where something was refunded by a row of its own. */
const OF_REFUNDS = ["gross_revenue", "refunds"];
const RANKS: Record<string, number> = { VIP: 4, "High Value": 3, "Medium Value": 2, "Low Value": 1, Star: 4, "High Performer": 3, "Medium Performer": 2, "Low Performer": 1 };

function Rank({ value }: { value: string }) {
  const rank = RANKS[value] ?? 0;
  return (
    <span class="rank">
      <span class="pips" aria-hidden="true">{[1, 2, 3, 4].map((n) => <i key={n} class={n <= rank ? "on" : ""} />)}</span>
      {value}
    </span>
  );
}

function cellOf([name, , how]: Shown) {
  return (row: Row): ComponentChildren => {
    const value = row[name] ?? null;
    if (value === null) return <span class="muted">–</span>;
    if (String(value) in RANKS) return <Rank value={String(value)} />;
    return how === "text" ? (name === "customer_tier" ? words(String(value)) : String(value)) : figures[how]!(value);
  };
}

export function Listing({ name }: { name: "customers" | "products" }) {
  const { args } = route.value;
  const slot = useAnswer<Listed>(path(name, args));
  const one = name === "customers" ? "customer_id" : "product_id";
  const said = slot.data;
  const refunded = Number(said?.sums.refunds ?? 0) !== 0;
  const shown = (name === "customers" ? CUSTOMERS : PRODUCTS).filter(([column]) => refunded || !OF_REFUNDS.includes(column));
  const key: Column<Row> =
    name === "customers"
      ? { name: one, title: "Customer", cell: (r) => <a href={link("history", { source: name, key: String(r[one]) })}>{r[one]}</a> }
      : {
          name: "product_name",
          title: "Product",
          cell: (r) => (
            <a class="two-lines" href={link("history", { source: name, key: String(r[one]) })}>
              {r["product_name"] ?? r[one]}
              <small>{[r[one], r["category"]].filter(Boolean).join(" · ")}</small>
            </a>
          ),
        };
  const columns: Column<Row>[] = [
    key,
    ...shown.map((s) => ({ name: s[0], title: s[1], figure: s[2] !== "text" && s[2] !== "day", cell: cellOf(s) })),
  ];
  const sorted = said?.sort ?? "";
  const sortTo = (column: string) => {
    const falling = sorted === `-${column}` ? column : sorted === column ? `-${column}` : columns.find((c) => c.name === column)?.figure ? `-${column}` : column;
    return here({ sort: falling, page: "" });
  };
  const filtered = Object.keys(args).some((a) => a !== "sort" && a !== "page");
  const csv = new URLSearchParams({ ...args, entry: String(stamp.value?.entry ?? "") }).toString();
  return (
    <>
      <Head title={words(name)}>
        {!copy && said && (
          <a class="button" href={`/api/${name}.csv?${csv}`} download={`${name}.csv`}>
            <Icon name="save" />
            Export CSV
          </a>
        )}
      </Head>
      <Loaded slot={slot}>
        {(said) => (
          <Panel
            title={filtered ? `${count(said.total)} that match` : `All ${count(said.total)}`}
            note={`${money(said.sums.money)} revenue${refunded ? `, ${money(said.sums.refunds)} refunded` : ""}`}
            side={filtered ? <a class="more" href={link(name, args["sort"] ? { sort: args["sort"] } : {})}>Clear filters</a> : undefined}
            class="listing"
          >
            <div class="filters">
              <form role="search" aria-label={`Search ${name}`} onSubmit={(e) => {
                e.preventDefault();
                go(here({ search: String(new FormData(e.currentTarget).get("search") ?? "").trim(), page: "" }));
              }}>
                <Icon name="search" />
                <input key={args["search"] ?? ""} name="search" type="search" defaultValue={args["search"] ?? ""} placeholder={name === "customers" ? "Customer id" : "Name or id"} aria-label={name === "customers" ? "Customer id contains" : "Name or id contains"} maxLength={128} autocomplete="off" />
              </form>
              {Object.entries(said.filters).map(([filter, values]) => (
                <label key={filter} class={args[filter] ? "is-on" : ""}>
                  <span class="hidden">{words(filter)}</span>
                  <select value={args[filter] ?? ""} onChange={(e) => go(here({ [filter]: e.currentTarget.value, page: "" }))}>
                    <option value="">{words(filter)}</option>
                    {args[filter] && !values.some((v) => v.value === args[filter]) && <option value={args[filter]}>{args[filter]}</option>}
                    {values.map((v) => (
                      <option key={v.value} value={v.value}>{`${v.value} (${count(v.rows)})`}</option>
                    ))}
                  </select>
                </label>
              ))}
            </div>
            <Table caption={words(name)} columns={columns} rows={said.rows} keyOf={(r) => String(r[one])} sort={said.sort} sortTo={sortTo} empty={`No ${name} match.`} />
            <Pager page={said.page} pages={said.pages} total={said.total} what={name} to={(page) => here({ page: page === 1 ? "" : String(page) })} />
          </Panel>
        )}
      </Loaded>
    </>
  );
}
