// The charts, loaded after the first paint. Colours and type come from the page's own tokens.

import { BarChart, LineChart } from "echarts/charts";
import { GridComponent, TooltipComponent } from "echarts/components";
import { init, use, type EChartsType } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import type { Spec } from "./chart";

use([BarChart, LineChart, GridComponent, TooltipComponent, CanvasRenderer]);

const token = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function options(spec: Spec): Record<string, unknown> {
  const [ink, muted, line, accent, soft, panel] = ["ink", "muted", "line", "accent", "accent-soft", "raised"].map(token);
  const font = getComputedStyle(document.body).fontFamily;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const dense = spec.labels.length > 45;
  return {
    animation: !still,
    animationDuration: 350,
    animationDurationUpdate: 250,
    textStyle: { fontFamily: font, color: muted },
    grid: { left: 4, right: 8, top: 12, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: {
      type: "category",
      data: spec.labels,
      boundaryGap: spec.kind === "bar" || spec.labels.length === 1,
      axisLine: { lineStyle: { color: line } },
      axisTick: { show: false },
      axisLabel: { color: muted, fontSize: 11.5, lineHeight: 15, hideOverlap: true, margin: 10 },
    },
    yAxis: {
      type: "value",
      min: spec.min,
      max: spec.max,
      interval: spec.step,
      splitNumber: 4,
      minInterval: spec.whole ? 1 : undefined,
      axisLabel: { color: muted, fontSize: 11.5, formatter: spec.axis },
      splitLine: { lineStyle: { color: line, type: [2, 4] } },
    },
    tooltip: {
      trigger: "axis",
      renderMode: "richText",
      confine: true,
      backgroundColor: panel,
      borderColor: line,
      borderWidth: 1,
      padding: [9, 12],
      shadowBlur: 12,
      shadowColor: "rgba(0,0,0,.10)",
      textStyle: { color: ink, fontSize: 12.5, fontFamily: font, rich: { h: { color: muted, fontSize: 11.5, lineHeight: 20 }, v: { color: ink, fontWeight: 600, fontSize: 13 } } },
      axisPointer: { type: spec.kind === "bar" ? "shadow" : "line", lineStyle: { color: line }, shadowStyle: { color: soft, opacity: 0.6 } },
      formatter: (points: { dataIndex: number }[]) => {
        const place = points[0]?.dataIndex ?? 0;
        return `{h|${spec.titles?.[place] ?? spec.labels[place]}}\n{v|${spec.told[place]}}`;
      },
    },
    series: [
      {
        type: spec.kind,
        data: spec.values.map((value, place) =>
          spec.open?.[place] ? { value, itemStyle: { color: soft, borderColor: accent, borderWidth: 1.2, borderType: "dashed" } } : value,
        ),
        barMaxWidth: 36,
        barCategoryGap: dense ? "18%" : "28%",
        itemStyle: { color: accent, borderRadius: spec.kind === "bar" ? [dense ? 1.5 : 3, dense ? 1.5 : 3, 0, 0] : 0 },
        lineStyle: { color: accent, width: 2 },
        symbol: "circle",
        symbolSize: spec.labels.length > 20 ? 0 : 6,
        connectNulls: true,
        areaStyle: spec.kind === "line" && !spec.min ? { color: soft, opacity: 0.55, origin: "start" } : undefined, // for an area counts from 0
        emphasis: { itemStyle: { color: accent } },
      },
    ],
  };
}

/** Draw a chart in an element; gives what changes it and what ends it. */
export function draw(element: HTMLElement): { show: (spec: Spec) => void; end: () => void } {
  const chart: EChartsType = init(element, undefined, { renderer: "canvas" });
  let last: Spec | undefined;
  const show = (spec: Spec): void => {
    last = spec;
    chart.setOption(options(spec), { notMerge: true });
  };
  const sized = new ResizeObserver(() => chart.resize());
  sized.observe(element);
  const again = (): void => last && show(last);
  window.addEventListener("ecomm-theme", again);
  const end = (): void => {
    sized.disconnect();
    window.removeEventListener("ecomm-theme", again);
    chart.dispose();
  };
  return { show, end };
}
