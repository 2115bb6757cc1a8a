// Numbers and times as people read them. Money comes as an exact text ("178271.13") and is never made a float for a label.

import { signal } from "@preact/signals";

export const currency = signal("USD");
export const timeZone = signal("UTC");

type Figure = string | number | null | undefined;
const NONE = "–";

const made = new Map<string, Intl.NumberFormat>();
function number(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = JSON.stringify(options);
  let found = made.get(key);
  if (!found) made.set(key, (found = new Intl.NumberFormat("en-US", options)));
  return found;
}
// Intl formats a decimal's text exactly; its type does not say so.
const put = (format: Intl.NumberFormat, value: string | number): string => format.format(value as number);

/** The exact amount. */
export function money(value: Figure): string {
  return value == null ? NONE : put(number({ style: "currency", currency: currency.value }), value);
}

/** What net revenue is made of; nothing to say where nothing was refunded by a row of its own. */
export function netOf(gross: Figure, refunds: Figure): string {
  return Number(refunds ?? 0) === 0 ? "" : `${money(gross)} sold, ${money(refunds)} refunded`;
}

/** An amount at a glance: whole from a thousand on, and with a unit from a million on. */
export function moneyShort(value: Figure): string {
  if (value == null) return NONE;
  const size = Math.abs(Number(value));
  if (size >= 1e6)
    return put(number({ style: "currency", currency: currency.value, notation: "compact", maximumFractionDigits: 2 }), value);
  if (size >= 1e3) return put(number({ style: "currency", currency: currency.value, maximumFractionDigits: 0 }), value);
  return money(value);
}

/** An amount where there is room for a few letters: with a unit from ten thousand on. */
export function moneyBrief(value: Figure): string {
  if (value == null || Math.abs(Number(value)) < 1e4) return moneyShort(value);
  return put(number({ style: "currency", currency: currency.value, notation: "compact", maximumFractionDigits: 1 }), value);
}

/** An amount for an axis. */
export function moneyTiny(value: number): string {
  const digits = Math.abs(value) >= 1000 ? 1 : 0;
  return put(number({ style: "currency", currency: currency.value, notation: "compact", maximumFractionDigits: digits }), value);
}

export function count(value: Figure): string {
  return value == null ? NONE : put(number({}), value);
}

export function countShort(value: Figure): string {
  if (value == null) return NONE;
  return Math.abs(Number(value)) >= 1e6 ? put(number({ notation: "compact", maximumFractionDigits: 2 }), value) : count(value);
}

/** A share from 0 to 1. */
export function percent(value: Figure, digits = 1): string {
  return value == null ? NONE : put(number({ style: "percent", maximumFractionDigits: digits }), value);
}

export function decimal(value: Figure, digits = 1): string {
  return value == null ? NONE : put(number({ maximumFractionDigits: digits }), value);
}

export function seconds(value: Figure): string {
  if (value == null) return NONE;
  const s = Number(value);
  if (s < 60) return `${put(number({ maximumFractionDigits: s < 10 ? 2 : 1 }), s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`;
  return `${Math.floor(s / 3600)} h ${Math.round((s % 3600) / 60)} min`;
}

export function bytes(value: Figure): string {
  if (value == null) return NONE;
  let size = Number(value);
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (size < 1000 || unit === "GB") return `${put(number({ maximumFractionDigits: size < 10 && unit !== "B" ? 1 : 0 }), size)} ${unit}`;
    size /= 1000;
  }
  return NONE;
}

function shown(value: string, options: Intl.DateTimeFormatOptions, zone: string): string {
  return new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone }).format(new Date(value));
}

/** An instant to the minute, in the shop's time zone. */
export function instant(value: string | null | undefined): string {
  if (!value) return NONE;
  const text = shown(value, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" }, timeZone.value);
  return `${text.replace(" at ", ", ")}${timeZone.value === "UTC" ? " UTC" : ""}`;
}

export function clock(value: string | null | undefined): string {
  return value ? shown(value, { hour: "2-digit", minute: "2-digit", second: "2-digit" }, timeZone.value) : NONE;
}

/** A day, or its month; it belongs to no zone. */
const onDay = (value: string, options: Intl.DateTimeFormatOptions): string => shown(`${value.slice(0, 10)}T00:00:00Z`, options, "UTC");

export function day(value: string | null | undefined): string {
  return value ? onDay(value, { day: "numeric", month: "short", year: "numeric" }) : NONE;
}

export function dayShort(value: string): string {
  return onDay(value, { day: "numeric", month: "short" });
}

export function month(value: string): string {
  return onDay(value, { month: "short", year: "numeric" });
}

/** A month under a bar: only January says its year. */
export function monthBrief(value: string): string {
  return value.slice(5, 7) === "01" ? month(value) : onDay(value, { month: "short" });
}

/** How long ago something was, in one unit. */
export function ago(value: string | null | undefined, now: number): string {
  if (!value) return NONE;
  const s = Math.max(0, (now - Date.parse(value)) / 1000);
  if (s < 45) return "just now";
  for (const [unit, length] of [["day", 86400], ["hour", 3600], ["minute", 60]] as const) {
    if (s >= length * (unit === "day" ? 2 : 1) || unit === "minute") {
      const n = Math.max(1, Math.round(s / length));
      return `${n} ${unit}${n === 1 ? "" : "s"} ago`;
    }
  }
  return NONE;
}

/** `customer_segment` as a heading: `Customer segment`. */
export function words(name: string): string {
  const text = name.replaceAll("_", " ");
  const said: Record<string, string> = { aov: "Avg order value", "clv estimate": "Lifetime value (est.)", "clv historic": "Lifetime value so far", "rfm group": "RFM group", vip: "VIP" };
  return said[text] ?? text.charAt(0).toUpperCase() + text.slice(1);
}
