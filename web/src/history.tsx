// One order, customer or product through time.

import { count, day, instant, money, words } from "./format";
import { Icon } from "./icons";
import { Head, Loaded, Panel, Table, Disclosure } from "./parts";
import { copy, go, link, path, route, stamp, useAnswer } from "./state";

interface Found {
  q: string;
  matches: { source: string; key: string; versions: number | null; parts?: number; is_current: boolean; exact: boolean }[];
}
interface Version {
  effective_date: string;
  expiry_date: string | null;
  is_current: boolean;
  batch_id: string;
  origin: string | null;
  changes: { column: string; before: string | null; after: string | null; personal: boolean }[];
  values: Record<string, string | null>;
}
interface History {
  source: string;
  key: string;
  lives: { source: string; key: Record<string, string>; versions: Version[] }[];
  orders: { order_id: string; order_date: string; order_status: string | null; amount: string | null; product_id: string | null; product_name: string | null; lines: number }[];
}

const ONE: Record<string, string> = { orders: "Order", customers: "Customer", products: "Product", shipping: "Shipment", inventory: "Stock" };

/** A key as people say it: an order, which line of it, which refund of that. */
function titleOf(source: string, key: Record<string, string>): string {
  const said: Record<string, string> = { line_id: "line ", refund_id: "refund " };
  const parts = Object.entries(key).filter(([, value]) => value);
  return `${ONE[source]} ${parts.map(([name, value]) => `${source === "orders" ? (said[name] ?? "") : ""}${value}`).join(" · ")}`;
}

export function HistoryView() {
  const { q, source, key } = route.value.args;
  const found = useAnswer<Found>(q ? path("find", { q }) : null, true);
  const life = useAnswer<History>(source && key ? path("history", { source, key }) : null, true);
  const send = (event: Event) => {
    event.preventDefault();
    const text = new FormData(event.currentTarget as HTMLFormElement).get("q");
    go(link("history", { q: String(text ?? "").trim() }));
  };
  return (
    <>
      <Head title="History" />
      <form class="find" role="search" onSubmit={send}>
        <Icon name="search" />
        <input key={q ?? key ?? ""} name="q" type="search" defaultValue={q ?? key ?? ""} aria-label="Find an order, customer or product by its key" placeholder="Key of an order, customer or product" autocomplete="off" maxLength={128} />
        <button type="submit">Find</button>
      </form>
      {source && key ? (
        <Loaded slot={life}>{(said) => <Lives said={said} />}</Loaded>
      ) : q ? (
        <Loaded slot={found} tall={false}>{(said) => <Matches said={said} />}</Loaded>
      ) : (
        <div class="panel blank">
          <Icon name="history" />
          <h2>Every version, and where it came from</h2>
          <p>Type a key, or the beginning of one. What equals it comes first. Each version says what changed, which batch brought it, and the file and line that it was read from.</p>
          {copy && <p class="note">This copy holds the histories of the keys that changed most.</p>}
        </div>
      )}
    </>
  );
}

function Matches({ said }: { said: Found }) {
  const exact = said.matches.filter((m) => m.exact);
  if (exact.length === 1 && said.matches.length === 1) {
    const only = exact[0]!;
    queueMicrotask(() => location.replace(link("history", { source: only.source, key: only.key })));
  }
  return (
    <Panel title={`Keys that begin with “${said.q}”`} note={said.matches.length ? undefined : "Nothing begins so: no order, no customer, no product."}>
      <ul class="matches">
        {said.matches.map((m) => (
          <li key={`${m.source} ${m.key}`}>
            <a href={link("history", { source: m.source, key: m.key })}>
              <span class="tag">{ONE[m.source]}</span>
              <strong>{m.key}</strong>
              {m.versions !== null && <span class="muted">{`${m.source === "orders" && (m.parts ?? 1) > 1 ? `${count(m.parts)} lines and refunds, ` : ""}${count(m.versions)} version${m.versions === 1 ? "" : "s"}${m.is_current ? "" : ", ended"}`}</span>}
              <Icon name="right" />
            </a>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

/** What a line of an order, or a refund, is about: its product and amount at its last version. */
function lineOf(life: History["lives"][number]): string {
  const values = life.versions.at(-1)?.values ?? {};
  const amount = values["order_amount"] && `${values["order_amount"]} ${values["currency"] ?? ""}`.trim();
  return life.source === "orders" ? [values["product_id"], amount].filter(Boolean).map((text) => `${text} · `).join("") : "";
}

/** The product of an order's first line, and how many lines more it has. */
function Bought({ order }: { order: History["orders"][number] }) {
  if (order.product_id === null) return <span class="muted">–</span>;
  const more = order.lines - 1;
  return (
    <>
      <a href={link("history", { source: "products", key: order.product_id })}>{order.product_name ?? order.product_id}</a>
      {more > 0 && <span class="muted">{` and ${count(more)} more line${more === 1 ? "" : "s"}`}</span>}
    </>
  );
}

function Lives({ said }: { said: History }) {
  if (!said.lives.length)
    return (
      <div class="panel blank">
        <Icon name="search" />
        <h2>{`There is no ${ONE[said.source]?.toLowerCase()} ${said.key}`}</h2>
        <p>
          <a href={link("history", { q: said.key })}>Look for keys that begin so</a>
        </p>
      </div>
    );
  return (
    <>
      {said.lives.map((life) => {
        const ended = !life.versions.at(-1)?.is_current;
        return (
          <Panel
            key={`${life.source} ${Object.values(life.key).join(" ")}`}
            title={titleOf(life.source, life.key)}
            note={`${lineOf(life)}${count(life.versions.length)} version${life.versions.length === 1 ? "" : "s"}${ended ? "; its life has ended" : ""}`}
            side={said.source === life.source && !stamp.value?.reveal && said.source !== "products" ? <span class="tag">Personal values are masked</span> : undefined}
          >
            <ol class="timeline">
              {[...life.versions].reverse().map((v, place) => {
                const first = place === life.versions.length - 1;
                return (
                  <li key={v.effective_date} class={v.is_current ? "is-current" : ""}>
                    <header>
                      <h3>{instant(v.effective_date)}</h3>
                      {v.is_current ? <span class="badge good"><Icon name="check" />Current</span> : <span class="muted">{`until ${instant(v.expiry_date)}`}</span>}
                    </header>
                    <p class="origin">
                      <a href={link("quality", { batch: v.batch_id })}>{v.batch_id}</a>
                      {v.origin && <code>{v.origin}</code>}
                    </p>
                    {first && <p class="muted">First known then.</p>}
                    {v.changes.length > 0 && (
                      <dl class="changes">
                        {v.changes.map((c) => (
                          <div key={c.column}>
                            <dt>{words(c.column)}</dt>
                            <dd>
                              {c.before === null ? <span class="muted">empty</span> : <del>{c.before}</del>}
                              <Icon name="right" />
                              <span class="hidden">became</span>
                              <ins>{c.after ?? "empty"}</ins>
                              {c.personal && !stamp.value?.reveal && <span class="muted">(changed, masked)</span>}
                            </dd>
                          </div>
                        ))}
                      </dl>
                    )}
                    <Disclosure label="All values">
                      {() => (
                        <dl class="cells">
                          {Object.entries(v.values).map(([name, value]) => (
                            <div key={name}>
                              <dt>{name}</dt>
                              <dd>{value ?? <span class="muted">empty</span>}</dd>
                            </div>
                          ))}
                        </dl>
                      )}
                    </Disclosure>
                  </li>
                );
              })}
            </ol>
          </Panel>
        );
      })}
      {said.source === "customers" && (
        <Panel title="Orders" note="The last 25">
          <Table
            caption={`Orders of ${said.key}`}
            rows={said.orders}
            keyOf={(o) => o.order_id}
            empty="This customer has not ordered yet."
            columns={[
              { name: "order", title: "Order", cell: (o) => <a href={link("history", { source: "orders", key: o.order_id })}>{o.order_id}</a> },
              { name: "day", title: "Day", cell: (o) => day(o.order_date) },
              { name: "status", title: "Status", cell: (o) => (o.lines ? words(o.order_status ?? "–") : "Refund") },
              { name: "product", title: "Product", cell: (o) => <Bought order={o} /> },
              { name: "amount", title: "Amount", figure: true, cell: (o) => money(o.amount) },
            ]}
          />
        </Panel>
      )}
    </>
  );
}
