// How the program works: landing, runs, files, the ledger.

import { bytes, clock, count, instant, seconds, words } from "./format";
import { Icon } from "./icons";
import { Command, Head, Loaded, Pager, Panel, Sentence, State, Table } from "./parts";
import { copy, here, landing, link, path, route, stamp, useAnswer } from "./state";

interface Task {
  task: string;
  /** Nothing, like its end and its seconds, of a task that had no file to work on. */
  started_at: string | null;
  ended_at: string | null;
  seconds: string | null;
  rows_read: number | null;
  rows_accepted: number | null;
  rows_rejected: number | null;
  bytes_read: number | null;
  bytes_written: number | null;
  peak_memory_mb: number | null;
  status: string;
  error: string | null;
}
interface FileOf {
  source: string;
  name: string;
  bytes: number;
  rows_read: number;
  rows_accepted: number;
  rows_rejected: number;
  rows_duplicate: number;
  rows_superseded: number;
  outcome: string;
}
interface Run {
  revision: number;
  batch_id: string | null;
  as_of: string | null;
  started_at: string;
  ended_at: string | null;
  seconds: number | null;
  ending: string;
  entry: string | null;
  reason: string | null;
  score: string | null;
  files: number;
  rows_read: number;
  rows_rejected: number;
}
interface Operations {
  runs: Run[];
  run: (Omit<Run, "files"> & { tasks: Task[]; files: FileOf[] }) | null;
  held: { batch_id: string; as_of: string | null; score: string | null; reason: string | null; accepted: boolean }[];
  undone: { batch_id: string; as_of: string | null; reason: string | null }[];
}
interface Ledger {
  page: number;
  pages: number;
  total: number;
  rows: { seq: number; entry: string; again: string | null; at: string; batch_id: string | null; reason: string | null; score: string | null; engine: string | null; rows_read: number }[];
}
interface Landed {
  looked_at: string;
  problem: string | null;
  triggers: { batch_id: string; state: string; reason: string | null }[];
  unexpected: { source: string; name: string; advice: string }[];
  more: number;
  running: boolean;
}

export function OperationsView() {
  const { run, page } = route.value.args;
  const slot = useAnswer<Operations>(path("operations", run ? { run } : {}));
  const ledger = useAnswer<Ledger>(path("ledger", page ? { page } : {}));
  return (
    <>
      <Head title="Operations" />
      <Loaded slot={slot}>
        {(said) => (
          <>
            <Attention said={said} />
            <div class="grid runs">
              <Runs said={said} />
              {said.run && <Gantt run={said.run} />}
            </div>
            {said.run && said.run.files.length > 0 && <Files run={said.run} />}
          </>
        )}
      </Loaded>
      <div class="below"><Loaded slot={ledger} tall={false}>{(said) => <LedgerOf ledger={said} />}</Loaded></div>
    </>
  );
}

function Attention({ said }: { said: Operations }) {
  // `seen` makes it a new question whenever something in landing has changed.
  const slot = useAnswer<Landed>(copy ? null : path("landing", { seen: String(landing.value) }));
  const landed = slot.data;
  const quiet = !said.held.length && !said.undone.length && !landed?.triggers.length && !landed?.unexpected.length && !landed?.problem;
  return (
    <Panel
      title="Waiting and held"
      note={copy ? "As of this copy" : landed ? `Landing was looked at ${clock(landed.looked_at)}${landed.running ? "; a run is under way" : ""}` : "Looking at landing"}
    >
      {landed?.problem && <p class="hint"><Icon name="warn" />{landed.problem}</p>}
      {quiet && <p class="calm"><Icon name="check" />Nothing waits: no batch is held, and nothing is left in landing.</p>}
      <ul class="attention">
        {said.held.map((h) => (
          <li key={`held ${h.batch_id}`}>
            <State state={h.accepted ? "accepted" : "held"} />
            <div>
              <strong><a href={link("quality", { batch: h.batch_id })}>{h.batch_id}</a></strong>
              <p>{h.accepted ? "Accepted; the next run publishes it." : (h.reason ?? `Its score is ${h.score}.`)}</p>
              {!h.accepted && (
                <p class="commands">
                  <Command text={`ecomm accept ${h.batch_id} --why "..."`} />
                  <Command text={`ecomm reject ${h.batch_id} --why "..."`} />
                </p>
              )}
            </div>
          </li>
        ))}
        {landed?.triggers.map((t) => (
          <li key={`trigger ${t.batch_id}`}>
            <State state={t.state} />
            <div>
              <strong>{t.batch_id}</strong>
              <p>{t.reason ?? (t.state === "pending" ? "Complete; the next run takes it." : "")}</p>
              {t.state === "pending" && <p class="commands"><Command text="ecomm run" /></p>}
            </div>
          </li>
        ))}
        {said.undone.map((u) => (
          <li key={`undone ${u.batch_id}`}>
            <State state="undone" />
            <div>
              <strong>{u.batch_id}</strong>
              <p>{u.reason}</p>
            </div>
          </li>
        ))}
        {landed?.unexpected.map((file) => (
          <li key={`unexpected ${file.source} ${file.name}`}>
            <span class="badge quiet"><Icon name="warn" />Unexpected</span>
            <div>
              <strong>{file.name}</strong> <span class="muted">{words(file.source)}</span>
              <p><Sentence text={file.advice.charAt(0).toUpperCase() + file.advice.slice(1)} /></p>
            </div>
          </li>
        ))}
      </ul>
      {landed !== null && landed !== undefined && landed.more > 0 && <p class="note">{`${count(landed.more)} more files that no trigger lists: ecomm status --json names them.`}</p>}
    </Panel>
  );
}

function Runs({ said }: { said: Operations }) {
  const most = Math.max(...said.runs.map((r) => r.seconds ?? 0), 0.001);
  return (
    <Panel title="Runs" note={`The last ${said.runs.length}, the newest first`}>
      {said.runs.length === 0 && <p class="nothing">Nothing has been run yet.</p>}
      <ol class="runlist">
        {said.runs.map((r) => (
          <li key={r.revision}>
            <a href={here({ run: String(r.revision) })} aria-current={r.revision === said.run?.revision ? "true" : undefined}>
              <span class="line">
                <strong>{r.batch_id ?? "the whole warehouse"}</strong>
                <State state={r.ending} />
              </span>
              <span class="line muted">
                <span>{instant(r.started_at)}</span>
                <span class="figure">{seconds(r.seconds)}</span>
              </span>
              <span class="track" aria-hidden="true"><span style={{ width: `${(100 * (r.seconds ?? 0)) / most}%` }} /></span>
            </a>
          </li>
        ))}
      </ol>
    </Panel>
  );
}

function Gantt({ run }: { run: NonNullable<Operations["run"]> }) {
  const times = (of: (t: Task) => string | null) => run.tasks.flatMap((t) => of(t) ?? []).map((when) => Date.parse(when));
  const start = Math.min(Date.parse(run.started_at), ...times((t) => t.started_at));
  const end = Math.max(run.ended_at ? Date.parse(run.ended_at) : 0, ...times((t) => t.ended_at), start + 1);
  const at = (when: string) => (100 * (Date.parse(when) - start)) / (end - start);
  const total = (end - start) / 1000;
  return (
    <Panel
      title={run.batch_id ?? "The whole warehouse"}
      note={`Run ${run.revision}: ${seconds(run.seconds ?? total)} in all${run.rows_read ? `, ${count(run.rows_read)} records` : ""}${run.score ? `, score ${run.score}` : ""}`}
      side={<State state={run.ending} />}
    >
      {run.reason && <p class="hint"><Icon name="warn" />{run.reason}</p>}
      {run.tasks.length === 0 && <p class="nothing">No task has written into the journal.</p>}
      {run.tasks.length > 0 && (
        <div class="table-wrap" tabIndex={0} role="region" aria-label="Tasks of the run">
          <table class="gantt">
            <caption class="hidden">{`Tasks of run ${run.revision}, with their seconds`}</caption>
            <thead>
              <tr>
                <th scope="col">Task</th>
                <th scope="col" class="time">
                  <span class="ticks" aria-hidden="true">
                    {[0, 0.25, 0.5, 0.75, 1].map((t) => <span key={t}>{seconds(t * total)}</span>)}
                  </span>
                  <span class="hidden">When</span>
                </th>
                <th scope="col" class="figure">Seconds</th>
                <th scope="col" class="figure">Rows</th>
                <th scope="col" class="figure">Written</th>
                <th scope="col" class="figure">Memory</th>
              </tr>
            </thead>
            <tbody>
              {run.tasks.map((t) => (
                <tr key={`${t.task} ${t.started_at}`}>
                  <th scope="row" title={t.task}>{words(t.task)}</th>
                  <td class="time">
                    {t.started_at && t.ended_at ? (
                      <>
                        <span
                          class={`span ${t.status === "FAILED" ? "is-bad" : ""}`}
                          style={{ left: `${at(t.started_at)}%`, width: `${Math.max(0.6, at(t.ended_at) - at(t.started_at))}%` }}
                          title={`${clock(t.started_at)} to ${clock(t.ended_at)}`}
                        />
                        <span class="hidden">{`${clock(t.started_at)} to ${clock(t.ended_at)}`}</span>
                      </>
                    ) : (
                      <span class="idle">nothing to do</span>
                    )}
                  </td>
                  <td class="figure">
                    {t.status === "FAILED" && <State state="FAILED" />} {t.seconds === null ? "–" : Number(t.seconds).toFixed(2)}
                  </td>
                  <td class="figure">{count(t.rows_read)}</td>
                  <td class="figure">{bytes(t.bytes_written)}</td>
                  <td class="figure">{t.peak_memory_mb == null ? "–" : `${count(t.peak_memory_mb)} MiB`}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {run.tasks.filter((t) => t.error).map((t) => (
        <p class="hint" key={t.task}><Icon name="stop" />{`${words(t.task)}: ${t.error}`}</p>
      ))}
    </Panel>
  );
}

function Files({ run }: { run: NonNullable<Operations["run"]> }) {
  const figure = (name: keyof FileOf, title: string) => ({ name, title, figure: true, cell: (f: FileOf) => count(f[name]) });
  return (
    <Panel title="Files" note="For each file: read = accepted + rejected + duplicate + superseded">
      <Table
        caption={`Files of ${run.batch_id}`}
        rows={run.files}
        keyOf={(f) => `${f.source}/${f.name}`}
        columns={[
          { name: "name", title: "File", cell: (f) => f.name },
          { name: "source", title: "Source", cell: (f) => words(f.source) },
          figure("rows_read", "Read"),
          figure("rows_accepted", "Accepted"),
          figure("rows_rejected", "Rejected"),
          figure("rows_duplicate", "Duplicate"),
          figure("rows_superseded", "Superseded"),
          { name: "bytes", title: "Size", figure: true, cell: (f) => bytes(f.bytes) },
          { name: "outcome", title: "Outcome", cell: (f) => <State state={f.outcome} /> },
        ]}
      />
    </Panel>
  );
}

const SAID: Record<string, string> = {
  GENESIS: "The tables were made",
  PUBLISH: "Batch published",
  replayed: "Batch read once more",
  replaced: "Batch replaced by other files",
  HOLD: "Batch held",
  ACCEPT: "Held batch accepted",
  REJECT: "Held batch rejected",
  UNDO: "Batch undone",
  REDRIVE: "Mended records brought in",
  REBUILD: "Every table computed anew",
  RECOVER: "Broken-off attempt taken back",
  MAINTAIN: "Files compacted and old ones deleted",
};

function LedgerOf({ ledger }: { ledger: Ledger }) {
  return (
    <Panel title="Ledger" note={`${count(ledger.total)} entries; entry ${stamp.value?.entry ?? ""} is what every view shows`}>
      <Table
        caption="Entries of the ledger"
        rows={ledger.rows}
        keyOf={(e) => String(e.seq)}
        columns={[
          { name: "seq", title: "Entry", cell: (e) => e.seq },
          { name: "entry", title: "What", cell: (e) => <span title={e.entry}>{SAID[e.again ?? e.entry] ?? e.entry}</span> },
          { name: "batch", title: "Batch", cell: (e) => e.batch_id ?? "–" },
          { name: "at", title: "When", cell: (e) => instant(e.at) },
          { name: "rows", title: "Records", figure: true, cell: (e) => (e.rows_read ? count(e.rows_read) : "–") },
          { name: "score", title: "Score", figure: true, cell: (e) => e.score ?? "–" },
          { name: "reason", title: "Why", cell: (e) => <span class="wrap">{e.reason ?? ""}</span> },
        ]}
      />
      {ledger.pages > 1 && <Pager page={ledger.page} pages={ledger.pages} total={ledger.total} what="the ledger" to={(page) => here({ page: page === 1 ? "" : String(page) })} />}
    </Panel>
  );
}
