// Builds the page: node build.mjs [folder]. The same sources give the same bytes.

import { build } from "esbuild";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const web = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(web, "../src/ecomm/dashboard/assets");
process.chdir(web);
mkdirSync(out, { recursive: true });
for (const old of readdirSync(out)) rmSync(join(out, old));

// Classic scripts and no modules: those are what a browser loads from disk too. The charts come after the first paint.
const common = {
  outdir: out,
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2022", "chrome110", "firefox115", "safari16.4"],
  jsx: "automatic",
  jsxImportSource: "preact",
  external: ["./inter.woff2"],
  legalComments: "none",
  charset: "utf8",
  logLevel: "warning",
};
await build({ ...common, entryPoints: { app: "src/main.tsx", theme: "src/theme.ts" } });
await build({ ...common, entryPoints: { charts: "src/charts.ts" }, globalName: "ecommCharts" });
await build({ ...common, entryPoints: { app: "src/app.css" } });
copyFileSync("src/index.html", join(out, "index.html"));
copyFileSync("src/favicon.svg", join(out, "favicon.svg"));
copyFileSync("node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2", join(out, "inter.woff2"));

const used = ["preact", "@preact/signals", "@preact/signals-core", "echarts", "zrender", "tslib", "@fontsource-variable/inter"];
const said = used.map((name) => {
  const folder = join("node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const texts = readdirSync(folder, { recursive: true }).map(String).filter((f) => /^(licenses\/)?(licen[cs]e|notice)[^/]*$/i.test(f)).sort();
  const files = texts.filter((f) => statSync(join(folder, f)).isFile());
  const text = files.map((f) => readFileSync(join(folder, f), "utf8").trim()).join("\n\n");
  return `${name} ${version} (${license})\n${"-".repeat(72)}\n${text}\n`;
});
const head = "What the page is made of besides its own code (Apache-2.0), with the licences.\n";
writeFileSync(join(out, "LICENSES.txt"), [head, ...said].join("\n").replaceAll("\r\n", "\n"));
