// A chart's place in the page: a figure with a sentence for those who cannot see it, and its data as a table.

import { useEffect, useRef } from "preact/hooks";
import { Disclosure, Table } from "./parts";

export interface Spec {
  kind: "bar" | "line";
  labels: string[];
  /** What a point is called where there is room; else its label. */
  titles?: string[];
  values: (number | null)[];
  /** Each value in words. */
  told: string[];
  /** Points that are not over yet. */
  open?: boolean[];
  axis: (value: number) => string;
  min?: number;
  max?: number;
  /** From one line to the next. */
  step?: number;
  whole?: boolean;
}

interface Charts {
  draw: (element: HTMLElement) => { show: (spec: Spec) => void; end: () => void };
}
declare global {
  interface Window {
    ecommCharts?: Charts;
  }
}

let loading: Promise<Charts> | undefined;
/** A script element and no import, so that a copy opened from disk can load it too. */
function charts(): Promise<Charts> {
  loading ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = new URL("charts.js", document.querySelector<HTMLScriptElement>("script[src$='app.js']")!.src).href;
    script.onload = () => done(window.ecommCharts!);
    script.onerror = () => {
      loading = undefined;
      failed(new Error("the charts could not be loaded"));
    };
    document.head.append(script);
  });
  return loading;
}

export function Chart(props: { spec: Spec; about: string; table: { caption: string; heads: string[]; rows: string[][] } }) {
  const { spec, about, table } = props;
  const place = useRef<HTMLDivElement>(null);
  const drawn = useRef<ReturnType<Charts["draw"]> | undefined>(undefined);
  const latest = useRef(spec);
  latest.current = spec;
  useEffect(() => {
    let over = false;
    void charts().then(
      (made) => {
        if (over || !place.current) return;
        drawn.current = made.draw(place.current);
        drawn.current.show(latest.current);
      },
      () => undefined, // the table below has it all
    );
    return () => {
      over = true;
      drawn.current?.end();
    };
  }, []);
  useEffect(() => drawn.current?.show(spec), [JSON.stringify(spec)]);
  return (
    <figure class="chart">
      <div class="canvas" role="img" aria-label={about}>
        <div ref={place} />
      </div>
      <Disclosure label="Show as table">
        {() => (
          <Table
            caption={table.caption}
            columns={table.heads.map((title, n) => ({ name: title, title, figure: n > 0, cell: (row: string[]) => row[n] }))}
            rows={table.rows}
            keyOf={(row) => row[0]!}
          />
        )}
      </Disclosure>
    </figure>
  );
}
