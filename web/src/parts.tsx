// What the views are made of.

import { type ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";
import { ago, instant } from "./format";
import { Icon } from "./icons";
import { copy, now, stamp, type Slot, retry } from "./state";

export function Panel(props: {
  title: string;
  note?: ComponentChildren;
  side?: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}) {
  const id = useId();
  return (
    <section class={`panel ${props.class ?? ""}`} aria-labelledby={id}>
      <header class="panel-head">
        <div>
          <h2 id={id}>{props.title}</h2>
          {props.note && <p class="note">{props.note}</p>}
        </div>
        {props.side}
      </header>
      {props.children}
    </section>
  );
}

/** How fresh what is shown is; `stale` when no batch has come for much longer than usual. */
export function Freshness() {
  const at = stamp.value;
  if (!at?.published_at) return null;
  const stale = (now.value - Date.parse(at.published_at)) / 1000 > at.stale_after;
  return (
    <p class={`fresh ${stale ? "is-stale" : ""}`} data-entry={at.entry}>
      {stale ? <span class="badge warn"><Icon name="warn" />Stale</span> : <span class="dot" aria-hidden="true" />}
      <span>
        As of <strong>{instant(at.as_of)}</strong>
      </span>
      <span class="sep batch">{at.batch_id}</span>
      <span class="sep" title={instant(at.published_at)}>
        published {ago(at.published_at, now.value)}
      </span>
      {at.working_on && !copy && <span class="sep working">working on {at.working_on}</span>}
    </p>
  );
}

/** A text whose commands are written `so`, with a full stop. */
export function Sentence({ text }: { text: string }) {
  const whole = /[.?!]$/.test(text) ? text : `${text}.`;
  return <>{whole.split("`").map((part, place) => (place % 2 ? <code key={place}>{part}</code> : part))}</>;
}

export function Head(props: { title: string; children?: ComponentChildren }) {
  return (
    <header class="view-head">
      <div>
        <h1 tabIndex={-1}>{props.title}</h1>
        <Freshness />
      </div>
      {props.children && <div class="view-tools">{props.children}</div>}
    </header>
  );
}

/** A change in words, with an arrow; colour only repeats it. */
export function Delta(props: { share: number | null; text: string; full?: string; good?: "up" | "down" | "none" }) {
  const { share, text, full, good = "up" } = props;
  if (share === null) return <span class="delta">{text}</span>;
  const way = share > 0 ? "up" : share < 0 ? "down" : "flat";
  const mood = way === "flat" || good === "none" ? "" : way === good ? "is-good" : "is-bad";
  return (
    <span class={`delta ${mood}`} title={full}>
      <Icon name={way} />
      <span class="hidden">{way === "flat" ? "unchanged" : way} </span>
      {text}
    </span>
  );
}

export function Spark({ values, label }: { values: (number | null)[]; label: string }) {
  const there = values.map((v, i) => [i, v] as const).filter((p): p is readonly [number, number] => p[1] !== null);
  if (there.length < 2) return <span class="spark" aria-hidden="true" />;
  const all = there.map((p) => p[1]);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const x = (i: number) => (i / (values.length - 1)) * 116 + 2;
  const y = (v: number) => (high === low ? 16 : 29 - ((v - low) / (high - low)) * 26);
  const line = there.map(([i, v], n) => `${n ? "L" : "M"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`).join("");
  const [lastX, lastY] = [x(there.at(-1)![0]), y(there.at(-1)![1])];
  return (
    <svg class="spark" viewBox="0 0 120 32" preserveAspectRatio="none" role="img" aria-label={label}>
      <path class="area" d={`${line}L${lastX.toFixed(1)} 32L${x(there[0]![0]).toFixed(1)} 32Z`} />
      <path class="line" d={line} />
      <path class="end" d={`M${lastX.toFixed(1)} ${lastY.toFixed(1)}h.01`} />
    </svg>
  );
}

/** One of few: links, so that each choice can be kept as an address. */
export function Choice(props: { label: string; options: { text: string; full?: string; to: string; on: boolean }[] }) {
  return (
    <nav class="choice" aria-label={props.label}>
      {props.options.map((o) => (
        <a key={o.text} href={o.to} aria-current={o.on ? "true" : undefined} aria-label={o.full}>
          {o.text}
        </a>
      ))}
    </nav>
  );
}

export interface Column<R> {
  name: string;
  title: ComponentChildren;
  cell: (row: R) => ComponentChildren;
  figure?: boolean;
  /** Kept when there is little room. */
  keep?: boolean;
}

export function Table<R>(props: {
  caption: string;
  columns: Column<R>[];
  rows: R[];
  keyOf: (row: R, place: number) => string;
  sort?: string;
  sortTo?: (column: string) => string;
  empty?: string;
}) {
  const { columns, rows, sort } = props;
  return (
    <div class="table-wrap" tabIndex={0} role="region" aria-label={props.caption}>
      <table>
        <caption class="hidden">{props.caption}</caption>
        <thead>
          <tr>
            {columns.map((c) => {
              const on = sort === c.name ? "ascending" : sort === `-${c.name}` ? "descending" : undefined;
              return (
                <th key={c.name} scope="col" class={c.figure ? "figure" : ""} aria-sort={props.sortTo ? (on ?? "none") : undefined}>
                  {props.sortTo ? (
                    <a href={props.sortTo(c.name)} class={on ? "sorted" : ""}>
                      {c.title}
                      <Icon name={on === "ascending" ? "up" : "down"} class={on ? "" : "faint"} />
                    </a>
                  ) : (
                    c.title
                  )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, place) => (
            <tr key={props.keyOf(row, place)}>
              {columns.map((c, n) =>
                n === 0 ? (
                  <th key={c.name} scope="row" class={c.figure ? "figure" : ""}>{c.cell(row)}</th>
                ) : (
                  <td key={c.name} class={c.figure ? "figure" : ""}>{c.cell(row)}</td>
                ),
              )}
            </tr>
          ))}
          {rows.length === 0 && (
            <tr>
              <td colSpan={columns.length} class="nothing">{props.empty ?? "Nothing here."}</td>
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}

export function Disclosure(props: { label: string; children: () => ComponentChildren }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  return (
    <div class="disclosure">
      <button type="button" class="link" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
        <Icon name="right" class={open ? "turned" : ""} />
        {props.label}
      </button>
      <div id={id} hidden={!open}>{open && props.children()}</div>
    </div>
  );
}

/** A ranked list: each row's bar is its share of the greatest. */
export function Ranked(props: {
  label: string;
  rows: { key: string; name: ComponentChildren; note?: string; value: string; full: string; size: number; to?: string }[];
  empty: string;
}) {
  const most = Math.max(...props.rows.map((r) => r.size), 0);
  if (!props.rows.length) return <p class="nothing">{props.empty}</p>;
  return (
    <ol class="ranked" aria-label={props.label}>
      {props.rows.map((r) => (
        <li key={r.key}>
          <span class="bar" style={{ width: most > 0 ? `${Math.max(0.5, (100 * Math.max(0, r.size)) / most)}%` : "0" }} aria-hidden="true" />
          <span class="what">
            {r.to ? <a href={r.to}>{r.name}</a> : r.name}
            {r.note && <small>{r.note}</small>}
          </span>
          <span class="figure" title={r.full}>{r.value}</span>
        </li>
      ))}
    </ol>
  );
}

const LEVELS: Record<string, [string, string]> = {
  HIGH: ["bad", "stop"],
  MEDIUM: ["warn", "warn"],
  LOW: ["quiet", "flat"],
  NONE: ["quiet", "check"],
};
export function Level({ level }: { level: string }) {
  const [mood, icon] = LEVELS[level] ?? ["quiet", "flat"];
  return (
    <span class={`badge ${mood}`}>
      <Icon name={icon} />
      {level === "NONE" ? "Info" : level.charAt(0) + level.slice(1).toLowerCase()}
    </span>
  );
}

const STATES: Record<string, [string, string]> = {
  published: ["good", "check"],
  replayed: ["good", "undo"],
  replaced: ["good", "check"],
  accepted: ["good", "check"],
  held: ["warn", "hold"],
  rejected: ["quiet", "stop"],
  undone: ["quiet", "undo"],
  failed: ["bad", "stop"],
  waiting: ["warn", "clock"],
  pending: ["quiet", "clock"],
  "under way": ["quiet", "clock"],
  maintained: ["quiet", "tool"],
  rebuilt: ["good", "check"],
  OK: ["good", "check"],
  FAILED: ["bad", "stop"],
};
export function State({ state }: { state: string }) {
  const [mood, icon] = STATES[state] ?? ["quiet", "flat"];
  return (
    <span class={`badge ${mood}`}>
      <Icon name={icon} />
      {state.charAt(0).toUpperCase() + state.slice(1)}
    </span>
  );
}

export function Command({ text }: { text: string }) {
  const [done, setDone] = useState(false);
  const put = () => {
    void navigator.clipboard?.writeText(text).then(() => {
      setDone(true);
      setTimeout(() => setDone(false), 1500);
    });
  };
  return (
    <span class="command">
      <code>{text}</code>
      <button type="button" onClick={put} aria-label={done ? "Copied" : `Copy ${text}`} title={done ? "Copied" : "Copy"}>
        <Icon name={done ? "check" : "copy"} />
      </button>
    </span>
  );
}

export function Pager(props: { page: number; pages: number; total: number; what: string; to: (page: number) => string }) {
  const { page, pages } = props;
  return (
    <nav class="pager" aria-label={`Pages of ${props.what}`}>
      <span>{`Page ${page} of ${pages}`}</span>
      {page > 1 ? <a href={props.to(page - 1)}><Icon name="left" />Previous</a> : <span class="off"><Icon name="left" />Previous</span>}
      {page < pages ? <a href={props.to(page + 1)}>Next<Icon name="right" /></a> : <span class="off">Next<Icon name="right" /></span>}
    </nav>
  );
}

/** The first of many; a button shows the others. */
export function Some<R>(props: { rows: R[]; most: number; what: string; children: (rows: R[]) => ComponentChildren }) {
  const [all, setAll] = useState(false);
  const { rows, most } = props;
  return (
    <>
      {props.children(all ? rows : rows.slice(0, most))}
      {rows.length > most && (
        <button type="button" class="link more-of" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? `Show the first ${most}` : `Show all ${rows.length} ${props.what}`}
        </button>
      )}
    </>
  );
}

/** What a view shows while it waits, when it failed, and when all is there. */
export function Loaded<T>({ slot, children, tall = true }: { slot: Slot<T>; children: (data: T) => ComponentChildren; tall?: boolean }) {
  if (slot.error !== undefined)
    return (
      <div class="panel problem" role="alert">
        <Icon name="stop" />
        <div>
          <h2>This could not be loaded</h2>
          <p>{slot.error}</p>
          {!copy && <button type="button" onClick={retry}>Try again</button>}
        </div>
      </div>
    );
  if (slot.data === undefined)
    return (
      <div class="skeleton" role="status" aria-label="Loading">
        <div class="panel ghost" />
        {tall && <div class="panel ghost tall" />}
      </div>
    );
  return <div class={`loaded ${slot.busy ? "is-busy" : ""}`} aria-busy={slot.busy}>{children(slot.data)}</div>;
}
