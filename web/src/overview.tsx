// The shop at a glance.

import { Chart } from "./chart";
import { count, countShort, day, dayShort, money, moneyBrief, moneyShort, moneyTiny, month, monthBrief, netOf, percent } from "./format";
import { Icon } from "./icons";
import { Choice, Delta, Head, Loaded, Panel, Ranked, Spark } from "./parts";
import { here, link, path, route, stamp, useAnswer, type Stamp } from "./state";

type Figure = string | number | null;
interface Kpi {
  name: string;
  value: Figure;
  before: Figure;
  change: Figure;
  share: string | null;
  trend: Figure[];
}
interface Day {
  first_day: string;
  orders: number;
  revenue_orders: number;
  revenue: string;
  gross_revenue: string;
  refunds: string;
}
type Row = Record<string, Figure | boolean>;
interface Overview {
  stamp: Stamp;
  kpis: Kpi[];
  trend: { batch_id: string; as_of: string }[];
  summary: Row | null;
  previous: Row | null;
  course: { days: string; grain: "day" | "week" | "month"; until: string; orders: number; revenue: string; gross_revenue: string; refunds: string; rows: Day[] };
  months: Row[];
  segments: Row[];
  categories: Row[];
  products: Row[];
  quality: { batch_id: string; score: string | null; read: number; accepted: number; rejected: number } | null;
}

/** name -> as short as its place is, whether it is money, and in full. */
const KPIS: Record<string, [string, boolean, string]> = {
  revenue: ["Revenue", true, "Revenue"],
  orders: ["Orders", false, "Orders"],
  aov: ["Average order", true, "Average order value"],
  customers: ["Customers", false, "Customers"],
  margin_estimate: ["Margin, est.", true, "Margin, estimated"],
  clv_estimate: ["Lifetime value, est.", true, "Customer lifetime value, estimated, of all customers together"],
};
const RANGES: [string, string, string][] = [
  ["30", "30 d", "Last 30 days"],
  ["90", "90 d", "Last 90 days"],
  ["365", "12 m", "Last 12 months, by week"],
  ["all", "All", "All, by month"],
];

export function OverviewView() {
  const args = route.value.args;
  const slot = useAnswer<Overview>(path("overview", args["days"] && args["days"] !== "90" ? { days: args["days"] } : {}));
  return (
    <>
      <Head title="Overview" />
      <Loaded slot={slot}>
        {(said) => (
          <>
            <Kpis said={said} />
            <Course said={said} />
            <div class="grid two">
              <Months months={said.months} />
              <Vitals now={whole(said.summary)} before={whole(said.previous)} quality={said.quality} />
            </div>
            <div class="grid three">
              <Top said={said} />
            </div>
          </>
        )}
      </Loaded>
    </>
  );
}

function Kpis({ said }: { said: Overview }) {
  return (
    <section class="panel kpis" aria-label="Key figures" data-entry={said.stamp.entry}>
      {said.kpis.map((k) => {
        const [label, isMoney, inFull] = KPIS[k.name] ?? [k.name, false, k.name];
        const full = isMoney ? money(k.value) : count(k.value);
        const short = isMoney ? moneyShort(k.value) : countShort(k.value);
        const share = k.share === null ? null : Number(k.share);
        const sign = Number(k.change) > 0 ? "+" : "";
        const change = k.change === null ? "" : `${sign}${isMoney ? moneyBrief(k.change) : countShort(k.change)}`;
        const exactly = `${sign}${isMoney ? money(k.change) : count(k.change)} against the batch before`;
        return (
          <div class="kpi" key={k.name}>
            <h2 title={inFull}>{label}</h2>
            <p class="value" title={full} data-kpi={k.name} data-value={String(k.value ?? "")} data-entry={said.stamp.entry}>
              {short}
            </p>
            {share === null ? (
              <Delta share={null} text={k.before === null ? "first batch" : "no change to compare"} />
            ) : (
              <Delta share={share} text={sharePut(share)} full={exactly} />
            )}
            {share !== null && <span class="change" title={exactly}>{change}</span>}
            {k.name === "revenue" && <Net row={said.summary} />}
            <Spark
              values={k.trend.map((v) => (v === null ? null : Number(v)))}
              label={`${inFull} at the last ${k.trend.length} batches, now ${full}`}
            />
          </div>
        );
      })}
      <p class="kpi-note">
        {said.kpis[0]?.before == null
          ? "The first batch: from the next one on, each figure shows its change."
          : `Change against the batch before; the lines show the last ${said.trend.length} batches.`}
      </p>
    </section>
  );
}

/** Gross revenue and refunds, below what is left of them; nothing in a shop without refunds. */
function Net({ row }: { row: Row | null }) {
  const [gross, refunds] = [row?.["gross_revenue"] as Figure, row?.["refunds"] as Figure];
  if (!netOf(gross, refunds)) return null;
  return (
    <span class="net" title={netOf(gross, refunds)}>
      {`${moneyShort(gross)} sold, ${moneyShort(refunds)} refunded`}
    </span>
  );
}

const GRAINS = { day: "day", week: "week", month: "month" } as const;

function Course({ said }: { said: Overview }) {
  const { course } = said;
  const shown = route.value.args["show"] === "orders" ? "orders" : "revenue";
  const isMoney = shown === "revenue";
  const label = (r: Day) => (course.grain === "month" ? month(r.first_day) : dayShort(r.first_day));
  const title = (r: Day) => (course.grain === "month" ? month(r.first_day) : course.grain === "week" ? `Week of ${day(r.first_day)}` : day(r.first_day));
  const told = course.rows.map((r) => (isMoney ? money(r.revenue) : `${count(r.orders)} orders`));
  const best = course.rows.reduce((a, r, n) => (Number(r[shown]) > Number(course.rows[a]?.[shown] ?? 0) ? n : a), 0);
  const range = RANGES.find(([days]) => days === course.days)?.[2] ?? "";
  const net = netOf(course.gross_revenue, course.refunds);
  return (
    <Panel
      title={isMoney ? "Revenue by order date" : "Orders by order date"}
      class="course"
      note={
        <>
          <strong class="big" title={isMoney ? money(course.revenue) : undefined}>{isMoney ? moneyShort(course.revenue) : countShort(course.orders)}</strong>
          <span>
            {course.days === "all" ? "in all months with orders" : `${range.toLowerCase()}, up to ${day(course.until)}`}
            {isMoney && net && `: ${net}`}
          </span>
        </>
      }
      side={
        <div class="tools">
          <Choice
            label="What the chart shows"
            options={[
              { text: "Revenue", to: here({ show: "" }), on: isMoney },
              { text: "Orders", to: here({ show: "orders" }), on: !isMoney },
            ]}
          />
          <Choice
            label="How far back"
            options={RANGES.map(([days, text, full]) => ({ text, full, to: here({ days: days === "90" ? "" : days }), on: course.days === days }))}
          />
        </div>
      }
    >
      {course.rows.length ? (
        <Chart
          spec={{
            kind: "bar",
            labels: course.rows.map(label),
            titles: course.rows.map(title),
            values: course.rows.map((r) => Number(r[shown])),
            told,
            axis: isMoney ? moneyTiny : countShort,
            whole: !isMoney,
          }}
          about={`${isMoney ? "Revenue" : "Orders"} by ${GRAINS[course.grain]}; most: ${told[best] ?? "none"}, ${course.rows[best] ? title(course.rows[best]!) : ""}`}
          table={{
            caption: `Orders and revenue by ${GRAINS[course.grain]}`,
            heads: [course.grain === "day" ? "Day" : course.grain === "week" ? "Week from" : "Month", "Orders", "That count as revenue", ...(net ? ["Sold", "Refunded"] : []), "Revenue"],
            rows: course.rows
              .map((r) => [
                course.grain === "month" ? month(r.first_day) : day(r.first_day),
                count(r.orders),
                count(r.revenue_orders),
                ...(net ? [money(r.gross_revenue), money(r.refunds)] : []),
                money(r.revenue),
              ])
              .reverse(),
          }}
        />
      ) : (
        <p class="nothing">No orders in this time.</p>
      )}
    </Panel>
  );
}

/** A change of a share, in points of a hundred. */
const pointsPut = (change: number): string => (change !== 0 && Math.abs(change) < 0.0005 ? "<0.1 pts" : `${Math.abs(change * 100).toFixed(1)} pts`);
/** How much of what was there before has come or gone. */
const sharePut = (share: number): string => (share !== 0 && Math.abs(share) < 0.0005 ? "<0.1%" : percent(Math.abs(share)));

const signed = (share: Figure | boolean | undefined): string => (share == null ? "–" : `${Number(share) > 0 ? "+" : ""}${percent(share as string)}`);

function Months({ months }: { months: Row[] }) {
  const told = months.map((m) => `${money(m["revenue"] as string)}${m["is_complete"] ? "" : " so far"}`);
  const refunded = months.some((m) => Number(m["refunds"]) !== 0);
  return (
    <Panel title="Months and seasons" note="Revenue by month of the order; a dashed bar is not over yet">
      {months.length ? (
        <Chart
          spec={{
            kind: "bar",
            labels: months.map((m, n) => monthBrief(m["order_month"] as string) + (m["season"] === months[n - 1]?.["season"] ? "" : `\n${m["season"]}`)),
            titles: months.map((m) => `${month(m["order_month"] as string)} · ${m["season"]}`),
            values: months.map((m) => Number(m["revenue"])),
            open: months.map((m) => !m["is_complete"]),
            told,
            axis: moneyTiny,
          }}
          about={`Revenue by month, ${months.length} months; last: ${told.at(-1)}`}
          table={{
            caption: "Months",
            heads: ["Month", "Season", "Orders", ...(refunded ? ["Sold", "Refunded"] : []), "Revenue", "Against the month before", "Against the year before", "Seasonal index", "Top category"],
            rows: months.map((m) => [
              month(m["order_month"] as string) + (m["is_complete"] ? "" : " (so far)"),
              String(m["season"]),
              count(m["orders"] as number),
              ...(refunded ? [money(m["gross_revenue"] as string), money(m["refunds"] as string)] : []),
              money(m["revenue"] as string),
              signed(m["change_previous"]),
              signed(m["change_year"]),
              m["seasonal_index"] == null ? "–" : Number(m["seasonal_index"]).toFixed(2),
              String(m["top_category"] ?? "–"),
            ]).reverse(),
          }}
        />
      ) : (
        <p class="nothing">No month has orders yet.</p>
      )}
    </Panel>
  );
}

/** A summary with the share of cancelled orders, which tells more than their number. */
const whole = (row: Row | null): Row | null =>
  row && { ...row, cancelled_share: row["orders"] ? Number(row["cancelled_orders"]) / Number(row["orders"]) : null };

const VITALS: [string, string, "share" | "count" | "money", "up" | "down" | "none"][] = [
  ["repeat_rate", "Buyers who came back", "share", "up"],
  ["new_buyers", "New buyers at this batch", "count", "none"],
  ["return_rate", "Orders returned or refunded", "share", "down"],
  ["cancelled_share", "Orders cancelled", "share", "down"],
  ["on_time_rate", "Delivered on time", "share", "up"],
  ["shipping_cost", "Shipping cost", "money", "none"],
];

function Vitals({ now, before, quality }: { now: Row | null; before: Row | null; quality: Overview["quality"] }) {
  const put = (value: Figure, how: string) => (how === "share" ? percent(value) : how === "money" ? moneyShort(value) : count(value));
  const lacking = Number(now?.["unconverted_orders"] ?? 0);
  return (
    <Panel title="How it is going" note="At the last batch, and the change against the one before">
      <dl class="vitals">
        {VITALS.map(([name, label, how, good]) => {
          const [value, was] = [now?.[name] as Figure, before?.[name] as Figure];
          const change = value == null || was == null ? null : Number(value) - Number(was);
          const text = change === null ? "" : how === "share" ? pointsPut(change) : how === "money" ? moneyShort(Math.abs(change)) : count(Math.abs(change));
          return (
            <div key={name}>
              <dt>{label}</dt>
              <dd>
                <span class="value">{put(value, how)}</span>
                {change !== null && <Delta share={change} text={change === 0 ? "unchanged" : text} good={good} />}
              </dd>
            </div>
          );
        })}
        {quality && (
          <div>
            <dt>
              <a href={link("quality")}>Data quality score</a>
            </dt>
            <dd>
              <span class="value">{quality.score ?? "–"}</span>
              <span class="delta loose">{`${count(quality.rejected)} of ${count(quality.read)} records rejected`}</span>
            </dd>
          </div>
        )}
      </dl>
      {lacking > 0 && (
        <p class="hint">
          <Icon name="warn" />
          {`${count(lacking)} ${lacking === 1 ? "order has" : "orders have"} no exchange rate and ${lacking === 1 ? "is" : "are"} in no sum; put the rate into rates.csv.`}
        </p>
      )}
    </Panel>
  );
}

/** What a product, category or segment brought, in full. */
function earned(row: Row): string {
  const net = netOf(row["gross_revenue"] as string, row["refunds"] as string);
  return `${money(row["revenue"] as string)} in ${count(row["revenue_orders"] as number)} orders${net && ` (${net})`}`;
}

function Top({ said }: { said: Overview }) {
  return (
    <>
      <Panel title="Top products" side={<a class="more" href={link("products")}>All products</a>}>
        <Ranked
          label="Products by revenue"
          empty="No product has been sold yet."
          rows={said.products.map((p) => ({
            key: String(p["product_id"]),
            name: String(p["product_name"] ?? p["product_id"]),
            value: moneyShort(p["revenue"] as string),
            full: earned(p),
            size: Number(p["revenue"]),
            to: link("history", { source: "products", key: String(p["product_id"]) }),
          }))}
        />
      </Panel>
      <Panel title="Categories">
        <Ranked
          label="Categories by revenue"
          empty="No category has revenue yet."
          rows={said.categories.map((c) => ({
            key: String(c["category"]),
            name: String(c["category"]),
            note: percent(c["revenue_share"] as string),
            value: moneyShort(c["revenue"] as string),
            full: earned(c),
            size: Number(c["revenue"]),
            to: link("products", { category: String(c["category"]) }),
          }))}
        />
      </Panel>
      <Panel title="Customer segments" side={<a class="more" href={link("customers")}>All customers</a>}>
        <Ranked
          label="Segments by revenue"
          empty="No customers yet."
          rows={said.segments.map((s) => ({
            key: String(s["customer_segment"]),
            name: String(s["customer_segment"]),
            note: `${count(s["customers"] as number)} customers`,
            value: moneyShort(s["revenue"] as string),
            full: `${earned(s)}, ${percent(s["revenue_share"] as string)} of all; lifetime value each ${money(s["avg_clv"] as string)}`,
            size: Number(s["revenue"]),
            to: link("customers", { customer_segment: String(s["customer_segment"]) }),
          }))}
        />
        <p class="footnote">{`Margins and lifetime values are estimates, in ${stamp.value?.currency ?? ""}.`}</p>
      </Panel>
    </>
  );
}
