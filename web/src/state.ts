// Where the page is (the hash), what it knows (answers of one ledger entry), and whether the server is there.

import { batch, signal, type Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { copied, type Copy } from "./copy";
import { currency, timeZone } from "./format";

export interface Stamp {
  entry: number;
  published_at: string | null;
  as_of: string | null;
  batch_id: string | null;
  batches: number;
  stale_after: number;
  working_on: string | null;
  shop: string | null;
  currency: string;
  time_zone: string;
  reveal: boolean;
}
export type Args = Record<string, string>;
export interface Slot<T = unknown> {
  data?: T;
  error?: string;
  busy: boolean;
}

declare global {
  interface Window {
    ECOMM_COPY?: Copy;
  }
}
export const copy: Copy | undefined = window.ECOMM_COPY;

// --- where ---------------------------------------------------------------------------------------------------------

function parse(hash: string): { view: string; args: Args } {
  const [path, query] = hash.replace(/^#\/?/, "").split("?", 2);
  return { view: path || "overview", args: Object.fromEntries(new URLSearchParams(query ?? "")) };
}
export const route = signal(parse(location.hash));
window.addEventListener("hashchange", () => (route.value = parse(location.hash)));

function query(args: Args): string {
  const said = new URLSearchParams(Object.entries(args).filter(([, value]) => value !== "").sort()).toString();
  return said ? `?${said}` : "";
}
export const link = (view: string, args: Args = {}): string => `#/${view}${query(args)}`;
/** The present view with other arguments; an empty one goes away. */
export const here = (changes: Args): string => link(route.value.view, { ...route.value.args, ...changes });
export function go(to: string): void {
  location.hash = to;
}
export const path = (name: string, args: Args = {}): string => `${name}${query(args)}`;

// --- what ----------------------------------------------------------------------------------------------------------

export const stamp = signal<Stamp | null>(null);
/** Why there is nothing to show. */
export const trouble = signal<string | null>(null);
export const lost = signal(false);
export const landing = signal(0);
export const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), 15_000);

const slots = new Map<string, Signal<Slot>>();
const wanted = new Map<string, number>();
let first: Promise<unknown> | null = null;
let moving = 0;

class Moved extends Error {
  constructor(readonly entry: number) {
    super("moved");
  }
}

async function ask(what: string, entry: number | null): Promise<{ stamp?: Stamp }> {
  if (copy) return copied(copy, what);
  const pin = entry === null ? "" : `${what.includes("?") ? "&" : "?"}entry=${entry}`;
  const answer = await fetch(`/api/${what}${pin}`, { headers: { Accept: "application/json" } });
  const body = answer.status === 401 ? { error: "The token is missing or wrong; open the page with it once more." } : await answer.json();
  if (answer.ok) return body;
  if (answer.status === 409) throw new Moved(body.entry);
  if (answer.status === 503 && body.empty) trouble.value = body.error ?? "There is nothing to show yet.";
  throw new Error(body.error ?? `The server answered ${answer.status}.`);
}

function slotOf(what: string): Signal<Slot> {
  let slot = slots.get(what);
  if (!slot) slots.set(what, (slot = signal<Slot>({ busy: false })));
  return slot;
}

function take(said: Stamp | undefined): void {
  if (!said) return;
  stamp.value = said;
  currency.value = said.currency;
  timeZone.value = said.time_zone;
}

async function load(what: string): Promise<void> {
  const slot = slotOf(what);
  if (slot.value.data !== undefined || slot.value.busy) return;
  slot.value = { busy: true };
  if (stamp.value === null && first) await first.catch(() => undefined);
  const pinned = stamp.value?.entry ?? null;
  const asked = ask(what, pinned);
  if (pinned === null) first = asked;
  try {
    const data = await asked;
    batch(() => {
      if (stamp.value === null) take(data.stamp);
      // What came while the page went on to another entry is asked again with the rest.
      if (pinned === null || pinned === stamp.value?.entry) slot.value = { data, busy: false };
      else slot.value = { busy: false };
    });
    if (slot.value.data === undefined && wanted.has(what)) void load(what);
  } catch (error) {
    if (error instanceof Moved) {
      slot.value = { busy: false };
      await move(error.entry);
      return;
    }
    const gone = error instanceof TypeError; // fetch could not reach the server
    if (gone) lost.value = true;
    slot.value = { busy: false, error: gone ? "The server does not answer." : (error as Error).message };
  }
}

/** Go on to another entry: everything that is shown is asked anew, and changes at one stroke when all of it is there. */
async function move(entry: number): Promise<void> {
  const mine = ++moving;
  const asked = wanted.size ? [...wanted.keys()] : ["overview"]; // while nothing is shown, its stamp says whether there is something
  try {
    const said = await Promise.all(asked.map((what) => ask(what, entry)));
    if (mine !== moving) return;
    batch(() => {
      for (const [what, slot] of slots) if (!asked.includes(what)) slot.value = { busy: false };
      asked.forEach((what, place) => (slotOf(what).value = { data: said[place], busy: false }));
      take(said[0]?.stamp);
    });
    for (const what of wanted.keys()) void load(what); // what was opened meanwhile
  } catch (error) {
    if (mine !== moving) return;
    if (error instanceof Moved) return void move(error.entry);
    if (error instanceof TypeError) lost.value = true;
    else if (!trouble.value) {
      // A view's own question has no answer any more, such as a run that is gone: say so there, and go on with the rest.
      batch(() => {
        for (const slot of slots.values()) slot.value = { busy: false };
        if (stamp.value) stamp.value = { ...stamp.value, entry };
      });
      for (const what of wanted.keys()) void load(what);
    }
  }
}

/** The answer to a question, of the entry that the page is at. While a new question is open the last answer stays. */
export function useAnswer<T>(what: string | null, bare = false): Slot<T> {
  const last = useRef<T | undefined>(undefined);
  useEffect(() => {
    if (what === null) return;
    wanted.set(what, (wanted.get(what) ?? 0) + 1);
    void load(what);
    return () => {
      const left = (wanted.get(what) ?? 1) - 1;
      if (left) wanted.set(what, left);
      else wanted.delete(what);
    };
  }, [what]);
  const slot = what === null ? { busy: false } : (slotOf(what).value as Slot<T>);
  if (slot.data !== undefined) last.current = slot.data;
  if (slot.error !== undefined) last.current = undefined;
  return { data: slot.data ?? (bare ? undefined : last.current), error: slot.error, busy: slot.data === undefined && slot.error === undefined };
}

export function retry(): void {
  for (const what of wanted.keys()) {
    const slot = slotOf(what);
    if (slot.value.error !== undefined) slot.value = { busy: false };
    void load(what);
  }
}

// --- whether the server is there -------------------------------------------------------------------------------------

function heard(event: MessageEvent<string>): void {
  const said = JSON.parse(event.data) as { entry: number | null; landing: number; trouble: string | null };
  const was = lost.value;
  batch(() => {
    lost.value = false;
    landing.value = said.landing;
    trouble.value = said.trouble;
  });
  if (said.entry === null) return;
  if (was) retry();
  if (stamp.value === null) retry();
  else if (said.entry !== stamp.value.entry) void move(said.entry);
}

export function listen(): void {
  if (copy) return;
  const source = new EventSource("/api/events");
  source.addEventListener("now", heard as EventListener);
  source.onerror = () => {
    lost.value = true;
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(listen, 2000);
  };
}
