// Texts in the reader's language, from one catalogue for each; dates and numbers as the language writes them.
import { current, log } from "./state.js";
import { dateOf } from "./days.js";
import { COUNTRIES } from "./countries.js";

export const LANGUAGES = { en: "English", uk: "Українська" };
let texts = {};
let language = "en";
let locale = "en"; // the reader's own kind of the language, for dates and numbers
let plurals = new Intl.PluralRules("en");

export const lang = () => language;

/** Read the catalogue of the language that the URL names, or else of the first that the browser likes and that there is. */
export async function chooseLanguage() {
  const liked = [current().lang, ...navigator.languages.map((tag) => tag.slice(0, 2))];
  language = liked.find((tag) => tag in LANGUAGES) ?? "en";
  texts = await (await fetch(new URL(`texts/${language}.json`, import.meta.url))).json();
  plurals = new Intl.PluralRules(language);
  locale = navigator.languages.find((tag) => tag.slice(0, 2) === language) ?? (language === "en" ? "en-GB" : language);
  document.documentElement.lang = language;
}

/** A text, with `{name}` filled in; one of several forms where it counts `n`. Of a name without a text what follows its first dot is shown as words. */
export function t(name, values = {}) {
  let text = texts[name];
  if (text === undefined) return name.slice(name.indexOf(".") + 1).replaceAll("_", " ");
  if (typeof text === "object") text = text[plurals.select(values.n)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (whole, key) => {
    const value = values[key] ?? whole;
    return typeof value === "number" ? number(value) : value;
  });
}
export const has = (name) => name in texts;

const writers = new Map(); // by what they write; to make one takes fifty times as long as to use it
/** What writes numbers (`Intl.NumberFormat`) or times (`Intl.DateTimeFormat`) as the reader's language does. */
function writer(Kind, options) {
  const key = [Kind.name, locale, ...Object.entries(options)].join();
  if (!writers.has(key)) writers.set(key, new Kind(locale, options));
  return writers.get(key);
}

export const UNKNOWN = "–";
export const number = (value, digits = 0) => (value === null || value === undefined ? t("unknown") : writer(Intl.NumberFormat, { maximumFractionDigits: digits }).format(value));
export const share = (value) => (value === null || value === undefined ? t("unknown") : writer(Intl.NumberFormat, { style: "percent", maximumFractionDigits: 0 }).format(value));
export const signed = (value) => writer(Intl.NumberFormat, { signDisplay: "exceptZero" }).format(value);

const form = (options) => writer(Intl.DateTimeFormat, options);
/** A local day, by its date or number. */
export function day(date, { year = true, weekday = false } = {}) {
  const at = new Date(`${typeof date === "number" ? dateOf(date) : date.slice(0, 10)}T12:00:00Z`);
  return form({ timeZone: "UTC", day: "numeric", month: "short", ...(year ? { year: "numeric" } : {}), ...(weekday ? { weekday: "long" } : {}) }).format(at);
}
export const month = (number_) => form({ timeZone: "UTC", month: "short", year: "numeric" }).format(new Date(`${dateOf(number_)}T12:00:00Z`));
/** What an axis says at one of its days. */
export const tick = ({ at, unit }) => (unit === "day" ? day(at, { year: false }) : unit === "month" ? month(at) : dateOf(at).slice(0, 4));
/** An instant, in the log's zone. */
export const instant = (text) => form({ timeZone: log.zone, dateStyle: "medium", timeStyle: "short" }).format(new Date(text));
export const dayOf = (text) => form({ timeZone: log.zone, day: "numeric", month: "short", year: "numeric" }).format(new Date(text));

/** A figure with its range: its best, and low to high where they differ. */
export function figure(range) {
  if (range === null || range === undefined) return { best: null, range: null };
  if (typeof range === "number") return { best: range, range: null };
  const { low, best, high } = range;
  const wide = low !== null && high !== null && low !== high;
  return { best: best ?? null, range: wide ? `${number(low)}–${number(high)}` : null };
}

/** Who a code stands for, as the language calls it: a country, and what of it (UKR.MOD) in brackets. */
export function actor(code) {
  if (has(`actor.${code}`)) return t(`actor.${code}`);
  const [state, ...within] = code.split(".");
  const named = state in COUNTRIES ? new Intl.DisplayNames(language, { type: "region" }).of(COUNTRIES[state]) : state;
  return within.length ? `${named} (${within.join(".")})` : named;
}
