// The frame: navigation, search, theme, and the view that the address names.

import { effect, signal } from "@preact/signals";
import { render } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { instant } from "./format";
import { HistoryView } from "./history";
import { Icon } from "./icons";
import { Listing } from "./listing";
import { OperationsView } from "./operations";
import { OverviewView } from "./overview";
import { Command } from "./parts";
import { QualityView } from "./quality";
import { copy, go, link, listen, lost, route, stamp, trouble } from "./state";

const VIEWS: [string, string, () => preact.JSX.Element][] = [
  ["overview", "Overview", OverviewView],
  ["customers", "Customers", () => <Listing name="customers" key="customers" />],
  ["products", "Products", () => <Listing name="products" key="products" />],
  ["history", "History", HistoryView],
  ["quality", "Quality", QualityView],
  ["operations", "Operations", OperationsView],
];

const THEMES = ["system", "light", "dark"] as const;
const theme = signal<string>(remembered());
function remembered(): string {
  try {
    return localStorage.getItem("ecomm-theme") ?? "system";
  } catch {
    return "system"; // a browser that keeps nothing
  }
}
effect(() => {
  const root = document.documentElement;
  if (theme.value === "system") root.removeAttribute("data-theme");
  else root.setAttribute("data-theme", theme.value);
  try {
    localStorage.setItem("ecomm-theme", theme.value);
  } catch {
    // as above
  }
  window.dispatchEvent(new Event("ecomm-theme"));
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => window.dispatchEvent(new Event("ecomm-theme")));

function ThemeButton() {
  const next = THEMES[(THEMES.indexOf(theme.value as "system") + 1) % THEMES.length]!;
  const icon = { system: "system", light: "sun", dark: "moon" }[theme.value] ?? "system";
  return (
    <button type="button" class="theme" aria-label={`Theme: ${theme.value}. Change to ${next}`} title={`Theme: ${theme.value}`} onClick={() => (theme.value = next)}>
      <Icon name={icon} />
      <span>{theme.value.charAt(0).toUpperCase() + theme.value.slice(1)}</span>
    </button>
  );
}

function Side() {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const at = event.target as HTMLElement;
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || at.closest("input, select, textarea")) return;
      event.preventDefault();
      const visible = field.current?.offsetParent ? field.current : document.querySelector<HTMLInputElement>(".find input");
      if (visible) visible.focus();
      else go(link("history"));
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const shop = stamp.value?.shop;
  return (
    <div class="side">
      <a class="brand" href={link("overview")} aria-label={`${shop ?? "ecomm"}, overview`}>
        <svg viewBox="0 0 28 28" aria-hidden="true"><rect width="28" height="28" rx="8" /><path d="M8 18.500v-4m4 4V9m4 9.500v-6.500m4 6.500V10.500" /></svg>
        <span>
          <strong>{shop ?? "ecomm"}</strong>
          <small>{copy ? `Copy of ${instant(copy.written_at)}` : "ecomm dashboard"}</small>
        </span>
      </a>
      <form class="quick" role="search" aria-label="Everywhere" onSubmit={(e) => {
        e.preventDefault();
        const text = field.current?.value.trim() ?? "";
        if (text) go(link("history", { q: text }));
      }}>
        <Icon name="search" />
        <input ref={field} type="search" aria-label="Find an order, customer or product" aria-keyshortcuts="/" placeholder="Find a key" maxLength={128} autocomplete="off" />
        <kbd aria-hidden="true">/</kbd>
      </form>
      <nav class="views" aria-label="Views">
        {VIEWS.map(([name, title]) => (
          <a key={name} href={link(name)} aria-current={route.value.view === name ? "page" : undefined}>
            <Icon name={name} />
            <span>{title}</span>
          </a>
        ))}
      </nav>
      <div class="side-end">
        {stamp.value?.reveal && <p class="tag">Personal values are shown</p>}
        <ThemeButton />
      </div>
    </div>
  );
}

function Empty({ why }: { why: string }) {
  return (
    <div class="panel blank">
      <Icon name="overview" />
      <h1 tabIndex={-1}>Nothing is published yet</h1>
      <p>{why}</p>
      <p>Put the shop's files into landing, write their trigger, and publish the batch. This page follows by itself.</p>
      <ol class="steps">
        <li><p>Make the folders</p><Command text="ecomm init" /></li>
        <li><p>Announce the files of a batch</p><Command text="ecomm trigger orders_2025_01_17.csv customers_2025_01_17.csv" /></li>
        <li><p>Publish it</p><Command text="ecomm run" /></li>
        <li><p>Or look at two sample days first</p><Command text="ecomm demo" /></li>
      </ol>
    </div>
  );
}

function App() {
  const { view } = route.value;
  const shown = VIEWS.find(([name]) => name === view) ?? VIEWS[0]!;
  const [, title, View] = shown;
  const main = useRef<HTMLElement>(null);
  const before = useRef(view);
  useEffect(() => {
    document.title = `${title} · ${stamp.value?.shop ?? "ecomm"}`;
    if (before.current === view) return;
    before.current = view;
    main.current?.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [view, title, stamp.value?.shop]);
  const nothing = trouble.value ?? (stamp.value && stamp.value.batches === 0 && ["overview", "customers", "products"].includes(shown[0]) ? "The warehouse is there, but no batch is live in it." : null);
  return (
    <>
      <a class="skip" href="#main" onClick={(e) => {
        e.preventDefault();
        main.current?.focus();
      }}>Skip to the content</a>
      <header class="frame"><Side /></header>
      <main id="main" ref={main} tabIndex={-1}>
        {lost.value && (
          <p class="banner" role="alert">
            <Icon name="warn" />
            <span>
              <strong>Connection lost.</strong>{" "}
              {stamp.value ? `Showing data of ${instant(stamp.value.published_at)}, entry ${stamp.value.entry}.` : "Nothing could be loaded."} Trying again.
            </span>
          </p>
        )}
        {nothing ? <Empty why={nothing} /> : <View key={shown[0]} />}
      </main>
      <p class="hidden" role="status">{stamp.value ? `Data of batch ${stamp.value.batch_id}, published ${instant(stamp.value.published_at)}` : ""}</p>
    </>
  );
}

render(<App />, document.getElementById("app")!);
listen();
