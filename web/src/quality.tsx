// How good the batches are, and the rows behind each finding.

import { useState } from "preact/hooks";
import { Chart } from "./chart";
import { count, dayShort, instant, percent, words } from "./format";
import { Icon } from "./icons";
import { Choice, Command, Delta, Disclosure, Head, Level, Loaded, Panel, Sentence, Some, Spark, State, Table } from "./parts";
import { copy, go, here, link, path, route, useAnswer } from "./state";

interface Finding {
  level: string;
  source: string;
  check: string;
  category: string;
  meaning: string;
  failed_rows: number;
  rows_checked: number;
  share: string | null;
  keys: string[][];
  next: string;
  /** Not so of what is found in a header: then no row can be shown. */
  has_rows: boolean;
}
interface Quality {
  batch: {
    batch_id: string;
    as_of: string;
    state: string;
    score: string | null;
    rows: Record<string, number>;
    checks: number;
    findings: Finding[];
    skipped: string[];
    trend: { batch_id: string; as_of: string; state: string; score: string | null }[];
  } | null;
  checks: { source: string; check: string; category: string; level: string; rows_checked: number; meaning: string }[];
  reasons: { source: string; reason: string; severity: string; records: number; trend: number[] | null }[];
  rejects: { batch_id: string; as_of: string; read: number; records: number; sources: Record<string, number> }[];
  next: { say: string; commands: string[] }[];
}
interface FailedRow {
  verdict: string;
  file: string;
  line: number;
  key: string[] | null;
  reasons: string[];
  cells: Record<string, string | null>;
}

export function QualityView() {
  const batch = route.value.args["batch"];
  const slot = useAnswer<Quality>(path("quality", batch ? { batch } : {}));
  const trend = slot.data?.batch?.trend ?? [];
  return (
    <>
      <Head title="Quality">
        {slot.data?.batch && (
          <label class="pick">
            <span>Batch</span>
            <select value={slot.data.batch.batch_id} onChange={(e) => go(here({ batch: e.currentTarget.value }))}>
              {[...trend].reverse().map((t) => (
                <option key={t.batch_id} value={t.batch_id}>{t.batch_id}</option>
              ))}
            </select>
          </label>
        )}
      </Head>
      <Loaded slot={slot}>
        {(said) =>
          said.batch ? <Judged said={said} batch={said.batch} /> : <p class="panel nothing">No batch has been judged yet.</p>
        }
      </Loaded>
    </>
  );
}

const ROWS = ["accepted", "rejected", "duplicate", "superseded"] as const;

function Judged({ said, batch }: { said: Quality; batch: NonNullable<Quality["batch"]> }) {
  const place = batch.trend.findIndex((t) => t.batch_id === batch.batch_id);
  const before = batch.trend.slice(0, place).reverse().find((t) => t.score !== null);
  const change = batch.score !== null && before?.score != null ? Number(batch.score) - Number(before.score) : null;
  const read = batch.rows["read"] ?? 0;
  const trend = batch.trend.slice(-60);
  const rejects = said.rejects;
  const sources = [...new Set(rejects.flatMap((b) => Object.keys(b.sources)))];
  const low = Math.min(...trend.map((t) => Number(t.score ?? 100)));
  const step = low >= 92 ? 2 : low >= 80 ? 5 : 20;
  return (
    <>
      <section class="panel score" aria-label={`Score of ${batch.batch_id}`}>
        <div class="figure-block">
          <h2>Score</h2>
          <p class="huge">{batch.score ?? "–"}<small> / 100</small></p>
          {change === null ? <span class="delta">first batch</span> : <Delta share={change} text={`${Math.abs(change).toFixed(2)} points`} full={`against ${before?.batch_id}`} />}
        </div>
        <div class="split">
          <p class="split-head">
            <State state={batch.state} /> {`${count(read)} ${read === 1 ? "record" : "records"} read, as of ${instant(batch.as_of)}`}
          </p>
          <div class="stack" aria-hidden="true">
            {ROWS.map((name) => (
              <span key={name} class={name} style={{ width: `${read ? (100 * (batch.rows[name] ?? 0)) / read : 0}%` }} />
            ))}
          </div>
          <dl class="legend">
            {ROWS.map((name) => (
              <div key={name} class={name}>
                <dt>{words(name)}</dt>
                <dd>
                  {count(batch.rows[name])} <small>{percent(read ? (batch.rows[name] ?? 0) / read : null)}</small>
                </dd>
              </div>
            ))}
          </dl>
        </div>
      </section>
      <Findings batch={batch} checks={said.checks} />
      <div class="grid two">
        <Panel title="Score over time" note="By the instant of the batch; the rules on its rows make the score">
          <Chart
            spec={{
              kind: "line",
              labels: trend.map((t) => dayShort(t.as_of)),
              titles: trend.map((t) => `${t.batch_id} · ${t.state}`),
              values: trend.map((t) => (t.score === null ? null : Number(t.score))),
              told: trend.map((t) => (t.score === null ? "no score" : `${t.score} of 100`)),
              axis: String,
              min: Math.max(0, Math.floor((low - 0.5) / step) * step),
              max: 100,
              step,
            }}
            about={`Score of the last ${trend.length} batches; now ${batch.score}`}
            table={{
              caption: "Scores",
              heads: ["Batch", "As of", "State", "Score"],
              rows: [...trend].reverse().map((t) => [t.batch_id, instant(t.as_of), words(t.state), t.score ?? "–"]),
            }}
          />
        </Panel>
        <Panel title="Rejected records" note="Share of the records read, batch by batch">
          <Chart
            spec={{
              kind: "bar",
              labels: rejects.map((b) => dayShort(b.as_of)),
              titles: rejects.map((b) => b.batch_id),
              values: rejects.map((b) => (b.read ? (100 * b.records) / b.read : 0)),
              told: rejects.map((b) => `${count(b.records)} of ${count(b.read)} (${percent(b.read ? b.records / b.read : null)})`),
              axis: (v) => `${v}%`,
              max: rejects.some((b) => b.records > 0.8 * b.read) ? 100 : undefined,
            }}
            about={`Share of rejected records of the last ${rejects.length} batches`}
            table={{
              caption: "Rejected records",
              heads: ["Batch", "Read", "Rejected", ...sources.map(words)],
              rows: [...rejects].reverse().map((b) => [b.batch_id, count(b.read), count(b.records), ...sources.map((s) => count(b.sources[s] ?? 0))]),
            }}
          />
        </Panel>
      </div>
      <div class="grid two">
        <Reasons said={said} />
        <Panel title="What to do next">
          {said.next.length ? (
            <ol class="steps">
              {said.next.map((step) => (
                <li key={step.say}>
                  <p>{step.say}</p>
                  {step.commands.map((text) => <Command key={text} text={text} />)}
                </li>
              ))}
            </ol>
          ) : (
            <p class="nothing">Nothing: no record of this batch waits for a person.</p>
          )}
        </Panel>
      </div>
    </>
  );
}

function Reasons({ said }: { said: Quality }) {
  return (
    <Panel title="Why records were not accepted" note="Each record counts at every rule that it breaks">
      <Some rows={said.reasons} most={10} what="reasons">
        {(rows) => (
      <Table
        caption="Reasons of rejected and superseded records"
        rows={rows}
        keyOf={(r) => `${r.source} ${r.reason} ${r.severity}`}
        empty="Every record was accepted."
        columns={[
          { name: "reason", title: "Reason", cell: (r) => <span class="two-lines wrap">{words(r.reason)}<small>{words(r.source)}</small></span> },
          { name: "level", title: "Level", cell: (r) => <Level level={r.severity} /> },
          { name: "records", title: "Records", figure: true, cell: (r) => count(r.records) },
          {
            name: "trend",
            title: "Over batches",
            cell: (r) => (r.trend ? <Spark values={r.trend} label={`${words(r.reason)} of ${r.source} over the last batches`} /> : ""),
          },
        ]}
      />
        )}
      </Some>
    </Panel>
  );
}

function Findings({ batch, checks }: { batch: NonNullable<Quality["batch"]>; checks: Quality["checks"] }) {
  const [open, setOpen] = useState<string | null>(null);
  const chosen = route.value.args["level"] ?? "";
  const counts = ["HIGH", "MEDIUM", "LOW", "NONE"].map((level) => [level, batch.findings.filter((f) => f.level === level).length] as const);
  const shown = batch.findings.filter((f) => !chosen || f.level === chosen);
  return (
    <Panel
      title="Findings"
      note={`${batch.findings.length} of ${batch.checks} checks found something; open one to see its rows`}
      side={
        <Choice
          label="How loud"
          options={[
            { text: `All ${batch.findings.length}`, to: here({ level: "" }), on: !chosen },
            ...counts.filter(([, n]) => n).map(([level, n]) => ({ text: `${level === "NONE" ? "Info" : words(level.toLowerCase())} ${n}`, to: here({ level }), on: chosen === level })),
          ]}
        />
      }
    >
      {batch.findings.length === 0 && <p class="nothing">Every check passed.</p>}
      <Some rows={shown} most={8} what="findings">
        {(rows) => (
      <ul class="findings">
        {rows.map((f) => {
          const key = `${f.source} ${f.check}`;
          const on = open === key;
          const id = `rows-${f.source}-${f.check}`;
          if (!f.has_rows)
            return (
              <li key={key}>
                <div class="whole"><What finding={f} /></div>
                {f.next && !copy && <div class="drill"><Command text={f.next} /></div>}
              </li>
            );
          return (
            <li key={key} class={on ? "is-open" : ""}>
              <button type="button" aria-expanded={on} aria-controls={id} onClick={() => setOpen(on ? null : key)}>
                <What finding={f} />
                <Icon name="right" class={on ? "turned" : ""} />
              </button>
              <div id={id} hidden={!on}>{on && <Rows batch={batch.batch_id} finding={f} />}</div>
            </li>
          );
        })}
      </ul>
        )}
      </Some>
      <Disclosure label={`${checks.length} checks found nothing${batch.skipped.length ? `, ${batch.skipped.length} of them skipped` : ""}`}>
        {() => (
          <Table
            caption="Checks that found nothing"
            rows={checks}
            keyOf={(c) => `${c.source} ${c.check}`}
            columns={[
              { name: "check", title: "Check", cell: (c) => words(c.check) },
              { name: "source", title: "Source", cell: (c) => words(c.source) },
              { name: "level", title: "Level", cell: (c) => <Level level={c.level} /> },
              { name: "rows", title: "Rows looked at", figure: true, cell: (c) => count(c.rows_checked) },
              { name: "meaning", title: "What it says", cell: (c) => <span class="wrap">{c.meaning}</span> },
            ]}
          />
        )}
      </Disclosure>
    </Panel>
  );
}

function What({ finding }: { finding: Finding }) {
  return (
    <>
      <Level level={finding.level} />
      <span class="finding">
        <strong>{words(finding.check)}</strong>
        <span>{finding.has_rows && "Fails: "}<Sentence text={finding.meaning} /></span>
      </span>
      <span class="where">{words(finding.source)}</span>
      <span class="figure">
        {count(finding.failed_rows)} <small>{`of ${count(finding.rows_checked)} · ${percent(finding.share, 1)}`}</small>
      </span>
    </>
  );
}

const FOUND_IN = ["orders", "customers", "products"];

function Rows({ batch, finding }: { batch: string; finding: Finding }) {
  const slot = useAnswer<{ total: number | null; rows: FailedRow[] }>(path("rows", { batch, source: finding.source, check: finding.check }), true);
  return (
    <div class="drill">
      {finding.next && !copy && <Command text={finding.next} />}
      <Loaded slot={slot} tall={false}>
        {(said) => (
          <>
            {said.rows.length === 0 && <p class="nothing">{`No row of this batch can be shown; the first keys are ${finding.keys.map((k) => k.join(" ")).join(", ") || "not known"}.`}</p>}
            {said.rows.map((row) => (
              <article key={`${row.file}:${row.line}`} class="row">
                <header>
                  <strong>
                    {row.key && FOUND_IN.includes(finding.source) ? (
                      <a href={link("history", { source: finding.source, key: row.key[0] ?? "" })}>{row.key.join(" ")}</a>
                    ) : (
                      (row.key?.filter(Boolean).join(" · ") ?? "no readable key")
                    )}
                  </strong>
                  <span class="muted">{`${row.file}:${row.line}`}</span>
                  <span class="muted">{row.verdict}</span>
                  {row.reasons.map((r) => (
                    <span key={r} class={`tag ${r === finding.check ? "is-on" : ""}`}>{words(r)}</span>
                  ))}
                </header>
                <dl class="cells">
                  {Object.entries(row.cells).map(([name, value]) => (
                    <div key={name}>
                      <dt>{name}</dt>
                      <dd>{value === null || value === "" ? <span class="muted">empty</span> : value}</dd>
                    </div>
                  ))}
                </dl>
              </article>
            ))}
            {said.total !== null && said.total > said.rows.length && <p class="note">{`The first ${said.rows.length} of ${count(said.total)}.`}</p>}
          </>
        )}
      </Loaded>
    </div>
  );
}
